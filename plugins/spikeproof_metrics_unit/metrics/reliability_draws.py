"""Reliability, noise ceiling and signal power of every unit, with draws over stimuli and shuffled presentations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, permutation_p
from spikeproof.types import generator

from spikeproof_metrics_unit.noise import noise_ceiling, signal_power
from spikeproof_metrics_unit.reliability import internal_consistency, random_halves, split_half
from spikeproof_metrics_unit.repeats import correlate_halves, presented

from .left_out import left_out_draws

__all__ = ["Reliable", "Shuffled", "reliable", "shuffled"]

_NULL_SPLITS, _NULL_DRAWS = 4, 100
_EDGE = 1 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliable:
    """Estimates (unit,) and draws (draw, unit) of what :func:`reliable` gives."""

    split_half: tuple[NDArray[np.float64], NDArray[np.float64]]
    ceiling: tuple[NDArray[np.float64], NDArray[np.float64]]
    ncsnr: tuple[NDArray[np.float64], NDArray[np.float64]]
    signal_share: tuple[NDArray[np.float64], NDArray[np.float64]]


def reliable(values: NDArray[np.float64], splits: int, resampling: Resampling) -> Reliable:
    """Four numbers of every unit over repeats.

    Each is drawn on the scale on which it is about symmetric: Fisher's z of the mean correlation of halves, the
    logarithm of the total over the noise variance, the logarithm of the share that is no signal.

    Parameters
    ----------
    values : numpy.ndarray, (stimulus, repeat, unit)
        NaN where not measured.
    splits : int
        Random halves.
    resampling : Resampling
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        halves = random_halves(presented(values), splits, resampling.seed)
        z = left_out_draws(lambda part, rows: _fisher(part, halves[:, rows]), values, resampling)
        ratio = left_out_draws(lambda part, _: _log_ratio(part), values, resampling)
        rest = left_out_draws(lambda part, _: _log_rest(part), values, resampling)
    over = _per_repeat(values)
    return Reliable(
        split_half=(_corrected(np.tanh(z[0])), _corrected(np.tanh(z[1]))),
        ncsnr=(_ncsnr(ratio[0]), _ncsnr(ratio[1])),
        ceiling=(_ceiling(ratio[0], over), _ceiling(ratio[1], over)),
        signal_share=(-np.expm1(rest[0]), -np.expm1(rest[1])),
    )


def consistency_draws(
    values: NDArray[np.float64], splits: int, resampling: Resampling
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Brain-Score's corrected correlations, (split, unit) and (draw, split, unit)."""

    def statistic(part: NDArray[np.float64], _: NDArray[np.intp]) -> NDArray[np.float64]:
        raw = internal_consistency(part, splits=splits, seed=1).raw
        return np.asarray(np.arctanh(np.clip(raw / (2 - raw), -_EDGE, _EDGE)))  # back to the halves' correlation

    with np.errstate(divide="ignore", invalid="ignore"):
        z, draws = left_out_draws(statistic, values, resampling)
    return _corrected(np.tanh(z)), _corrected(np.tanh(draws))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled:
    """What :func:`shuffled` gives: ``p`` (unit,) and split-half reliabilities ``reliability`` (shuffle, unit)."""

    p: NDArray[np.float64]
    reliability: NDArray[np.float64]


def shuffled(values: NDArray[np.float64], shuffles: int, seed: int) -> Shuffled:
    """Presentations shuffled over stimuli, alike for all units: what units without any signal give.

    ``p`` is the share of shuffles in which the variance over the repeats of a stimulus is at most that of the data
    (the F of an analysis of variance); reliabilities are of the first 100 shuffles, with fewer halves.
    """
    rng = generator(seed, "shuffled presentations")
    took_place = ~np.isnan(values).all(axis=2)
    flat = values[took_place]
    counts = took_place.sum(axis=1)
    starts = np.cumsum(counts) - counts
    centred = flat - flat.mean(axis=0)

    def between(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((np.add.reduceat(rows, starts, axis=0) ** 2 / counts[:, None]).sum(axis=0))

    observed, null = between(centred), np.empty((shuffles, flat.shape[1]))
    reliability = np.empty((min(shuffles, _NULL_DRAWS), flat.shape[1]))
    mixed = values.copy()
    for k in range(shuffles):
        order = rng.permutation(len(flat))
        null[k] = between(centred[order])
        if k < len(reliability):
            mixed[took_place] = flat[order]
            reliability[k] = split_half(mixed, splits=_NULL_SPLITS, seed=seed).reliability
    return Shuffled(p=np.asarray(permutation_p(observed, null)), reliability=reliability)


def _fisher(values: NDArray[np.float64], halves: NDArray[np.int8]) -> NDArray[np.float64]:
    r = correlate_halves(values, halves)[0]
    known = ~np.isnan(r)
    mean = np.where(known, r, 0.0).sum(axis=0) / known.sum(axis=0)
    return np.asarray(np.arctanh(np.clip(mean, -_EDGE, _EDGE)))


def _corrected(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman-Brown; correlations of halves cannot be so negative that it divides by zero, once clipped."""
    return np.asarray(2 * r / (1 + np.maximum(r, -_EDGE)))


def _log_ratio(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found = noise_ceiling(values)
    return np.asarray(np.log(found.total_variance / found.noise_variance))


def _log_rest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found = signal_power(values)
    return np.asarray(np.log(found.noise / (found.signal + found.noise)))


def _ncsnr(log_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.maximum(np.expm1(log_ratio), 0.0)))


def _ceiling(log_ratio: NDArray[np.float64], over: float) -> NDArray[np.float64]:
    signal = np.maximum(np.expm1(log_ratio), 0.0)
    return np.where(np.isposinf(signal), 1.0, signal / (signal + over))


def _per_repeat(values: NDArray[np.float64]) -> float:
    """Mean over stimuli of 1 over the number of repeats."""
    return float((1 / (~np.isnan(values).all(axis=2)).sum(axis=1)).mean())
