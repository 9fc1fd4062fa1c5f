"""Accuracy of choices, the distance between two accuracies, and the entropy of choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "accuracy_difference", "accuracy_distance", "response_entropy"]


def accuracy(response: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Share of choices that are right; a trial without a choice counts as wrong (model-vs-human, Geirhos et al. 2021).

    Parameters
    ----------
    response : array_like, (..., trial)
        What was chosen, as names or codes; ``na``, or any code that is no category, for no choice.
    truth : array_like, (trial,) or (..., trial)
        The true category.

    Returns
    -------
    numpy.ndarray of float64, (...)
        0 to 1.

    Raises
    ------
    NotEnoughData
        If there is no trial.
    DataError
        If the shapes do not fit, or a true category is ``na`` or negative.

    Examples
    --------
    >>> accuracy(["cat", "na", "dog", "cat"], ["cat", "cat", "dog", "dog"]).tolist()
    0.5
    """
    chosen, true = np.asarray(response), np.asarray(truth)
    if chosen.shape[-1:] != true.shape[-1:]:
        raise DataError(f"accuracy: {chosen.shape[-1:]} responses do not fit {true.shape[-1:]} true categories")
    if chosen.size == 0:
        raise NotEnoughData("accuracy: there is no trial")
    undefined = true == "na" if true.dtype.kind in "UO" else true < 0
    if np.any(undefined):
        raise DataError(f"accuracy: {int(np.count_nonzero(undefined))} trials have no true category")
    return np.asarray((chosen == true).mean(axis=-1), dtype=np.float64)


def accuracy_distance(first: ArrayLike, second: ArrayLike, *, chance: float = 0.0) -> NDArray[np.float64]:
    """Brain-Score's accuracy distance, ``1 - |p - q| / max(1 - q, q - chance)``.

    1 for equal accuracies, 0 for the farthest that there is from ``second``. Brain-Score takes it between a model
    (first) and every subject (second) and averages over subjects; it takes the absolute value of that mean as well,
    which changes nothing as long as ``first`` is not below ``chance``.

    Parameters
    ----------
    first, second : array_like
        Accuracies, 0 to 1.
    chance : float
        Accuracy of guessing.

    Returns
    -------
    numpy.ndarray of float64

    Raises
    ------
    DataError
        If an accuracy is not in [0, 1], or chance not in [0, 1).

    Examples
    --------
    >>> accuracy_distance(0.4, [0.8, 0.4]).tolist()
    [0.5, 1.0]
    """
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    for values in (p, q):
        if not ((values >= 0) & (values <= 1)).all():
            raise DataError("accuracy distance: accuracies must lie between 0 and 1")
    if not 0 <= chance < 1:
        raise DataError(f"accuracy distance: chance must lie in [0, 1), got {chance:g}")
    distance: NDArray[np.float64] = 1 - np.abs(p - q) / np.maximum(1 - q, q - chance)
    return distance


def accuracy_difference(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Squared difference of two accuracies, model-vs-human's ``accuracy difference``.

    Parameters
    ----------
    first, second : array_like
        Accuracies, 0 to 1.

    Returns
    -------
    numpy.ndarray of float64
        0 to 1, 0 for equal accuracies.

    Examples
    --------
    >>> accuracy_difference(0.5, [0.75, 0.5]).tolist()
    [0.0625, 0.0]
    """
    difference: NDArray[np.float64] = (np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)) ** 2
    return difference


def response_entropy(response: ArrayLike, categories: ArrayLike) -> float:
    """Entropy of one observer's choices over categories, ``-sum p log2 p`` (Geirhos et al. 2018).

    Shares are of all trials, those without a choice too, so that they need not sum to 1.

    Parameters
    ----------
    response : array_like, (trial,)
        What was chosen; anything that is no category for no choice.
    categories : array_like, (category,)
        What could be chosen.

    Returns
    -------
    float
        In bits; log2 of the number of categories where all are chosen alike.

    Raises
    ------
    NotEnoughData
        If there is no trial.

    Examples
    --------
    >>> response_entropy(["cat", "dog", "cat", "dog"], ["cat", "dog"])
    1.0
    """
    chosen, names = np.asarray(response), np.unique(np.asarray(categories))
    if chosen.size == 0:
        raise NotEnoughData("response entropy: there is no trial")
    share = (chosen[None] == names[:, None]).mean(axis=1)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0
