"""Bootstrap draws of images within conditions, and of subjects, as rows of counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["draws_of_cells", "draws_of_members", "share"]

Floats = NDArray[np.float64]


def draws_of_cells(condition: NDArray[np.intp], draws: int, rng: np.random.Generator) -> Floats:
    """How often each draw holds each image, drawn with replacement within its condition, (draw, cell)."""
    out = np.empty((draws, len(condition)))
    for code in np.unique(condition):
        here = np.flatnonzero(condition == code)
        out[:, here] = rng.multinomial(len(here), np.full(len(here), 1 / len(here)), size=draws)
    return out


def draws_of_members(drawn: Sequence[int], count: int, draws: int, rng: np.random.Generator, *, least: int) -> Floats:
    """How often each draw holds each observer, (draw, observer).

    Parameters
    ----------
    drawn : sequence of int
        Who is drawn with replacement; the others are held once by every draw.
    count : int
        Observers.
    draws : int
    rng : numpy.random.Generator
    least : int
        A draw with fewer different members is drawn again.
    """
    members = np.ones((draws, count))
    size = len(drawn)
    if size < max(least, 2):
        return members
    counts = rng.multinomial(size, np.full(size, 1 / size), size=draws)
    while (few := (counts > 0).sum(axis=1) < least).any():
        counts[few] = rng.multinomial(size, np.full(size, 1 / size), size=int(few.sum()))
    members[:, drawn] = counts
    return members


def share(weights: Floats, values: Floats) -> Floats:
    """Weighted means of what is there, (draw, row): ``values`` (row, cell) with NaN where there is nothing."""
    there = ~np.isnan(values)
    total = weights @ there.T.astype(np.float64)
    found = weights @ np.where(there, values, 0.0).T
    return np.asarray(np.divide(found, total, out=np.full(found.shape, np.nan), where=total > 0))
