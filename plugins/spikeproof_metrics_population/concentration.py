"""How few units a readout rests on: the concentration of its weights, and its accuracy on the best k units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_selection import f_classif
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import crossing
from spikeproof.types import generator
from threadpoolctl import threadpool_limits

from .decoding import Decoder, held_out_choices, readout_weights

__all__ = ["BestUnits", "best_units", "readout_concentration"]

SHARE = 0.95

Ranking = Literal["weight", "selectivity"]
"""What makes a unit good: the weight of a readout of all units, or its selectivity by itself (ANOVA F)."""


def readout_concentration(weights: ArrayLike) -> float:
    """Participation ratio of a readout's weights, ``(sum w_i^2)^2 / sum w_i^4``.

    How many units the readout rests on: 1 for a single unit, all of them for weights of equal size.

    Parameters
    ----------
    weights : array_like, (unit,) or (class, unit)
        On units of equal variance. With several classes ``w_i^2`` is the sum over classes of the squared weights less
        their mean over classes, which moves no choice.

    Returns
    -------
    float
        1 to the number of units.

    Raises
    ------
    DataError
        If a weight is not finite.
    NotEnoughData
        If all weights are 0, or equal over classes.

    Examples
    --------
    >>> readout_concentration([0.0, 3.0, 0.0]), readout_concentration([1.0, -1.0, 1.0, 1.0])
    (1.0, 4.0)
    """
    w = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(w).all() or w.ndim not in (1, 2):
        raise DataError("readout concentration: needs finite weights (unit,) or (class, unit)")
    if w.ndim == 2 and len(w) > 1:
        w = w - w.mean(axis=0)
    largest = np.abs(w).max(initial=0.0)
    if largest == 0:
        raise NotEnoughData("readout concentration: every weight is 0: the readout rests on no unit")
    squared = np.atleast_2d((w / largest) ** 2).sum(axis=0)
    return float(squared.sum() ** 2 / (squared**2).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class BestUnits:
    """What :func:`best_units` gives.

    Parameters
    ----------
    sizes : numpy.ndarray of int, (size,)
    random_correct : numpy.ndarray of float64, (size, stimulus)
        Share of the draws in which that of random units is right.
    best, random : numpy.ndarray of float64, (size,)
        Held-out accuracy of readouts of the k best units, and of k random ones (mean over draws).
    correct : numpy.ndarray of float64, (size, stimulus)
        1 where the choice of the readout of the best units is right.
    best_share, random_share : float
        Number of best and of random units from which on accuracy stays at 95 % of that of all units, interpolated
        linearly; at least the smallest size.
    """

    sizes: NDArray[np.intp]
    best: NDArray[np.float64]
    random: NDArray[np.float64]
    correct: NDArray[np.float64]
    random_correct: NDArray[np.float64]
    best_share: float
    random_share: float


def best_units(
    responses: NDArray[np.float64],
    labels: NDArray[Any],
    fold: NDArray[np.intp],
    *,
    sizes: Sequence[int] = (),
    ranking: Ranking = "weight",
    decoder: Decoder = "logistic",
    c: float = 1.0,
    draws: int = 10,
    seed: int = 0,
) -> BestUnits:
    """Accuracy of readouts of the k best units, chosen and fitted without the stimuli they are tested on.

    The best-k readout of Meyers et al. (2008, doi:10.1152/jn.90248.2008): a code in which few units do as well as
    all is compact.

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
        Means over repeats.
    labels : numpy.ndarray, (stimulus,)
    fold : numpy.ndarray of int, (stimulus,)
    sizes : sequence of int
        Numbers of units, ascending; empty takes about 8 from 1 to all, even on a log axis. All units are added.
    ranking : {"weight", "selectivity"}
        By the size of the weights of a readout of all units, or by ANOVA F of each unit, on the training stimuli.
    decoder, c
        As for :func:`.held_out_choices`.
    draws : int
        Random subsets per size.
    seed : int

    Returns
    -------
    BestUnits

    Raises
    ------
    NotEnoughData
        If a size exceeds the number of units, or as for :func:`.held_out_choices`.
    DataError
        If sizes do not ascend from 1, or as for :func:`.held_out_choices`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["a", "b"], 30)
    >>> r = rng.normal(size=(60, 20))
    >>> r[:, 3] += 4.0 * (y == "a")
    >>> result = best_units(r, y, np.arange(60) % 5, sizes=[1, 5], draws=3)
    >>> bool(result.best[0] > 0.9 > result.random[0])
    True
    """
    units = responses.shape[1]
    numbers = _sizes(sizes, units)
    order = np.empty((int(fold.max()) + 1, units), dtype=np.intp)
    correct = np.empty((len(numbers), len(labels)))
    random_correct = np.empty((len(numbers), len(labels)))
    with threadpool_limits(1, "blas"):
        for number in np.unique(fold):
            training = fold != number
            order[number] = np.argsort(
                -merit(responses[training], labels[training], ranking, decoder, c), kind="stable"
            )
        for k, size in enumerate(numbers.tolist()):
            chosen = np.empty_like(labels)
            for number in np.unique(fold):
                columns, test = order[number, :size], fold == number
                # Two folds, training and test, of which only the test's choices are kept.
                chosen[test] = held_out_choices(
                    responses[:, columns], labels, test.astype(np.intp), decoder=decoder, c=c, folds=(1,)
                )[test]
            correct[k] = chosen == labels
            rng = generator(seed, "random-units", size)
            hits = [
                held_out_choices(responses[:, subset], labels, fold, decoder=decoder, c=c) == labels
                for subset in (
                    rng.choice(units, size=size, replace=False) for _ in range(1 if size == units else draws)
                )
            ]
            random_correct[k] = np.mean(hits, axis=0)
    best, random = correct.mean(axis=1), random_correct.mean(axis=1)
    return BestUnits(
        sizes=numbers,
        best=best,
        random=random,
        correct=correct,
        random_correct=random_correct,
        best_share=enough(numbers, best),
        random_share=enough(numbers, random),
    )


def merit(
    responses: NDArray[np.float64], labels: NDArray[Any], ranking: Ranking, decoder: Decoder, c: float
) -> NDArray[np.float64]:
    if ranking == "weight":
        weights = readout_weights(responses, labels, decoder=decoder, c=c)
        centred = weights - weights.mean(axis=0) if len(weights) > 1 else weights
        return np.asarray((centred**2).sum(axis=0))
    varies = np.ptp(responses, axis=0) > 0
    merit = np.zeros(responses.shape[1])
    if varies.any():
        merit[varies] = np.nan_to_num(f_classif(responses[:, varies], labels)[0], nan=0.0, posinf=np.finfo(float).max)
    return merit


def _sizes(sizes: Sequence[int], units: int) -> NDArray[np.intp]:
    asked = list(sizes) if len(sizes) else np.unique(np.rint(np.geomspace(1, units, 8)).astype(np.intp)).tolist()
    if asked != sorted(set(asked)) or asked[0] < 1:
        raise DataError(f"best units: sizes must ascend from 1 or more, got {asked}")
    if asked[-1] > units:
        raise NotEnoughData(f"best units: sizes go up to {asked[-1]} units, but there are {units}")
    return np.array(asked if asked[-1] == units else [*asked, units], dtype=np.intp)


def enough(sizes: NDArray[np.intp], accuracy: NDArray[np.float64]) -> float:
    """Number of units from which on an accuracy (size,) stays at 95 % of that of all units."""
    share = accuracy / accuracy[-1] if accuracy[-1] > 0 else np.ones_like(accuracy)
    lasting = np.minimum.accumulate(share[::-1])[::-1]
    return max(float(crossing(sizes.astype(np.float64), lasting, SHARE)), float(sizes[0]))
