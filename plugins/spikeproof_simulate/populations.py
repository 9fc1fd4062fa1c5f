"""Two linear populations that show that unit robustness is neither necessary nor sufficient for a robust readout.

The argument is that of Lonnqvist, Machiraju and Herzog on Guo et al. (2022, arXiv 2206.11228). The sensitivity of a
linear response ``w . x`` to an L2 perturbation of size epsilon is ``epsilon * ||w||``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned_population", "redundant_population"]


def redundant_population(
    n: int = 100, a: float = 5.0, pixels: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fragile units, robust readout: unit robustness is not necessary.

    ``r_i = (u + a v_i) . x`` with orthonormal ``u, v_1 ... v_n``, read by the mean. Each unit's sensitivity is
    sqrt(1 + a^2); the private directions average out, and the readout's is sqrt(1 + a^2 / n).

    Parameters
    ----------
    n : int
        Units.
    a : float
        Size of each unit's private direction over the shared one.
    pixels : int, optional
        Pixels, at least n + 1 (the default).

    Returns
    -------
    units : numpy.ndarray of float64, (unit, pixel)
        Weights of units on pixels.
    readout : numpy.ndarray of float64, (unit,)
        Weights of the readout on units.

    Raises
    ------
    ValueError
        If there are fewer than n + 1 pixels, or no units.

    Examples
    --------
    >>> units, readout = redundant_population()
    >>> float(np.linalg.norm(units, axis=1).max().round(3)), float(np.linalg.norm(readout @ units).round(3))
    (5.099, 1.118)
    """
    count = n + 1 if pixels is None else pixels
    if n < 1 or count < n + 1:
        raise ValueError(f"redundant_population: {n} units need at least {max(n, 1) + 1} pixels, got {count}")
    basis = _orthonormal(count)
    return basis[0] + a * basis[1 : n + 1], np.full(n, 1 / n)


def aligned_population(
    n: int = 100, slope: float = 0.05, pixels: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Robust units, fragile readout: unit robustness is not sufficient.

    ``r_i = s_i * slope * u . x`` with signs ``s_i`` that alternate and one unit direction ``u``, read by the sum of
    ``s_i r_i``. Each unit's sensitivity is ``slope``; the readout's is ``n * slope``.

    Parameters
    ----------
    n : int
        Units.
    slope : float
        Sensitivity of each unit.
    pixels : int, optional
        Pixels; n + 1 by default.

    Returns
    -------
    units : numpy.ndarray of float64, (unit, pixel)
        Weights of units on pixels.
    readout : numpy.ndarray of float64, (unit,)
        Weights of the readout on units: the signs.

    Raises
    ------
    ValueError
        If there are no units or no pixels.

    Examples
    --------
    >>> units, readout = aligned_population()
    >>> float(np.linalg.norm(units, axis=1).max().round(3)), float(np.linalg.norm(readout @ units).round(3))
    (0.05, 5.0)
    """
    count = n + 1 if pixels is None else pixels
    if n < 1 or count < 1:
        raise ValueError(f"aligned_population: at least one unit and one pixel are needed, got {n} and {count}")
    signs = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return slope * signs[:, np.newaxis] * _orthonormal(count)[0], signs


def _orthonormal(count: int) -> NDArray[np.float64]:
    """Rows of the discrete cosine transform: the first is uniform over pixels, all are orthonormal."""
    pixel = np.arange(count)
    rows = np.cos(np.pi * (2 * pixel + 1) * pixel[:, np.newaxis] / (2 * count)) * np.sqrt(2 / count)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float64)
