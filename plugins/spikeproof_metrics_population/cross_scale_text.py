"""The cross-scale matrix in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from spikeproof.types import Code
from spikeproof.wording import joined, number, with_interval

__all__ = ["sentences"]

_READ = {"unit": "single units", "population": "the population", "behavior": "behaviour"}


def _scales(summary: xr.Dataset) -> list[str]:
    return [str(name) for name in summary["scale"].values]


def sentences(summary: xr.Dataset, code: Code) -> Iterable[str]:
    """Say what an attack on each scale does at each scale, beside its controls, and where half is reached."""
    norm = summary["epsilon"].attrs.get("units", "norm")
    for row in summary["row"].values[summary["control"].values == ""]:
        aim = str(summary["aim"].sel(row=row).item())
        own = aim if aim in _scales(summary) else _scales(summary)[0]
        dose = _telling_dose(summary["matrix"].sel(row=row, scale=own))
        cells = summary["matrix"].sel(row=row, epsilon=dose)
        moved = float(cells.sel(scale=own, statistic="estimate")) >= 1
        why = "the smallest tested that moves this scale as far as another image" if moved else "the largest tested"
        at = f"of {norm} {number(dose)} ({why})"
        names = _READ | ({"unit": "the attacked unit"} if aim == "unit" else {})
        yield f"Aimed at: {row}. A perturbation {at} moves {_moves(cells, names)} of the distance to another image."
        yield from _against_controls(summary, str(row), dose, own, names)
        yield from _half(summary, str(row), norm, names)
    missing = [scale for scale in _READ if scale not in _scales(summary)]
    if missing:
        yield _why_missing(missing, code)
    attrs = summary["matrix"].attrs
    if attrs["excluded_units"] or attrs["excluded_targets"]:
        yield (
            f"{attrs['excluded_units']} units are constant over the clean stimuli and left out at the unit scale; "
            f"{attrs['excluded_targets']} targets aimed at one."
        )
    if "not_resampled" in attrs:
        yield f"There is a single {attrs['not_resampled']} in some rows: their intervals say nothing about another."


def _telling_dose(diagonal: xr.DataArray) -> float:
    """Smallest norm tested at which the attack moves its own scale as far as another image, else the largest."""
    reached = diagonal.sel(statistic="estimate").values >= 1
    return float(diagonal["epsilon"].values[int(reached.argmax()) if reached.any() else -1])


def _moves(cells: xr.DataArray, names: dict[str, str]) -> str:
    read = [str(scale) for scale in cells["scale"].values]
    return joined([f"{names[scale]} by {with_interval(cells.sel(scale=scale))}" for scale in read])


def _against_controls(summary: xr.Dataset, row: str, dose: float, own: str, names: dict[str, str]) -> Iterable[str]:
    """Compare with the controls at the scale that is aimed at; the matrix shows the others."""
    if "excess" not in summary:
        return
    reached, less = [], []
    for contrast in summary["contrast"].values[summary["row_a"].values == row]:
        control = str(summary["row_b"].sel(contrast=contrast).item())
        value = summary["matrix"].sel(row=control, epsilon=dose, scale=own)
        reached.append(f"{with_interval(value)} ({control.partition(' (')[0]})")
        if not summary["excess"].sel(contrast=contrast, epsilon=dose, scale=own, statistic="low") > 0:
            less.append(control.partition(" (")[0])
    if not reached:
        return
    verdict = (
        f"by the interval of the difference the attack is not told apart from {joined(less)}"
        if less
        else "by the interval of the difference the attack moves it further"
    )
    yield f"Controls of the same norm move {names[own]} by {joined(reached)}: {verdict}."


def _half(summary: xr.Dataset, row: str, norm: str, names: dict[str, str]) -> Iterable[str]:
    tested = number(float(summary["epsilon"].values[-1]))
    parts = []
    for scale in _scales(summary):
        value = summary["eps50"].sel(row=row, scale=scale)
        if np.isinf(value.sel(statistic="estimate")):
            parts.append(f"not reached by {names[scale]} up to {tested}")
        elif np.isinf(value.sel(statistic="high")):
            low, half = (number(float(value.sel(statistic=s))) for s in ("low", "estimate"))
            parts.append(f"reached by {names[scale]} at {half} [{low}, beyond {tested}]")
        elif value.sel(statistic="estimate") < summary["epsilon"].values[0]:
            least = number(float(summary["epsilon"].values[0]))
            parts.append(f"reached by {names[scale]} below {least}, the smallest tested")
        elif not np.isnan(value.sel(statistic="estimate")):
            parts.append(f"reached by {names[scale]} at {with_interval(value)}")
    if parts:
        yield f"Half the distance to another image ({norm}) is {joined(parts)}."


def _why_missing(missing: list[str], code: Code) -> str:
    reasons = {
        "unit": "every attacked unit is constant over the clean stimuli",
        "population": "no population distance is defined",
        "behavior": "the code has no choices (no readout, or none of its categories)"
        if code.choices is None
        else "its choices on clean stimuli never differ, or no choices were read under the attack",
    }
    return "Left out: " + "; ".join(f"{scale}, because {reasons[scale]}" for scale in missing) + "."
