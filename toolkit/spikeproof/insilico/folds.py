"""Folds over stimuli: what belongs together is never split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeproof.errors import NotEnoughData
from spikeproof.noise import generator

__all__ = ["stimulus_folds"]


def stimulus_folds(groups: Sequence[str], count: int, *, seed: int) -> NDArray[np.intp]:
    """Fold of each stimulus, drawn with the seed; stimuli of one group stand in one fold.

    Folds are over stimuli, so that repeats of one are never split. The order of the stimuli does not matter.

    Parameters
    ----------
    groups : sequence of str, (stimulus,)
        What each stimulus belongs to: the clean image of a perturbed one, one name for images that are alike to the
        last pixel, itself otherwise.
    count : int
        Number of folds.
    seed : int

    Returns
    -------
    numpy.ndarray of int, (stimulus,)
        Folds are as even as the groups allow.

    Raises
    ------
    NotEnoughData
        If there are fewer than three groups a fold: a correlation of two held-out stimuli is 1 or -1.

    Examples
    --------
    >>> fold = stimulus_folds(["a", "b", "a", "c", "d", "e", "f"], 2, seed=0)
    >>> bool(fold[0] == fold[2]), sorted(fold.tolist())
    (True, [0, 0, 0, 0, 1, 1, 1])
    """
    names, member, sizes = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True, return_counts=True)
    if len(names) < 3 * count:
        raise NotEnoughData(
            f"{len(names)} different stimuli cannot be split into {count} folds of three or more: an encoder needs "
            f"{3 * count} of them, or fewer folds"
        )
    drawn = generator(seed, "encoder", "folds").permutation(len(names))
    fold_of = np.empty(len(names), dtype=np.intp)
    held = np.zeros(count, dtype=np.intp)
    for group in sorted(drawn.tolist(), key=lambda name: -sizes[name]):  # stable: equals stay in the drawn order
        fold_of[group] = held.argmin()
        held[fold_of[group]] += sizes[group]
    return fold_of[member]
