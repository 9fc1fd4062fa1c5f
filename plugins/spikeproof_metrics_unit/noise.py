"""Signal and noise of units: noise ceiling and signal power."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import NotEnoughData

from .repeats import check_repeats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["NoiseCeiling", "SignalPower", "noise_ceiling", "signal_power"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCeiling:
    """What :func:`noise_ceiling` gives, each (unit,).

    Parameters
    ----------
    ncsnr : numpy.ndarray of float64
        Standard deviation of the signal over that of the noise.
    ceiling : numpy.ndarray of float64
        Share of the variance of the trial-averaged response that signal explains, 0 to 1.
    signal_variance, noise_variance : numpy.ndarray of float64
        In squared units of response; the signal's is set to 0 where the noise's exceeds the total.
    total_variance : numpy.ndarray of float64
        Of all single trials (ddof 1).
    status : numpy.ndarray of str
        ``"ok"``; ``"constant"`` where no response differs and both numbers are NaN; ``"no signal"`` where the signal's
        variance was set to 0; ``"noiseless"`` where repeats agree exactly and ncsnr is infinite.
    """

    ncsnr: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    signal_variance: NDArray[np.float64]
    noise_variance: NDArray[np.float64]
    total_variance: NDArray[np.float64]
    status: NDArray[np.str_]


def noise_ceiling(responses: ArrayLike, *, repeats: float | None = None) -> NoiseCeiling:
    """Noise-ceiling signal-to-noise ratio and noise ceiling of the Natural Scenes Dataset (Allen et al. 2022).

    The noise variance is the variance over repeats (ddof 1), averaged over stimuli; the signal variance is the variance
    of all single trials (ddof 1) less that; ``ncsnr = sqrt(signal / noise)`` and
    ``ceiling = ncsnr^2 / (ncsnr^2 + 1 / R)``. Where repeats are unequal, variances over repeats are weighted by their
    degrees of freedom, and 1/R is the mean of 1/R_i over stimuli, as in the data manual of that set.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        NaN where not measured.
    repeats : float, optional
        R that the ceiling is for; by default the repeats that were recorded.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli or repeats, or a unit has fewer than two stimuli measured twice.
    DataError
        If a response is infinite.

    Examples
    --------
    >>> result = noise_ceiling([[[1.0], [3.0]], [[7.0], [9.0]]])
    >>> result.noise_variance.tolist(), result.ncsnr.round(3).tolist()
    ([2.0], [2.38])
    """
    values = check_repeats(responses, "noise ceiling")
    counts, means, noise = _within(values)
    measured = counts.sum(axis=0)
    total = np.nanvar(values, axis=(0, 1), ddof=1)
    smallest = (1e-12 * np.nanmax(np.abs(values), axis=(0, 1))) ** 2
    noise = np.where(noise > smallest, noise, 0.0)
    constant = total <= smallest
    signal = np.where(constant, 0.0, np.maximum(total - noise, 0.0))
    one_over = np.divide(1.0, counts, out=np.zeros_like(means), where=counts > 0).sum(axis=0) / (counts > 0).sum(axis=0)
    share = np.full(measured.shape, 1 / repeats) if repeats is not None else one_over
    ratio = np.divide(signal, noise, out=np.full_like(signal, np.inf), where=noise > 0)
    ceiling = np.where(
        np.isinf(ratio), 1.0, np.divide(ratio, ratio + share, where=np.isfinite(ratio), out=ratio.copy())
    )
    status = np.where(constant, "constant", np.where(noise == 0, "noiseless", np.where(signal == 0, "no signal", "ok")))
    return NoiseCeiling(
        ncsnr=np.where(constant, np.nan, np.sqrt(ratio)),
        ceiling=np.where(constant, np.nan, ceiling),
        signal_variance=signal,
        noise_variance=noise,
        total_variance=total,
        status=status,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPower:
    """What :func:`signal_power` gives, each (unit,) in squared units of response.

    Parameters
    ----------
    signal : numpy.ndarray of float64
        Unbiased, so that it may be negative for a unit without signal: keep it so in averages over units.
    noise : numpy.ndarray of float64
        Power of a single repeat less the signal's.
    """

    signal: NDArray[np.float64]
    noise: NDArray[np.float64]


def signal_power(responses: ArrayLike) -> SignalPower:
    """Signal power of Sahani & Linden (2003), ``(R var_i(mean_r) - mean_r var_i) / (R - 1)``.

    Variances are over stimuli (ddof 1). It is the mean over pairs of repeats of their covariance over stimuli, and
    that is how missing repeats are dealt with: each pair counts the stimuli that have both, weighted by their degrees
    of freedom. Repeat k is the k-th column for every stimulus.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        NaN where not measured.

    Returns
    -------
    SignalPower

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli or repeats, or no pair of repeats shares two stimuli.
    DataError
        If a response is infinite.

    Examples
    --------
    >>> signal_power([[[1.0], [3.0]], [[7.0], [9.0]]]).signal.tolist()
    [18.0]
    """
    values = check_repeats(responses, "signal power")
    present = ~np.isnan(values)
    centred = np.where(present, values - np.nanmean(values, axis=(0, 1)), 0.0)
    repeats = values.shape[1]
    products = np.zeros((2, values.shape[2]))
    freedom = np.zeros((2, values.shape[2]))
    for first, second in itertools.combinations_with_replacement(range(repeats), 2):
        both = present[:, first] & present[:, second]
        a, b = np.where(both, centred[:, first], 0.0), np.where(both, centred[:, second], 0.0)
        n = both.sum(axis=0)
        same = int(first == second)
        products[same] += np.einsum("iu,iu->u", a, b) - a.sum(axis=0) * b.sum(axis=0) / np.maximum(n, 1)
        freedom[same] += np.maximum(n - 1, 0)
    if (freedom[0] == 0).any():
        unit = int(np.flatnonzero(freedom[0] == 0)[0])
        raise NotEnoughData(
            f"signal power: no two repeats of unit {unit} share two stimuli ({int((freedom[0] == 0).sum())} such "
            "units): leave them out"
        )
    shared, single = products / np.maximum(freedom, 1)
    return SignalPower(signal=shared, noise=single - shared)


def _within(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Repeats and mean of each stimulus (stimulus, unit), and the pooled variance over repeats (unit,)."""
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    filled = np.where(present, values, 0.0)
    means = filled.sum(axis=1) / np.maximum(counts, 1)
    squares = (np.where(present, values - means[:, None], 0.0) ** 2).sum(axis=(0, 1))
    return counts, means, squares / np.maximum(counts - 1, 0).sum(axis=0)
