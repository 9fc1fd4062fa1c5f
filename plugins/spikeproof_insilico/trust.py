"""How well held-out predictions go with what was measured: noise ceilings, signs of changes, chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.statistics import fold_correlation
from spikeproof.types import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["corrected", "reliability_draws", "shuffled", "sign_accuracy", "sign_of_changes"]


def reliability_draws(
    means: ArrayLike, presentations: ArrayLike, squares: ArrayLike, weights: ArrayLike
) -> NDArray[np.float64]:
    """Share of the variance of mean responses over stimuli that is not noise, in draws of the stimuli.

    ``1 - s^2 mean(1/R) / var(means)`` with the pooled variance over repeats s^2: the noise ceiling of Allen et al.
    (2022, doi:10.1038/s41593-021-00962-x) where it is not negative, and the squared correlation of the means with the
    noiseless responses.

    Parameters
    ----------
    means, squares : array_like, (stimulus, unit)
        Mean responses, and sums of squares of single responses about them.
    presentations : array_like of int, (stimulus, unit)
    weights : array_like, (draw, stimulus)
        How often each draw holds each stimulus.

    Returns
    -------
    numpy.ndarray of float64, (draw, unit)
        NaN where nothing was measured repeatedly, or the means do not vary.

    Examples
    --------
    >>> reliability_draws([[1.0], [3.0]], [[2], [2]], [[0.5], [1.5]], [[1, 1]]).tolist()
    [[0.75]]
    """
    m, w = np.asarray(means, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    n = np.asarray(presentations)
    freedom = w @ np.maximum(n - 1, 0)
    noise = _over(w @ np.asarray(squares, dtype=np.float64), freedom)
    share = _over(w @ np.divide(1.0, n, out=np.zeros_like(m), where=n > 0), w @ (n > 0))
    total = w.sum(axis=1, keepdims=True)
    centred = m - m.mean(axis=0)
    variance = _over(w @ centred**2 - (w @ centred) ** 2 / total, total - 1)
    variance = np.where(variance > 1e-24 * np.abs(m).max(axis=0) ** 2, variance, np.nan)
    return np.asarray(1 - noise * share / variance)


def corrected(r: ArrayLike, reliability: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Held-out correlations relative to what noise allows, by each rule under its name.

    Parameters
    ----------
    r : array_like
        Correlations of predictions with mean responses.
    reliability : array_like
        Share of the variance of mean responses that is not noise.

    Returns
    -------
    dict of str to numpy.ndarray
        NaN where the reliability is not above 0: nothing is divided by noise.

        ``noise_corrected``
            ``r / sqrt(reliability)``: the correlation with the noiseless response.
        ``r2_over_ceiling``
            ``r^2 / reliability``, its square: Brain-Score's rule since January 2026; a negative r keeps its sign.
        ``squared_r_over_ceiling``
            ``(r / reliability)^2``: Brain-Score's rule before.

    Examples
    --------
    >>> {name: float(value.round(3)) for name, value in corrected(0.6, 0.72).items()}
    {'noise_corrected': 0.707, 'r2_over_ceiling': 0.5, 'squared_r_over_ceiling': 0.694}
    """
    value, limit = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(reliability, dtype=np.float64))
    safe = np.where(limit > 0, limit, np.nan)
    sign = np.sign(value)
    return {
        "noise_corrected": value / np.sqrt(safe),
        "r2_over_ceiling": sign * value**2 / safe,
        "squared_r_over_ceiling": sign * (value / safe) ** 2,
    }


def shuffled(
    predicted: NDArray[np.float64], measured: NDArray[np.float64], folds: NDArray[np.intp], *, seed: int, shuffles: int
) -> NDArray[np.float64]:
    """Held-out correlations with the stimuli of the predictions shuffled within folds, (shuffle, unit)."""
    rng = generator(seed, "encoder-fit", "shuffle")
    out = np.empty((shuffles, predicted.shape[1]))
    for row in out:
        order = np.arange(len(folds))
        for fold in np.unique(folds):
            here = np.flatnonzero(folds == fold)
            order[here] = rng.permutation(here)
        row[:] = fold_correlation(predicted[order], measured, folds)
    return out


def sign_accuracy(
    predicted: NDArray[np.float64], measured: NDArray[np.float64], folds: NDArray[np.intp], weights: ArrayLike
) -> NDArray[np.float64]:
    """Share of pairs of stimuli of one fold whose measured difference has the sign that was predicted.

    Parameters
    ----------
    predicted, measured : numpy.ndarray of float64, (stimulus, unit)
    folds : numpy.ndarray of int, (stimulus,)
    weights : array_like, (draw, stimulus)

    Returns
    -------
    numpy.ndarray of float64, (draw, unit)
        Pairs that were measured alike are left out; pairs that are predicted alike count a half. NaN without pairs.

    Examples
    --------
    >>> values = np.array([[0.0], [1.0], [2.0]])
    >>> sign_accuracy(values, np.array([[0.0], [2.0], [1.0]]), np.zeros(3, dtype=int), [[1, 1, 1]]).round(3).tolist()
    [[0.667]]
    """
    w = np.asarray(weights, dtype=np.float32)
    right, pairs = np.zeros((2, len(w), predicted.shape[1]))
    for fold in np.unique(folds):
        here = np.flatnonzero(folds == fold)
        part = w[:, here]
        for unit in range(predicted.shape[1]):
            p, m = predicted[here, unit], measured[here, unit]
            direction = np.sign(m[:, None] - m).astype(np.float32)
            agrees = (1 + np.sign(p[:, None] - p).astype(np.float32) * direction) / 2 * np.abs(direction)
            right[:, unit] += ((part @ agrees) * part).sum(axis=1)
            pairs[:, unit] += ((part @ np.abs(direction)) * part).sum(axis=1)
    return _over(right, pairs)


def sign_of_changes(predicted: ArrayLike, measured: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Share of changes, each from a clean image to a perturbed one, whose sign was predicted.

    Parameters
    ----------
    predicted, measured : array_like, (pair, unit)
        Changes of the response.
    weights : array_like, (draw, pair)

    Returns
    -------
    numpy.ndarray of float64, (draw, unit)
        Changes that were measured as 0 are left out; those that are predicted as 0 count a half.

    Examples
    --------
    >>> sign_of_changes([[1.0], [1.0], [0.0]], [[2.0], [-1.0], [1.0]], [[1, 1, 1]]).tolist()
    [[0.5]]
    """
    w = np.asarray(weights, dtype=np.float64)
    direction = np.sign(np.asarray(measured, dtype=np.float64))
    agrees = (1 + np.sign(np.asarray(predicted, dtype=np.float64)) * direction) / 2 * np.abs(direction)
    return _over(w @ agrees, w @ np.abs(direction))


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(a, b, out=np.full(np.broadcast_shapes(a.shape, b.shape), np.nan), where=b > 0))
