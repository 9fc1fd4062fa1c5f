"""The cross-scale matrix: where a perturbation aims against where its damage is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    crossing,
    interval,
    stack_statistic,
)
from spikeproof.summaries import dose_attributes
from spikeproof.types import Code, Evidence
from spikeproof.wording import joined

from .cross_scale_text import sentences
from .rows import Row, rows_of

__all__ = ["CrossScale", "relative_shifts"]

SCALES = ("unit", "population", "behavior")
_OVER = ["target", "stimulus"]
_NESTED = {"target": ["subject", "session"]}
_DEFINITION = (
    "Mean over targets and attacked stimuli of the distance between the clean and the perturbed response, over the "
    "mean distance between two different clean stimuli of the whole set, at the scale of the column. unit: "
    "|r_i - r_i'| of the attacked unit, where one is aimed at, otherwise the mean over units of the ratio; "
    "population: {population}; "
    "behavior: whether the choice differs. Intervals: percentile bootstrap over targets (nested in sessions and "
    "subjects) crossed with stimuli, conditional on the denominator."
)


def relative_shifts(evidence: Evidence) -> xr.DataArray:
    """Distance that a perturbation causes at each scale, over the mean distance between two clean stimuli there.

    The cell of ``docs/architecture.md``, "The cross-scale matrix", before its mean over targets and stimuli.

    Parameters
    ----------
    evidence : Evidence
        One target, perturbed.

    Returns
    -------
    xarray.DataArray, dims (scale, epsilon, stimulus)
        1 is "as different as another image". NaN where a scale cannot be read: the target unit is constant over clean
        stimuli; or there are no choices, or they are the same for every clean stimulus.

    Raises
    ------
    NotEnoughData
        If every unit of the code is constant, or nothing was perturbed.
    """
    code, perturbed = evidence.code, evidence.perturbed
    if perturbed is None:
        raise NotEnoughData(f"cross-scale: code {code.system} has no perturbed responses: give the study an attack")
    live = live_units(code)
    if not live.any():
        raise NotEnoughData(
            f"cross-scale: every unit of code {code.system} gives all {code.responses.sizes['stimulus']} clean stimuli "
            "the same response, so no distance is relative to anything: choose other units or another layer"
        )
    clean = evidence.clean.values
    shift = np.full((3, *perturbed.shape[:2]), np.nan)
    if evidence.target_unit is None:
        distance = code.unit_pair_distance[live]
        shift[0] = (np.abs(perturbed.values - clean)[..., live] / distance).mean(axis=-1)
    else:
        column = code.responses["unit"].values.tolist().index(evidence.target_unit)
        if live[column]:
            shift[0] = np.abs(perturbed.values - clean)[..., column] / code.unit_pair_distance[column]
    shift[1] = code.population_distance(perturbed.values, clean) / code.population_pair_distance
    clean_choices = evidence.clean_choices
    if evidence.choices is not None and clean_choices is not None and code.behavior_pair_distance > 0:
        shift[2] = (evidence.choices.values != clean_choices.values) / code.behavior_pair_distance
    return xr.DataArray(
        shift,
        dims=("scale", "epsilon", "stimulus"),
        coords={
            "scale": list(SCALES),
            "epsilon": perturbed["epsilon"].variable,
            "stimulus": perturbed["stimulus"].variable,
        },
        attrs={"long_name": "relative shift", "units": "1"},
    )


def live_units(code: Code) -> NDArray[np.bool_]:
    """Units whose response differs between clean stimuli by more than rounding, (unit,).

    The limit is a millionth of the unit's largest response: networks compute in float32, where a constant unit
    jitters by some 1e-7 of its value.
    """
    largest = np.abs(code.responses.values).max(axis=0)
    return np.asarray(code.unit_pair_distance > 1e-6 * largest)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossScale:
    """The cross-scale matrix with the norm at which half the distance to another image is reached."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Relative shift of one target at each scale: ``shift``, dims (scale, epsilon, stimulus)."""
        return xr.Dataset({"shift": relative_shifts(evidence)})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Average over targets and stimuli.

        Returns
        -------
        xarray.Dataset
            ``matrix`` (statistic, row, scale, epsilon) and the same numbers as ``dose_response``; ``largest_norm``
            (statistic, attack, scale), its cells at the largest norm; ``eps50``
            (statistic, row, scale), infinite where half is not reached at the norms tested; ``excess``
            (statistic, contrast, scale, epsilon), each attack less each of its controls, drawn together.
        """
        rows = rows_of(measured)
        shift = measured["shift"].transpose("target", "scale", "epsilon", "stimulus")
        scales = [name for name in SCALES if shift.sel(scale=name).notnull().any()]
        shift = shift.sel(scale=scales)
        level = resampling.level
        means, drawn, fixed = [], [], set[str]()
        for row in rows:
            cells = shift.isel(target=row.targets)
            means.append(cells.mean(dim=_OVER))
            draws = bootstrap_draws(cells, _OVER, resampling, nested_in=_NESTED)
            fixed |= set(filter(None, str(draws.attrs.get("not_resampled", "")).split(", ")))
            drawn.append(draws.transpose("draw", "scale", "epsilon"))
        epsilon = shift["epsilon"]
        names = xr.DataArray([row.name for row in rows], dims=("row",))
        matrix = _summary(means, drawn, names, level)
        if "behavior" in scales:
            matrix = _honest_behavior(matrix, shift, rows, code.behavior_pair_distance, resampling)
        doses = epsilon.values
        half = [xr.DataArray(crossing(doses, m.values, 0.5), dims=("scale",), coords={"scale": scales}) for m in means]
        half_drawn = [m.isel(epsilon=0, drop=True).copy(data=crossing(doses, m.values, 0.5)) for m in drawn]
        out = {"matrix": matrix, "dose_response": matrix.copy(), "eps50": _summary(half, half_drawn, names, level)}
        attacks = np.flatnonzero([not row.control for row in rows])
        if attacks.size:
            largest = matrix.isel(row=attacks, epsilon=-1).drop_vars("epsilon").rename(row="attack")
            out["largest_norm"] = largest.assign_attrs(norm=float(doses[-1]))
        pairs = [(a, b) for a, one in enumerate(rows) for b, other in enumerate(rows) if _is_control(other, of=one)]
        if pairs:
            out["excess"] = _summary(
                [means[a] - means[b] for a, b in pairs],
                [drawn[a] - drawn[b] for a, b in pairs],
                xr.DataArray([f"{rows[a].name} - {rows[b].name}" for a, b in pairs], dims=("contrast",)),
                level,
            ).assign_coords(
                row_a=("contrast", [rows[a].name for a, _ in pairs]),
                row_b=("contrast", [rows[b].name for _, b in pairs]),
            )
        summary = xr.Dataset(out).assign_coords(
            aim=("row", [row.aim for row in rows]), control=("row", [row.control for row in rows])
        )
        summary["epsilon"].attrs.update(epsilon.attrs)
        dead = shift.isel(stimulus=0, epsilon=0).sel(scale="unit").isnull() if "unit" in scales else None
        _annotate(summary, code, measured, fixed, 0 if dead is None else int(dead.sum()))
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say what an attack on each scale does at each, beside its controls."""
        return sentences(summary, code)


def _is_control(row: Row, *, of: Row) -> bool:
    same = (row.attack, row.aim, row.objective) == (of.attack, of.aim, of.objective)
    return same and not of.control and bool(row.control)


def _summary(values: list[xr.DataArray], draws: list[xr.DataArray], along: xr.DataArray, level: float) -> xr.DataArray:
    """Stack rows along a new dimension with their intervals; draws without a cell are left out."""
    dim = str(along.dims[0])
    estimate = xr.concat(values, dim=dim, join="exact").assign_coords({dim: along})
    samples = xr.concat(draws, dim=dim, join="exact").transpose("draw", *estimate.dims)
    low, high = interval(samples.values, estimate.values, level, undefined="exclude")
    return stack_statistic(estimate, estimate.copy(data=low), estimate.copy(data=high))


def _honest_behavior(
    matrix: xr.DataArray, shift: xr.DataArray, rows: tuple[Row, ...], distance: float, resampling: Resampling
) -> xr.DataArray:
    """Bound the cells of behaviour where no choice, or every choice, changed: there no draw differs from the data."""
    changed = (shift.sel(scale="behavior") * distance).round()
    parts = [
        bootstrap_fraction(changed.isel(target=row.targets), _OVER, resampling, nested_in=_NESTED, name="changed")
        for row in rows
    ]
    cells = xr.concat([part.drop_vars("scale").drop_attrs() for part in parts], dim=matrix["row"]) / distance
    return matrix.where(matrix["scale"] != "behavior", cells)


def _annotate(summary: xr.Dataset, code: Code, measured: xr.Dataset, fixed: set[str], dead_targets: int) -> None:
    population = (
        "Mahalanobis with the noise covariance" if code.noise_covariance is not None else "Euclidean, z-scored units"
    )
    shared = {
        "units": "distance to another image",
        "definition": _DEFINITION.format(population=population),
        "targets": int(measured.sizes["target"]),
        "stimuli": int(measured.sizes["stimulus"]),
        "excluded_units": int((~live_units(code)).sum()),
        "excluded_targets": dead_targets,
    }
    if fixed:
        shared["not_resampled"] = joined(sorted(fixed))
    summary["matrix"].attrs = shared | {
        "long_name": "relative shift",
        "figure": "matrix",
        "rows": "row",
        "columns": "scale",
        "caption": "Rows: what the perturbation aims at, and controls of equal norm. Columns: where damage is read. "
        "1 is as different as another image. 'other-unit' reads another unit under the attack's own images: only its "
        "first column is a control.",
    }
    summary["dose_response"].attrs = shared | {
        "long_name": "relative shift",
        "figure": "curve",
        "x": "epsilon",
        "reference_lines": json.dumps({"another image": 1.0}),
        "caption": "Every line is a row of the matrix, read at one scale.",
    }
    for dim, name in (("row", "aimed at"), ("attack", "aimed at"), ("scale", "read at")):
        if dim in summary.coords:
            summary[dim].attrs["long_name"] = name
    units = summary["epsilon"].attrs.get("units", "norm")
    if "largest_norm" in summary:
        summary["largest_norm"].attrs = shared | {
            "long_name": f"relative shift at {units} {summary['largest_norm'].attrs['norm']:g}",
            "headline": 1,
        }
    summary["eps50"].attrs = {
        "long_name": "norm at which the relative shift reaches one half (eps50)",
        "units": units,
        "definition": "Linear interpolation of the dose-response curve from 0 at norm 0; an estimate below the "
        "smallest norm tested is that straight line, no measurement. Infinite where the curve stays below one half "
        "at every norm tested.",
        **dose_attributes(summary["epsilon"].values),
    }
    if "excess" in summary:
        summary["excess"].attrs = {
            "long_name": "relative shift of the attack less its control's",
            "units": "distance to another image",
            "definition": "Difference of two rows; the same targets and stimuli are drawn for both.",
        }
