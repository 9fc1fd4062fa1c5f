"""Bootstrap and permutation draws of category selectivity, for all units at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from spikeproof.statistics import Resampling, interval
from spikeproof.types import generator

from spikeproof_metrics_unit.selectivity import dprime_from_moments

from .categories import Categories

__all__ = ["Bootstrapped", "Permuted", "bootstrap_selectivity", "permuted_selectivity", "strength"]

_CHUNK = 8_000_000
"""Draws that are held at once (64 MB)."""

Cap = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """Selectivity of resampled stimuli.

    Parameters
    ----------
    auc, dprime : numpy.ndarray of float64, (bound, category, unit)
        Lower and upper bound of the interval.
    best_auc, best_dprime : numpy.ndarray of float64, (draw, unit)
        Draws for the category that was chosen for each unit.
    undefined : int
        Largest number of draws of a d' that were undefined and left out.
    """

    auc: NDArray[np.float64]
    dprime: NDArray[np.float64]
    best_auc: NDArray[np.float64]
    best_dprime: NDArray[np.float64]
    undefined: int


@dataclass(frozen=True, kw_only=True)
class Permuted:
    """Selectivity under permuted labels, each (permutation, unit)."""

    strength: NDArray[np.float64]
    best_auc: NDArray[np.float64]
    best_dprime: NDArray[np.float64]


def strength(auc: NDArray[np.float64], categories: Categories) -> NDArray[np.float64]:
    """Most extreme AUC over categories, in standard errors that it has under permutation without ties.

    ``max_c |AUC_c - 1/2| / sqrt((n + 1) / (12 n_c (n - n_c)))``: a small category scatters more.

    Parameters
    ----------
    auc : numpy.ndarray of float64, (..., category, unit)

    Returns
    -------
    numpy.ndarray of float64, (..., unit)
    """
    inside = categories.counts
    n = inside.sum()
    error = np.sqrt((n + 1) / (12 * inside * (n - inside)))
    extreme: NDArray[np.float64] = (np.abs(auc - 0.5) / error).max(axis=-2)
    return extreme


def bootstrap_selectivity(
    responses: NDArray[np.float64],
    categories: Categories,
    auc: NDArray[np.float64],
    dprime: NDArray[np.float64],
    cap: Cap,
    resampling: Resampling,
) -> Bootstrapped:
    """Draw stimuli with replacement within each category, block by block of units.

    Parameters
    ----------
    responses : numpy.ndarray of float64, (stimulus, unit)
    categories : Categories
    auc, dprime : numpy.ndarray of float64, (category, unit)
        Values on the data; the draws of each unit's category with the largest AUC are kept.
    cap : callable
        Bounds d'.
    resampling : Resampling
    """
    weights = _stratified(categories, resampling)
    centred, scale = _centred(responses)
    units = responses.shape[1]
    step = max(1, _CHUNK // (resampling.draws * len(categories.names)))
    best = auc.argmax(axis=0)
    inside = categories.counts[:, 0]
    levels = [expanded_level(resampling.level, min(count, len(responses) - count)) for count in inside.tolist()]
    bounds = {name: np.empty((2, len(categories.names), units)) for name in ("auc", "dprime")}
    best_auc, best_dprime = np.empty((resampling.draws, units)), np.empty((resampling.draws, units))
    undefined = 0
    for start in range(0, units, step):
        block = slice(start, start + step)
        chosen = best[block], np.arange(len(best[block]))
        drawn = _auc_draws(responses[:, block], categories, weights)
        for row, level in enumerate(levels):
            bounds["auc"][:, row, block] = interval(drawn[:, row], auc[row, block], level)
        best_auc[:, block] = drawn[:, *chosen]
        drawn = cap(_dprime_draws(centred[:, block], scale[block], categories, weights))
        missing = np.isnan(drawn).sum(axis=0)
        undefined = max(undefined, int(missing[missing < len(drawn)].max(initial=0)))
        for row, level in enumerate(levels):
            bounds["dprime"][:, row, block] = interval(drawn[:, row], dprime[row, block], level, undefined="exclude")
        best_dprime[:, block] = drawn[:, *chosen]
    return Bootstrapped(**bounds, best_auc=best_auc, best_dprime=best_dprime, undefined=undefined)


def expanded_level(level: float, members: int) -> float:
    """Level at which percentiles of bootstrap draws of few members cover as often as they should.

    Percentile intervals are too narrow by ``sqrt((n - 1) / n)`` and by the difference between Student's t and the
    normal distribution: percentiles further out make up for both (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789).

    Examples
    --------
    >>> round(expanded_level(0.95, 60), 4), round(expanded_level(0.95, 10), 4)
    (0.9564, 0.9829)
    """
    reach = stats.t.ppf((1 + level) / 2, members - 1) * np.sqrt(members / (members - 1))
    return float(2 * stats.norm.cdf(reach) - 1)


def permuted_selectivity(
    responses: NDArray[np.float64], categories: Categories, cap: Cap, permutations: int, seed: int
) -> Permuted:
    """Permute labels over stimuli, the same way for all units, which keeps what units share.

    The d' is that of the category with the largest AUC, as in the data.
    """
    rng = generator(seed, "selectivity", "permutation")
    n = len(responses)
    inside = categories.counts
    starts = np.concatenate([[0], np.cumsum(inside[:-1, 0])]).astype(np.intp)
    centred, scale = _centred(responses)
    stacked = np.concatenate([stats.rankdata(responses, axis=0), centred, centred**2], axis=1)
    columns = np.arange(responses.shape[1])
    out = Permuted(**{name: np.empty((permutations, len(columns))) for name in ("strength", "best_auc", "best_dprime")})
    for row in range(permutations):
        ranks, sums, squares = np.split(np.add.reduceat(stacked[rng.permutation(n)], starts, axis=0), 3, axis=1)
        auc = (ranks - inside * (inside + 1) / 2) / (inside * (n - inside))
        best = auc.argmax(axis=0)
        out.strength[row] = strength(auc, categories)
        out.best_auc[row] = auc[best, columns]
        out.best_dprime[row] = cap(dprime_from_moments(inside, sums, squares, scale))[best, columns]
    return out


def _auc_draws(
    responses: NDArray[np.float64], categories: Categories, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUC (draw, category, unit) in which a pair weighs as often as both stimuli were drawn.

    With the weight B below a stimulus and T tied with it, the pairs that category c wins are
    ``sum_{i in c} w_i (B_i + T_i / 2) - n_c^2 / 2``: the last term takes out the pairs within c.
    """
    members = categories.members.astype(np.float64)
    inside = categories.counts
    often = np.ascontiguousarray(weights.T)  # (stimulus, draw): rows are gathered whole
    cumulated = np.zeros((len(often) + 1, len(weights)))
    won, more = np.empty_like(often), np.empty_like(often)
    auc = np.empty((len(weights), len(inside), responses.shape[1]))
    for unit, row in enumerate(responses.T):
        order = np.argsort(row, kind="stable")
        np.take(often, order, axis=0, out=more, mode="clip")  # the mode that needs no buffer; all rows exist
        np.cumsum(more, axis=0, out=cumulated[1:])
        np.take(cumulated, np.searchsorted(row[order], row, side="left"), axis=0, out=won, mode="clip")
        np.take(cumulated, np.searchsorted(row[order], row, side="right"), axis=0, out=more, mode="clip")
        won += more
        won *= often
        auc[:, :, unit] = ((members @ won - inside**2) / (2 * inside * (inside.sum() - inside))).T
    return auc


def _dprime_draws(
    centred: NDArray[np.float64], scale: NDArray[np.float64], categories: Categories, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Uncapped d' (draw, category, unit)."""
    parts = [(weights[:, rows], centred[rows]) for rows in categories.members]
    sums = np.stack([drawn @ values for drawn, values in parts], axis=1)
    squares = np.stack([drawn @ values**2 for drawn, values in parts], axis=1)
    return dprime_from_moments(categories.counts, sums, squares, scale)


def _centred(responses: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Responses less their mean, which keeps the digits of their squares, and what rounding is proportional to."""
    centred = responses - responses.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    flat = scale <= 1e-12 * np.abs(responses).max(axis=0)
    return np.where(flat, 0.0, centred), np.where(flat, 0.0, scale)


def _stratified(categories: Categories, resampling: Resampling) -> NDArray[np.float64]:
    """How often each draw holds each stimulus, (draw, stimulus): as many of each category as there are."""
    weights = np.empty((resampling.draws, categories.labels.size))
    for name, rows in zip(categories.names, categories.members, strict=True):
        count = int(rows.sum())
        rng = generator(resampling.seed, "bootstrap", "stimulus", name)
        weights[:, rows] = rng.multinomial(count, np.full(count, 1 / count), size=resampling.draws)
    return weights
