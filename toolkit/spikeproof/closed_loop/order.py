"""In which order images are shown: blocks of all of them, shuffled, with versions of one stimulus apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeproof.noise import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["presentation_order"]

_TRIES = 200


def presentation_order(
    stimuli: Sequence[str], repeats: int, *, seed: int, key: str = ""
) -> tuple[NDArray[np.intp], bool]:
    """Order of presentation: every block shows each image once.

    Neighbours are never the same image, and never versions of one clean stimulus (a neuron adapts to an image that was
    just shown, and its perturbed version is nearly that), within blocks and across their borders.

    Parameters
    ----------
    stimuli : sequence of str
        The clean stimulus behind each image.
    repeats : int
        Number of blocks.
    seed : int
    key : str
        What else the order depends on.

    Returns
    -------
    order : numpy.ndarray of int, (block, position)
        Image at each position.
    apart : bool
        False where versions of one stimulus cannot be kept apart, because they are more than half of all images: then
        only the same image is kept from following itself.

    Examples
    --------
    >>> order, apart = presentation_order(["a", "a", "b", "b", "c", "c"], 2, seed=0)
    >>> sorted(order[0].tolist()), apart
    ([0, 1, 2, 3, 4, 5], True)
    """
    count = len(stimuli)
    _, group = np.unique(np.asarray(stimuli, dtype=str), return_inverse=True)
    most = max(Counter(group.tolist()).values(), default=0)
    apart = 2 * most <= count
    groups = group if apart else np.arange(count)
    blocks = np.empty((repeats, count), dtype=np.intp)
    before = -1
    for block in range(repeats):
        random = generator(seed, "presentation order", key, block)
        blocks[block] = _block(groups, before, random)
        before = int(groups[blocks[block, -1]]) if count else -1
    return blocks, apart


def _block(groups: NDArray[np.intp], before: int, random: np.random.Generator) -> NDArray[np.intp]:
    """A shuffle without neighbours of one group, whose first is not of the group ``before``."""
    count = len(groups)
    order = random.permutation(count)
    for _ in range(_TRIES):
        bad = _bad(groups[order], before)
        if not bad.size or count < 2:
            return order
        for place in bad.tolist():
            other = int(random.integers(count))
            order[[place, other]] = order[[other, place]]
    return _dealt(groups, before, random)


def _bad(shown: NDArray[np.intp], before: int) -> NDArray[np.intp]:
    """Positions whose group is that of the position before."""
    return np.flatnonzero(shown == np.concatenate([[before], shown[:-1]]))


def _dealt(groups: NDArray[np.intp], before: int, random: np.random.Generator) -> NDArray[np.intp]:
    """An order for groups so large that shuffles do not find one: the largest that may come next, ties drawn."""
    left = {int(name): random.permutation(np.flatnonzero(groups == name)).tolist() for name in np.unique(groups)}
    order: list[int] = []
    while len(order) < len(groups):
        most = max((len(rows) for name, rows in left.items() if name != before), default=0)
        if not most:  # only the group that was just shown is left
            order += [row for rows in left.values() for row in rows]
            break
        best = [name for name, rows in left.items() if name != before and len(rows) == most]
        before = int(random.choice(best))
        order.append(left[before].pop())
    return np.array(order, dtype=np.intp)
