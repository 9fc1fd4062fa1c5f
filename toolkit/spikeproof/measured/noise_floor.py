"""How large a measured shift would look if nothing had any effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from spikeproof import statistics
from spikeproof.statistics import pooled_variance
from spikeproof.wording import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spikeproof.evidence import Evidence

__all__ = ["floor_note", "noise_floor"]


def noise_floor(evidence: Evidence) -> xr.DataArray | None:
    """Mean size of a measured shift of the target unit with no effect at all, in the units of the response.

    The difference of two means over ``n`` and ``m`` presentations with trial standard deviation ``s`` is normal with
    variance ``s^2 (1/n + 1/m)``, and its mean absolute value is ``s sqrt(2 / pi) sqrt(1/n + 1/m)``; for ``n = m`` that
    is ``2 s / sqrt(pi n)``.

    Parameters
    ----------
    evidence : Evidence
        Measured: with ``repeats_perturbed`` and a target unit.

    Returns
    -------
    xarray.DataArray, dims (epsilon, stimulus), or None
        None without a target unit, or where no stimulus at all was presented twice, so that ``s`` is not known.
    """
    single, perturbed = evidence.repeats_perturbed, evidence.perturbed
    if single is None or perturbed is None or evidence.target_unit is None:
        return None
    column = single["unit"].values.tolist().index(evidence.target_unit)
    values = [single.values[:, column]]
    images = [np.char.add("perturbed ", single["image"].values.astype(str))]
    clean = evidence.code.repeats
    if clean is not None:
        values.append(clean.values[:, column])
        images.append(np.char.add("clean ", clean["stimulus"].values.astype(str)))
    variance = pooled_variance(np.concatenate(values), np.concatenate(images))
    if np.isnan(variance):
        return None
    shown = np.zeros(perturbed.shape[:2])
    for row, norm in enumerate(perturbed["epsilon"].values):
        at = single["epsilon"].values == norm
        for place, name in enumerate(perturbed["stimulus"].values):
            shown[row, place] = (at & (single["stimulus"].values == name)).sum()
    times = np.array([_times(clean, str(name)) for name in perturbed["stimulus"].values])
    with np.errstate(divide="ignore"):
        size = statistics.noise_floor(variance, shown, times)
    return xr.DataArray(
        np.where(shown > 0, size, np.nan),
        dims=("epsilon", "stimulus"),
        coords={"epsilon": perturbed["epsilon"].variable, "stimulus": perturbed["stimulus"].values},
        attrs={"units": str(evidence.code.responses.attrs.get("units", ""))},
    )


def floor_note(evidences: Sequence[Evidence]) -> str:
    """Say what noise alone makes of magnitudes that were measured; empty where no unit was aimed at.

    Parameters
    ----------
    evidences : sequence of Evidence
        Measured, of the attacks themselves.
    """
    floors, unknown = [], 0
    for one in evidences:
        if one.target_unit is None:
            continue
        floor = noise_floor(one)
        sd = one.code.unit_sd[one.code.responses["unit"].values.tolist().index(one.target_unit)]
        if floor is None or sd == 0:
            unknown += 1
        else:
            floors.append(float(np.nanmean(floor.values)) / sd)
    start = "responses to perturbed stimuli are measured, and noise inflates every magnitude of a measured shift"
    if floors:
        return (
            f"{start}: with no effect at all the mean shift of an attacked unit would read "
            f"{number(float(np.mean(floors)))} sd (2s / sqrt(pi n), mean of {len(floors)} targets); compare with the "
            "controls, which carry the same noise"
        )
    if unknown:
        return f"{start}; by how much is not known: no stimulus was presented twice"
    return f"{start}; compare with the controls, which carry the same noise" if evidences else ""


def _times(clean: xr.DataArray | None, stimulus: str) -> int:
    return 1 if clean is None else max(1, int((clean["stimulus"].values == stimulus).sum()))
