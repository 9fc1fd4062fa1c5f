"""How much of the variance of mean responses is not noise, and which units have none to explain."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["reliability", "varies"]


def reliability(
    means: NDArray[np.float64], presentations: NDArray[np.intp], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of the variance of mean responses over stimuli that is not noise, per unit.

    ``1 - s^2 mean(1/R) / var(means)``, with the pooled variance over repeats s^2 (Allen et al. 2022,
    doi:10.1038/s41593-021-00962-x, whose noise ceiling it is where it is not negative). It is the squared correlation
    of the means with the noiseless responses.

    Parameters
    ----------
    means, squares : numpy.ndarray of float64, (stimulus, unit)
        Mean responses, and sums of squares of single responses about them.
    presentations : numpy.ndarray of int, (stimulus, unit)

    Returns
    -------
    numpy.ndarray of float64, (unit,)
        Unbiased up to the ratio, so that it is negative for about half of all units without signal; NaN where the unit
        was not measured repeatedly, or its means do not vary.

    Examples
    --------
    >>> means = np.array([[1.0], [3.0]])
    >>> reliability(means, np.array([[2], [2]]), np.array([[0.5], [1.5]])).tolist()
    [0.75]
    """
    freedom = np.maximum(presentations - 1, 0).sum(axis=0)
    noise = np.divide(squares.sum(axis=0), freedom, out=np.full(means.shape[1], np.nan), where=freedom > 0)
    shown = presentations > 0
    share = np.divide(1.0, presentations, out=np.zeros_like(means), where=shown).sum(axis=0) / shown.sum(axis=0)
    total = means.var(axis=0, ddof=1)
    varied = total > 1e-24 * np.abs(means).max(axis=0) ** 2
    out: NDArray[np.float64] = 1 - np.divide(noise * share, total, out=np.full(means.shape[1], np.nan), where=varied)
    return out


def varies(responses: NDArray[np.float64], folds: NDArray[np.intp], *, left_out: int) -> NDArray[np.bool_]:
    """Whether each unit varies over the stimuli that are left when any so many folds are left out, (unit,)."""
    out = np.ones(responses.shape[1], dtype=np.bool_)
    scale = 1e-12 * np.abs(responses).max(axis=0)
    for held in combinations(np.unique(folds).tolist(), left_out):
        out &= np.ptp(responses[~np.isin(folds, held)], axis=0) > scale
    return out
