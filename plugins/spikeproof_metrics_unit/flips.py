"""Preference flips: perturbed stimuli that drive a unit as another stimulus or category should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["category_preference", "category_progress", "preferred_stimulus_flips"]


def preferred_stimulus_flips(clean: ArrayLike, attacked: ArrayLike, perturbed: ArrayLike) -> NDArray[np.float64]:
    """Whether a perturbed stimulus drives a unit at least as strongly as its preferred clean stimulus does.

    A flip of stimulus x is ``r(x + delta) >= max_x' r(x')``, the maximum over all clean stimuli.

    Parameters
    ----------
    clean : array_like, (all_stimuli,)
        The unit's responses to every clean stimulus.
    attacked : array_like, (stimulus,)
        Its responses to the clean versions of the attacked stimuli.
    perturbed : array_like, (..., stimulus)
        Its responses to their perturbed versions.

    Returns
    -------
    numpy.ndarray of float64, (..., stimulus)
        1 where flipped, 0 where not, NaN for stimuli that are preferred to begin with.

    Examples
    --------
    >>> preferred_stimulus_flips([1.0, 2.0, 5.0], [1.0, 2.0, 5.0], [[5.5, 4.0, 6.0]]).tolist()
    [[1.0, 0.0, nan]]
    """
    top = np.max(np.asarray(clean, dtype=np.float64))
    flipped = (np.asarray(perturbed, dtype=np.float64) >= top).astype(np.float64)
    return np.where(np.asarray(attacked, dtype=np.float64) >= top, np.nan, flipped)


def category_preference(clean: ArrayLike, labels: Sequence[str]) -> tuple[str, str, float, float]:
    """Categories that a unit prefers most and least, by mean clean response.

    Parameters
    ----------
    clean : array_like, (stimulus,)
        Responses to clean stimuli.
    labels : sequence of str, (stimulus,)
        Category of each.

    Returns
    -------
    most, least : str
        The first in alphabetical order wins a tie.
    mean_most, mean_least : float
        Mean clean responses to them; equal if all categories have the same mean, up to rounding.

    Examples
    --------
    >>> category_preference([1.0, 3.0, 5.0], ["cat", "dog", "dog"])
    ('dog', 'cat', 4.0, 1.0)
    """
    values = np.asarray(clean, dtype=np.float64)
    names, inverse = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    means = np.bincount(inverse, weights=values) / np.bincount(inverse)
    most, least = int(means.argmax()), int(means.argmin())
    if means[most] - means[least] <= 1e-12 * np.abs(means).max():
        least = most
    return str(names[most]), str(names[least]), float(means[most]), float(means[least])


def category_progress(
    responses: ArrayLike, mean_most: float, mean_least: float, direction: Literal["up", "down"]
) -> NDArray[np.float64]:
    """How far responses have come from one category's mean to the other's.

    For ``up``, stimuli of the least preferred category: ``(r - mean_least) / (mean_most - mean_least)``; for ``down``,
    stimuli of the most preferred: ``(mean_most - r) / (mean_most - mean_least)``. 1 is a flip: the category-preference
    analysis of Guo et al. (2022), in which "least preferred" images are driven to the level of the preferred category.

    Parameters
    ----------
    responses : array_like, (...)
    mean_most, mean_least : float
        Mean clean responses to the categories that the unit prefers most and least.
    direction : {"up", "down"}

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where the two means are equal: a unit that prefers no category has none to be flipped from.

    Examples
    --------
    >>> category_progress([1.0, 4.0], 5.0, 1.0, "up").tolist()
    [0.0, 0.75]
    """
    values = np.asarray(responses, dtype=np.float64)
    gap = mean_most - mean_least
    if gap <= 0:
        return np.full(values.shape, np.nan)
    progress: NDArray[np.float64] = (values - mean_least) / gap if direction == "up" else (mean_most - values) / gap
    return progress
