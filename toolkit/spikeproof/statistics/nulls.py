"""Comparisons with a null: permutation p and the correction for many units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["benjamini_hochberg", "permutation_p"]


def permutation_p(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """One-sided p of a permutation test: (1 + #(null >= observed)) / (1 + permutations).

    Never zero (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

    Parameters
    ----------
    observed : array_like, (...)
        The statistic on the data.
    null : array_like, (permutation, ...)
        The statistic under permutations.

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where ``observed`` is.

    Examples
    --------
    >>> float(permutation_p(3.0, [1.0, 2.0, 3.0]))
    0.5
    """
    import numpy as np

    value = np.asarray(observed, dtype=np.float64)
    draws = np.asarray(null, dtype=np.float64)
    # Rounding must not decide between equal statistics: equal within 1e-12 counts as reached.
    slack = 1e-12 * np.maximum(1.0, np.abs(value))
    p = (1 + (draws >= value - slack).sum(axis=0)) / (1 + len(draws))
    return np.where(np.isnan(value), np.nan, p)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p that controls the false discovery rate (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p : array_like, (test,)
        Values of p; NaN for a test that was not made, which is left out of the count and stays NaN.

    Returns
    -------
    numpy.ndarray of float64, (test,)
        Smallest false discovery rate at which each test is rejected.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    import numpy as np

    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    made = np.flatnonzero(~np.isnan(values))
    if made.size:
        order = made[np.argsort(values[made], kind="stable")]
        scaled = values[order] * made.size / np.arange(1, made.size + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
