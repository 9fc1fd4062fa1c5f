"""Cross-validated decoding of categories from units: standardise in the training fold, then a linear classifier."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import DataError, NotEnoughData

__all__ = ["Decoder", "assign_folds", "check_categories", "held_out_choices"]

Decoder = Literal["logistic", "ridge"]
_ITERATIONS = 2000


def check_categories(labels: NDArray[np.str_], folds: int, metric: str) -> None:
    """Refuse labels that cannot be cross-validated.

    Raises
    ------
    NotEnoughData
        If there is one category only, or one has fewer stimuli than there are folds.
    """
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise NotEnoughData(
            f"{metric}: all {len(labels)} stimuli have the category {str(names[0])!r}: two or more are needed; "
            "name another column of categories"
        )
    few = int(counts.argmin())
    if counts[few] < folds:
        raise NotEnoughData(
            f"{metric}: category {str(names[few])!r} has {counts[few]} stimuli, fewer than {folds} folds over stimuli: "
            f"set folds to {max(int(counts[few]), 2)} or less, or leave the category out"
        )


def assign_folds(labels: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Fold of each stimulus, stratified by label, (stimulus,)."""
    fold = np.empty(len(labels), dtype=np.intp)
    split = StratifiedKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    for number, (_, test) in enumerate(split.split(np.zeros(len(labels)), labels)):
        fold[test] = number
    return fold


def held_out_choices(
    responses: NDArray[np.float64],
    labels: NDArray[Any],
    fold: NDArray[np.intp],
    *,
    decoder: Decoder = "logistic",
    c: float = 1.0,
) -> NDArray[Any]:
    """Category chosen for each stimulus by a classifier that never saw it.

    Units are standardised by the mean and standard deviation of the training fold (constant units are only centred).

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
        One row a stimulus: means over repeats, so that no repeat of a held-out stimulus is trained on.
    labels : numpy.ndarray, (stimulus,)
    fold : numpy.ndarray of int, (stimulus,)
    decoder : {"logistic", "ridge"}
        Multinomial logistic regression, or ridge regression on class indicators.
    c : float
        Inverse strength of the L2 penalty: C of logistic regression; ridge takes alpha = 1 / (2 C).

    Returns
    -------
    numpy.ndarray, (stimulus,)
        Of the dtype of ``labels``.

    Raises
    ------
    DataError
        If a fit does not converge.

    Examples
    --------
    >>> held_out_choices(np.array([[0.0], [5.0], [0.1], [5.1]]), np.array(["a", "b", "a", "b"]), np.array([0, 0, 1, 1]))
    array(['a', 'b', 'a', 'b'], dtype='<U1')
    """
    chosen = np.empty_like(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for number in np.unique(fold):
            test = fold == number
            scaler = StandardScaler().fit(responses[~test])
            training, held_out = _fewer_columns(scaler.transform(responses[~test]), scaler.transform(responses[test]))
            model = _classifier(decoder, c)
            try:
                model.fit(training, labels[~test])
            except ConvergenceWarning as warning:
                raise DataError(
                    f"decoder: {decoder} with c = {c:g} did not converge in {_ITERATIONS} iterations: take a smaller c"
                ) from warning
            chosen[test] = model.predict(held_out)
    return chosen


def _classifier(decoder: Decoder, c: float) -> LogisticRegression | RidgeClassifier:
    if decoder == "logistic":
        return LogisticRegression(C=c, max_iter=_ITERATIONS)
    return RidgeClassifier(alpha=1 / (2 * c))


def _fewer_columns(
    training: NDArray[np.float64], held_out: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotate units onto the span of the training stimuli where units outnumber them.

    With an L2 penalty the weights lie in that span and the penalty does not see the rotation, so choices are the same
    and the fit is as small as the number of stimuli.
    """
    if training.shape[1] <= training.shape[0]:
        return training, held_out
    _, _, axes = np.linalg.svd(training, full_matrices=False)
    return training @ axes.T, held_out @ axes.T
