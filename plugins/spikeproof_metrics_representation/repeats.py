"""From single observations to condition means and to repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from spikeproof.errors import DataError, NotEnoughData

from .checking import refuse_non_finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["condition_means", "condition_sums", "stack_repeats"]


def condition_means(observations: ArrayLike, conditions: ArrayLike) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Average the observations of each condition.

    Parameters
    ----------
    observations : array_like, (observation, channel)
    conditions : array_like, (observation,)
        Condition of each observation.

    Returns
    -------
    means : numpy.ndarray of float64, (condition, channel)
    labels : numpy.ndarray, (condition,)
        The conditions, sorted.

    Raises
    ------
    DataError
        If a value is not finite, or the two do not fit.

    Examples
    --------
    >>> means, labels = condition_means([[1.0], [3.0], [5.0]], ["b", "a", "b"])
    >>> means.tolist(), labels.tolist()
    ([[3.0], [3.0]], ['a', 'b'])
    """
    values, labels, index = grouped(observations, conditions)
    means = condition_sums(values, index, len(labels))
    means /= np.bincount(index)[:, None]
    if not np.isfinite(means.sum()):
        refuse_non_finite(np.asarray(values, dtype=np.float64), "RDM", rows="observation", columns="channel")
    return means, labels


def condition_sums(values: NDArray[Any], index: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Sums over the rows of each group, (group, column), without copying the rows."""
    ones = np.ones(len(index))
    indicator = sparse.csr_array((ones, (index, np.arange(len(index)))), shape=(groups, len(index)))
    if values.dtype == np.float64:
        return np.asarray(indicator @ values)
    # Column by column block, so that a copy in double precision never stands whole beside the original.
    sums = np.empty((groups, values.shape[1]))
    for start in range(0, values.shape[1], 512):
        block = slice(start, start + 512)
        sums[:, block] = indicator @ values[:, block].astype(np.float64)
    return sums


def stack_repeats(
    observations: ArrayLike, conditions: ArrayLike, repeats: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Arrange observations as (repeat, condition, channel).

    Parameters
    ----------
    observations : array_like, (observation, channel)
    conditions : array_like, (observation,)
        Condition of each observation.
    repeats : array_like, (observation,), optional
        Repeat (or fold, or run) of each observation; several observations of a condition in one repeat are averaged.
        By default the k-th observation of each condition is its k-th repeat.

    Returns
    -------
    stacked : numpy.ndarray of float64, (repeat, condition, channel)
        Observations in double precision that already stand so, repeat by repeat in the order of the conditions, are
        not copied: it is then a view of them that cannot be written to.
    labels : numpy.ndarray, (condition,)
        The conditions, sorted.

    Raises
    ------
    DataError
        If a condition is missing in a repeat: use :func:`rdm_unbalanced`.

    Examples
    --------
    >>> stacked, labels = stack_repeats([[1.0], [2.0], [3.0], [4.0]], ["a", "b", "b", "a"])
    >>> stacked[:, :, 0].tolist()
    [[1.0, 2.0], [4.0, 3.0]]
    """
    values, labels, index = grouped(observations, conditions)
    if repeats is None:
        order = np.argsort(index, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(index))[:-1]])
        which = np.empty(len(index), dtype=np.intp)
        which[order] = np.arange(len(index)) - starts[index[order]]
        folds = np.arange(int(which.max()) + 1)
    else:
        folds, which = np.unique(np.asarray(repeats), return_inverse=True)
        if which.shape != index.shape:
            raise DataError(f"repeats: {which.size} labels do not fit {len(index)} observations")
    counts = np.zeros((len(folds), len(labels)), dtype=np.intp)
    np.add.at(counts, (which, index), 1)
    if (counts == 0).any():
        fold, condition = np.argwhere(counts == 0)[0]
        raise DataError(
            f"repeats: condition {labels[condition]!s} is missing in repeat {folds[fold]!s} "
            f"({int((counts == 0).sum())} such gaps); leave it out, or use rdm_unbalanced"
        )
    shape = (len(folds), len(labels), values.shape[1])
    if (counts == 1).all():
        order = np.lexsort((index, which))
        if values.dtype == np.float64 and (order == np.arange(len(order))).all():
            view = values.reshape(shape)
            view.flags.writeable = False
            return view, labels
        stacked = np.empty(shape)
        if values.dtype == np.float64:  # in one go: this mode needs no buffer, and all rows exist
            np.take(values, order, axis=0, out=stacked.reshape(len(order), -1), mode="clip")
            return stacked, labels
        for fold, rows in enumerate(order.reshape(shape[:2])):
            stacked[fold] = values[rows]
        return stacked, labels
    stacked = np.empty(shape)
    for fold in range(len(folds)):
        rows = np.flatnonzero(which == fold)
        stacked[fold] = condition_sums(values[rows], index[rows], len(labels)) / counts[fold][:, None]
    return stacked, labels


def as_repeats(repeats: ArrayLike, what: str, at_least: int = 2, *, finite: bool = True) -> NDArray[Any]:
    """Check an array (repeat, condition, channel) of finite numbers, or of any; its dtype is kept."""
    values = np.asarray(repeats)
    if values.ndim != 3:
        raise DataError(f"{what}: needs three dimensions (repeat, condition, channel), got {values.shape}")
    if values.shape[0] < at_least:
        raise NotEnoughData(
            f"{what}: needs at least {at_least} repeats of each condition, got {values.shape[0]}; record more repeats "
            "or use a measure without cross-validation"
        )
    if values.shape[1] < 2 or values.shape[2] < 1:
        raise NotEnoughData(f"{what}: needs at least 2 conditions and 1 channel, got {values.shape[1:]}")
    for number, one in enumerate(values if finite else ()):
        if not np.isfinite(one.sum(dtype=np.float64)):
            refuse_non_finite(one.astype(np.float64), f"{what}, repeat {number}", rows="condition", columns="channel")
    return values


def grouped(observations: ArrayLike, conditions: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Observations, the sorted conditions, and the condition of each observation."""
    values = np.asarray(observations)
    if values.ndim != 2 or values.shape[1] == 0:
        raise DataError(f"observations: need two dimensions (observation, channel), got {values.shape}")
    labels, index = np.unique(np.asarray(conditions), return_inverse=True)
    if index.shape != (len(values),):
        raise DataError(f"conditions: {index.size} labels do not fit {len(values)} observations")
    if len(labels) < 2:
        raise NotEnoughData(f"conditions: an RDM needs at least 2 conditions, got {len(labels)}")
    return values, labels, index
