"""The cross-scale matrix in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from spikeproof.types import Code

from .text import joined, number, with_interval

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
        at = f"of {norm} {number(dose)}"
        names = _READ | ({"unit": "the attacked unit"} if aim == "unit" else {})
        yield f"Aimed at: {row}. A perturbation {at} moves {_moves(cells, names)} of the distance to another image."
        yield from _against_controls(summary, str(row), dose, names)
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


def _against_controls(summary: xr.Dataset, row: str, dose: float, names: dict[str, str]) -> Iterable[str]:
    if "excess" not in summary:
        return
    for contrast in summary["contrast"].values[summary["row_a"].values == row]:
        excess = summary["excess"].sel(contrast=contrast, epsilon=dose)
        control = str(summary["row_b"].sel(contrast=contrast).item())
        cells = summary["matrix"].sel(row=control, epsilon=dose)
        yield f"Its control '{control}' of the same norm moves {_moves(cells, names)}."
        low, high = excess.sel(statistic="low"), excess.sel(statistic="high")
        above = [names[s] for s in _scales(summary) if low.sel(scale=s) > 0]
        below = [names[s] for s in _scales(summary) if high.sel(scale=s) < 0]
        unclear = [names[s] for s in _scales(summary) if names[s] not in above + below]
        parts = [
            text.format(joined(found))
            for text, found in (
                ("moves {} further than this control", above),
                ("moves {} less than this control", below),
                ("is not told apart from it in {}", unclear),
            )
            if found
        ]
        yield f"By the interval of the difference, the attack {joined(parts)}."


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
