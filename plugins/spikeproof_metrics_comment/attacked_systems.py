"""What the units and the choices of each system do under attack, with draws over stimuli and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, bootstrap_draws, reported
from spikeproof.wording import joined

__all__ = ["RANDOM", "AttackedSystem", "attacked_systems", "over_systems"]

Floats = NDArray[np.float64]

RANDOM = "random"
"""The control whose choices are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedSystem:
    """What a system's units and choices do under attack, (draw, epsilon), and on the data, (epsilon,)."""

    sensitivity: Floats
    kept: Floats
    sensitivity_draws: Floats
    kept_draws: Floats
    kept_random: Floats | None
    kept_random_draws: Floats | None


def attacked_systems(
    measured: Mapping[str, xr.Dataset], resampling: Resampling
) -> tuple[dict[str, AttackedSystem], dict[str, str], xr.DataArray]:
    """Take the systems that were attacked at their units and at their choices.

    Parameters
    ----------
    measured : mapping of str to xarray.Dataset
        What was measured of each system: ``sensitivity`` and ``kept``, by target.
    resampling : Resampling

    Returns
    -------
    found : dict of str to AttackedSystem
    reasons : dict of str to str
        Why each other system is left out.
    epsilons : xarray.DataArray, dims (epsilon,)
    """
    found: dict[str, AttackedSystem] = {}
    reasons: dict[str, str] = {}
    epsilons = xr.DataArray(np.empty(0))
    for system, dataset in measured.items():
        missing = [
            f"no attack was aimed at its {what}"
            for what, name in (("units", "sensitivity"), ("choices", "kept"))
            if name not in dataset or not dataset[name].notnull().any()
        ]
        if missing:
            reasons[system] = joined(missing)
            continue
        epsilons = dataset["epsilon"]
        found[system] = _of_system(dataset, resampling)
    return found, reasons, epsilons


def over_systems(
    found: Mapping[str, AttackedSystem], name: str, epsilons: xr.DataArray, resampling: Resampling
) -> xr.DataArray:
    """What one quantity is in every system, with intervals, dims (statistic, system, epsilon)."""
    value = np.stack([getattr(one, name) for one in found.values()])
    draws = np.stack([getattr(one, f"{name}_draws") for one in found.values()], axis=1)
    coords = {"system": list(found), "epsilon": epsilons.values}
    return reported(draws, xr.DataArray(value, dims=("system", "epsilon"), coords=coords), resampling)


def _of_system(dataset: xr.Dataset, resampling: Resampling) -> AttackedSystem:
    control = dataset["control"].values.astype(str)
    aim = dataset["aim"].values.astype(str)
    units = _worst(dataset["sensitivity"].isel(target=np.flatnonzero((aim == "unit") & (control == ""))), "max")
    kept = _worst(dataset["kept"].isel(target=np.flatnonzero((aim == "behavior") & (control == ""))), "min")
    other = dataset["kept"].isel(target=np.flatnonzero((aim == "behavior") & (control == RANDOM)))
    unit_draws = bootstrap_draws(units, ["unit", "stimulus"], resampling).transpose("draw", "epsilon").values
    kept_draws = bootstrap_draws(kept, ["stimulus"], resampling).transpose("draw", "epsilon").values
    random = random_draws = None
    if other.sizes["target"]:
        control_kept = _worst(other, "min")
        random = control_kept.mean("stimulus").values
        random_draws = bootstrap_draws(control_kept, ["stimulus"], resampling).transpose("draw", "epsilon").values
    return AttackedSystem(
        sensitivity=units.mean(["unit", "stimulus"]).values,
        kept=kept.mean("stimulus").values,
        sensitivity_draws=unit_draws,
        kept_draws=kept_draws,
        kept_random=random,
        kept_random_draws=random_draws,
    )


def _worst(values: xr.DataArray, how: str) -> xr.DataArray:
    """The worst of several attacks on one target, dims (epsilon, stimulus) and, for units, unit."""
    names = values["target_unit"].values.astype(str)
    parts = []
    for name in dict.fromkeys(names.tolist()):
        here = values.isel(target=np.flatnonzero(names == name))
        parts.append(here.max("target") if how == "max" else here.min("target"))
    if names[0]:
        return xr.concat(parts, dim=xr.DataArray(list(dict.fromkeys(names.tolist())), dims="unit", name="unit"))
    return parts[0].dropna("stimulus", how="all")
