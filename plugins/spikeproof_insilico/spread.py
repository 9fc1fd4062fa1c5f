"""Several answers to one question: how far they agree, and the interval that holds them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["envelope", "rank_correlations"]


def envelope(low: ArrayLike, high: ArrayLike, axis: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval from the lowest lower bound to the highest upper bound.

    Each encoder is as good a model of the neuron as the next one, and two or three of them are no sample of encoders
    from which a distribution could be estimated: an interval that leaves one of them out would say too much.

    Parameters
    ----------
    low, high : array_like, (..., system, ...)
    axis : int
        The systems.

    Examples
    --------
    >>> [float(bound) for bound in envelope([0.1, 0.4], [0.3, 0.5])]
    [0.1, 0.5]
    """
    return np.min(np.asarray(low, dtype=np.float64), axis=axis), np.max(np.asarray(high, dtype=np.float64), axis=axis)


def rank_correlations(values: ArrayLike) -> NDArray[np.float64]:
    """Spearman's rank correlation over units between all pairs of systems.

    Parameters
    ----------
    values : array_like, (..., system, unit)

    Returns
    -------
    numpy.ndarray of float64, (..., system, system)
        NaN where the units of a system are all equal.

    Examples
    --------
    >>> rank_correlations([[1.0, 2.0, 3.0], [10.0, 30.0, 20.0]]).round(2).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.asarray(values, dtype=np.float64), axis=-1)
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    products = centred @ np.swapaxes(centred, -1, -2)
    size = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    scale = size[..., :, None] * size[..., None, :]
    return np.asarray(np.divide(products, scale, out=np.full_like(products, np.nan), where=scale > 0))
