"""How much of a mean's variance comes from what was fitted: units, told apart from choices that flip at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.errors import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["refitted_variance"]


def refitted_variance(values: ArrayLike, groups: int) -> NDArray[np.float64]:
    """Variance of a mean over stimuli that comes from what was fitted, of values that were fitted again.

    A decoder that is fitted without some units decides a few stimuli otherwise, up or down at random, and the jackknife
    would multiply these flips with the number of groups. They differ from stimulus to stimulus, the effect of the units
    does not: it is what the blocks of stimuli have in common (the component of variance of the rows in a two-way
    analysis, Searle, Casella & McCulloch 1992, chapter 4). Delete-a-group jackknife over one partition of the units or
    several (Shao & Wu 1989, doi:10.1214/aos/1176347263).

    Parameters
    ----------
    values : array_like, (refit, block, ...)
        The mean over each block of stimuli, without each group of units of each partition.
    groups : int
        Groups of a partition.

    Returns
    -------
    numpy.ndarray of float64, (...)
        Never negative.

    Raises
    ------
    NotEnoughData
        If there are fewer than two refits or blocks.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(refitted_variance(np.array([[0.7, 0.8], [0.6, 0.7], [0.8, 0.9]]), 3)), 4)
    0.0133
    """
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    if found.ndim < 2 or min(found.shape[:2]) < 2:
        raise NotEnoughData("interval: the variance of refits needs at least two refits and two blocks of stimuli")
    refits, blocks = found.shape[:2]
    rows = found.mean(axis=1)
    flips = found - rows[:, None] - found.mean(axis=0) + rows.mean(axis=0)
    noise = (flips**2).sum(axis=(0, 1)) / ((refits - 1) * (blocks - 1)) / blocks
    between = ((rows - rows.mean(axis=0)) ** 2).sum(axis=0) / (refits - 1)
    return np.asarray((groups - 1) * (refits - 1) / refits * np.maximum(between - noise, 0.0))
