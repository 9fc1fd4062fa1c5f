"""Representational dissimilarity matrices (RDMs) of condition means.

An RDM is a vector: the upper triangle, row by row, of the matrix of distances between conditions. All distances but
the correlation distance are divided by the number of channels, as in rsatoolbox (Nili et al. 2014,
doi:10.1371/journal.pcbi.1003553; van den Bosch et al. 2025).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform
from spikeproof.errors import DataError

from .checking import CONSTANT, as_matrix
from .precision import PrecisionRoot

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "kernel_distances",
    "rdm_correlation",
    "rdm_mahalanobis",
    "rdm_matrix",
    "rdm_poisson",
    "rdm_squared_euclidean",
    "rdm_vector",
]


def rdm_squared_euclidean(patterns: ArrayLike, *, remove_mean: bool = False) -> NDArray[np.float64]:
    """Squared Euclidean distances between patterns, per channel.

    Parameters
    ----------
    patterns : array_like, (condition, channel)
        One pattern per condition; average repeats first (:func:`condition_means`).
    remove_mean : bool
        Take each pattern's mean over channels off first.

    Returns
    -------
    numpy.ndarray of float64, (pair,)
        In squared units of the patterns. Distances that rounding would make negative are 0.

    Raises
    ------
    NotEnoughData
        If there are fewer than two conditions.
    DataError
        If a value is not finite.

    Examples
    --------
    >>> rdm_squared_euclidean([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]]).tolist()
    [2.0, 8.0, 10.0]
    """
    values = _patterns(patterns, remove_mean)
    distances = symmetric_kernel_distances(values @ values.T, values.shape[1])
    return np.maximum(distances, 0.0, out=distances)


def rdm_correlation(patterns: ArrayLike) -> NDArray[np.float64]:
    """Correlation distances, ``1 - r`` with r Pearson's correlation over channels.

    Parameters
    ----------
    patterns : array_like, (condition, channel)

    Returns
    -------
    numpy.ndarray of float64, (pair,)
        Between 0 and 2; rounding beyond either end is taken off.

    Raises
    ------
    NotEnoughData
        If there are fewer than two conditions or channels.
    DataError
        If a pattern is flat, which leaves its correlations undefined (rsatoolbox returns NaN), or a value is not
        finite.

    Examples
    --------
    >>> rdm_correlation([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]]).round(12).tolist()
    [0.0, 2.0, 2.0]
    """
    values = as_matrix(patterns, "correlation RDM", rows="condition", columns="channel", at_least=2)
    centred = values - values.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    flat = norms <= CONSTANT * np.sqrt(np.einsum("ij,ij->i", values, values))
    if flat.any():
        raise DataError(
            f"correlation RDM: the pattern of condition {int(np.flatnonzero(flat)[0])} is the same in all "
            f"{values.shape[1]} channels ({int(flat.sum())} such conditions), so that its correlations are undefined; "
            "leave those conditions out or use another distance"
        )
    centred /= norms[:, None]
    distances: NDArray[np.float64] = squareform(centred @ centred.T, checks=False)
    np.subtract(1.0, distances, out=distances)
    return np.clip(distances, 0.0, 2.0, out=distances)


def rdm_mahalanobis(patterns: ArrayLike, precision: ArrayLike, *, remove_mean: bool = False) -> NDArray[np.float64]:
    """Squared Mahalanobis distances, ``(x_i - x_j)' P (x_i - x_j) / channels``.

    Positively biased by noise: :func:`rdm_crossnobis` is not.

    Parameters
    ----------
    patterns : array_like, (condition, channel)
    precision : array_like, (channel, channel) or (channel,)
        Inverse of the noise covariance (:func:`noise_precision`); a vector is its diagonal.
    remove_mean : bool
        Take each pattern's mean over channels off first.

    Returns
    -------
    numpy.ndarray of float64, (pair,)

    Raises
    ------
    NotEnoughData
        If there are fewer than two conditions.
    DataError
        If the precision is not symmetric and positive definite, does not fit, or a value is not finite.

    Examples
    --------
    >>> rdm_mahalanobis([[0.0, 0.0], [2.0, 1.0]], [1.0, 4.0]).tolist()
    [4.0]
    """
    values = _patterns(patterns, remove_mean)
    whitened = PrecisionRoot(precision, values.shape[1]).apply(values)
    distances = symmetric_kernel_distances(whitened @ whitened.T, values.shape[1])
    return np.maximum(distances, 0.0, out=distances)


def rdm_poisson(patterns: ArrayLike, *, prior_lambda: float = 1.0, prior_weight: float = 0.1) -> NDArray[np.float64]:
    """Symmetrised Kullback-Leibler divergences of Poisson distributions, per channel.

    Rates are shrunk to a Gamma prior first: ``(x + prior_lambda * prior_weight) / (1 + prior_weight)``.

    Parameters
    ----------
    patterns : array_like, (condition, channel)
        Mean counts, not negative.
    prior_lambda, prior_weight : float
        Mean of the prior, and its weight in observations.

    Returns
    -------
    numpy.ndarray of float64, (pair,)

    Raises
    ------
    NotEnoughData
        If there are fewer than two conditions.
    DataError
        If a value is negative or not finite, or zero where the prior has no weight.

    Examples
    --------
    >>> rdm_poisson([[1.0], [1.0], [4.0]]).round(3).tolist()
    [0.0, 3.588, 3.588]
    """
    rates = poisson_rates(_patterns(patterns, remove_mean=False), prior_lambda, prior_weight)
    kernel = rates @ np.log(rates).T
    return np.maximum(kernel_distances(kernel, rates.shape[1]), 0.0)


def poisson_rates(values: NDArray[np.float64], prior_lambda: float, prior_weight: float) -> NDArray[np.float64]:
    """Rates shrunk to the Gamma prior."""
    if (values < 0).any():
        row, column = np.argwhere(values < 0)[0]
        raise DataError(
            f"Poisson RDM: needs counts or rates that are not negative, got {values[row, column]} in condition {row}, "
            f"channel {column}"
        )
    rates = (values + prior_lambda * prior_weight) / (1 + prior_weight)
    if (rates <= 0).any():
        raise DataError("Poisson RDM: a rate is zero and the prior has no weight; give prior_weight above 0")
    return rates


def kernel_distances(kernel: NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """Distances ``(K_ii + K_jj - K_ij - K_ji) / channels`` as a vector."""
    diagonal = np.diagonal(kernel)
    distances = diagonal[:, None] + diagonal[None, :]
    distances -= kernel
    distances -= kernel.T
    vector: NDArray[np.float64] = squareform(distances, checks=False)
    vector /= channels
    return vector


def symmetric_kernel_distances(kernel: NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """Distances ``(K_ii + K_jj - 2 K_ij) / channels`` as a vector, from the upper triangle of the kernel alone."""
    diagonal = np.diagonal(kernel)
    vector: NDArray[np.float64] = squareform(kernel, checks=False)
    vector *= -2.0
    begin = 0
    for condition in range(len(kernel) - 1):
        end = begin + len(kernel) - 1 - condition
        vector[begin:end] += diagonal[condition + 1 :]
        vector[begin:end] += diagonal[condition]
        begin = end
    vector /= channels
    return vector


def rdm_matrix(rdm: ArrayLike) -> NDArray[np.float64]:
    """The square matrix of an RDM.

    Parameters
    ----------
    rdm : array_like, (pair,)

    Returns
    -------
    numpy.ndarray of float64, (condition, condition)
        Symmetric, with a zero diagonal.

    Raises
    ------
    DataError
        If the length is not that of an upper triangle.

    Examples
    --------
    >>> rdm_matrix([1.0, 2.0, 3.0]).tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    """
    vector = np.asarray(rdm, dtype=np.float64)
    conditions_of(vector.shape[-1] if vector.ndim == 1 else -1)
    matrix: NDArray[np.float64] = squareform(vector, checks=False)
    return matrix


def rdm_vector(matrix: ArrayLike) -> NDArray[np.float64]:
    """The upper triangle of a square RDM, row by row.

    Parameters
    ----------
    matrix : array_like, (condition, condition)
        Symmetric; the diagonal is not looked at.

    Returns
    -------
    numpy.ndarray of float64, (pair,)

    Raises
    ------
    DataError
        If it is not square and symmetric.

    Examples
    --------
    >>> rdm_vector([[0.0, 1.0], [1.0, 0.0]]).tolist()
    [1.0]
    """
    square = np.asarray(matrix, dtype=np.float64)
    if square.ndim != 2 or square.shape[0] != square.shape[1]:
        raise DataError(f"RDM: needs a square matrix, got {square.shape}")
    if not np.allclose(square, square.T, equal_nan=True):
        raise DataError("RDM: the matrix is not symmetric")
    vector: NDArray[np.float64] = squareform(square, checks=False)
    return vector


def conditions_of(pairs: int) -> int:
    """Number of conditions of an RDM of so many pairs."""
    conditions = round((1 + np.sqrt(1 + 8 * max(pairs, 0))) / 2)
    if pairs < 1 or conditions * (conditions - 1) // 2 != pairs:
        raise DataError(f"RDM: a vector of {pairs} values is not the upper triangle of any square matrix")
    return int(conditions)


def _patterns(patterns: ArrayLike, remove_mean: bool) -> NDArray[np.float64]:
    values = as_matrix(patterns, "RDM", rows="condition", columns="channel", at_least=2)
    return values - values.mean(axis=1, keepdims=True) if remove_mean else values
