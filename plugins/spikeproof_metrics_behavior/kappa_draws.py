"""Bootstrap of error consistency: all pairs of observers at once, by counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import interval, narrowed
from spikeproof.types import generator

from .consistency import Agreeing, error_consistency, kappa_of_counts
from .drawing import draws_of_members

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KappaDraws", "bootstrap_kappa", "mean_of_pairs"]

_CHUNK = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KappaDraws:
    """What :func:`bootstrap_kappa` gives.

    Parameters
    ----------
    pairs : numpy.ndarray of int, (pair, 2)
        The observers of each pair.
    estimate : numpy.ndarray of float64, (condition, pair)
        Kappa on the data; NaN where the two saw no stimulus in common.
    draws : numpy.ndarray of float64, (draw, condition, pair)
        Kappa of each draw of stimuli; NaN also where a draw is 0/0 and ``agreeing`` is ``"undefined"``.
    weights : numpy.ndarray of float64, (draw, pair)
        How often a draw holds each pair of observers: 1, or the product of how often it holds the two.
    observed : numpy.ndarray of float64, (condition, pair)
        Share of stimuli on which both are right or both wrong.
    observed_draws : numpy.ndarray of float64, (draw, condition, pair)
    accuracy : numpy.ndarray of float64, (condition, observer)
        NaN where the observer saw nothing.
    accuracy_draws : numpy.ndarray of float64, (draw, condition, observer)
    """

    pairs: NDArray[np.intp]
    estimate: NDArray[np.float64]
    draws: NDArray[np.float64]
    weights: NDArray[np.float64]
    observed: NDArray[np.float64]
    observed_draws: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    accuracy_draws: NDArray[np.float64]

    def mean(self, level: float = 0.95) -> tuple[float, float, float]:
        """Mean kappa over conditions, then pairs, with its percentile interval.

        Kappas that are undefined are left out of the means; see :func:`mean_kappa`.

        Returns
        -------
        estimate, low, high : float

        Raises
        ------
        NotEnoughData
            If every kappa is undefined.
        """
        per_pair, there = _over_conditions(self.estimate[None])
        if not there.any():
            raise NotEnoughData("error consistency: every kappa is undefined")
        estimate = float(per_pair[there].mean())
        means = mean_of_pairs(per_pair, *_over_conditions(self.draws), self.weights)
        low, high = interval(means, estimate, level, undefined="exclude")
        return estimate, float(low), float(high)


def bootstrap_kappa(
    correct: ArrayLike,
    *,
    draws: int = 1000,
    observers: bool | Sequence[int] = False,
    agreeing: Agreeing = "one",
    seed: int = 0,
) -> KappaDraws:
    """Error consistency of every pair of observers on stimuli drawn with replacement.

    A draw is a row of multinomial counts over the stimuli of a condition, the same for all pairs, so that all kappas of
    all draws are a few matrix products.

    Parameters
    ----------
    correct : array_like, (observer, stimulus) or (condition, observer, stimulus)
        As for :func:`error_consistency`; pairs are compared on the stimuli that both saw.
    draws : int
    observers : bool or sequence of int
        Draw observers with replacement too (all, or those that are named: people, but not networks), so that an
        interval of the mean holds for other observers; a pair then weighs the product of how often its two were drawn,
        and an observer is never compared with itself. A draw that holds one observer only is drawn again.
    agreeing : {"one", "undefined"}
        As for :func:`error_consistency`.
    seed : int

    Returns
    -------
    KappaDraws

    Raises
    ------
    DataError, NotEnoughData
        As for :func:`error_consistency`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hard = rng.random(200) < 0.3
    >>> correct = [(rng.random(200) > 0.9) ^ ~hard for _ in range(3)]
    >>> estimate, low, high = bootstrap_kappa(correct).mean()
    >>> low < estimate < high
    True
    """
    values = np.asarray(correct, dtype=np.float64)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise DataError(
            "error consistency: the bootstrap takes (observer, stimulus) or (condition, observer, stimulus)"
        )
    if draws < 1:
        raise DataError(f"error consistency: draws must be at least 1, got {draws}")
    count = values.shape[1]
    first, second = np.triu_indices(count, 1)
    whole = error_consistency(values, agreeing=agreeing, different="shared")
    rng = generator(seed, "kappa")
    kappa, observed = (np.empty((draws, len(values), len(first))) for _ in range(2))
    accuracy = np.empty((draws, len(values), count))
    for k, part in enumerate(values):
        kappa[:, k], observed[:, k], accuracy[:, k] = _condition(part, first, second, draws, agreeing, rng)
    drawn = list(range(count)) if observers is True else [] if observers is False else list(observers)
    members = draws_of_members(drawn, count, draws, rng, least=2)
    return KappaDraws(
        pairs=np.stack([first, second], axis=1),
        estimate=whole.kappa[:, first, second],
        draws=kappa,
        weights=members[:, first] * members[:, second],
        observed=whole.observed[:, first, second],
        observed_draws=observed,
        accuracy=whole.accuracy,
        accuracy_draws=accuracy,
    )


def _condition(
    correct: NDArray[np.float64],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    draws: int,
    agreeing: Agreeing,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kappa and observed consistency of every draw and pair, accuracy of every draw and observer."""
    seen = ~np.isnan(correct)
    kept = seen.any(axis=0)
    stimuli = int(kept.sum())
    if stimuli == 0:
        nothing = np.full((draws, len(first)), np.nan)
        return nothing, nothing, np.full((draws, len(correct)), np.nan)
    right, seen = np.where(seen, correct, 0.0)[:, kept], seen[:, kept].astype(np.float64)
    weights = rng.multinomial(stimuli, np.full(stimuli, 1 / stimuli), size=draws).astype(np.float64)
    alike = bool((seen == seen[0]).all())
    kappa, observed = (np.empty((draws, len(first))) for _ in range(2))
    alone, own = weights @ right.T, weights @ seen.T
    step = max(1, _CHUNK // stimuli)
    for start in range(0, len(first), step):
        here = slice(start, start + step)
        a, b = first[here], second[here]
        both = weights @ (right[a] * right[b]).T
        if alike:
            one, other, number = alone[:, a], alone[:, b], own[:, :1]
        else:
            one, other = weights @ (right[a] * seen[b]).T, weights @ (right[b] * seen[a]).T
            number = weights @ (seen[a] * seen[b]).T
        kappa[:, here], observed[:, here], _ = kappa_of_counts(
            both, one, other, np.broadcast_to(number, both.shape), agreeing
        )
    return kappa, observed, np.divide(alone, own, out=np.full_like(alone, np.nan), where=own > 0)


def mean_of_pairs(
    whole: NDArray[np.float64], drawn: NDArray[np.float64], there: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draws of the mean over pairs, with stimuli and observers drawn together.

    Parameters
    ----------
    whole : numpy.ndarray, (1, pair)
        Of each pair on the data.
    drawn : numpy.ndarray, (draw, pair)
        Of each pair in the draws of stimuli.
    there : numpy.ndarray of bool, (draw, pair)
        Where it is defined.
    weights : numpy.ndarray, (draw, pair)
        How often a draw holds each pair; alike for all draws where observers are not drawn.

    Returns
    -------
    numpy.ndarray, (draw,)
        Narrowed where both are drawn (``spikeproof.statistics.narrowed``); NaN where no pair is defined.
    """
    together = _weighted(drawn, weights * there)
    if (weights == weights[0]).all():
        return together
    defined = ~np.isnan(whole)
    known = np.where(defined, whole, 0.0)
    by_stimuli = _weighted(drawn, there.astype(np.float64))
    by_observers = _weighted(np.broadcast_to(known, weights.shape), weights * defined)
    return narrowed(float(known[defined].mean()), together, [by_stimuli, by_observers])


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total = weights.sum(axis=1)
    sums = (weights * np.where(weights > 0, values, 0.0)).sum(axis=1)
    return np.asarray(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0))


def _over_conditions(kappa: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    there = ~np.isnan(kappa)
    number = there.sum(axis=-2)
    mean = np.where(there, kappa, 0.0).sum(axis=-2) / np.maximum(number, 1)
    return mean, number > 0
