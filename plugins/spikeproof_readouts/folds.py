"""Stratified folds over stimuli."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import generator

__all__ = ["stratified_folds"]


def stratified_folds(
    labels: ArrayLike, stimuli: Sequence[str], *, folds: int, seed: int
) -> tuple[NDArray[np.intp], str]:
    """Deal the stimuli of each category over folds, shuffled; the order in which stimuli come does not matter.

    Parameters
    ----------
    labels : array_like of str, (stimulus,)
        Category of each stimulus.
    stimuli : sequence of str
        Stimulus ids, unique.
    folds : int
        Number of folds wanted.
    seed : int

    Returns
    -------
    fold : numpy.ndarray of int, (stimulus,)
        Every fold has each category to within one stimulus of an equal share.
    note : str
        Why there are fewer folds than wanted; empty if there are not.

    Raises
    ------
    NotEnoughData
        If there is one category only, or one stimulus only of one.

    Examples
    --------
    >>> fold, note = stratified_folds(["a", "a", "b", "b"], ["s0", "s1", "s2", "s3"], folds=2, seed=0)
    >>> sorted(fold[:2].tolist()), sorted(fold[2:].tolist())
    ([0, 1], [0, 1])
    """
    names = np.asarray(labels).astype(str)
    classes, counts = np.unique(names, return_counts=True)
    if len(classes) < 2:
        raise NotEnoughData(
            f"readout: all {len(names)} stimuli have one category, {classes[0] if len(classes) else 'none'!s}: "
            "choices need two or more; name another category column"
        )
    smallest = int(counts.argmin())
    if counts[smallest] < 2:
        few = classes[counts < 2]
        more = f" (and {len(few) - 1} more categories)" if len(few) > 1 else ""
        raise NotEnoughData(
            f"readout: category {few[0]!s} has 1 stimulus{more}; a held-out readout needs 2 or more of each: merge or "
            "leave out such categories"
        )
    used = min(folds, int(counts[smallest]))
    note = ""
    if used < folds:
        note = (
            f"the readout was fitted in {used} folds instead of {folds}: category {classes[smallest]!s} has "
            f"{counts[smallest]} stimuli"
        )
    order = np.argsort(np.asarray(stimuli, dtype=np.str_), kind="stable")
    random = generator(seed, "readout", "folds")
    fold = np.empty(len(names), dtype=np.intp)
    dealt = 0  # carried on from category to category, so that the folds are of equal size too
    for name in classes:
        rows = random.permutation(order[names[order] == name])
        fold[rows] = (dealt + np.arange(len(rows))) % used
        dealt += len(rows)
    return fold, note
