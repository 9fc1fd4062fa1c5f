"""Preference flips of the attacked unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    crossing,
    reported,
    resampling_weights,
)
from spikeproof.summaries import annotated, dose_attributes, levels, overlap, unit_word
from spikeproof.types import Code, Evidence
from spikeproof.wording import joined, percent, with_interval

from spikeproof_metrics_unit.flips import category_preference, category_progress, preferred_stimulus_flips

from .perturbations import across, controls_of, lines_of, target_responses
from .weighted import weighted_median

__all__ = ["PreferenceFlips"]

_BOTH = ("unit", "stimulus")
_DIRECTIONS: tuple[Literal["up", "down"], ...] = ("up", "down")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceFlips:
    """How often perturbed stimuli drive a unit as only its preferred stimulus, or category, should."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target unit.

        Returns
        -------
        xarray.Dataset
            ``preferred_flip`` (epsilon, stimulus); where there are labels of several categories ``category_progress``
            (direction, epsilon, stimulus) and ``category_start`` (direction, stimulus), its value on clean stimuli.
            NaN for stimuli that are not of the question (preferred ones, other categories) and for a unit whose mean is
            the same for every category. Where the objective
            solved a direction apart, its perturbation is read, otherwise the one that was kept.

        Raises
        ------
        spikeproof.errors.DataError
            If there is no target unit, or it never varies over clean stimuli.
        """
        _, clean, attacked, perturbed = target_responses(evidence, "preference-flips")
        way = {direction: _directed(evidence, direction, perturbed) for direction in _DIRECTIONS}
        flip = preferred_stimulus_flips(clean.values, attacked.values, way["up"].values)
        measured = xr.Dataset({"preferred_flip": perturbed.copy(data=flip)})
        labels = evidence.code.labels
        if labels is None or len(np.unique(labels.values)) < 2:
            return measured
        most, least, high, low = category_preference(clean.values, labels.values.tolist())
        own = labels.sel(stimulus=attacked["stimulus"].values).values
        progress, start = [], []
        for direction in _DIRECTIONS:
            asked = own == (least if direction == "up" else most)
            progress.append(np.where(asked, category_progress(way[direction].values, high, low, direction), np.nan))
            start.append(np.where(asked, category_progress(attacked.values, high, low, direction), np.nan))
        measured["category_progress"] = (("direction", "epsilon", "stimulus"), np.stack(progress))
        measured["category_start"] = (("direction", "stimulus"), np.stack(start))
        return measured.assign_coords(direction=list(_DIRECTIONS))

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over units and stimuli, one line per attack and per control."""
        lines = lines_of(measured)
        unit = measured["epsilon"].attrs.get("units", "epsilon")
        summary = xr.Dataset(
            attrs={"system": code.system},
            data_vars={
                "preferred_flips": annotated(
                    across(lines, lambda part: _fraction(part["preferred_flip"], resampling)),
                    long_name="fraction of preference flips",
                    units="1",
                    definition=(
                        "Share of pairs of a target unit and an attacked stimulus that it does not prefer, where the"
                        " perturbed stimulus drives the unit at least as strongly as the best of all clean stimuli."
                    ),
                    figure="curve",
                    x="epsilon",
                    caption="The chance level is the line of the random control.",
                    headline=1,
                ),
                "half_flip_epsilon": annotated(
                    across(lines, lambda part: _half(part["preferred_flip"], resampling)),
                    long_name="norm at which half of the non-preferred stimuli flip",
                    units=unit,
                    definition=(
                        "First crossing of 0.5 by the fraction of preference flips, by linear interpolation from 0 at"
                        " norm 0; infinite if it is not reached within the tested norms. Below the smallest norm"
                        " tested it is that straight line, no measurement."
                    ),
                    **dose_attributes(measured["epsilon"].values),
                ),
            },
        )
        if "category_progress" not in measured or not np.isfinite(measured["category_progress"].values).any():
            return summary
        summary["category_flips"] = annotated(
            across(lines, lambda part: _category_flips(part, resampling)),
            long_name="fraction of category flips",
            units="1",
            definition=(
                "up: share of pairs of a unit and an attacked stimulus of its least preferred category, driven to the"
                " mean clean response of its most preferred category or beyond; down: share of stimuli of the most"
                " preferred category driven to the mean of the least preferred or below (Guo et al. 2022). Some flip"
                " without a perturbation where categories overlap: see the value at norm 0 and the random control."
            ),
            figure="curve",
            x="epsilon",
            panels="direction",
        )
        summary["category_flip_epsilon"] = annotated(
            across(lines, lambda part: _category_epsilon(part, resampling)),
            long_name="norm at which a unit's least and most preferred category change places",
            units=unit,
            definition=(
                "Median over units of the smallest norm at which the mean response to attacked stimuli of the least"
                " preferred category (up), or of the most preferred (down), reaches the other category's mean clean"
                " response; a unit that is not flipped within the tested norms counts as infinite. The median is the"
                " smallest value that at least half of the units do not exceed."
            ),
            **dose_attributes(measured["epsilon"].values),
        )
        summary["category_flip_epsilon_of_unit"] = annotated(
            across(lines, lambda part: _category_epsilon_of_unit(part, resampling)),
            long_name="norm at which a unit's category preference flips",
            units=unit,
            definition="As its median over units, for each unit; interval over the attacked stimuli of the category.",
            figure="distribution",
            x="unit",
            **dose_attributes(measured["epsilon"].values),
        )
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how often preferences flip, against the controls."""
        kind = f"{unit_word(code)}s"
        last = summary.isel(epsilon=-1)
        where = f"{summary['epsilon'].attrs.get('units', 'epsilon')} {float(last['epsilon']):g}"
        for name in summary["perturbation"].values[summary["control"].values == ""].tolist():
            line = last.sel(perturbation=name)
            text = (
                f"At {where}, {name} makes {percent(line['preferred_flips'])} of non-preferred stimuli drive {kind} at"
                " least as strongly as their preferred stimulus does"
            )
            controls = controls_of(summary, name)
            values = last["preferred_flips"]
            told = [f"{percent(values.sel(perturbation=control))} under {control}" for control in controls]
            text += f" ({joined(told)})." if told else "."
            same = [c for c in controls if overlap(values.sel(perturbation=c), line["preferred_flips"])]
            if same:
                text += f" The attack's interval overlaps with that of {joined(same)}."
            yield text
            half = line["half_flip_epsilon"]
            if np.isfinite(float(half.sel(statistic="estimate"))):
                yield f"Half of them do so at {half.attrs['units']} {with_interval(half)}."
            if "category_flips" in summary:
                up = line["category_flips"].sel(direction="up")
                if np.isfinite(float(up.sel(statistic="estimate"))):
                    yield (
                        f"{percent(up)} of stimuli of a unit's least preferred category are driven to the mean response"
                        " of its most preferred category."
                    )


def _directed(evidence: Evidence, direction: str, perturbed: xr.DataArray) -> xr.DataArray:
    if evidence.directed is None or direction not in evidence.directed["direction"].values:
        return perturbed
    return evidence.directed.sel(direction=direction, drop=True)


def _fraction(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    return bootstrap_fraction(values, _BOTH, resampling, nested_in=levels(values), name="fraction")


def _category_flips(part: xr.Dataset, resampling: Resampling) -> xr.DataArray:
    progress = part["category_progress"]
    # Equal up to rounding counts as reached: the subtraction of the two means costs the last digits.
    return _fraction((progress >= 1 - 1e-12).where(progress.notnull()).astype(float), resampling)


def _half(values: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    draws = bootstrap_draws(values, _BOTH, resampling, nested_in=levels(values)).transpose("draw", "epsilon")
    doses = values["epsilon"].values
    estimate = crossing(doses, values.mean(_BOTH).values, 0.5)
    return reported(crossing(doses, draws.values, 0.5), xr.DataArray(estimate), resampling, _fixed(draws))


def _unit_epsilons(part: xr.Dataset) -> xr.DataArray:
    """Smallest norm that flips each unit, dims (direction, unit)."""
    curve = part["category_progress"].mean("stimulus").transpose("direction", "unit", "epsilon")
    start = part["category_start"].mean("stimulus").transpose("direction", "unit")
    return start.copy(data=crossing(part["epsilon"].values, curve.values, 1.0, start=start.values))


def _unit_epsilon_draws(part: xr.Dataset, resampling: Resampling) -> tuple[NDArray[np.float64], list[str]]:
    """The same under resampled stimuli, (draw, direction, unit), and what was not resampled."""
    curve = bootstrap_draws(part["category_progress"], ["stimulus"], resampling)
    start = bootstrap_draws(part["category_start"], ["stimulus"], resampling).transpose("draw", "direction", "unit")
    values = curve.transpose("draw", "direction", "unit", "epsilon").values
    return crossing(part["epsilon"].values, values, 1.0, start=start.values), _fixed(curve)


def _category_epsilon_of_unit(part: xr.Dataset, resampling: Resampling) -> xr.DataArray:
    draws, fixed = _unit_epsilon_draws(part, resampling)
    return reported(draws, _unit_epsilons(part), resampling, fixed)


def _category_epsilon(part: xr.Dataset, resampling: Resampling) -> xr.DataArray:
    values = _unit_epsilons(part)
    median = weighted_median(values.values, np.ones(values.shape))
    estimate = xr.DataArray(median, dims="direction", coords={"direction": values["direction"].values})
    weights, fixed_units = resampling_weights(values, "unit", resampling, within=levels(part)["unit"])
    draws, fixed = _unit_epsilon_draws(part, resampling)
    return reported(weighted_median(draws, weights[:, None, :]), estimate, resampling, [*fixed, *fixed_units])


def _fixed(draws: xr.DataArray) -> list[str]:
    return [name for name in str(draws.attrs.get("not_resampled", "")).split(", ") if name]
