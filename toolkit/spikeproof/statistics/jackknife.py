"""Intervals of any smooth statistic, without duplicating a member: the delete-a-group jackknife.

Scores of whole matrices of responses (similarities of representations, dimensionality, cross-validated predictions)
change when a stimulus stands there twice, as it does in two of three bootstrap draws: its two copies are at distance
zero of each other, and a fold may be tested on what it was trained on. Leaving members out has no such effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import NotEnoughData
from spikeproof.noise import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["jackknife_groups", "jackknife_interval"]


def jackknife_groups(names: Sequence[str], *, most: int = 32, seed: int = 0, purpose: str = "") -> NDArray[np.intp]:
    """Put members into groups of nearly equal size, each of which will be left out once.

    Parameters
    ----------
    names : sequence of str, (member,)
        Unique; a member's group does not depend on the order of the members.
    most : int
        Most groups; where there are not more members, each is a group of its own.
    seed : int
        Seed of the assignment.
    purpose : str
        What the groups are for; another purpose gives an independent assignment.

    Returns
    -------
    numpy.ndarray of int, (member,)
        Group of each member, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> np.bincount(jackknife_groups(["a", "b", "c", "d", "e"], most=2)).tolist()
    [3, 2]
    """
    import numpy as np

    order = np.argsort(np.asarray(names, dtype=str), kind="stable")
    shuffled = order[generator(seed, "jackknife", purpose).permutation(len(order))]
    groups = np.empty(len(order), dtype=np.intp)
    groups[shuffled] = np.arange(len(order)) % min(most, len(order))
    return groups


def jackknife_interval(
    estimate: ArrayLike,
    left_out: Sequence[ArrayLike],
    *,
    level: float = 0.95,
    lowest: float = -float("inf"),
    highest: float = float("inf"),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a statistic from its values with groups left out (Kott 2001, J. Off. Stat. 17:521).

    For each factor (stimuli, units, subjects) with g groups the variance is ``(g - 1) / g sum_k (t_k - mean t)^2``; the
    variances of crossed factors add up, which is exact for their main effects and counts an interaction twice, so the
    interval errs on the wide side. Student's t has the degrees of freedom of Satterthwaite (1946). Where the statistic
    is bounded on both sides the interval is made on the logit of its place between the bounds, where it is bounded on
    one side on the logarithm of its distance from it, so that it never leaves them.

    Parameters
    ----------
    estimate : array_like, (...)
        The statistic of all members.
    left_out : sequence of array_like, (group, ...)
        One array a factor: the statistic without each group in turn.
    level : float
        Coverage.
    lowest, highest : float
        Bounds of the statistic. An estimate on a bound gets an interval that is symmetric before it is cut there.

    Returns
    -------
    low, high : numpy.ndarray of float64, (...)
        NaN where a value is.

    Raises
    ------
    NotEnoughData
        If no factor has two groups.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([1.0, 2.0, 4.0, 9.0])
    >>> without = (values.sum() - values) / 3
    >>> low, high = jackknife_interval(values.mean(), [without])
    >>> from scipy import stats
    >>> bool(np.isclose(high - 4.0, stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2))
    True
    """
    import numpy as np
    from scipy import stats

    centre = np.asarray(estimate, dtype=np.float64)
    factors = [np.asarray(values, dtype=np.float64) for values in left_out]
    factors = [values for values in factors if len(values) > 1]
    if not factors:
        raise NotEnoughData("interval: nothing can be left out: at least two stimuli or two units are needed")
    open_ends = (centre <= lowest) | (centre >= highest)
    for values in factors:
        open_ends = open_ends | (values <= lowest).any(axis=0) | (values >= highest).any(axis=0)
    low, high = (np.empty_like(centre) for _ in range(2))
    for where, ends in ((open_ends, (-np.inf, np.inf)), (~open_ends, (lowest, highest))):
        if not where.any():
            continue
        place = _stretched(centre[where], *ends)
        variances, freedoms = [], []
        for values in factors:
            groups = len(values)
            spread = _stretched(values[:, where], *ends)
            variances.append((groups - 1) / groups * ((spread - spread.mean(axis=0)) ** 2).sum(axis=0))
            freedoms.append(groups - 1)
        total = np.sum(variances, axis=0)
        parts = np.sum([v**2 / f for v, f in zip(variances, freedoms, strict=True)], axis=0)
        freedom = np.divide(total**2, parts, out=np.full_like(total, float(max(freedoms))), where=parts > 0)
        half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(total)
        low[where] = np.maximum(_back(place - half, *ends), lowest)
        high[where] = np.minimum(_back(place + half, *ends), highest)
    return low, high


def _stretched(values: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.float64]:
    import numpy as np

    if np.isfinite(lowest) and np.isfinite(highest):
        return np.asarray(np.log((values - lowest) / (highest - values)))
    if np.isfinite(lowest):
        return np.asarray(np.log(values - lowest))
    return np.asarray(-np.log(highest - values)) if np.isfinite(highest) else values


def _back(values: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.float64]:
    import numpy as np
    from scipy import special

    if np.isfinite(lowest) and np.isfinite(highest):
        return np.asarray(lowest + (highest - lowest) * special.expit(values))
    if np.isfinite(lowest):
        return np.asarray(lowest + np.exp(values))
    return np.asarray(highest - np.exp(-values)) if np.isfinite(highest) else values
