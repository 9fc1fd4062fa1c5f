"""Sensitivity of the same in-silico units by several encoders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling, interval, resampling_weights
from spikeproof.summaries import annotated, levels, with_bounds
from spikeproof.types import Evidence, StudyEvidence
from spikeproof.wording import joined, number, with_interval

from .spread import envelope, rank_correlations

__all__ = ["InSilicoSpread"]

_SD = "sd over clean stimuli"
_RANKED = 3
"""Units below which their order says nothing."""
_OF_TARGET = ("attack", "aim", "objective", "control", "target", "target_unit")
_MODELS = "Of models of the neurons, not of the neurons."


@dataclass(frozen=True, slots=True, kw_only=True)
class InSilicoSpread:
    """Sensitivity of in-silico units (Guo et al. 2022) by each of several encoders, and by all of them together."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Shift of the target unit, (epsilon, stimulus), in standard deviations of its clean responses."""
        code, perturbed, unit = evidence.code, evidence.perturbed, evidence.target_unit
        if code.encoding is None or perturbed is None or unit is None:
            return xr.Dataset()
        column = code.responses["unit"].values.tolist().index(unit)
        clean = evidence.clean.values[:, column]
        shift = np.abs(perturbed.values[:, :, column] - clean) / code.unit_sd[column]
        grid = ("epsilon", "stimulus")
        coords = {"epsilon": perturbed["epsilon"].variable, "stimulus": perturbed["stimulus"].values}
        return xr.Dataset({"shift": xr.DataArray(shift, dims=grid, coords=coords, attrs={"units": _SD})})

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare the encoders on the units that all of them aimed at.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than two encoders, or no unit that all of them were attacked on.
        """
        table = _shared(study.measured)
        sizes = table.sizes
        draws, units = _draws(table, resampling)
        level = resampling.level
        over_units = (draws * units).sum("unit") / units.sum("unit")
        of_system = _bounded(over_units, level)
        together = _joined(of_system)
        by_encoder = _bounded(draws.isel(epsilon=-1), level)
        of_unit = _joined(by_encoder)
        where = f"{table['epsilon'].attrs.get('units', 'epsilon')} {float(table['epsilon'][-1]):g}"
        who = f"Mean over the {sizes['unit']} units that every encoder was attacked on and over attacked stimuli"
        one_sd = json.dumps({"1 sd": 1.0})
        return xr.Dataset(
            {
                "sensitivity": annotated(
                    of_system,
                    long_name="in-silico sensitivity by encoder",
                    units=_SD,
                    definition=(
                        f"{who} of |r(x + delta) - r(x)| over the standard deviation of the unit's responses to all"
                        f" clean stimuli; interval over units and stimuli. {_MODELS}"
                    ),
                    figure="curve",
                    x="epsilon",
                    panels="perturbation",
                    reference_lines=one_sd,
                ),
                "sensitivity_of_all": annotated(
                    together,
                    long_name="in-silico sensitivity by all encoders",
                    units=_SD,
                    definition=(
                        f"Mean of the encoders. The interval goes from the lowest to the highest bound of any of the "
                        f"{sizes['system']}: each is as good a model of the neurons, and what differs between them is "
                        f"not the neurons'. {_MODELS}"
                    ),
                    figure="curve",
                    x="epsilon",
                    reference_lines=one_sd,
                    headline=1,
                ),
                "unit_sensitivity": annotated(
                    of_unit,
                    long_name=f"in-silico sensitivity of each unit at {where} by all encoders",
                    units=_SD,
                    definition=(
                        "Mean of the encoders; the interval holds the intervals (over stimuli) of all of them. "
                        f"{_MODELS}"
                    ),
                    figure="distribution",
                    x="unit",
                    reference_lines=one_sd,
                ),
                "unit_sensitivity_by_encoder": annotated(
                    by_encoder,
                    long_name=f"in-silico sensitivity of each unit at {where} by encoder",
                    units=_SD,
                    definition=(
                        "Mean over attacked stimuli of |r(x + delta) - r(x)| over the standard deviation of the unit's "
                        f"responses to all clean stimuli, encoder by encoder; interval over stimuli. {_MODELS}"
                    ),
                    figure="matrix",
                    rows="unit",
                    columns="system",
                ),
                "spread": annotated(
                    _bounded(over_units.std("system", ddof=1), level),
                    long_name="spread of the sensitivity over encoders",
                    units=_SD,
                    definition="Standard deviation over encoders (ddof 1); interval over units and stimuli.",
                ),
                **self._ranks(draws.isel(epsilon=-1), units, where, level),
            }
        )

    def _ranks(self, draws: xr.DataArray, units: xr.DataArray, where: str, level: float) -> dict[str, xr.DataArray]:
        """Whether the encoders agree on which units are the more sensitive ones; nothing with fewer than three."""
        if units.sizes["unit"] < _RANKED:
            return {}
        return {
            "rank_correlation": annotated(
                _ranks(draws, units, level),
                long_name=f"rank correlation of the units' sensitivities at {where}",
                units="1",
                definition=(
                    "Spearman's correlation over units between two encoders, under the attack and under each of its"
                    " controls; 0 where they agree on no order. Interval over units and stimuli."
                ),
                figure="matrix",
                rows="system",
                columns="system_other",
            )
        }

    def describe(self, summary: xr.Dataset) -> Iterator[str]:
        """Say how far the encoders agree."""
        systems = summary["system"].values.astype(str).tolist()
        last = summary.isel(epsilon=-1)
        where = f"{summary['epsilon'].attrs.get('units', 'epsilon')} {float(last['epsilon']):g}"
        attack, *others = summary["perturbation"].values.astype(str).tolist()
        line = last.sel(perturbation=attack)
        each = [f"{name} {with_interval(line['sensitivity'].sel(system=name))}" for name in systems]
        yield (
            f"At {where}, {attack} moves an in-silico unit by {with_interval(line['sensitivity_of_all'])} standard"
            f" deviations of its clean responses, where the interval holds those of all {len(systems)} encoders:"
            f" {joined(each)}."
        )
        for name in others:
            control = last["sensitivity_of_all"].sel(perturbation=name)
            yield f"{name} of the same norm moves it by {with_interval(control)}."
        if "rank_correlation" not in summary:
            return
        ranks = summary["rank_correlation"].sel(perturbation=attack)
        pairs = [(a, b) for k, a in enumerate(systems) for b in systems[k + 1 :]]
        found = [float(ranks.sel(system=a, system_other=b, statistic="estimate")) for a, b in pairs]
        known = [value for value in found if value == value]
        if known:
            yield (
                "Which units are the more sensitive ones, encoders agree on at a rank correlation of"
                f" {number(min(known))} to {number(max(known))} (0 for no agreement)."
            )


def _shared(measured: Mapping[str, xr.Dataset]) -> xr.DataArray:
    """Shifts (system, perturbation, unit, epsilon, stimulus) of the units that every encoder was attacked on."""
    if len(measured) < 2:
        raise NotEnoughData(
            f"in-silico-spread: {len(measured)} in-silico system was attacked, and a spread needs two: add an "
            "[[encoder]] on another network or layer"
        )
    of_system: dict[str, xr.DataArray] = {}
    for name, dataset in measured.items():
        lines = [
            f"{attack} ({control})" if control else str(attack)
            for attack, control in zip(dataset["attack"].values, dataset["control"].values, strict=True)
        ]
        parts = []
        for line in dict.fromkeys(lines):
            here = dataset["shift"].isel(target=np.flatnonzero([one == line for one in lines]))
            unit = here["target_unit"].values.astype(str)
            bare = here.drop_vars([key for key in _OF_TARGET if key in here.coords])
            parts.append(bare.rename(target="unit").assign_coords(unit=unit).expand_dims(perturbation=[line]))
        of_system[name] = xr.concat(parts, dim="perturbation", join="inner")
    table = xr.concat(list(of_system.values()), dim="system", join="inner").assign_coords(system=list(of_system))
    if not table.sizes["unit"] or not table.sizes["perturbation"]:
        raise NotEnoughData(
            "in-silico-spread: no unit was attacked in every in-silico system: aim at more units, or lower min_fit"
        )
    lines = table["perturbation"].values.astype(str).tolist()
    attacks_first = sorted(lines, key=lambda line: "(" in line)  # stable: otherwise in the order of the study
    return table.sel(perturbation=attacks_first).transpose("system", "perturbation", "unit", "epsilon", "stimulus")


def _draws(table: xr.DataArray, resampling: Resampling) -> tuple[xr.DataArray, xr.DataArray]:
    """Means over stimuli, (draw, system, perturbation, unit, epsilon), and how often a draw holds each unit.

    The first draw is the data themselves.
    """
    stimuli, _ = resampling_weights(table, "stimulus", resampling)
    units, _ = resampling_weights(table, "unit", resampling, within=levels(table)["unit"])
    weights, held = (np.concatenate([np.ones((1, drawn.shape[1])), drawn]) for drawn in (stimuli, units))
    means = np.einsum("spuex,dx->dspue", table.values, weights / weights.sum(axis=1, keepdims=True))
    kept = {str(key): coord for key, coord in table.coords.items() if "stimulus" not in coord.dims}
    draws = xr.DataArray(means, dims=("draw", "system", "perturbation", "unit", "epsilon"), coords=kept)
    return draws, xr.DataArray(held, dims=("draw", "unit"), coords={"unit": table["unit"].values})


def _ranks(draws: xr.DataArray, units: xr.DataArray, level: float) -> xr.DataArray:
    """Rank correlations (statistic, perturbation, system, system_other); NaN of a system with itself."""
    values = draws.transpose("draw", "perturbation", "system", "unit").values
    counts = units.values.astype(np.intp)
    found = [rank_correlations(np.repeat(one, held, axis=-1)) for one, held in zip(values, counts, strict=True)]
    names = draws["system"].values
    between = xr.DataArray(
        np.stack(found),
        dims=("draw", "perturbation", "system", "system_other"),
        coords={"perturbation": draws["perturbation"].values, "system": names, "system_other": names},
    )
    own = xr.DataArray(np.eye(len(names), dtype=bool), dims=("system", "system_other"))
    return _bounded(between, level).where(~own)


def _bounded(draws: xr.DataArray, level: float) -> xr.DataArray:
    values = draws.transpose("draw", ...)
    low, high = interval(values.values[1:], values.values[0], level, undefined="exclude")
    first = values.isel(draw=0)
    return with_bounds(first, first.copy(data=low), first.copy(data=high))


def _joined(of_system: xr.DataArray) -> xr.DataArray:
    parts = {name: of_system.sel(statistic=name, drop=True) for name in ("estimate", "low", "high")}
    axis = parts["low"].get_axis_num("system")
    mean = parts["estimate"].mean("system")
    low, high = envelope(parts["low"].values, parts["high"].values, axis=int(axis))
    return with_bounds(mean, mean.copy(data=low), mean.copy(data=high))
