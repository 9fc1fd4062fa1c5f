"""Linear Fisher information of a population, corrected for the bias of few trials, and its redundancy."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, special
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FisherInformation",
    "Information",
    "category_information",
    "information_interval",
    "linear_fisher_information",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FisherInformation:
    """What :func:`linear_fisher_information` gives, in 1 over the squared unit of the stimulus.

    Parameters
    ----------
    corrected : float
        Unbiased; may be negative where there is little information.
    variance : float
        Of ``corrected``, over repetitions of the experiment.
    naive : float
        Of the sample means and covariance: too large.
    shuffled, shuffled_naive : float
        The same with trials shuffled in every unit, which takes noise correlations away: the sum over units.
    redundancy : float
        ``1 - corrected / shuffled``: 0 where correlations cost no information, 1 where they take all of it, below 0
        where they add some. NaN where ``shuffled`` is not above 0: see ``status``.
    status : str
        ``"ok"``, or ``"no information"`` where ``shuffled`` is not above 0.
    units, trials : int
        Units counted, and trials of each stimulus.
    dropped : numpy.ndarray of int
        Positions of units that never vary, which have been left out.
    """

    corrected: float
    variance: float
    naive: float
    shuffled: float
    shuffled_naive: float
    redundancy: float
    status: str
    units: int
    trials: int
    dropped: NDArray[np.intp]


def linear_fisher_information(first: ArrayLike, second: ArrayLike, ds: float = 1.0) -> FisherInformation:
    """Linear Fisher information between two stimuli (Kanitscheider et al. 2015, doi:10.1371/journal.pcbi.1004218).

    ``I = f' S^-1 f'`` with ``f' = (mean_1 - mean_2) / ds`` and S the mean of the two covariances (ddof 1); with T
    trials of each stimulus and N units, ``I_bc = I (2T - N - 3) / (2T - 2) - 2N / (T ds^2)`` (their equation 2). The
    variance is their equation 6 at ``max(I_bc, 0)``, the shuffled information their equation 19. ``I ds^2`` is the
    squared d' of the best linear readout.

    The redundancy is that of ``1 - d'^2 / sum of d'^2 of the units`` (Averbeck & Lee 2006, doi:10.1152/jn.00919.2005:
    information against that of shuffled responses), of the corrected values.

    Parameters
    ----------
    first, second : array_like, (trial, unit)
        As many trials of each.
    ds : float
        Difference of the two stimuli; 1 for stimuli that stand on no scale.

    Returns
    -------
    FisherInformation

    Raises
    ------
    NotEnoughData
        If T is not above (N + 5) / 2, where the variance diverges, or no unit varies.
    DataError
        If trials or units differ in number, a response is not finite, ds is 0, units depend on each other exactly, or a
        unit never varies but differs between the stimuli, so that the information is infinite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, second = rng.normal(size=(2, 500, 3))
    >>> result = linear_fisher_information(first + [1.0, 0.0, 0.0], second)
    >>> abs(result.corrected - 1) < 3 * result.variance ** 0.5
    True
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _check(a, b, ds)
    trials = len(a)
    means = a.mean(axis=0) - b.mean(axis=0)
    variances = (a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / 2
    scale = np.maximum(np.abs(a).max(axis=0), np.abs(b).max(axis=0))
    varies = np.sqrt(variances) > 1e-12 * scale
    apart = np.flatnonzero(~varies & (np.abs(means) > 1e-12 * scale))
    if apart.size:
        raise DataError(
            f"Fisher information: unit {apart[0]} never varies over trials but differs between the two stimuli "
            f"({apart.size} such units), so that the information is infinite: leave it out"
        )
    n = int(varies.sum())
    if n == 0:
        raise NotEnoughData("Fisher information: no unit varies over trials")
    if 2 * trials <= n + 5:
        raise NotEnoughData(
            f"Fisher information: {n} units need more than {(n + 5) / 2:g} trials of each stimulus for the correction "
            f"of its bias, but there are {trials}: take fewer units"
        )
    slope = means[varies] / ds
    covariance = (_covariance(a[:, varies]) + _covariance(b[:, varies])) / 2
    naive = _quadratic(slope, covariance)
    bias = 2 * n / (trials * ds**2)
    corrected = naive * (2 * trials - n - 3) / (2 * trials - 2) - bias
    shuffled_naive = float((slope**2 / variances[varies]).sum())
    shuffled = shuffled_naive * (trials - 2) / (trials - 1) - bias
    informative = shuffled > 0
    return FisherInformation(
        corrected=corrected,
        variance=_variance(max(corrected, 0.0), trials, n, ds),
        naive=naive,
        shuffled=shuffled,
        shuffled_naive=shuffled_naive,
        redundancy=1 - corrected / shuffled if informative else float("nan"),
        status="ok" if informative else "no information",
        units=n,
        trials=trials,
        dropped=np.flatnonzero(~varies),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """What :func:`category_information` gives, in squared d'.

    Parameters
    ----------
    corrected, shuffled : numpy.ndarray of float64, (pair,)
        Unbiased; shuffled is without correlations between units.
    mean_variance : numpy.ndarray of float64, (pair,)
        Variance of the difference of means, in units of the noise variance of one presentation.
    freedom, units : int
        Degrees of freedom of the noise covariance, and units.
    """

    corrected: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    mean_variance: NDArray[np.float64]
    freedom: int
    units: int


def category_information(
    responses: ArrayLike, stimulus: NDArray[np.str_], label: NDArray[np.str_], *, where: str = "the code"
) -> Information:
    """Linear Fisher information between every two categories, against the noise of single presentations.

    ``I = d' S^-1 d`` with d the difference of two categories' means over stimuli and S the covariance about each
    stimulus's mean, pooled over stimuli with nu degrees of freedom. For N units of Gaussian noise
    ``E[I] = nu / (nu - N - 1) (d^2 + N v)``, v being the variance of d in units of S: for each category the mean over
    stimuli of 1 / R over their number. So ``I_bc = I (nu - N - 1) / nu - N v``, which for one stimulus a category is
    equation 2 of Kanitscheider et al. (2015, doi:10.1371/journal.pcbi.1004218).

    Parameters
    ----------
    responses : array_like, (presentation, unit)
    stimulus, label : numpy.ndarray of str, (presentation,)
    where : str
        What messages call the responses.

    Returns
    -------
    Information
        Pairs in the order of :func:`itertools.combinations` of the sorted categories.

    Raises
    ------
    NotEnoughData
        If there are too few repeats for the units, or no unit varies.
    DataError
        If units depend on each other exactly, or one never varies over trials but differs between categories.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> stimulus = np.repeat([f"s{k}" for k in range(20)], 30)
    >>> label = np.repeat(["a", "b"], 300)
    >>> shift = 2.0 * (label == "a")[:, None] * [1.0, 0.0]
    >>> bool(abs(category_information(rng.normal(size=(600, 2)) + shift, stimulus, label).corrected[0] - 4) < 0.7)
    True
    """
    values = np.asarray(responses, dtype=np.float64)
    _, first, row, count = np.unique(stimulus, return_index=True, return_inverse=True, return_counts=True)
    means = np.zeros((len(count), values.shape[1]))
    np.add.at(means, row, values)
    means /= count[:, None]
    residual = values - means[row]
    freedom = len(values) - len(count)
    names, category = np.unique(label[first], return_inverse=True)
    sizes = np.bincount(category)
    centres = np.stack([means[category == k].mean(axis=0) for k in range(len(names))])
    own = np.array([(1 / count[category == k]).mean() for k in range(len(names))]) / sizes
    scale = np.abs(values).max(axis=0)
    varies = np.sqrt((residual**2).mean(axis=0)) > 1e-12 * scale
    apart = np.flatnonzero(~varies & (np.ptp(centres, axis=0) > 1e-12 * scale))
    if apart.size:
        raise DataError(
            f"Fisher information: unit {apart[0]} of {where} never varies over repeats but differs between categories "
            f"({apart.size} such units), so that the information is infinite: leave it out"
        )
    n = int(varies.sum())
    if n == 0:
        raise NotEnoughData(f"Fisher information: no unit of {where} varies over repeats")
    if freedom <= n + 3:
        raise NotEnoughData(
            f"Fisher information: {n} units of {where} need more than {n + 3} repeats beyond the first of each stimulus"
            f" for the correction of its bias, but there are {freedom}: count fewer units (units)"
        )
    covariance = residual[:, varies].T @ residual[:, varies] / freedom
    pairs = list(itertools.combinations(range(len(names)), 2))
    slopes = np.stack([centres[a] - centres[b] for a, b in pairs])[:, varies]
    naive = np.array([_quadratic(slope, covariance) for slope in slopes])
    alone = (slopes**2 / np.diag(covariance)).sum(axis=1)
    spread = np.array([own[a] + own[b] for a, b in pairs])
    return Information(
        corrected=naive * (freedom - n - 1) / freedom - n * spread,
        shuffled=alone * (freedom - 2) / freedom - n * spread,
        mean_variance=spread,
        freedom=freedom,
        units=n,
    )


def information_interval(found: Information, *, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of each pair's information, exact for Gaussian noise, conditional on stimuli and units.

    The naive information over ``N v``, times ``(nu - N + 1) / nu``, has a noncentral F distribution with N and
    nu - N + 1 degrees of freedom, whose noncentrality is the information over v: the interval holds all informations
    under which what was found is not in a tail.

    Returns
    -------
    low, high : numpy.ndarray of float64, (pair,)
        Not above and not below the corrected information, which may be negative.

    Examples
    --------
    >>> one = Information(
    ...     corrected=np.array([4.0]), shuffled=np.array([4.0]), mean_variance=np.array([0.1]), freedom=100, units=3
    ... )
    >>> [round(float(bound[0]), 2) for bound in information_interval(one)]
    [1.81, 7.48]
    """
    n, freedom, v = found.units, found.freedom, found.mean_variance
    naive = (found.corrected + n * v) * freedom / (freedom - n - 1)
    statistic = naive / (n * v) * (freedom - n + 1) / freedom
    low, high = (
        _noncentrality(n, freedom - n + 1, statistic, share) * v for share in ((1 + level) / 2, (1 - level) / 2)
    )
    return np.minimum(low, found.corrected), np.maximum(high, found.corrected)


def _noncentrality(n: int, freedom: int, statistic: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Noncentrality under which a share of F lies below the statistic; 0 where there is none."""
    low, high = np.zeros_like(statistic), 4 * n * statistic + 100.0
    for _ in range(60):
        middle = (low + high) / 2
        below = special.ncfdtr(n, freedom, middle, statistic) > share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _check(a: NDArray[np.float64], b: NDArray[np.float64], ds: float) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise DataError(f"Fisher information: responses {a.shape}, {b.shape} must be (trial, unit) of the same units")
    if len(a) != len(b):
        raise DataError(
            f"Fisher information: {len(a)} and {len(b)} trials: the correction holds for equal numbers, take as many "
            "of each"
        )
    if len(a) < 2:
        raise NotEnoughData("Fisher information: needs at least two trials of each stimulus")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise DataError("Fisher information: a response is not finite")
    if not np.isfinite(ds) or ds == 0:
        raise DataError(f"Fisher information: the stimuli must differ by a finite ds other than 0, got {ds:g}")


def _covariance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    covariance: NDArray[np.float64] = centred.T @ centred / (len(values) - 1)
    return covariance


def _quadratic(slope: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """``slope S^-1 slope``, by units of variance 1, so that their scales do not count as dependence."""
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    try:
        factor = linalg.cho_factor(correlation, lower=True)
    except linalg.LinAlgError:
        factor = None
    if factor is None or np.diag(factor[0]).min() < 1e-7:
        raise DataError(
            "Fisher information: the units depend on each other exactly (one is a sum of others), so that the noise "
            "covariance has no inverse: leave one of them out"
        )
    scaled = slope / sd
    return float(scaled @ linalg.cho_solve(factor, scaled))


def _variance(information: float, trials: int, units: int, ds: float) -> float:
    share = (2 * trials - 3) / (trials * ds**2)
    terms = information**2 + 4 * share * information + 4 * units * share / (trials * ds**2)
    return 2 * terms / (2 * trials - units - 5)
