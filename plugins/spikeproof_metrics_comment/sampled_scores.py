"""Scores of systems with a recording of fewer units: the mean over random subsets, and what single ones give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, interval, jackknife_interval

from .sampled import Sampled
from .unit_sums import Kind, shares, subset_norms

__all__ = ["TITLES", "VALUE_DRAWS", "added_by_units", "scores_by_size"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TITLES: dict[Kind, str] = {
    "cka": "CKA",
    "rdm": "RDM correlation",
    "ridge": "ridge predictivity",
}
VALUE_DRAWS = 10
"""Subsets that the mean score is taken over."""


def added_by_units(kinds: Sequence[Kind], data: Sampled, keep: NDArray[np.bool_], fold: Ints) -> Floats:
    """What every unit adds to every score of every system, (score, unit, system), on some of the stimuli."""
    recorded = data.recorded[keep]
    return np.stack(
        [
            np.stack(
                [shares(kind, recorded, other[keep], system, fold[keep]) for system, other in data.systems.items()],
                axis=1,
            )
            for kind in kinds
        ]
    )


def scores_by_size(
    kinds: Sequence[Kind],
    data: Sampled,
    added: Floats,
    kept: Sequence[NDArray[np.bool_]],
    orders: Ints,
    units: Ints,
    sizes: Sequence[int],
    resampling: Resampling,
) -> dict[str, xr.DataArray]:
    """Scores by number of units: the mean over subsets, and the range of single ones.

    Parameters
    ----------
    kinds : sequence of str
    data : Sampled
    added : numpy.ndarray, (set of stimuli, score, unit, system)
        See ``added_by_units``; the first set is all of them.
    kept : sequence of numpy.ndarray of bool, (stimulus,)
        The sets of stimuli.
    orders : numpy.ndarray of int, (draw, unit)
        Random orders of the units, whose beginnings are the subsets.
    units : numpy.ndarray of int, (unit,)
        Group of each unit, which is left out as a whole.
    sizes : sequence of int
    resampling : Resampling
    """
    every = np.stack([_of_order(kinds, data, added, kept, order, sizes) for order in orders[:VALUE_DRAWS]])
    mean = _mean(every, axis=0)  # (set, score, system, size)
    without_units = []
    for group in range(int(units.max()) + 1):
        rest = [order[units[order] != group] for order in orders[:VALUE_DRAWS]]
        clipped = [min(size, len(rest[0])) for size in sizes]
        found = [_of_order(kinds, data, added[:1], kept[:1], order, clipped)[0] for order in rest]
        without_units.append(_mean(np.stack(found), axis=0))
    low, high = jackknife_interval(mean[0], [mean[1:], np.stack(without_units)], level=resampling.level, highest=1.0)
    single = np.stack([_of_order(kinds, data, added[:1], kept[:1], order, sizes)[0] for order in orders])
    ends = interval(single, mean[0], resampling.level, undefined="exclude")
    coords = {
        "statistic": ["estimate", "low", "high"],
        "measure": [TITLES[kind] for kind in kinds],
        "system": list(data.systems),
        "units": list(sizes),
    }
    dims = tuple(coords)
    return {
        "score": xr.DataArray(np.stack([mean[0], low, high]), dims=dims, coords=coords),
        "score_of_one_sample": xr.DataArray(np.stack([mean[0], *ends]), dims=dims, coords=coords),
    }


def _of_order(
    kinds: Sequence[Kind],
    data: Sampled,
    added: Floats,
    kept: Sequence[NDArray[np.bool_]],
    order: Ints,
    sizes: Sequence[int],
) -> Floats:
    """Scores by the first units of an order, (set, score, system, size)."""
    norms = subset_norms(kinds, data.recorded, order, sizes, kept)
    sums = added[:, :, order].cumsum(axis=2)[:, :, np.array(sizes) - 1]  # (set, score, size, system)
    divisors = np.stack([norms[kind] for kind in kinds], axis=1)  # (set, score, size)
    return np.asarray((sums / divisors[..., None]).swapaxes(2, 3))


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is defined."""
    there = ~np.isnan(values)
    count = there.sum(axis=axis)
    total: Floats = np.where(there, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
