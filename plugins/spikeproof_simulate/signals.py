"""What each kind of simulated population says about a stimulus, in noise sd."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Kind", "signal", "true_dprime"]

Kind = Literal["sparse", "distributed", "redundant", "aligned"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def signal(
    kind: Kind,
    category: NDArray[np.intp],
    *,
    units: int,
    informative: int,
    separation: float,
    private: float,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Mean response of each unit to each stimulus, less its baseline, over the sd of its noise at baseline.

    With C categories, N units, k informative units and separation d, for a stimulus x of category c::

        sparse       d 1[c is the category of unit i]          the first k units of a seeded order, in turn; others 0
        distributed  d sqrt(k / (N C)) g_i(c)                   g_i: random over c, mean 0 and sd 1
        aligned      d sqrt(k / (N C)) s_i t(c)                 s_i = +-1 in equal numbers, t(c) equally spaced, sd 1
        redundant    d (t(c) + a z_i(x)) / sqrt(1 + a^2)        z_i(x): the unit's own signal, not noise

    (sd over categories with C - 1 in the denominator; z_i takes +-1, or 0 and +-sqrt(n / (n - 1)) where the number n of
    stimuli a category is odd, so that within each category its mean is exactly 0 and its variance 1). The squared
    distance between the population vectors of two categories, averaged over pairs of categories, is the same for
    sparse, distributed and aligned codes: ``2 k d^2 / C`` noise variances; they differ in how many units and
    directions carry it. The redundant code is the counterpart of :func:`spikeproof_simulate.redundant_population`,
    the aligned one of ``aligned_population``.

    Parameters
    ----------
    kind : {"sparse", "distributed", "redundant", "aligned"}
    category : numpy.ndarray of int, (stimulus,)
        Category of each stimulus, 0 to C - 1.
    units, informative : int
        N and k.
    separation, private : float
        d, in noise sd, and a.
    random : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of float64, (stimulus, unit)
    """
    categories = int(category.max()) + 1
    share = separation * np.sqrt(informative / (units * categories))
    axis = np.arange(categories) - (categories - 1) / 2
    axis = axis / axis.std(ddof=1)
    if kind == "sparse":
        of_category = np.zeros((categories, units))
        chosen = random.permutation(units)[:informative]
        of_category[np.arange(informative) % categories, chosen] = separation
        return of_category[category]
    if kind == "distributed":
        tuning = random.standard_normal((categories, units))
        tuning = (tuning - tuning.mean(axis=0)) / tuning.std(axis=0, ddof=1)
        return np.asarray(share * tuning[category], dtype=np.float64)
    if kind == "aligned":
        signs = random.permutation(np.where(np.arange(units) % 2 == 0, 1.0, -1.0))
        return np.asarray(share * np.outer(axis[category], signs), dtype=np.float64)
    own = _own(category, units, random)
    mixed = separation * (axis[category][:, np.newaxis] + private * own) / np.sqrt(1 + private**2)
    return np.asarray(mixed, dtype=np.float64)


def _own(category: NDArray[np.intp], units: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Private signals (stimulus, unit): in each category the same values, in an order of each unit's own."""
    own = np.empty((len(category), units))
    for number in np.unique(category):
        rows = np.flatnonzero(category == number)
        half = len(rows) // 2
        size = np.sqrt(len(rows) / (2 * half))
        values = np.array([size] * half + [-size] * half + [0.0] * (len(rows) - 2 * half))
        own[rows] = random.permuted(np.tile(values[:, np.newaxis], (1, units)), axis=0)
    return own


def true_dprime(means: NDArray[np.float64], category: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Discriminability of each unit's preferred category on single presentations, for Poisson counts.

    ``d' = (mu_in - mu_out) / sqrt((var_in + var_out) / 2)``: presentations of the category with the highest mean
    against all others, equally many of each stimulus. A Poisson count's variance is its mean, and stimuli of different
    means add the variance of their means.

    Parameters
    ----------
    means : numpy.ndarray of float64, (stimulus, unit)
        Mean counts.
    category : numpy.ndarray of int, (stimulus,)

    Returns
    -------
    dprime : numpy.ndarray of float64, (unit,)
        0 where all categories have the same mean.
    preferred : numpy.ndarray of int, (unit,)
        The category with the highest mean.
    """
    of_category = np.stack([means[category == c].mean(axis=0) for c in range(int(category.max()) + 1)])
    preferred = of_category.argmax(axis=0)
    inside = category[:, np.newaxis] == preferred
    split = []
    for chosen in (inside, ~inside):
        n = chosen.sum(axis=0)
        mean = np.where(chosen, means, 0).sum(axis=0) / n
        split.append((mean, mean + np.where(chosen, (means - mean) ** 2, 0).sum(axis=0) / n))
    (mean_in, variance_in), (mean_out, variance_out) = split
    spread = np.sqrt((variance_in + variance_out) / 2)
    flat = np.ptp(of_category, axis=0) <= 1e-12 * np.abs(of_category).max(axis=0)
    dprime = np.divide(mean_in - mean_out, spread, out=np.zeros_like(spread), where=~flat & (spread > 0))
    return dprime, np.asarray(preferred, dtype=np.intp)
