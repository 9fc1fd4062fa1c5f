"""Predictivity relative to what the reliability of the responses allows: two rules, each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["r2_over_ceiling", "squared_r_over_ceiling"]


def r2_over_ceiling(r: ArrayLike, ceiling: ArrayLike) -> NDArray[np.float64]:
    """Share of the explainable variance, ``r² / ceiling``: Brain-Score's rule since January 2026.

    Right where the ceiling is itself a share of variance: a reliability (Spearman-Brown corrected), the squared
    correlation with the noiseless response. Not for RDM and CKA scores, which are no correlations with responses.

    Parameters
    ----------
    r : array_like
        Correlations of predictions. A negative one stays negative: its square is no merit. (Brain-Score's is positive.)
    ceiling : array_like
        Internal consistency, above 0.

    Returns
    -------
    numpy.ndarray of float64
        Above 1 where the prediction exceeds the ceiling, which noise in the ceiling allows.

    Raises
    ------
    DataError
        If a ceiling is not above 0: nothing could be explained.

    Examples
    --------
    >>> float(r2_over_ceiling(0.6, 0.72).round(6))
    0.5
    """
    value, limit = _ceiled(r, ceiling)
    return np.sign(value) * value**2 / limit


def squared_r_over_ceiling(r: ArrayLike, ceiling: ArrayLike) -> NDArray[np.float64]:
    """Brain-Score's rule before January 2026, ``(r / ceiling)²``, for comparison with older numbers.

    It treats the ceiling as a correlation with the noiseless response, whose square the reliability is, and so gives
    more than :func:`r2_over_ceiling` by a factor of 1 / ceiling.

    Parameters
    ----------
    r : array_like
        Correlations of predictions; a negative one stays negative.
    ceiling : array_like
        Internal consistency, above 0.

    Returns
    -------
    numpy.ndarray of float64

    Raises
    ------
    DataError
        If a ceiling is not above 0.

    Examples
    --------
    >>> float(squared_r_over_ceiling(0.6, 0.8).round(6))
    0.5625
    """
    value, limit = _ceiled(r, ceiling)
    return np.sign(value) * (value / limit) ** 2


def _ceiled(r: ArrayLike, ceiling: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    value, limit = np.asarray(r, dtype=np.float64), np.asarray(ceiling, dtype=np.float64)
    if not (limit > 0).all():
        worst = float(np.nanmin(np.where(np.isnan(limit), -np.inf, limit)))
        raise DataError(
            f"predictivity: a ceiling must be above 0, got {worst:.3g}: without reliable variance there is nothing to "
            "explain; leave those units out"
        )
    return value, limit
