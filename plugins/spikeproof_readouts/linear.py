"""Linear classifiers fitted in given folds, on raw responses."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import LinearReadout

__all__ = ["fit_folds"]


def fit_folds(
    responses: ArrayLike,
    labels: ArrayLike,
    fold: ArrayLike,
    *,
    classifier: Callable[[], Any] = LogisticRegression,
    stimuli: Sequence[str] | None = None,
    notes: tuple[str, ...] = (),
) -> LinearReadout:
    """Fit one classifier per fold, on the stimuli outside it.

    Units are z-scored with the mean and standard deviation (ddof 0) of the training stimuli; a unit that is constant
    there is divided by 1. The scaling is folded into the weights, so that they apply to raw responses.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
    labels : array_like of str, (stimulus,)
        Category of each stimulus.
    fold : array_like of int, (stimulus,)
        The fold in which each stimulus is held out: 0, 1, ...
    classifier : callable
        Makes an unfitted linear classifier of scikit-learn; logistic regression with C = 1 by default.
    stimuli : sequence of str, optional
        Stimulus ids; ``"0"``, ``"1"``, ... by default.
    notes : tuple of str
        Carried over to the readout.

    Returns
    -------
    LinearReadout
        With two classes the first has decision value 0 everywhere, and the second the classifier's own.

    Raises
    ------
    NotEnoughData
        If a category has no stimulus outside a fold.
    DataError
        If responses are not finite, or a classifier does not converge.

    Examples
    --------
    >>> readout = fit_folds([[0.0], [0.1], [1.0], [1.1]], list("aabb"), [0, 1, 0, 1])
    >>> readout.choices([[0.0], [0.1], [1.0], [1.1]], readout.stimuli).tolist()
    ['a', 'a', 'b', 'b']
    """
    values = np.asarray(responses, dtype=np.float64)
    names = np.asarray(labels).astype(str)
    folds = np.asarray(fold, dtype=np.intp)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"readout: the response of unit {column} to stimulus {row} is not finite")
    classes = np.unique(names)
    number = int(folds.max()) + 1
    weights = np.zeros((number, len(classes), values.shape[1]))
    intercepts = np.zeros((number, len(classes)))
    for held_out in range(number):
        training = folds != held_out
        missing = np.setdiff1d(classes, names[training])
        if missing.size:
            raise NotEnoughData(
                f"readout: all stimuli of category {missing[0]!s} are in fold {held_out}: none is left to fit on"
            )
        slopes, offsets = _fit(values[training], names[training], classifier, held_out)
        binary = len(slopes) == 1  # scikit-learn gives one row for two classes: that of the second
        weights[held_out, 1 if binary else 0 :] = slopes
        intercepts[held_out, 1 if binary else 0 :] = offsets
    return LinearReadout(
        classes=tuple(map(str, classes)),
        weights=weights,
        intercepts=intercepts,
        stimuli=tuple(map(str, range(len(values)))) if stimuli is None else tuple(stimuli),
        fold=folds,
        notes=notes,
    )


def _fit(
    values: NDArray[np.float64], names: NDArray[np.str_], classifier: Callable[[], Any], held_out: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (row, unit) and intercepts (row,) on raw responses."""
    scaler = StandardScaler().fit(values)
    model = classifier()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.fit(scaler.transform(values), names)
    except ConvergenceWarning as error:
        raise DataError(
            f"readout: the classifier of fold {held_out} ({len(values)} stimuli, {values.shape[1]} units) did not "
            f"converge in max_iter = {model.max_iter} iterations: raise max_iter, or lower c"
        ) from error
    slopes = np.asarray(model.coef_ / scaler.scale_, dtype=np.float64)
    return slopes, np.asarray(model.intercept_ - slopes @ scaler.mean_, dtype=np.float64)
