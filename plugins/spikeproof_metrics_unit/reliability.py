"""Reliability of units over repeats: split halves, Spearman-Brown, and Brain-Score's two protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import ShuffleSplit
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import generator

from .repeats import check_repeats, correlate_halves, presented

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Consistency",
    "SplitHalf",
    "internal_consistency",
    "predictor_consistency",
    "random_halves",
    "spearman_brown",
    "split_half",
]

_FEWEST_STIMULI = 10
"""Stimuli with two repeats below which Brain-Score's predictor consistency gives NaN."""


def spearman_brown(r: ArrayLike, factor: float = 2.0) -> NDArray[np.float64]:
    """Reliability of a measurement ``factor`` times as long, ``k r / (1 + (k - 1) r)``.

    Spearman (1910) and Brown (1910). For k = 2 it falls below -1 for r < -1/3 and diverges as r approaches -1: such
    units hold no signal, and a mean over units must not hold them.

    Parameters
    ----------
    r : array_like
        Correlation of two measurements.
    factor : float
        k, above 0.

    Returns
    -------
    numpy.ndarray of float64
        NaN where ``r`` is.

    Raises
    ------
    DataError
        If a correlation is so negative that the formula divides by zero.

    Examples
    --------
    >>> spearman_brown([0.5, 0.0, -1 / 3]).round(4).tolist()
    [0.6667, 0.0, -1.0]
    """
    values = np.asarray(r, dtype=np.float64)
    below = 1 + (factor - 1) * values
    if (np.abs(below) < 1e-12).any():
        raise DataError(
            f"Spearman-Brown: undefined for {int((np.abs(below) < 1e-12).sum())} correlations of "
            f"{-1 / (factor - 1):g}: the halves oppose each other, there is no reliability to extrapolate"
        )
    corrected: NDArray[np.float64] = factor * values / below
    return corrected


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitHalf:
    """What :func:`split_half` gives.

    Parameters
    ----------
    r : numpy.ndarray of float64, (split, unit)
        Correlation of the two halves; NaN where a half does not vary over stimuli.
    spearman_brown : numpy.ndarray of float64, (split, unit)
        Of each ``r``; NaN also for r = -1.
    reliability : numpy.ndarray of float64, (unit,)
        Spearman-Brown of the mean ``r`` over the splits in which it is defined.
    stimuli : numpy.ndarray of int, (split, unit)
        Stimuli measured in both halves.
    status : numpy.ndarray of str, (unit,)
        ``"ok"``; ``"constant"`` where no split defines r; ``"partly undefined"`` where some do not; ``"negative"``
        where the mean r is below 0: the unit shows no signal, and Spearman-Brown overstates how far it is below.
    """

    r: NDArray[np.float64]
    spearman_brown: NDArray[np.float64]
    reliability: NDArray[np.float64]
    stimuli: NDArray[np.intp]
    status: NDArray[np.str_]


def split_half(
    responses: ArrayLike, permutations: ArrayLike | None = None, *, splits: int = 100, seed: int = 0
) -> SplitHalf:
    """Split-half reliability over stimuli: Pearson correlation of half-means, with Spearman-Brown.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        NaN where not measured.
    permutations : array_like of int, (split, repeat), optional
        Orders of the repeats, the same for all stimuli: the first half of an order against the rest. By default the
        repeats of every stimulus are halved at random and by themselves, so that unequal repeats are halved too; of an
        odd number the half that gets one more is random.
    splits : int
        Number of random halves.
    seed : int
        Seed of the random halves.

    Returns
    -------
    SplitHalf

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli or repeats, or a unit has fewer than two stimuli measured twice.
    DataError
        If a response is infinite, or the permutations are not permutations of the repeats.

    Examples
    --------
    >>> result = split_half([[[1.0], [2.0]], [[2.0], [1.0]], [[4.0], [6.0]]], [[0, 1]])
    >>> result.r.round(4).tolist(), result.reliability.round(4).tolist()
    ([[0.866]], [0.9282])
    """
    values = check_repeats(responses, "split-half reliability")
    repeats = values.shape[1]
    if permutations is not None:
        orders = np.asarray(permutations)
        if orders.ndim != 2 or not (np.sort(orders, axis=1) == np.arange(repeats)).all():
            raise DataError(
                f"split-half reliability: each row of permutations must order the repeats 0 to {repeats - 1}"
            )
        halves = _halves_of(orders, repeats)
    else:
        halves = random_halves(presented(values), splits, seed)
    r, stimuli = correlate_halves(values, halves)
    defined = ~np.isnan(r)
    some, every = defined.any(axis=0), defined.all(axis=0)
    mean = np.where(some, np.where(defined, r, 0.0).sum(axis=0) / np.maximum(defined.sum(axis=0), 1), np.nan)
    status = np.where(~some, "constant", np.where(mean < 0, "negative", np.where(every, "ok", "partly undefined")))
    return SplitHalf(r=r, spearman_brown=_corrected(r), reliability=_corrected(mean), stimuli=stimuli, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """What Brain-Score's two protocols give.

    Parameters
    ----------
    center : float
        Median over units, then mean over splits.
    error : float
        Standard deviation (ddof 0) over splits over the root of their number.
    raw : numpy.ndarray of float64, (split, unit)
        Spearman-Brown corrected correlations; NaN where a half does not vary, which the median leaves out.
    stimuli : numpy.ndarray of int, (split, unit)
        Stimuli measured in both halves.
    undefined : numpy.ndarray of int, (split,)
        Units that the median leaves out.
    """

    center: float
    error: float
    raw: NDArray[np.float64]
    stimuli: NDArray[np.intp]
    undefined: NDArray[np.intp]


def internal_consistency(responses: ArrayLike, *, splits: int = 10, seed: int = 1) -> Consistency:
    """Brain-Score's ceiling ``InternalConsistency`` (Schrimpf et al. 2020), by its protocol.

    The *numbers* of the repeats are halved, the same way for all stimuli: scikit-learn's ``ShuffleSplit`` with
    ``train_size=0.5``. Repeats are averaged in each half, correlated over stimuli (Pearson) and corrected with
    Spearman-Brown; an odd number of repeats gives unequal halves, which that correction does not know of.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        NaN where not measured: means are over what is there, and a stimulus without a value in one half is left out
        of that split (Brain-Score fails on these).
    splits : int
    seed : int

    Returns
    -------
    Consistency

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli or repeats, a unit has fewer than two stimuli measured twice, or no unit
        defines a correlation.
    DataError
        If a response is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> responses = rng.normal(size=(40, 1, 3)) + 0.5 * rng.normal(size=(40, 6, 3))
    >>> round(internal_consistency(responses).center, 2)
    0.95
    """
    values = check_repeats(responses, "internal consistency")
    repeats = values.shape[1]
    halves = np.zeros((splits, 1, repeats), dtype=np.int8)
    plan = ShuffleSplit(n_splits=splits, train_size=0.5, random_state=seed)
    for row, (first, second) in zip(halves[:, 0], plan.split(np.arange(repeats)), strict=True):
        row[first], row[second] = 1, 2
    return _consistency(values, halves, "internal consistency")


def predictor_consistency(responses: ArrayLike, *, splits: int = 10, seed: int = 0) -> Consistency:
    """Brain-Score's second ceiling, ``SplitHalfPredictorConsistency`` (for reverse predictivity, Muzellec & Kar 2025).

    Unlike :func:`internal_consistency` the repeats of every stimulus are halved by themselves, with numpy's
    ``default_rng``, the smaller half first; stimuli with a single repeat are left out.

    Parameters
    ----------
    responses : array_like, (stimulus, repeat, unit)
        Stimuli in the sorted order of their names, as Brain-Score takes them: the random numbers go by that order.
        NaN where not measured; a repeat took place where a unit was measured on it.
    splits : int
    seed : int

    Returns
    -------
    Consistency

    Raises
    ------
    NotEnoughData
        If fewer than 10 stimuli have two repeats (Brain-Score gives NaN), or no unit defines a correlation.
    DataError
        If a response is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> responses = rng.normal(size=(40, 1, 3)) + 0.5 * rng.normal(size=(40, 6, 3))
    >>> predictor_consistency(responses).raw.shape
    (10, 3)
    """
    values = check_repeats(responses, "predictor consistency")
    took_place = presented(values)
    several = np.flatnonzero(took_place.sum(axis=1) >= 2)
    if several.size < _FEWEST_STIMULI:
        raise NotEnoughData(
            f"predictor consistency: {several.size} stimuli have two repeats or more, but {_FEWEST_STIMULI} are needed"
        )
    numbers = [np.flatnonzero(took_place[stimulus]) for stimulus in several]
    halves = np.zeros((splits, *took_place.shape), dtype=np.int8)
    rng = np.random.default_rng(seed)
    for split in halves:
        for stimulus, measured in zip(several, numbers, strict=True):
            order = rng.permutation(measured)
            split[stimulus, order[: measured.size // 2]] = 1
            split[stimulus, order[measured.size // 2 :]] = 2
    return _consistency(values, halves, "predictor consistency")


def _consistency(values: NDArray[np.float64], halves: NDArray[np.int8], metric: str) -> Consistency:
    r, stimuli = correlate_halves(values, halves)
    raw = _corrected(r)
    undefined = np.isnan(raw).sum(axis=1)
    if (undefined == raw.shape[1]).any():
        raise NotEnoughData(f"{metric}: no unit varies over stimuli in both halves of every split")
    per_split = np.nanmedian(raw, axis=1)
    return Consistency(
        center=float(per_split.mean()),
        error=float(per_split.std() / np.sqrt(len(per_split))),
        raw=raw,
        stimuli=stimuli,
        undefined=undefined,
    )


def _corrected(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman-Brown for two halves; NaN where it divides by zero, which :class:`SplitHalf` says."""
    below = 1 + r
    return np.divide(2 * r, below, out=np.full_like(r, np.nan), where=~(np.abs(below) < 1e-12))


def _halves_of(orders: NDArray[np.intp], repeats: int) -> NDArray[np.int8]:
    halves = np.full((len(orders), 1, repeats), 2, dtype=np.int8)
    np.put_along_axis(halves[:, 0], orders[:, : repeats // 2], 1, axis=1)
    return halves


def random_halves(took_place: NDArray[np.bool_], splits: int, seed: int) -> NDArray[np.int8]:
    """Halve every stimulus's repeats by themselves, (split, stimulus, repeat)."""
    if splits < 1:
        raise DataError(f"split-half reliability: splits must be at least 1, got {splits}")
    rng = generator(seed, "split-half")
    keys = np.where(took_place, rng.random((splits, *took_place.shape)), np.inf)
    rank = keys.argsort(axis=2).argsort(axis=2)
    count = took_place.sum(axis=1)
    smaller = (count + rng.integers(2, size=(splits, len(count)))) // 2
    halves = np.where(rank < smaller[..., None], 1, 2).astype(np.int8)
    halves[:, ~took_place | (count < 2)[:, None]] = 0
    return halves
