"""Intervals of any smooth statistic, without duplicating a member: the delete-a-group jackknife.

Scores of whole matrices of responses (similarities of representations, dimensionality, cross-validated predictions)
change when a stimulus stands there twice, as it does in two of three bootstrap draws: its two copies are at distance
zero of each other, and a fold may be tested on what it was trained on. Leaving members out has no such effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm
from typing import TYPE_CHECKING

from spikeproof.errors import NotEnoughData
from spikeproof.noise import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["jackknife_groups", "jackknife_interval", "jackknife_pairs"]


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


def jackknife_pairs(first: int, second: int, *, most: int) -> NDArray[np.intp]:
    """Pairs of a group of one factor and a group of another, both of which are left out at once.

    Groups are drawn at random already, so that the first so many pairs of any order are a random sample of all. Here
    they run along the diagonals of the table of both, so that each group stands in about as many pairs as any other.

    Parameters
    ----------
    first, second : int
        Groups of either factor.
    most : int
        Most pairs.

    Returns
    -------
    numpy.ndarray of int, (pair, 2)
        Different pairs: as many as asked for, or all that there are.

    Examples
    --------
    >>> jackknife_pairs(4, 2, most=6).tolist()
    [[0, 0], [1, 1], [2, 0], [3, 1], [0, 1], [1, 0]]
    """
    import numpy as np

    number = np.arange(min(most, first * second))
    return np.stack([number % first, (number + number // lcm(first, second)) % second], axis=1)


def jackknife_interval(
    estimate: ArrayLike,
    left_out: Sequence[ArrayLike],
    *,
    both_left_out: Mapping[tuple[int, int], ArrayLike] | None = None,
    further: Sequence[tuple[ArrayLike, float]] = (),
    level: float = 0.95,
    lowest: float = -float("inf"),
    highest: float = float("inf"),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a statistic from its values with groups left out (Kott 2001, J. Off. Stat. 17:521).

    For each factor (stimuli, units, subjects) with g groups the variance is ``(g - 1) / g sum_k (t_k - mean t)^2``. The
    variances of crossed factors add up, but each holds their interaction (a unit's own response to a stimulus), so that
    the sum counts it twice (Owen 2007, doi:10.1214/07-AOAS122). Where pairs of groups are left out at once it is taken
    off again: its variance is ``(g - 1) (h - 1) mean (t - t_k - t_l + t_kl)^2`` over pairs of a group k of one factor
    and a group l of the other. What is left is never below the largest variance of one factor. Without pairs the
    interval errs on the wide side.

    Student's t has the degrees of freedom of Satterthwaite (1946). Where the statistic is bounded on both sides the
    interval is made on the logit of its place between the bounds, where it is bounded on one side on the logarithm of
    its distance from it, so that it never leaves them.

    Parameters
    ----------
    estimate : array_like, (...)
        The statistic of all members.
    left_out : sequence of array_like, (group, ...)
        One array a factor: the statistic without each group in turn.
    both_left_out : mapping of (int, int) to array_like, (pair, ...), optional
        For the places of two factors in ``left_out``: the statistic without a group of each, for the pairs of
        :func:`jackknife_pairs` with as many pairs as there are values.
    further : sequence of (array_like, float)
        Variances (...) that come from elsewhere and are added, each with its degrees of freedom (see
        :func:`refitted_variance`).
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
    ValueError
        If there are more pairs of groups than two factors have.

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

    centre = np.asarray(estimate, dtype=np.float64)
    factors = {place: np.asarray(values, dtype=np.float64) for place, values in enumerate(left_out)}
    factors = {place: values for place, values in factors.items() if len(values) > 1}
    if not factors:
        raise NotEnoughData("interval: nothing can be left out: at least two stimuli or two units are needed")
    pairs = {
        places: np.asarray(values, dtype=np.float64)
        for places, values in (both_left_out or {}).items()
        if set(places) <= set(factors)
    }
    pairs = {places: values for places, values in pairs.items() if len(values)}
    for (a, b), values in pairs.items():
        if len(values) > len(factors[a]) * len(factors[b]):
            raise ValueError(
                f"interval: {len(values)} pairs of groups were left out of factors with {len(factors[a])} and "
                f"{len(factors[b])} groups"
            )
    on_bound = (centre <= lowest) | (centre >= highest)
    beside = np.zeros(centre.shape, dtype=bool)
    for values in (*factors.values(), *pairs.values()):
        beside |= (values <= lowest).any(axis=0) | (values >= highest).any(axis=0)
    low, high = (np.empty_like(centre) for _ in range(2))
    # A value on a bound has no logit: there the spread is taken as it is, and stretched by the slope at the estimate.
    for where, ends, slope in (
        (on_bound, (-np.inf, np.inf), False),
        (~on_bound & beside, (lowest, highest), True),
        (~on_bound & ~beside, (lowest, highest), bool(further)),
    ):
        if not where.any():
            continue
        inner = (-np.inf, np.inf) if slope else ends
        half = _half_width(
            _stretched(centre[where], *inner),
            {place: _stretched(values[:, where], *inner) for place, values in factors.items()},
            {places: _stretched(values[:, where], *inner) for places, values in pairs.items()},
            [(np.broadcast_to(variance, centre.shape)[where], freedom) for variance, freedom in further],
            level,
        )
        if slope:
            half = half * _slope(centre[where], *ends)
        middle = _stretched(centre[where], *ends)
        low[where] = np.maximum(_back(middle - half, *ends), lowest)
        high[where] = np.minimum(_back(middle + half, *ends), highest)
    return low, high


def _half_width(
    centre: NDArray[np.float64],
    factors: Mapping[int, NDArray[np.float64]],
    pairs: Mapping[tuple[int, int], NDArray[np.float64]],
    further: Sequence[tuple[NDArray[np.float64], float]],
    level: float,
) -> NDArray[np.float64]:
    import numpy as np
    from scipy import stats

    single = [
        (len(values) - 1) / len(values) * ((values - values.mean(axis=0)) ** 2).sum(axis=0)
        for values in factors.values()
    ]
    freedoms: list[float] = [len(values) - 1 for values in factors.values()]
    parts = [v**2 / f for v, f in zip(single, freedoms, strict=True)]
    shared = np.zeros_like(centre)
    for (a, b), values in pairs.items():
        of_a, of_b = len(factors[a]), len(factors[b])
        one, other = jackknife_pairs(of_a, of_b, most=len(values)).T
        apart = centre - factors[a][one] - factors[b][other] + values
        interaction = (of_a - 1) * (of_b - 1) * (apart**2).mean(axis=0)
        shared += interaction
        parts.append(interaction**2 / min(len(values), (of_a - 1) * (of_b - 1)))
    total = np.maximum(np.sum(single, axis=0) - shared, np.max(single, axis=0))
    for variance, freedom_of in further:
        total = total + variance
        parts.append(variance**2 / freedom_of)
        freedoms.append(freedom_of)
    spread = np.sum(parts, axis=0)
    freedom = np.divide(total**2, spread, out=np.full_like(total, float(max(freedoms))), where=spread > 0)
    freedom = np.maximum(freedom, min(freedoms))
    return np.asarray(stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(total))


def _slope(values: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.float64]:
    """Derivative of the stretched values."""
    import numpy as np

    slope = np.zeros_like(values) if np.isfinite(lowest) or np.isfinite(highest) else np.ones_like(values)
    for end in (lowest, highest):
        if np.isfinite(end):
            slope += 1 / np.abs(values - end)
    return slope


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
