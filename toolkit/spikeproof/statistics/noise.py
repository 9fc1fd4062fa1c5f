"""Noise of single responses, and the size that it alone gives differences of means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["noise_floor", "pooled_variance"]


def pooled_variance(responses: ArrayLike, image: ArrayLike) -> float:
    """Variance of single responses about the mean of their image, pooled over images.

    Parameters
    ----------
    responses : array_like, (presentation,)
    image : array_like, (presentation,)
        What was shown.

    Returns
    -------
    float
        NaN where no image was shown twice.

    Examples
    --------
    >>> pooled_variance([1.0, 3.0, 10.0, 12.0, 5.0], ["a", "a", "b", "b", "c"])
    2.0
    """
    values = np.asarray(responses, dtype=np.float64)
    of_row = np.unique(np.asarray(image).astype(str), return_inverse=True)[1]
    shown = np.bincount(of_row)
    freedom = len(values) - len(shown)
    if freedom == 0:
        return float("nan")
    means = np.bincount(of_row, weights=values) / shown
    return float(((values - means[of_row]) ** 2).sum() / freedom)


def noise_floor(variance: float, shown: ArrayLike, shown_clean: ArrayLike) -> NDArray[np.float64]:
    """Mean size of a measured change where there is none, of normal noise.

    ``s sqrt(2 / pi) sqrt(1 / n + 1 / m)``; with as many presentations of both, ``2 s / sqrt(pi n)``.

    Parameters
    ----------
    variance : float
        Of single responses, s^2.
    shown, shown_clean : array_like
        Presentations n and m of the perturbed and of the clean image, 1 or more.

    Examples
    --------
    >>> bool(np.isclose(noise_floor(4.0, 5, 5), 2 * 2 / np.sqrt(np.pi * 5)))
    True
    """
    return np.asarray(np.sqrt(2 / np.pi * variance * (1 / np.asarray(shown) + 1 / np.asarray(shown_clean))))
