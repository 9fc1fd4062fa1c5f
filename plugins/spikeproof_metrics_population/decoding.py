"""Cross-validated decoding of categories from units: standardise in the training fold, then a linear classifier."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from threadpoolctl import ThreadpoolController

__all__ = ["Decoder", "assign_folds", "check_categories", "held_out_choices", "one_thread", "readout_weights"]

Decoder = Literal["logistic", "ridge", "svm", "lda"]
_ITERATIONS = 2000
_Model: TypeAlias = LogisticRegression | RidgeClassifier | LinearSVC | LinearDiscriminantAnalysis


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: small fits would spend their time waiting for each other.

    Which libraries are loaded is looked up once, as that takes longer than a fit.
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


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
    folds: Sequence[int] | None = None,
    tested: NDArray[np.float64] | None = None,
) -> NDArray[Any]:
    """Category chosen for each stimulus by a classifier that never saw it.

    Units are standardised by the mean and standard deviation of the training fold (constant units are only centred).

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
        One row a stimulus: means over repeats, so that no repeat of a held-out stimulus is trained on.
    labels : numpy.ndarray, (stimulus,)
    fold : numpy.ndarray of int, (stimulus,)
    decoder : {"logistic", "ridge", "svm", "lda"}
        Multinomial logistic regression, ridge regression on class indicators, a linear support-vector machine (squared
        hinge loss, one against the rest), or linear discriminant analysis (pooled covariance, shrunk by the rule of
        Ledoit and Wolf, so that units may outnumber stimuli).
    c : float
        Inverse strength of the L2 penalty: C of logistic regression and of the support-vector machine; ridge takes
        alpha = 1 / (2 C). Discriminant analysis has none: leave it at 1.
    folds : sequence of int, optional
        The folds to hold out; stimuli of others keep their own label. By default all.
    tested : numpy.ndarray, (stimulus, unit), optional
        Other responses to the same stimuli that the choices are made on, such as perturbed ones. By default those that
        the classifier is trained on.

    Returns
    -------
    numpy.ndarray, (stimulus,)
        Of the dtype of ``labels``.

    Raises
    ------
    DataError
        If a fit does not converge, a response is not finite, or the shapes do not fit.
    NotEnoughData
        If there is one fold only, or the stimuli outside a fold are of one category or lack one of the fold's.
    BadParameter
        If ``c`` is not 1 for discriminant analysis.

    Examples
    --------
    >>> held_out_choices(np.array([[0.0], [5.0], [0.1], [5.1]]), np.array(["a", "b", "a", "b"]), np.array([0, 0, 1, 1]))
    array(['a', 'b', 'a', 'b'], dtype='<U1')
    """
    numbers = np.unique(fold).tolist() if folds is None else list(folds)
    given = responses if tested is None else tested
    _check(responses, labels, fold, numbers, decoder, c)
    if given.shape != responses.shape or not np.isfinite(given).all():
        raise DataError(
            f"decoder: responses to test on {given.shape} must be finite and of the same stimuli and units as those to "
            f"train on {responses.shape}"
        )
    chosen = labels.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for number in numbers:
            test = fold == number
            scaler = StandardScaler().fit(responses[~test])
            training, held_out = scaler.transform(responses[~test]), scaler.transform(given[test])
            if decoder == "ridge":
                chosen[test] = _ridge_choices(training, labels[~test], held_out, 1 / (2 * c))
                continue
            if decoder != "lda":  # the shrinkage of its covariance depends on the number of columns
                training, held_out = _fewer_columns(training, held_out)
            model = _classifier(decoder, c)
            _fitted(model, training, labels[~test], decoder, c)
            chosen[test] = model.predict(held_out)
    return chosen


def readout_weights(
    responses: NDArray[np.float64], labels: NDArray[Any], *, decoder: Decoder = "logistic", c: float = 1.0
) -> NDArray[np.float64]:
    """Weights of a decoder of all stimuli, on units of unit variance.

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
    labels : numpy.ndarray, (stimulus,)
    decoder, c
        As for :func:`held_out_choices`.

    Returns
    -------
    numpy.ndarray of float64, (class, unit), or (1, unit) for two classes
        0 for a unit that never varies.

    Raises
    ------
    DataError
        If the fit does not converge.

    Examples
    --------
    >>> readout_weights(np.array([[0.0, 1.0], [2.0, 1.0], [0.1, 1.0], [2.1, 1.0]]), np.array([0, 1, 0, 1]))[0, 1]
    np.float64(0.0)
    """
    if decoder == "ridge":
        scaled = StandardScaler().fit_transform(responses)
        own = _ridge_weights(scaled, *_indicators(labels)[1:], 1 / (2 * c)).T
        return _without_constant(own[1:] if len(own) == 2 else own, responses)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = _classifier(decoder, c)
        _fitted(model, StandardScaler().fit_transform(responses), labels, decoder, c)
    return _without_constant(np.atleast_2d(model.coef_), responses)


def _without_constant(weights: NDArray[np.float64], responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (class, unit) without those that rounding gives a unit that never varies."""
    return np.where(np.ptp(responses, axis=0) > 1e-13 * np.abs(responses).max(axis=0), weights, 0.0)


def _fitted(model: _Model, training: NDArray[np.float64], labels: NDArray[Any], decoder: Decoder, c: float) -> None:
    try:
        model.fit(training, labels)
    except ConvergenceWarning as warning:
        raise DataError(
            f"decoder: {decoder} with c = {c:g} did not converge in {_ITERATIONS} iterations: take a smaller c"
        ) from warning


def _check(
    responses: NDArray[np.float64],
    labels: NDArray[Any],
    fold: NDArray[np.intp],
    numbers: Sequence[int],
    decoder: Decoder,
    c: float,
) -> None:
    if responses.ndim != 2 or len(labels) != len(responses) or len(fold) != len(responses):
        raise DataError(f"decoder: responses {responses.shape}, {len(labels)} labels and {len(fold)} folds do not fit")
    if not np.isfinite(responses).all():
        raise DataError(f"decoder: {int((~np.isfinite(responses)).sum())} responses are not finite")
    if len(np.unique(fold)) < 2:
        raise NotEnoughData("decoder: all stimuli are in one fold, so that there is none to train on")
    for number in numbers:
        if len(np.unique(labels[fold != number])) < 2:
            raise NotEnoughData(f"decoder: the stimuli that fold {number} is trained on are all of one category")
        unseen = np.setdiff1d(labels[fold == number], labels[fold != number])
        if unseen.size:
            raise NotEnoughData(
                f"decoder: all stimuli of category {str(unseen[0])!r} are in fold {number}, so that it is never "
                "trained on that category: spread each over the folds"
            )
    if decoder == "lda" and c != 1:
        raise BadParameter(f"decoder: lda has no penalty that c could set: leave c at 1, got {c:g}")


def _classifier(decoder: Decoder, c: float) -> _Model:
    if decoder == "logistic":
        return LogisticRegression(C=c, max_iter=_ITERATIONS)
    if decoder == "svm":
        return LinearSVC(C=c, dual=False, max_iter=_ITERATIONS)
    if decoder == "lda":
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return RidgeClassifier(alpha=1 / (2 * c))


def _ridge_choices(
    training: NDArray[np.float64], labels: NDArray[Any], held_out: NDArray[np.float64], alpha: float
) -> NDArray[Any]:
    """Choices of ``RidgeClassifier``, of one Cholesky factor: scores fit hundreds of them (training is centred)."""
    names, target, mean = _indicators(labels)
    weights = _ridge_weights(training, target, mean, alpha)
    return np.asarray(names[(held_out @ weights + mean).argmax(axis=1)])


def _indicators(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Categories, 1 or -1 for each of them (stimulus, class), and the means of that."""
    names, index = np.unique(labels, return_inverse=True)
    target = np.where(index[:, None] == np.arange(len(names)), 1.0, -1.0)
    return names, target, target.mean(axis=0)


def _ridge_weights(
    training: NDArray[np.float64], target: NDArray[np.float64], mean: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """Weights (unit, class) on centred responses, from the smaller of the two Gram matrices."""
    if training.shape[1] <= training.shape[0]:
        gram = training.T @ training
        np.einsum("ii->i", gram)[...] += alpha
        return np.asarray(linalg.cho_solve(linalg.cho_factor(gram), training.T @ (target - mean)))
    gram = training @ training.T
    np.einsum("ii->i", gram)[...] += alpha
    return np.asarray(training.T @ linalg.cho_solve(linalg.cho_factor(gram), target - mean))


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
