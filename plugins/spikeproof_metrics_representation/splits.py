"""Which stimuli are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["given_splits", "predictivity_splits"]


def predictivity_splits(
    stimuli: int, categories: ArrayLike | None = None, *, splits: int = 10, train: float = 0.9, seed: int = 1
) -> NDArray[np.bool_]:
    """Draw the held-out stimuli of each split as Brain-Score does.

    Parameters
    ----------
    stimuli : int
        Number of stimuli.
    categories : array_like, (stimulus,), optional
        Category of each (Brain-Score: its object): splits are then stratified.
    splits : int
    train : float
        Share of stimuli to train with.
    seed : int

    Returns
    -------
    numpy.ndarray of bool, (split, stimulus)

    Raises
    ------
    NotEnoughData
        If a category has one stimulus only, or a split would have fewer stimuli than categories.
    DataError
        If categories do not fit.

    Examples
    --------
    >>> predictivity_splits(20, splits=3).sum(axis=1).tolist()
    [2, 2, 2]
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    if categories is None:
        cutter = ShuffleSplit(splits, train_size=train, random_state=seed)
        drawn = cutter.split(np.zeros(stimuli))
    else:
        labels = np.asarray(categories)
        if labels.shape != (stimuli,):
            raise DataError(f"predictivity: categories of shape {labels.shape} do not fit {stimuli} stimuli")
        cutter = StratifiedShuffleSplit(splits, train_size=train, random_state=seed)
        drawn = cutter.split(np.zeros(stimuli), labels)
    tests = np.zeros((splits, stimuli), dtype=bool)
    try:
        for row, (_, test) in zip(tests, drawn, strict=True):
            row[test] = True
    except ValueError as error:
        raise NotEnoughData(f"predictivity: {stimuli} stimuli cannot be split: {error}") from None
    return tests


def given_splits(test_sets: ArrayLike, stimuli: int) -> NDArray[np.bool_]:
    """Check splits that were given."""
    tests = np.asarray(test_sets)
    if tests.dtype != np.bool_ or tests.ndim != 2 or tests.shape[1] != stimuli or not len(tests):
        raise DataError(
            f"predictivity: test sets must be true or false per (split, stimulus) with {stimuli} stimuli, got "
            f"{tests.dtype} {tests.shape}"
        )
    held_out = tests.sum(axis=1)
    if (held_out < 2).any() or (stimuli - held_out < 2).any():
        raise NotEnoughData("predictivity: every split needs at least 2 stimuli to train with and 2 to test with")
    return tests
