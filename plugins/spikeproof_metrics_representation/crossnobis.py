"""Cross-validated distances: unbiased by noise, and so possibly negative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import linalg
from scipy.linalg import blas
from spikeproof.errors import DataError

from .precision import PrecisionRoot
from .rdm import kernel_distances, poisson_rates, symmetric_kernel_distances
from .repeats import as_repeats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["rdm_crossnobis", "rdm_poisson_crossvalidated"]

_HELD = 2**15
"""Numbers of a repeat that are worked on at once, 256 KB, so that they are still in the cache when used again."""


def rdm_crossnobis(
    repeats: ArrayLike, precision: ArrayLike | None = None, *, remove_mean: bool = False
) -> NDArray[np.float64]:
    """Cross-validated squared Mahalanobis distances (Walther et al. 2016, doi:10.1016/j.neuroimage.2015.12.012).

    The mean over folds of ``(contrast of the other repeats' means)' P (contrast of the held-out repeat)``, per
    channel. Computed from ``K = (S P S' - sum_r A_r P A_r') / (R (R - 1))`` with A_r repeat r and S their sum, which
    is the same number: ``K_ii + K_jj - K_ij - K_ji``. The difference in K is ``(R - 1)/R S P S'`` less
    ``r/(r + 1) D_r P D_r'`` for each repeat but the first, D_r being how it differs from the mean of the r before it:
    one product less, and nothing large that cancels.

    Parameters
    ----------
    repeats : array_like, (repeat, condition, channel)
        See :func:`stack_repeats`.
    precision : array_like, optional
        Of the noise: (channel, channel), (channel,) for a diagonal one, or (repeat, channel, channel), one a repeat;
        then the distance is the mean over pairs of repeats, with the inverse of their mean covariance, as in
        rsatoolbox. None is the identity: the cross-validated squared Euclidean distance.
    remove_mean : bool
        Take each pattern's mean over channels off first.

    Returns
    -------
    numpy.ndarray of float64, (pair,)
        Unbiased: zero on average where two conditions do not differ, and negative about half of the time there.

    Raises
    ------
    NotEnoughData
        If there are fewer than two repeats or conditions.
    DataError
        If a value is not finite, or the precision is not symmetric and positive definite or does not fit.

    Examples
    --------
    >>> rdm_crossnobis([[[1.0], [0.0]], [[3.0], [0.0]]]).tolist()
    [3.0]
    """
    what = "crossnobis RDM"
    values = as_repeats(repeats, what, finite=False)
    if precision is not None and np.ndim(precision) == 3:
        return _with_precision_per_repeat(
            as_repeats(values, what), np.asarray(precision, dtype=np.float64), remove_mean
        )
    count, conditions, channels = values.shape
    root = PrecisionRoot(precision, channels)
    total = values[0].astype(np.float64)
    away = np.empty((conditions, channels))
    # BLAS adds each product to one triangle of the kernel in place; the transposes are views in the order it wants.
    kernel = np.zeros((conditions, conditions), order="F")
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below, by its place
        for before in range(1, count):
            _add_repeat(values[before], before, total, away)
            whitened = root.apply(_centred(away) if remove_mean else away, overwrite=True)
            weight = -before / (before + 1)
            kernel = blas.dsyrk(weight, whitened.T, beta=1.0, c=kernel, trans=1, lower=1, overwrite_c=1)
    if not np.isfinite(total.sum()):
        as_repeats(values, what)
    # What all conditions share costs accuracy, and no distance depends on it.
    total -= total.mean(axis=0)
    whitened = root.apply(_centred(total) if remove_mean else total, overwrite=True)
    weight = (count - 1) / count
    kernel = blas.dsyrk(weight, whitened.T, beta=1.0, c=kernel, trans=1, lower=1, overwrite_c=1)
    kernel /= count * (count - 1)
    return symmetric_kernel_distances(kernel.T, channels)


def _add_repeat(one: NDArray[Any], before: int, total: NDArray[np.float64], away: NDArray[np.float64]) -> None:
    """Write how a repeat differs from the mean of those before it, and add it to their sum."""
    rows = max(1, _HELD // one.shape[1])
    for start in range(0, len(one), rows):
        part = slice(start, start + rows)
        np.multiply(total[part], -1 / before, out=away[part])
        away[part] += one[part]
        total[part] += one[part]


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each pattern without its mean over channels, in place."""
    values -= values.mean(axis=1, keepdims=True)
    return values


def rdm_poisson_crossvalidated(
    repeats: ArrayLike,
    *,
    prior_lambda: float = 1.0,
    prior_weight: float = 0.1,
    folds: Literal["mean", "last"] = "mean",
) -> NDArray[np.float64]:
    """Cross-validated symmetrised Kullback-Leibler divergences of Poisson distributions, per channel.

    Parameters
    ----------
    repeats : array_like, (repeat, condition, channel)
        Counts, not negative.
    prior_lambda, prior_weight : float
        As in :func:`rdm_poisson`.
    folds : {"mean", "last"}
        Average over held-out repeats. ``last`` is what rsatoolbox 0.3.2 returns: its loop over folds keeps the last
        one only (``calc_rdm_poisson_cv``), which throws the other folds' information away.

    Returns
    -------
    numpy.ndarray of float64, (pair,)

    Raises
    ------
    NotEnoughData
        If there are fewer than two repeats or conditions.
    DataError
        If a value is negative or not finite.

    Examples
    --------
    >>> rdm_poisson_crossvalidated([[[1.0], [4.0]], [[1.0], [4.0]]]).round(3).tolist()
    [3.588]
    """
    values = as_repeats(repeats, "Poisson RDM")
    count, conditions, channels = values.shape
    total = values.sum(axis=0, dtype=np.float64)
    kernel = np.zeros((conditions, conditions))
    for number, one in enumerate(values):
        if folds == "last" and number < count - 1:
            continue
        test = poisson_rates(one.astype(np.float64), prior_lambda, prior_weight)
        train = poisson_rates((total - one) / (count - 1), prior_lambda, prior_weight)
        kernel += train @ np.log(test).T
    if folds == "mean":
        kernel /= count
    return kernel_distances(kernel, channels)


def _with_precision_per_repeat(
    values: NDArray[Any], precisions: NDArray[np.float64], remove_mean: bool
) -> NDArray[np.float64]:
    count, conditions, channels = values.shape
    if precisions.shape != (count, channels, channels):
        raise DataError(
            f"precision: one a repeat needs the shape {(count, channels, channels)}, got {precisions.shape}"
        )
    for precision in precisions:
        PrecisionRoot(precision, channels)
    covariances = [linalg.inv(precision) for precision in precisions]
    kernel = np.zeros((conditions, conditions))
    for i in range(count):
        for j in range(i + 1, count):
            solved = linalg.solve(
                (covariances[i] + covariances[j]) / 2, _pattern(values[j], remove_mean).T, assume_a="pos"
            )
            kernel += _pattern(values[i], remove_mean) @ solved
    kernel /= count * (count - 1) / 2
    return kernel_distances(kernel, channels)


def _pattern(one: NDArray[Any], remove_mean: bool) -> NDArray[np.float64]:
    """One repeat without what all conditions share, which no distance depends on and which costs accuracy."""
    pattern: NDArray[np.float64] = one - one.mean(axis=0, dtype=np.float64)
    return pattern - pattern.mean(axis=1, keepdims=True) if remove_mean else pattern
