"""Linear Fisher information of a population, corrected for the bias of few trials, and its redundancy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FisherInformation", "linear_fisher_information"]


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
