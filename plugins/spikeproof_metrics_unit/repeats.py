"""Responses on repeats: what is measured, and the means of random halves of the repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["check_repeats", "correlate_halves", "presented"]

_CHUNK = 1_000_000
"""Numbers that the half-means of one chunk of splits may hold (8 MB)."""


def check_repeats(responses: ArrayLike, metric: str) -> NDArray[np.float64]:
    """Responses as floats, refused where no noise can be estimated from them.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        NaN where not measured.
    metric : str
        What messages call the caller.

    Raises
    ------
    DataError
        If the array has another number of dimensions or holds an infinite value.
    NotEnoughData
        If there are fewer than two stimuli, or a unit has fewer than two stimuli measured at least twice.
    """
    values = np.asarray(responses, dtype=np.float64)
    if values.ndim != 3:
        raise DataError(f"{metric}: needs responses (stimulus, repeat, unit), got {values.ndim} dimensions")
    if np.isinf(values).any():
        raise DataError(f"{metric}: {int(np.isinf(values).sum())} responses are infinite; NaN marks what is missing")
    stimuli, repeats, _ = values.shape
    if repeats < 2:
        raise NotEnoughData(f"{metric}: needs at least two repeats of each stimulus, got {repeats}")
    if stimuli < 2:
        raise NotEnoughData(f"{metric}: needs at least two stimuli, got {stimuli}")
    twice = (np.count_nonzero(~np.isnan(values), axis=1) >= 2).sum(axis=0)
    if (twice < 2).any():
        unit = int(np.flatnonzero(twice < 2)[0])
        raise NotEnoughData(
            f"{metric}: unit {unit} has {int(twice[unit])} stimuli that were measured at least twice, but two are "
            f"needed ({int((twice < 2).sum())} such units): leave them out"
        )
    return values


def presented(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which repeats took place, (stimulus, repeat): those that at least one unit was measured on."""
    return np.asarray(~np.isnan(values).all(axis=2))


def correlate_halves(
    values: NDArray[np.float64], halves: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Pearson correlation over stimuli between the means of two halves of the repeats.

    Parameters
    ----------
    values : numpy.ndarray, (stimulus, repeat, unit)
        NaN where not measured.
    halves : numpy.ndarray of int8, (split, 1 or stimulus, repeat)
        1 and 2 are the halves; 0 is in neither.

    Returns
    -------
    r : numpy.ndarray of float64, (split, unit)
        NaN where a half does not vary over stimuli.
    stimuli : numpy.ndarray of int, (split, unit)
        Stimuli that were measured in both halves; the others are left out.
    """
    stimuli, repeats, units = values.shape
    missing = np.isnan(values)
    complete = not missing.any()
    centre = values.mean(axis=(0, 1)) if complete else np.nanmean(values, axis=(0, 1))
    centred = values - centre
    scale = np.abs(centred).max(axis=(0, 1)) if complete else np.nanmax(np.abs(centred), axis=(0, 1))
    flat = scale <= 1e-12 * np.abs(centre)
    if not complete:
        centred[missing] = 0.0
    splits = len(halves)
    r, used = np.empty((splits, units)), np.empty((splits, units), dtype=np.intp)
    step = max(1, _CHUNK // max(1, 2 * stimuli * units))
    for start in range(0, splits, step):
        part = halves[start : start + step]
        weights = np.stack([part == 1, part == 2]).astype(np.float64)  # (half, split, 1 or stimulus, repeat)
        rows = weights.reshape(-1, weights.shape[2], repeats).transpose(1, 0, 2)
        means = np.matmul(rows, centred)
        if complete:
            means /= rows.sum(axis=2)[..., None]
        else:
            counts = np.matmul(rows, (~missing).astype(np.float64))
            means = np.divide(means, counts, out=np.full_like(means, np.nan), where=counts > 0)
        first, second = means[:, : len(part)], means[:, len(part) :]
        r[start : start + step], used[start : start + step] = _pearson(first, second, scale, complete=complete)
    r[:, flat] = np.nan
    return r, used


def _pearson(
    a: NDArray[np.float64], b: NDArray[np.float64], scale: NDArray[np.float64], *, complete: bool
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Correlation over the first axis, over what is present in both."""
    if complete:
        n = np.full(a.shape[1:], float(len(a)))
    else:
        both = ~(np.isnan(a) | np.isnan(b))
        n = both.sum(axis=0).astype(np.float64)
        a, b = np.where(both, a, 0.0), np.where(both, b, 0.0)
    share = np.maximum(n, 1)
    sum_a, sum_b = a.sum(axis=0), b.sum(axis=0)
    cross = np.einsum("iju,iju->ju", a, b) - sum_a * sum_b / share
    var_a = np.einsum("iju,iju->ju", a, a) - sum_a**2 / share
    var_b = np.einsum("iju,iju->ju", b, b) - sum_b**2 / share
    floor = 1e-24 * scale**2 * share
    defined = (n >= 2) & (var_a > floor) & (var_b > floor)
    r = np.divide(cross, np.sqrt(np.where(defined, var_a * var_b, 1.0)), out=np.full_like(cross, np.nan), where=defined)
    return np.clip(r, -1.0, 1.0), n.astype(np.intp)
