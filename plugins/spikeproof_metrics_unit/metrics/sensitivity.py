"""Guo's neuronal adversarial sensitivity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.statistics import Resampling, bootstrap_draws, bootstrap_fraction, bootstrap_mean, crossing, reported
from spikeproof.summaries import annotated, dose_attributes, levels, overlap, unit_word
from spikeproof.types import Code, Evidence
from spikeproof.wording import joined, number, percent, with_interval

from spikeproof_metrics_unit.sensitivity import shift_in_sd

from .perturbations import Line, across, controls_of, lines_of, target_responses

__all__ = ["Sensitivity"]

_BOTH = ("unit", "stimulus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Shift of the attacked unit in standard deviations of its clean responses (Guo et al. 2022, equations 1 to 4)."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target unit: ``sensitivity`` (epsilon, stimulus), in sd.

        Raises
        ------
        spikeproof.errors.DataError
            If there is no target unit, or it never varies over clean stimuli.
        """
        name, _, attacked, perturbed = target_responses(evidence, "sensitivity")
        sd = evidence.code.unit_sd[evidence.code.responses["unit"].values.tolist().index(name)]
        shift = perturbed.copy(data=shift_in_sd(attacked.values, perturbed.values, sd))
        return xr.Dataset({"sensitivity": shift.assign_attrs(units="sd over clean stimuli")})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over units and stimuli, one line per attack and per control."""
        lines = lines_of(measured)
        one_sd = json.dumps({"1 sd": 1.0})
        last = float(measured["epsilon"][-1])
        unit = measured["epsilon"].attrs.get("units", "epsilon")
        return xr.Dataset(
            {
                "sensitivity": annotated(
                    across(lines, lambda part: _mean(part["sensitivity"], resampling)),
                    long_name="sensitivity",
                    units="sd over clean stimuli",
                    definition=(
                        "Mean over target units and attacked stimuli of |r(x + delta) - r(x)| over the standard"
                        " deviation of the unit's responses to all clean stimuli (Guo et al. 2022); a lower bound, as"
                        " an attack may miss the largest shift in its ball."
                    ),
                    figure="curve",
                    x="epsilon",
                    chance="random_pair",
                    reference_lines=one_sd,
                    caption="Shift of the attacked unit, with the controls of equal norm beside it.",
                    headline=1,
                ),
                "random_pair": _random_pair(lines, code, resampling),
                "unit_sensitivity": annotated(
                    across(lines, lambda part: _per_unit(part["sensitivity"].isel(epsilon=-1), resampling)),
                    long_name=f"sensitivity of each unit at {unit} {last:g}",
                    units="sd over clean stimuli",
                    definition=f"Mean over attacked stimuli at {unit} {last:g}; interval over stimuli.",
                    epsilon=last,
                    figure="distribution",
                    x="unit",
                    reference_lines=one_sd,
                ),
                "fraction_above_sd": annotated(
                    across(lines, lambda part: _fraction(part["sensitivity"], resampling)),
                    long_name="fraction of (unit, stimulus) pairs moved by more than 1 sd",
                    units="1",
                    definition="Share of pairs of a target unit and an attacked stimulus with a shift above 1 sd.",
                    figure="curve",
                    x="epsilon",
                ),
                "least_sensitive": annotated(
                    across(lines, lambda part: _least(part["sensitivity"], resampling)),
                    long_name="sensitivity of the least sensitive unit",
                    units="sd over clean stimuli",
                    definition=(
                        "Smallest over the measured units of their mean over stimuli. The interval is over stimuli: it"
                        " says nothing of units that were not measured."
                    ),
                    figure="curve",
                    x="epsilon",
                    reference_lines=one_sd,
                ),
                "epsilon_one_sd": annotated(
                    across(lines, lambda part: _reach(part["sensitivity"], resampling)),
                    long_name="norm at which the mean sensitivity reaches 1 sd",
                    units=unit,
                    definition=(
                        "First crossing of 1 sd by the mean curve, by linear interpolation from 0 at norm 0; infinite"
                        " if it is not reached within the tested norms. Below the smallest norm"
                        " tested it is that straight line, no measurement."
                    ),
                    **dose_attributes(measured["epsilon"].values),
                ),
            }
        )

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how far units move, against the controls and against another stimulus."""
        kind = f"{'an' if unit_word(code).startswith('i') else 'a'} {unit_word(code)}"
        last = summary.isel(epsilon=-1)
        where = f"{summary['epsilon'].attrs.get('units', 'epsilon')} {float(last['epsilon']):g}"
        for name in summary["perturbation"].values[summary["control"].values == ""].tolist():
            line = last.sel(perturbation=name)
            count = int(np.isfinite(line["unit_sensitivity"].sel(statistic="estimate")).sum())
            yield (
                f"At {where}, {name} moves {kind} by {with_interval(line['sensitivity'])} standard deviations of its"
                f" clean responses (mean of {count}); another clean stimulus moves it by"
                f" {with_interval(line['random_pair'])}."
            )
            controls = controls_of(summary, name)
            if controls:
                values = last["sensitivity"]
                told = [f"{control} {with_interval(values.sel(perturbation=control))}" for control in controls]
                text = f"Controls of the same norm move it by: {joined(told)}."
                same = [c for c in controls if overlap(values.sel(perturbation=c), line["sensitivity"])]
                if same:
                    text += f" The attack's interval overlaps with that of {joined(same)}."
                yield text
            reach = line["epsilon_one_sd"]
            reached = with_interval(reach)
            yield (
                f"{percent(line['fraction_above_sd'])} of (unit, stimulus) pairs move by more than 1 sd; the least"
                f" sensitive unit moves by {with_interval(line['least_sensitive'])} sd; the mean reaches 1 sd at"
                f" {reach.attrs['units']} {reached}."
                if np.isfinite(float(reach.sel(statistic="estimate")))
                else f"The mean does not reach 1 sd within the tested norms (up to {number(float(last['epsilon']))})."
            )


def _mean(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    return bootstrap_mean(values, _BOTH, resampling, nested_in=levels(values), name="sensitivity")


def _per_unit(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    return bootstrap_mean(values.drop_vars("epsilon"), ["stimulus"], resampling, name="unit_sensitivity")


def _fraction(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    above = (values > 1).where(values.notnull()).astype(float)
    return bootstrap_fraction(above, _BOTH, resampling, nested_in=levels(values), name="fraction_above_sd")


def _least(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    draws = bootstrap_draws(values, ["stimulus"], resampling).min("unit").transpose("draw", "epsilon")
    return reported(draws.values, values.mean("stimulus").min("unit"), resampling)


def _reach(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    draws = bootstrap_draws(values, _BOTH, resampling, nested_in=levels(values)).transpose("draw", "epsilon")
    doses = values["epsilon"].values
    estimate = xr.DataArray(crossing(doses, values.mean(_BOTH).values, 1.0))
    fixed = [name for name in str(draws.attrs.get("not_resampled", "")).split(", ") if name]
    return reported(crossing(doses, draws.values, 1.0), estimate, resampling, fixed)


def _random_pair(lines: tuple[Line, ...], code: Code, resampling: Resampling) -> xr.DataArray:
    """Mean over the measured units of the shift that another clean stimulus makes."""
    read = list(dict.fromkeys(name for line in lines for name in line.measured["unit"].values.tolist()))
    columns = [code.responses["unit"].values.tolist().index(name) for name in read]
    shift = code.responses.isel(stimulus=0, unit=columns, drop=True)
    shift = shift.copy(data=code.unit_pair_distance[columns] / code.unit_sd[columns])
    return annotated(
        bootstrap_mean(shift, ["unit"], resampling, nested_in=levels(shift), name="random_pair"),
        long_name="another clean stimulus",
        units="sd over clean stimuli",
        definition=(
            "Mean over target units of the mean |r(x) - r(x')| between two different clean stimuli over the unit's"
            " standard deviation (the random-pair line of Guo et al. 2022). The interval is over units: the stimuli are"
            " those of the study."
        ),
    )
