"""Draws of a statistic, reported with what they are conditional on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, interval, stack_statistic

__all__ = ["reported", "weighted_mean", "weighted_median"]


def reported(
    draws: NDArray[np.float64], estimate: xr.DataArray, resampling: Resampling, not_resampled: Sequence[str] = ()
) -> xr.DataArray:
    """Stack an estimate with the percentile interval of its draws, and count the draws that were undefined.

    Parameters
    ----------
    draws : numpy.ndarray of float64, (draw, ...)
    estimate : xarray.DataArray, dims (...)
    resampling : Resampling
    not_resampled : sequence of str
        What the draws are conditional on, as the bootstrap says it.

    Returns
    -------
    xarray.DataArray, dims (statistic, ...)
        Attributes ``not_resampled`` and ``undefined_draws`` where there is something to say, as
        ``spikeproof.statistics.bootstrap_mean`` gives them.
    """
    low, high = interval(draws, estimate.values, resampling.level, undefined="exclude")
    out = stack_statistic(estimate, estimate.copy(data=low), estimate.copy(data=high))
    if not_resampled:
        out.attrs["not_resampled"] = ", ".join(sorted(set(not_resampled)))
    undefined = (np.isnan(draws) & ~np.isnan(estimate.values)).sum(axis=0)
    lost = int(undefined[undefined < len(draws)].max(initial=0))
    if lost:
        out.attrs["undefined_draws"] = lost
    return out


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean along the last axis; NaN weighs nothing.

    Examples
    --------
    >>> weighted_mean(np.array([1.0, 4.0, np.nan]), np.array([2.0, 1.0, 5.0])).tolist()
    2.0
    """
    known = ~np.isnan(values)
    total = np.where(known, weights, 0.0).sum(axis=-1)
    sums = np.where(known, weights * np.where(known, values, 0.0), 0.0).sum(axis=-1)
    mean: NDArray[np.float64] = np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)
    return mean


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest value that at least half of the weight does not exceed, along the last axis; NaN weighs nothing.

    Examples
    --------
    >>> weighted_median(np.array([[1.0, np.inf, 2.0], [1.0, np.inf, np.nan]]), np.ones((2, 3))).tolist()
    [2.0, 1.0]
    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0, 2.0])).tolist()
    2.0
    """
    known = ~np.isnan(values)
    order = np.argsort(np.where(known, values, np.inf), axis=-1, kind="stable")
    ordered = np.take_along_axis(np.where(known, values, np.inf), order, axis=-1)
    cumulated = np.cumsum(np.take_along_axis(np.where(known, weights, 0.0), order, axis=-1), axis=-1)
    total = cumulated[..., -1:]
    index = (cumulated >= total / 2).argmax(axis=-1)
    median = np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0]
    return np.where(total[..., 0] > 0, median, np.nan)
