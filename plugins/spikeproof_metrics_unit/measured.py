"""Sensitivity from recorded responses: naive, signed by a model, and over the spread of true means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["folded_mean", "signal_sd", "signed_shift"]


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
