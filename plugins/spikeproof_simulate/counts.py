"""Poisson counts with a stated mean and a stated mean noise correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["highest_correlation", "poisson_counts", "shared_mean"]


def shared_mean(means: NDArray[np.float64], correlation: float) -> NDArray[np.float64]:
    """Mean count that all units must share for a given mean pairwise noise correlation.

    Each count is ``X_i + S`` with independent Poisson ``X_i`` (mean ``mu_i - s``) and one Poisson ``S`` (mean ``s``)
    common to all units, so that it is exactly Poisson with mean ``mu_i`` and (Holgate 1964, Biometrika 51:241)::

        corr(i, j) = s / sqrt(mu_i mu_j)        s = r / mean over pairs i < j of 1 / sqrt(mu_i mu_j)

    Parameters
    ----------
    means : numpy.ndarray of float64, (stimulus, unit)
        Mean counts, positive.
    correlation : float
        r: the mean over pairs of units, on every stimulus.

    Returns
    -------
    numpy.ndarray of float64, (stimulus,)

    Examples
    --------
    >>> shared_mean(np.array([[16.0, 16.0, 16.0]]), 0.25).tolist()
    [4.0]
    """
    n = means.shape[1]
    inverse = 1 / np.sqrt(means)
    pairs = (inverse.sum(axis=1) ** 2 - (inverse**2).sum(axis=1)) / (n * (n - 1))
    return np.asarray(correlation / pairs, dtype=np.float64)


def highest_correlation(means: NDArray[np.float64]) -> float:
    """Highest mean noise correlation that the shared count allows: its mean may not exceed any unit's."""
    return float((means.min(axis=1) / shared_mean(means, 1.0)).min())


def poisson_counts(
    means: NDArray[np.float64], shared: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw counts with means (presentation, unit), of which ``shared`` (presentation,) stand for the common count."""
    own = random.poisson(np.maximum(means - shared[:, np.newaxis], 0))  # the maximum only meets rounding at s = mu
    return np.asarray(own + random.poisson(shared)[:, np.newaxis], dtype=np.int64)
