"""Rankings of systems by scores: how alike two are, and from how many units on one is stable."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from spikeproof.errors import NotEnoughData

__all__ = ["chance_of_agreement", "kendall_tau", "stable_from"]


def kendall_tau(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Kendall's rank correlation of two sets of scores, tau-a: concordant less discordant pairs over all pairs.

    Parameters
    ----------
    first, second : array_like, (..., system)
        Scores of the same systems; leading dimensions are broadcast.

    Returns
    -------
    numpy.ndarray of float64, (...)
        -1 to 1; a tied pair counts as neither.

    Raises
    ------
    NotEnoughData
        If there are fewer than two systems.

    Examples
    --------
    >>> kendall_tau([0.1, 0.2, 0.3], [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]).round(3).tolist()
    [1.0, 0.333]
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    count = a.shape[-1]
    if count < 2 or b.shape[-1] != count:
        raise NotEnoughData(f"kendall tau: needs the scores of at least two systems twice, got {count}")
    i, j = np.triu_indices(count, 1)
    return np.asarray((np.sign(a[..., i] - a[..., j]) * np.sign(b[..., i] - b[..., j])).mean(axis=-1))


def chance_of_agreement(systems: int, above: float) -> float:
    """Probability that a random order of systems has a Kendall's tau above a level with a given one.

    Counted exactly: tau is 1 - 2 d / pairs with d the number of inversions, whose distribution over all orders is the
    product of those of 0 to k for k below the number of systems (MacMahon).

    Parameters
    ----------
    systems : int
    above : float

    Returns
    -------
    float

    Examples
    --------
    >>> chance_of_agreement(3, 0.9) == 1 / 6
    True
    """
    orders = np.ones(1)
    for more in range(1, systems):
        orders = np.convolve(orders, np.full(more + 1, 1 / (more + 1)))
    tau = 1 - 2 * np.arange(len(orders)) / comb(systems, 2)
    return float(orders[tau > above].sum())


def stable_from(sizes: ArrayLike, share: ArrayLike, *, level: float = 0.95) -> NDArray[np.float64]:
    """Smallest number of units from which on every tested number keeps the ranking often enough.

    Parameters
    ----------
    sizes : array_like of int, (size,)
        Ascending.
    share : array_like, (..., size)
        Share of draws that keep it; NaN for numbers that were not tested.
    level : float
        How often is often enough.

    Returns
    -------
    numpy.ndarray of float64, (...)
        Infinite where the largest tested number does not keep it.

    Examples
    --------
    >>> stable_from([2, 4, 8], [[0.5, 0.96, 1.0], [0.96, 0.9, 0.97], [0.5, 0.6, 0.7]]).tolist()
    [4.0, 8.0, inf]
    """
    numbers = np.asarray(sizes, dtype=np.float64)
    enough = (np.asarray(share, dtype=np.float64) >= level) | np.isnan(np.asarray(share, dtype=np.float64))
    lasting = np.logical_and.accumulate(enough[..., ::-1], axis=-1)[..., ::-1]
    lasting &= ~np.isnan(np.asarray(share, dtype=np.float64))
    first = lasting.argmax(axis=-1)
    return np.where(lasting.any(axis=-1), numbers[first], np.inf)
