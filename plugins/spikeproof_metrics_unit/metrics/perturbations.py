"""What was perturbed how: stacked targets as one line per attack and per control, by the unit that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.types import Evidence

__all__ = ["Line", "across", "controls_of", "lines_of", "target_responses"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One perturbation: an attack, or a control of it.

    Parameters
    ----------
    name : str
        ``"pgd"`` for the attack, ``"random"`` for its control; longer where a study has several attacks or objectives.
    attack, objective, control : str
        What its targets have in common; ``control`` is empty for the attack itself.
    measured : xarray.Dataset, dims (unit, ...)
        Measurements by the unit that was read; if a unit was read several times (under perturbations that were made
        for several other units), their mean.
    """

    name: str
    attack: str
    objective: str
    control: str
    measured: xr.Dataset


def target_responses(evidence: Evidence, metric: str) -> tuple[str, xr.DataArray, xr.DataArray, xr.DataArray]:
    """Responses of the unit at which damage is read.

    Returns
    -------
    name : str
        The unit.
    clean : xarray.DataArray, dims (stimulus,)
        To every clean stimulus.
    attacked : xarray.DataArray, dims (stimulus,)
        To the clean versions of the attacked stimuli.
    perturbed : xarray.DataArray, dims (epsilon, stimulus)
        To their perturbed versions.

    Raises
    ------
    DataError
        If the evidence names no target unit, holds no perturbed responses, or the unit never varies.
    """
    if evidence.target_unit is None or evidence.perturbed is None:
        raise DataError(
            f"{metric}: target {evidence.target!r} of {evidence.attack} has no target unit or no perturbed responses; "
            "this metric reads attacks that aim at single units"
        )
    name = evidence.target_unit
    clean = evidence.code.responses.sel(unit=name, drop=True)
    values = clean.values
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise DataError(
            f"{metric}: unit {name!r} of {evidence.code.system} responds alike ({values[0]:.4g}) to all {len(values)} "
            "clean stimuli: it has no scale to measure a shift in. Choose target units that vary"
        )
    attacked = evidence.clean.sel(unit=name, drop=True)
    perturbed = evidence.perturbed.sel(unit=name, drop=True)
    return name, _bare(clean), _bare(attacked), _bare(perturbed)


def _bare(values: xr.DataArray) -> xr.DataArray:
    """Without what is left of the unit's coordinates: the host adds its own."""
    return values.drop_vars([name for name, coord in values.coords.items() if not coord.dims])


def lines_of(measured: xr.Dataset) -> tuple[Line, ...]:
    """Group stacked targets into lines: the attacks first, then their controls."""
    columns = [measured[name].values.astype(str).tolist() for name in ("attack", "objective", "control")]
    groups: dict[tuple[str, str, str], list[int]] = {}
    for position, key in enumerate(zip(*columns, strict=True)):
        groups.setdefault(key, []).append(position)
    several = len(set(columns[0])) > 1, len(set(columns[1])) > 1

    def name(attack: str, objective: str, control: str) -> str:
        base = f"{attack} ({objective})" if several[1] else attack
        if not control:
            return base
        return f"{control} of {base}" if several[0] or several[1] else control

    return tuple(
        Line(
            name=name(*key),
            attack=key[0],
            objective=key[1],
            control=key[2],
            measured=_by_unit(measured.isel(target=groups[key])),
        )
        for key in sorted(groups, key=lambda key: bool(key[2]))
    )


def _by_unit(part: xr.Dataset) -> xr.Dataset:
    read = part["target_unit"].values.astype(str)
    names = list(dict.fromkeys(read.tolist()))
    rows = [np.flatnonzero(read == name) for name in names]
    first = [int(row[0]) for row in rows]
    place = {name: ("unit", part[name].values[first]) for name in ("session", "subject")}
    bare = part.drop_vars([name for name, coord in part.coords.items() if "target" in coord.dims])
    if len(names) < len(read):
        bare = xr.concat([bare.isel(target=row).mean("target", keep_attrs=True) for row in rows], dim="target")
    return bare.rename(target="unit").assign_coords({"unit": names, **place})


def across(lines: Sequence[Line], compute: Callable[[xr.Dataset], xr.DataArray]) -> xr.DataArray:
    """Compute a number for every line and join them along the dimension ``perturbation``.

    Returns
    -------
    xarray.DataArray, dims (statistic, ..., perturbation, ...)
        With coordinates ``perturbation`` (the line's name), ``attack``, ``objective`` and ``control``.
    """
    parts = [compute(line.measured).drop_vars(["session", "subject"], errors="ignore") for line in lines]
    names = xr.DataArray([line.name for line in lines], dims="perturbation", name="perturbation")
    joined = xr.concat(parts, dim=names, join="outer", coords="minimal", compat="override", combine_attrs="override")
    joined = joined.assign_coords(
        {name: ("perturbation", [getattr(line, name) for line in lines]) for name in ("attack", "objective", "control")}
    )
    for key in ("not_resampled", "undefined_draws"):
        values = [part.attrs[key] for part in parts if key in part.attrs]
        if values:
            joined.attrs[key] = max(values)
    front = ["statistic", *(dim for dim in ("direction", "perturbation") if dim in joined.dims)]
    return joined.transpose(*front, ...)


def controls_of(summary: xr.Dataset, attack: str) -> list[str]:
    """Names of the lines that are controls of this line."""
    own = summary.sel(perturbation=attack)
    same = (
        (summary["attack"] == own["attack"]) & (summary["objective"] == own["objective"]) & (summary["control"] != "")
    )
    return [str(name) for name in summary["perturbation"].values[same.values]]
