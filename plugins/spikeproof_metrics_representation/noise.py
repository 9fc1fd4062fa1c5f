"""Covariance of the noise between channels, and its inverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError, NotEnoughData

from .repeats import condition_sums, grouped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["noise_covariance", "noise_precision"]


def noise_covariance(
    observations: ArrayLike,
    conditions: ArrayLike,
    method: Literal["shrinkage_diag", "shrinkage_eye", "diag", "full"] = "shrinkage_diag",
    *,
    dof: int | Literal["within", "rsatoolbox"] = "within",
) -> NDArray[np.float64]:
    """Covariance between channels of what is left of observations after their condition's mean.

    Parameters
    ----------
    observations : array_like, (observation, channel)
    conditions : array_like, (observation,)
        Condition of each observation; repeats need not be equal in number.
    method : {"shrinkage_diag", "shrinkage_eye", "diag", "full"}
        ``shrinkage_diag`` shrinks towards the diagonal (Schaefer & Strimmer 2005, doi:10.2202/1544-6115.1175),
        ``shrinkage_eye`` towards a multiple of the identity (Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4);
        ``full`` is the sample covariance and ``diag`` its diagonal. The formulas are rsatoolbox's, computed from one
        matrix product instead of an outer product per observation.
    dof : {"within", "rsatoolbox"} or int
        Degrees of freedom. ``within``: observations - conditions, C (R - 1) with C conditions of R repeats, which is
        unbiased. ``rsatoolbox``: (C - 1) R, what ``cov_from_measurements`` of rsatoolbox 0.3.2 uses, for comparison
        with results from there: too small a variance by C (R - 1) / ((C - 1) R), about half for two repeats.

    Returns
    -------
    numpy.ndarray of float64, (channel, channel)

    Raises
    ------
    NotEnoughData
        If no condition was observed twice.
    DataError
        If a channel does not vary within conditions (shrinkage would divide by zero), a value is not finite, or
        ``"rsatoolbox"`` is asked of unequal repeats.

    Examples
    --------
    >>> noise_covariance([[0.0], [2.0], [5.0], [7.0]], ["a", "a", "b", "b"], "full").tolist()
    [[2.0]]
    >>> noise_covariance([[0.0], [2.0], [5.0], [7.0]], ["a", "a", "b", "b"], "full", dof="rsatoolbox").tolist()
    [[2.0]]
    """
    residuals, degrees = _residuals(observations, conditions, dof)
    rows, channels = residuals.shape
    if method == "diag":
        return np.diag(np.einsum("ij,ij->j", residuals, residuals) / degrees)
    sums = residuals.T @ residuals
    if method == "full":
        sums /= degrees
        return sums
    diagonal = np.diagonal(sums).copy()
    if (diagonal <= 0).any():
        silent = np.flatnonzero(diagonal <= 0)
        raise DataError(
            f"noise covariance: channel {int(silent[0])} does not vary within conditions ({len(silent)} such channels)"
            "; leave those channels out"
        )
    if method == "shrinkage_eye":
        return _towards_identity(residuals, sums, rows, degrees)
    # Schaefer-Strimmer: the summed variance of the correlations over their summed squares, off the diagonal.
    spread = np.sqrt(diagonal / degrees)
    residuals /= spread
    power = np.einsum("ij,ij->i", residuals, residuals)
    fourth = np.einsum("ij,ij,ij,ij->i", residuals, residuals, residuals, residuals)
    second = float((power**2 - fourth).sum()) / (rows - 1)
    squares = 0.0
    for start in range(0, channels, 256):
        block = sums[start : start + 256] / spread[start : start + 256, None] / spread / (rows - 1)
        squares += float((block**2).sum())
    squares -= float(((diagonal / spread**2 / (rows - 1)) ** 2).sum())
    correlated = squares > 0
    shrunk = min(max(rows / degrees**2 * (second - squares) / squares, 0.0), 1.0) if correlated else 1.0
    sums *= (1 - shrunk) / degrees
    np.fill_diagonal(sums, diagonal / degrees)
    return sums


def noise_precision(
    observations: ArrayLike,
    conditions: ArrayLike,
    method: Literal["shrinkage_diag", "shrinkage_eye", "diag", "full"] = "shrinkage_diag",
    *,
    dof: int | Literal["within", "rsatoolbox"] = "within",
) -> NDArray[np.float64]:
    """Inverse of :func:`noise_covariance`.

    Parameters
    ----------
    observations : array_like, (observation, channel)
    conditions : array_like, (observation,)
    method : {"shrinkage_diag", "shrinkage_eye", "diag", "full"}
    dof : {"within", "rsatoolbox"} or int
        See :func:`noise_covariance`.

    Returns
    -------
    numpy.ndarray of float64, (channel, channel)

    Raises
    ------
    NotEnoughData
        If the covariance has no inverse: ``full`` needs at least as many degrees of freedom as channels.
    DataError
        As :func:`noise_covariance`.

    Examples
    --------
    >>> noise_precision([[0.0], [2.0], [5.0], [7.0]], ["a", "a", "b", "b"]).round(12).tolist()
    [[0.5]]
    """
    covariance = noise_covariance(observations, conditions, method, dof=dof)
    if method == "diag":
        if (np.diagonal(covariance) <= 0).any():
            channel = int(np.flatnonzero(np.diagonal(covariance) <= 0)[0])
            raise DataError(f"noise precision: channel {channel} does not vary within conditions; leave it out")
        return np.diag(1 / np.diagonal(covariance))
    factor, failed = linalg.lapack.dpotrf(covariance.T, lower=1, overwrite_a=1)
    # A pivot of rounding size means a singular matrix as surely as a negative one.
    pivots = np.abs(np.diagonal(factor))
    if failed or pivots.min() <= 1e-7 * pivots.max():
        raise NotEnoughData(
            f"noise precision: the {method} covariance of {len(covariance)} channels has no inverse; more observations "
            "than conditions and channels together are needed, or the method shrinkage_diag"
        )
    inverse, _ = linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse)
    result: NDArray[np.float64] = lower + np.tril(lower, -1).T
    return result


def _towards_identity(
    residuals: NDArray[np.float64], sums: NDArray[np.float64], rows: int, degrees: int
) -> NDArray[np.float64]:
    """Ledoit-Wolf: intensity is the noise of the sample covariance over its distance from the target."""
    channels = len(sums)
    mean = np.trace(sums) / rows / channels
    squares = float(np.einsum("ij,ij->", sums, sums)) / rows**2
    distance = squares - channels * mean**2
    power = np.einsum("ij,ij->i", residuals, residuals)
    noise = min(distance, (float((power**2).sum()) / rows - squares) / rows)
    share = noise / distance if distance > 1e-15 * squares else 0.0
    sums *= (1 - share) / degrees
    sums[np.diag_indices(channels)] += share * mean * rows / degrees
    return sums


def _residuals(
    observations: ArrayLike, conditions: ArrayLike, dof: int | Literal["within", "rsatoolbox"]
) -> tuple[NDArray[np.float64], int]:
    values, labels, index = grouped(observations, conditions)
    counts = np.bincount(index)
    residuals = values.astype(np.float64)
    if not np.isfinite(residuals.sum()) and not np.isfinite(residuals).all():
        row, column = np.argwhere(~np.isfinite(residuals))[0]
        raise DataError(
            f"noise covariance: observation {row}, channel {column} is not finite; leave that channel or "
            "observation out"
        )
    if counts.max() < 2:
        raise NotEnoughData("noise covariance: no condition was observed twice; noise needs repeats")
    means = condition_sums(residuals, index, len(labels)) / counts[:, None]
    for start in range(0, len(index), 1024):
        block = slice(start, start + 1024)
        residuals[block] -= means[index[block]]
    if dof == "within":
        return residuals, len(index) - len(labels)
    if dof == "rsatoolbox":
        if counts.min() != counts.max():
            raise DataError("noise covariance: rsatoolbox's degrees of freedom are defined for equal repeats only")
        return residuals, (len(labels) - 1) * int(counts[0])
    if isinstance(dof, str) or dof < 1:
        raise DataError(f"noise covariance: dof must be 'within', 'rsatoolbox' or a number above 0, got {dof!r}")
    return residuals, int(dof)
