"""Sensitivity from recorded responses: naive, signed by a model, and what noise alone would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["folded_mean", "noise_floor", "pooled_variance", "signal_sd", "signed_shift"]


def signed_shift(clean: ArrayLike, perturbed: ArrayLike, sign: ArrayLike) -> NDArray[np.float64]:
    """Change of the response in the direction that a model predicted.

    Its mean is at most the mean size of the true changes, whatever the noise, if the model did not see the responses
    that it signs (Guo et al. 2022, arXiv:2206.11228): a model that is right about the sign with probability p, whatever
    the size D of the change, gives (2 p - 1) D.

    Parameters
    ----------
    clean, perturbed : array_like, (..., stimulus)
        Mean responses.
    sign : array_like, (..., stimulus)
        1 where the model predicts a rise, -1 where it predicts a fall, 0 where it predicts none.

    Returns
    -------
    numpy.ndarray of float64, (..., stimulus)

    Examples
    --------
    >>> signed_shift([4.0, 4.0], [6.0, 3.0], [1, 1]).tolist()
    [2.0, -1.0]
    """
    out: NDArray[np.float64] = np.sign(np.asarray(sign)) * (np.asarray(perturbed) - np.asarray(clean))
    return out


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


def folded_mean(size: ArrayLike, variance: ArrayLike) -> NDArray[np.float64]:
    """Mean of the absolute value of a normal number: what averaging measured sizes gives for true changes of one size.

    Parameters
    ----------
    size : array_like
        True size D of the change.
    variance : array_like
        Variance tau^2 of its measurement, above zero.

    Returns
    -------
    numpy.ndarray of float64
        ``tau sqrt(2 / pi) exp(-D^2 / (2 tau^2)) + D erf(D / (tau sqrt 2))``.

    Examples
    --------
    >>> folded_mean([0.0, 100.0], 1.0).round(4).tolist()
    [0.7979, 100.0]
    """
    from scipy.special import erf

    d, t = np.asarray(size, dtype=np.float64), np.sqrt(np.asarray(variance, dtype=np.float64))
    return np.asarray(t * np.sqrt(2 / np.pi) * np.exp(-(d**2) / (2 * t**2)) + d * erf(d / (t * np.sqrt(2))))


def signal_sd(means: ArrayLike, variance: float, shown: ArrayLike) -> float:
    """Standard deviation of the true mean responses over images: the measured one with the noise of means taken off.

    Parameters
    ----------
    means : array_like, (stimulus,)
        Means over presentations.
    variance : float
        Of single responses.
    shown : array_like, (stimulus,)
        Presentations of each stimulus.

    Returns
    -------
    float
        NaN where noise explains all of the variance over images.

    Raises
    ------
    DataError
        If there are fewer than two stimuli, or the counts do not fit.

    Examples
    --------
    >>> round(signal_sd([0.0, 4.0], 2.0, [2, 2]), 4), signal_sd([0.0, 1.0], 2.0, [2, 2])
    (2.6458, nan)
    """
    values, counts = np.asarray(means, dtype=np.float64), np.asarray(shown, dtype=np.float64)
    if len(values) < 2 or values.shape != counts.shape:
        raise DataError(f"signal_sd: {values.shape} means and {counts.shape} counts: it takes two stimuli or more")
    left = values.var(ddof=1) - variance * np.mean(1 / counts)
    return float(np.sqrt(left)) if left > 0 else float("nan")
