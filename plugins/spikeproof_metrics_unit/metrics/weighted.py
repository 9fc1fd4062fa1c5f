"""Means and medians with weights, as draws of units or stimuli want them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["weighted_mean", "weighted_median"]


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
