"""RDMs of observations whose repeats, or channels, are not the same for all conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.spatial.distance import squareform
from spikeproof.errors import DataError, NotEnoughData

from .checking import CONSTANT
from .precision import PrecisionRoot
from .repeats import condition_sums, grouped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["rdm_unbalanced"]


def rdm_unbalanced(
    observations: ArrayLike,
    conditions: ArrayLike,
    method: Literal["squared_euclidean", "correlation", "mahalanobis"] = "squared_euclidean",
    *,
    folds: ArrayLike | None = None,
    precision: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """RDM from any number of observations of each condition; NaN is a value that was not measured.

    Each entry of the kernel is a mean over all pairs of observations of the two conditions, each pair weighted by the
    number of channels that both of them measured, as in rsatoolbox's ``calc_rdm_unbalanced``. Every pair counts alike,
    not every fold: with unequal repeats this is not the distance between condition means of folds.

    Parameters
    ----------
    observations : array_like, (observation, channel)
    conditions : array_like, (observation,)
        Condition of each observation.
    method : {"squared_euclidean", "correlation", "mahalanobis"}
        ``correlation`` averages the correlations of single observations, each over the channels that both measured.
        (rsatoolbox 0.3.2 divides by the number of all channels there, so that its correlations are wrong where
        channels are missing.)
    folds : array_like, (observation,), optional
        Run or repeat of each observation: pairs within a fold are left out, which makes the distance unbiased
        (crossnobis). Without it every observation is compared with itself, too, and distances are biased upwards.
    precision : array_like, optional
        For ``mahalanobis``: (channel,) or (channel, channel). A full one needs every channel of every observation.

    Returns
    -------
    numpy.ndarray of float64, (pair,)
        Conditions in sorted order.

    Raises
    ------
    NotEnoughData
        If there are fewer than two conditions, or two conditions (or a condition and itself) have no pair of
        observations, of different folds, with a channel in common.
    DataError
        If a value is infinite, an observation is flat (``correlation``), or the precision does not fit.

    Examples
    --------
    >>> rdm_unbalanced([[1.0], [3.0], [0.0]], ["a", "a", "b"]).tolist()
    [4.0]
    >>> rdm_unbalanced([[1.0], [3.0], [0.0], [0.0]], ["a", "a", "b", "b"], folds=[1, 2, 1, 2]).tolist()
    [3.0]
    """
    values, labels, index = grouped(observations, conditions)
    values = values.astype(np.float64)
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise DataError(f"unbalanced RDM: infinite value in observation {row}, channel {column}")
    if (precision is None) == (method == "mahalanobis"):
        raise DataError("unbalanced RDM: give a precision with the method mahalanobis, and only with it")
    fold = _folds(folds, len(index))
    measured = ~np.isnan(values)
    if method == "correlation":
        sums, weights = _correlations(values, measured, index, len(labels), fold)
    else:
        if precision is not None:
            if np.ndim(precision) == 2 and not measured.all():
                raise DataError(
                    "unbalanced RDM: a full precision cannot be used where channels are missing in some observations; "
                    "leave those channels out, or give a diagonal precision"
                )
            values = PrecisionRoot(precision, values.shape[1]).apply(values)
        if measured.all():
            sums, weights = _products(values, None, index, len(labels), fold)
        else:
            sums, weights = _products(np.where(measured, values, 0.0), measured, index, len(labels), fold)
    _refuse_gaps(weights, labels, crossed=fold is not None)
    kernel = sums / weights
    diagonal = np.diagonal(kernel)
    vector: NDArray[np.float64] = squareform(diagonal[:, None] + diagonal - 2 * kernel, checks=False)
    # A correlation distance is half the squared distance of standardised observations.
    return vector / 2 if method == "correlation" else vector


def _products(
    values: NDArray[np.float64],
    measured: NDArray[np.bool_] | None,
    index: NDArray[np.intp],
    groups: int,
    fold: NDArray[np.intp] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over pairs of observations of their inner products, and of their numbers of common channels.

    ``values`` hold 0 where ``measured`` is false; None says that everything was measured.
    """

    def within(rows: slice | NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = condition_sums(values[rows], index[rows], groups)
        if measured is None:
            counts = np.bincount(index[rows], minlength=groups).astype(np.float64)
            return total @ total.T, np.outer(counts, counts) * values.shape[1]
        present = condition_sums(measured[rows], index[rows], groups)
        return total @ total.T, present @ present.T

    sums, weights = within(slice(None))
    if fold is not None:
        for number in range(int(fold.max()) + 1):
            own = within(np.flatnonzero(fold == number))
            sums -= own[0]
            weights -= own[1]
    return sums, weights


def _correlations(
    values: NDArray[np.float64],
    measured: NDArray[np.bool_],
    index: NDArray[np.intp],
    groups: int,
    fold: NDArray[np.intp] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if measured.all():
        centred = values - values.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(centred, axis=1)
        _refuse_flat(norms <= CONSTANT * np.linalg.norm(values, axis=1))
        # Scaled so that the inner product of two observations is channels times their correlation.
        standardised = centred * (np.sqrt(values.shape[1]) / norms[:, None])
        return _products(standardised, None, index, groups, fold)
    return _pairwise_correlations(np.where(measured, values, 0.0), measured.astype(np.float64), index, groups, fold)


def _pairwise_correlations(
    filled: NDArray[np.float64],
    present: NDArray[np.float64],
    index: NDArray[np.intp],
    groups: int,
    fold: NDArray[np.intp] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations over the channels that both observations measured, block of observations by block."""
    sums, weights = np.zeros((groups, groups)), np.zeros((groups, groups))
    squares = filled**2
    for start in range(0, len(index), 256):
        block = slice(start, start + 256)
        common = present[block] @ present.T
        first, second = filled[block] @ present.T, present[block] @ filled.T
        share = np.maximum(common, 1)
        covariance = filled[block] @ filled.T - first * second / share
        power = (squares[block] @ present.T, present[block] @ squares.T)
        variances = [p - m**2 / share for p, m in zip(power, (first, second), strict=True)]
        use = common > 0
        if fold is not None:
            use &= fold[block, None] != fold[None]
        flat = (variances[0] <= CONSTANT * power[0]) | (variances[1] <= CONSTANT * power[1])
        _refuse_flat(np.asarray((flat & use).any(axis=1)), start)
        spread = np.sqrt(np.where(use, variances[0] * variances[1], 1.0))
        weighted = np.where(use, common * covariance / spread, 0.0)
        for matrix, part in ((sums, weighted), (weights, np.where(use, common, 0.0))):
            matrix += _by_condition(condition_sums(part, index[block], groups).T, index, groups).T
    return sums, weights


def _by_condition(rows: NDArray[np.float64], index: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    return condition_sums(np.ascontiguousarray(rows), index, groups)


def _folds(folds: ArrayLike | None, observations: int) -> NDArray[np.intp] | None:
    if folds is None:
        return None
    names, fold = np.unique(np.asarray(folds), return_inverse=True)
    if fold.shape != (observations,):
        raise DataError(f"folds: {fold.size} labels do not fit {observations} observations")
    if len(names) < 2:
        raise NotEnoughData("folds: cross-validation needs at least 2 folds, got 1")
    return fold


def _refuse_flat(flat: NDArray[np.bool_], offset: int = 0) -> None:
    if flat.any():
        raise DataError(
            f"unbalanced RDM: observation {offset + int(np.flatnonzero(flat)[0])} is the same in all channels that are "
            "compared, so that its correlations are undefined; leave it out or use another distance"
        )


def _refuse_gaps(weights: NDArray[np.float64], labels: NDArray[Any], *, crossed: bool) -> None:
    if (weights <= 0).any():
        i, j = np.argwhere(weights <= 0)[0]
        of = " of different folds" if crossed else ""
        pair = f"conditions {labels[i]!s} and {labels[j]!s} have" if i != j else f"condition {labels[i]!s} has"
        raise NotEnoughData(
            f"unbalanced RDM: {pair} no pair of observations{of} with a channel in common; leave the condition out"
        )
