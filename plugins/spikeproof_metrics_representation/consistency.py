"""Reliability of what is predicted: the ceiling of predictivity, from single presentations."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import NotEnoughData
from spikeproof.types import generator

from .checking import CONSTANT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.types import Repeats

__all__ = ["median_consistency"]

_SPLITS = 10
_FEWEST = 4
"""Repeated stimuli below which a correlation over them says nothing."""


def median_consistency(repeats: Repeats, *, seed: int, what: str = "reference") -> float:
    """Split-half reliability of the mean responses, median over units, mean over random halves.

    Each stimulus's presentations are halved at random, the half-means of every unit correlated over stimuli and
    corrected to all presentations (Spearman-Brown, ``2 r / (1 + r)``): Brain-Score's internal consistency, with halves
    that are drawn for each stimulus by its name.

    Parameters
    ----------
    repeats : Repeats
        Stimuli that were shown once are left out.
    seed : int
    what : str
        What messages call it.

    Returns
    -------
    float

    Raises
    ------
    NotEnoughData
        If fewer than four stimuli were repeated, or no unit varies.

    Examples
    --------
    >>> from spikeproof.types import Repeats
    >>> once = np.random.default_rng(0).normal(size=(6, 2))
    >>> twice = Repeats(responses=np.repeat(once, 2, axis=0), stimuli=np.repeat(list("abcdef"), 2))
    >>> round(median_consistency(twice, seed=0), 6)
    1.0
    """
    order = np.argsort(repeats.stimuli, kind="stable")
    names, counts = np.unique(repeats.stimuli, return_counts=True)
    kept = np.repeat(counts >= 2, counts)
    values, names, counts = repeats.responses[order][kept], names[counts >= 2], counts[counts >= 2]
    if len(names) < _FEWEST:
        raise NotEnoughData(
            f"predictivity: {len(names)} stimuli of the {what} were repeated, but its ceiling needs {_FEWEST}: set "
            "ceiling to none"
        )
    starts = np.cumsum(counts) - counts
    total = np.add.reduceat(values, starts, axis=0)
    drawn = np.concatenate(
        [_first_half(seed, name, count) for name, count in zip(names.tolist(), counts.tolist(), strict=True)], axis=1
    )
    medians = []
    for first in drawn:
        sums = np.add.reduceat(np.where(first[:, None], values, 0.0), starts, axis=0)
        halves = np.add.reduceat(first.astype(np.float64), starts)[:, None]
        r = _correlations(sums / halves, (total - sums) / (counts[:, None] - halves))
        corrected = 2 * r / np.where(1 + r > 0, 1 + r, np.nan)
        if np.isnan(corrected).all():
            raise NotEnoughData(
                f"predictivity: no unit of the {what} varies over its {len(names)} repeated stimuli, so that it has no "
                "ceiling: set ceiling to none"
            )
        medians.append(np.nanmedian(corrected))
    return float(np.mean(medians))


@lru_cache(maxsize=20_000)
def _first_half(seed: int, name: str, count: int) -> NDArray[np.bool_]:
    """Which presentations of a stimulus are in the first half, (split, presentation)."""
    rng = generator(seed, "consistency", name, count)
    half = count // 2
    drawn = np.zeros((_SPLITS, count), dtype=bool)
    for row in drawn:
        row[rng.permutation(count)[: half + int(rng.integers(2)) * (count % 2)]] = True
    return drawn


def _correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's r of each column; NaN where one does not vary."""
    first, second = a - a.mean(axis=0), b - b.mean(axis=0)
    norms = [np.linalg.norm(values, axis=0) for values in (first, second)]
    flat = np.zeros(a.shape[1], dtype=bool)
    for norm, whole in zip(norms, (a, b), strict=True):
        flat |= norm <= CONSTANT * np.linalg.norm(whole, axis=0)
    return np.where(flat, np.nan, np.einsum("ij,ij->j", first, second) / np.where(flat, 1.0, norms[0] * norms[1]))
