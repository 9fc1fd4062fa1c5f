"""Agreement of observers' choices with a network's, against chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling, bootstrap_draws, interval, permutation_p
from spikeproof.types import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What :func:`agreement` gives.

    Parameters
    ----------
    rate : float
        Share of choices that are the network's.
    low, high : float
        Its interval, over observers and images; NaN where there is a single one of both.
    chance : float
        Mean of 1 over the number of options.
    above_chance : float
        ``rate - chance``.
    by_observer : numpy.ndarray of float64, (observer,)
    by_image : numpy.ndarray of float64, (image,)
        NaN for an observer or image without a choice.
    image_sd, observer_sd : float
        Standard deviation (ddof 1) over images and over observers; NaN for a single one.
    shuffled : float
        Mean rate with the network's labels permuted over images, which also holds what observers prefer to choose;
        NaN where images differ in their number of options.
    p : float
        One-sided, of the rate against those permutations; NaN as ``shuffled``.
    """

    rate: float
    low: float
    high: float
    chance: float
    above_chance: float
    by_observer: NDArray[np.float64]
    by_image: NDArray[np.float64]
    image_sd: float
    observer_sd: float
    shuffled: float
    p: float


def agreement(
    choices: ArrayLike,
    labels: ArrayLike,
    options: int | ArrayLike,
    *,
    none: str | int = "na",
    resampling: Resampling | None = None,
) -> Agreement:
    """How often observers choose what a network says of a perturbed image, against chance.

    The analysis of Dujmovic, Malhotra & Bowers (2020, doi:10.7554/eLife.55978): the mean agreement alone hides that
    most images may be at chance and a few well above it, so that its spread over images and observers stands beside it.
    The interval is a bootstrap over observers crossed with images. Agreement depends on the alternatives on offer:
    compare it over sets of them.

    Parameters
    ----------
    choices : array_like, (observer, image)
        What each observer chose, names or codes; ``none``, or NaN, where there is no choice: these trials are left out.
    labels : array_like, (image,)
        What the network says, in the same names or codes.
    options : int or array_like of int, (image,)
        Number of alternatives on offer.
    none : str or int
        What stands for no choice.
    resampling : Resampling, optional
        Draws, seed and level; by default those of a study.

    Returns
    -------
    Agreement

    Raises
    ------
    NotEnoughData
        If there is no choice.
    DataError
        If the shapes do not fit, or there are fewer than two options.

    Examples
    --------
    >>> result = agreement([["cat", "dog", "car"], ["cat", "car", "na"]], ["cat", "dog", "cat"], options=3)
    >>> result.rate, round(result.chance, 3), result.by_image.tolist()
    (0.6, 0.333, [1.0, 0.5, 0.0])
    """
    import xarray as xr

    chosen, label = np.atleast_2d(np.asarray(choices)), np.asarray(labels)
    if chosen.ndim != 2 or label.shape != chosen.shape[1:]:
        raise DataError(f"agreement: choices {chosen.shape} do not fit {label.shape} labels of images")
    number = np.asarray(options)
    if number.shape not in {(), label.shape} or (number < 2).any():
        raise DataError("agreement: options must be one number of 2 or more, or one for each image")
    made = chosen != np.asarray(none).astype(chosen.dtype) if chosen.dtype.kind in "UO" else chosen != none
    if chosen.dtype.kind == "f":
        made &= ~np.isnan(chosen)
    if not made.any():
        raise NotEnoughData("agreement: no observer made a choice")
    same = chosen == label
    cells = np.where(made, same.astype(np.float64), np.nan)
    draw = resampling if resampling is not None else Resampling()
    array = xr.DataArray(cells, dims=("observer", "image"))
    drawn = bootstrap_draws(array, ["observer", "image"], draw)
    rate = float(same[made].mean())
    low, high = interval(drawn.values, rate, draw.level, undefined="exclude")
    chance = float((made / np.broadcast_to(number, label.shape)).sum() / made.sum())
    by_observer, by_image = _means(cells, 1), _means(cells, 0)
    shuffled, p = np.nan, np.nan
    if number.ndim == 0 and label.size > 1:
        null = _permuted(chosen, made, label, draw)
        shuffled, p = float(null.mean()), float(permutation_p(rate, null))
    return Agreement(
        rate=rate,
        low=float(low),
        high=float(high),
        chance=chance,
        above_chance=rate - chance,
        by_observer=by_observer,
        by_image=by_image,
        image_sd=_sd(by_image),
        observer_sd=_sd(by_observer),
        shuffled=shuffled,
        p=p,
    )


def _means(cells: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    there = ~np.isnan(cells)
    count = there.sum(axis=axis)
    total: NDArray[np.float64] = np.where(there, cells, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _sd(values: NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    return float(there.std(ddof=1)) if there.size > 1 else float("nan")


def _permuted(
    chosen: NDArray[np.generic], made: NDArray[np.bool_], label: NDArray[np.generic], draw: Resampling
) -> NDArray[np.float64]:
    """Rate of agreement with labels permuted over images, (permutation,)."""
    names, code = np.unique(label, return_inverse=True)
    counts = np.stack([((chosen == name) & made).sum(axis=0) for name in names], axis=1)  # (image, label)
    rng = generator(draw.seed, "agreement")
    images = np.arange(label.size)
    hits = [int(counts[images, rng.permutation(code)].sum()) for _ in range(draw.draws)]
    return np.array(hits, dtype=np.float64) / int(made.sum())
