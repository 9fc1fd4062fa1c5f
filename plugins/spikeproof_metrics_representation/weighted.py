"""Comparisons of RDMs whose pairs count more than once, or not at all: what a bootstrap over conditions needs.

All similarities but rank correlations follow from inner products between RDMs, and those, for all draws at once, from
one matrix product: pairs' weights (draw, pair) times products of distances (pair, pair of RDMs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform
from spikeproof.errors import DataError

from .checking import CONSTANT
from .rdm import conditions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .compare import RdmComparison

__all__ = ["WeightedComparison", "ceilings_of_gram", "weighted_comparison"]

LINEAR = ("cosine", "corr", "cosine_cov", "corr_cov")
RANKS = ("spearman", "rho-a")
_HELD = 2**20
"""Weights of pairs that are held at once, 8 MB: small enough to stay in the cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedComparison:
    """Similarities in every draw.

    Parameters
    ----------
    evaluations : numpy.ndarray, (draw, model, subject)
        NaN where they are undefined.
    gram : numpy.ndarray, (draw, subject, subject), optional
        Inner products between subjects' RDMs, scaled as they are pooled; for methods that are linear.
    ranks : tuple, optional
        For rank methods: the method, weights (draw, pair) and subjects' RDMs.
    """

    evaluations: NDArray[np.float64]
    gram: NDArray[np.float64] | None = None
    ranks: tuple[RdmComparison, NDArray[np.float64], NDArray[np.float64]] | None = None


def weighted_comparison(
    models: NDArray[np.float64],
    subjects: NDArray[np.float64],
    method: RdmComparison,
    counts: NDArray[np.float64] | None,
    *,
    ceiling: bool,
) -> WeightedComparison:
    """Compare models with subjects in every draw of conditions.

    Parameters
    ----------
    models : numpy.ndarray, (model, pair)
    subjects : numpy.ndarray, (subject, pair)
    method : str
    counts : numpy.ndarray, (draw, condition), optional
        How often each draw holds each condition; None is one draw that holds each once.
    ceiling : bool
        Whether noise ceilings will be asked for.

    Raises
    ------
    DataError
        If the method cannot be weighted.
    """
    conditions = conditions_of(models.shape[1])
    drawn = np.ones((1, conditions)) if counts is None else counts
    if method in LINEAR:
        result = _linear(models, subjects, method, drawn, ceiling=ceiling)
    elif method in RANKS:
        result = _ranked(models, subjects, method, drawn, ceiling=ceiling)
    else:
        raise DataError(
            f"bootstrap: {method} cannot be resampled over conditions, nor its ceiling over subjects; choose from "
            f"{', '.join((*LINEAR, *RANKS))}"
        )
    result.evaluations[(drawn > 0).sum(axis=1) < 3] = np.nan
    return result


def ceilings_of_gram(compared: WeightedComparison, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower and upper noise ceiling, (draw, 2), of every draw of subjects and conditions.

    Parameters
    ----------
    compared : WeightedComparison
        Of as many draws as ``counts``, or of one.
    counts : numpy.ndarray, (draw, subject)
        How often each draw holds each subject; all copies of a subject are left out of the lower ceiling together.
    """
    if compared.gram is None:
        return _rank_ceilings(compared, counts)
    gram = compared.gram
    own = np.einsum("dss->ds", gram)
    with_pool = np.einsum("dst,dt->ds", gram, counts)
    pool = np.einsum("ds,ds->d", with_pool, counts)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        upper = with_pool / np.sqrt(pool * own)
        # The pool of the others is the pool without the subject's own share.
        others = with_pool - counts * own
        lower = others / np.sqrt((pool - 2 * counts * with_pool + counts**2 * own) * own)
    return _mean_over_subjects(lower, upper, counts)


def _mean_over_subjects(
    lower: NDArray[np.float64], upper: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    present = counts > 0
    result = np.stack([np.where(present, bound * counts, 0.0).sum(axis=1) for bound in (lower, upper)], axis=1)
    result /= counts.sum(axis=1, keepdims=True)
    result[present.sum(axis=1) < 2] = np.nan
    return result


def _linear(
    models: NDArray[np.float64],
    subjects: NDArray[np.float64],
    method: str,
    counts: NDArray[np.float64],
    *,
    ceiling: bool,
) -> WeightedComparison:
    m, s = len(models), len(subjects)
    rdms = np.vstack([models, subjects])
    centre = method in {"corr", "corr_cov"}
    if centre:
        rdms = rdms - rdms.mean(axis=1, keepdims=True)
    rows = np.vstack([np.ones(rdms.shape[1]), rdms])
    plain = _inner_products(rows, counts, m, s, ceiling=ceiling)
    product = plain / 2 - _explained_by_conditions(rows, counts) if method.endswith("_cov") else plain.copy()
    if centre:
        # The mean over pairs times the row of ones comes off each RDM.
        means = plain[:, 0, :] / np.maximum(plain[:, :1, 0], 1)
        for matrix in (plain, product):
            matrix -= means[:, :, None] * matrix[:, :1, :]
            matrix -= means[:, None, :] * matrix[:, :, :1]
    squared = np.einsum("dkk->dk", product)[:, 1:]
    # Against what rounding leaves of the norms before centring.
    alive = squared > CONSTANT * np.abs(rows[1:] ** 2).max(axis=1) * counts.sum(axis=1, keepdims=True) ** 2
    norms = np.sqrt(np.where(alive, squared, np.nan))
    evaluations = product[:, 1 : m + 1, m + 1 :] / (norms[:, :m, None] * norms[:, None, m:])
    if not ceiling:
        return WeightedComparison(evaluations=evaluations)
    scale = 1 / np.sqrt(np.einsum("dkk->dk", plain)[:, m + 1 :])
    gram = product[:, m + 1 :, m + 1 :] * scale[:, :, None] * scale[:, None, :]
    return WeightedComparison(evaluations=evaluations, gram=gram)


def _inner_products(
    rows: NDArray[np.float64], counts: NDArray[np.float64], models: int, subjects: int, *, ceiling: bool
) -> NDArray[np.float64]:
    """Weighted inner products of the rows (ones, models, subjects), (draw, row, row); only those that are needed."""
    total = 1 + models + subjects
    needed = np.zeros((total, total), dtype=bool)
    needed[0] = True
    needed[np.diag_indices(total)] = True
    needed[1 : models + 1, models + 1 :] = True
    if ceiling:
        needed[models + 1 :, models + 1 :] = np.triu(np.ones((subjects, subjects), dtype=bool))
    first, second = np.nonzero(needed)
    values = np.zeros((len(first), len(counts)))
    added = np.empty_like(values)
    for pairs, weights in _pair_weights(counts):
        values += np.matmul(rows[first, pairs] * rows[second, pairs], weights, out=added)
    result = np.zeros((len(counts), total, total))
    result[:, first, second] = values.T
    result[:, second, first] = values.T
    return result


def _explained_by_conditions(rows: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What offsets of conditions take off the inner products (see :mod:`whitening`), (draw, row, row)."""
    draws, conditions = counts.shape
    result = np.empty((draws, len(rows), len(rows)))
    moments = np.stack([squareform(row / -2, checks=False) for row in rows])
    chunk = max(1, 2**22 // (conditions * (conditions + len(rows))))
    for start in range(0, draws, chunk):
        m = counts[start : start + chunk]
        right = 2 * m[:, None, :] * np.swapaxes(m @ moments, 0, 1)
        system = 2 * m[:, :, None] * m[:, None, :]
        diagonal = 2 * m * (m.sum(axis=1, keepdims=True) - m) + 4 * m
        # A condition that was not drawn has no offset: any number will do in its equation 0 = 0.
        system[:, np.arange(conditions), np.arange(conditions)] = np.where(m > 0, diagonal, 1.0)
        result[start : start + chunk] = right @ np.linalg.solve(system, np.swapaxes(right, 1, 2))
    return result


def _ranked(
    models: NDArray[np.float64],
    subjects: NDArray[np.float64],
    method: RdmComparison,
    counts: NDArray[np.float64],
    *,
    ceiling: bool,
) -> WeightedComparison:
    i, j = np.triu_indices(counts.shape[1], 1)
    evaluations = np.empty((len(counts), len(models), len(subjects)))
    ordered = [_Order(rdm) for rdm in (*models, *subjects)]
    chunk = max(1, 2**22 // (len(ordered) * len(i)))
    for start in range(0, len(counts), chunk):
        part = slice(start, start + chunk)
        weights = counts[part][:, i] * counts[part][:, j]
        ranks = np.stack([order.midranks(weights) for order in ordered], axis=1)
        evaluations[part] = _rank_correlation(ranks, weights, len(models), method)
    whole = counts[:, i] * counts[:, j] if ceiling else None
    return WeightedComparison(evaluations=evaluations, ranks=None if whole is None else (method, whole, subjects))


def _rank_correlation(
    ranks: NDArray[np.float64], weights: NDArray[np.float64], models: int, method: RdmComparison
) -> NDArray[np.float64]:
    """Weighted correlations of ranks (draw, rdm, pair), (draw, model, other)."""
    size = weights.sum(axis=1)
    ranks = ranks - ((size + 1) / 2)[:, None, None]  # the mean of ranks, whatever the ties
    weighted = ranks[:, :models] * weights[:, None, :]
    products = weighted @ np.swapaxes(ranks[:, models:], 1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        if method == "rho-a":
            return np.asarray(12 * products / (size**3 - size)[:, None, None])
        squares = np.einsum("dkp,dkp,dp->dk", ranks, ranks, weights)
        squares = np.where(squares > 0, squares, np.nan)
        return np.asarray(products / np.sqrt(squares[:, :models, None] * squares[:, None, models:]))


def _rank_ceilings(compared: WeightedComparison, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw by draw: the pool of ranks must be ranked anew in each."""
    if compared.ranks is None:
        raise DataError("bootstrap: ceilings were not asked for when RDMs were compared")
    method, weights, subjects = compared.ranks
    ordered = [_Order(rdm) for rdm in subjects]
    bounds = np.full((2, *counts.shape), np.nan)
    for draw, count in enumerate(counts):
        w = weights[draw if len(weights) > 1 else 0][None]
        ranks = np.stack([order.midranks(w)[0] for order in ordered])
        pool = count @ ranks
        for s in np.flatnonzero(count):
            for which, pooled in enumerate((pool - count[s] * ranks[s], pool)):
                pair = np.stack([_Order(pooled).midranks(w), ranks[s][None]], axis=1)
                bounds[which, draw, s] = _rank_correlation(pair, w, 1, method)[0, 0, 0]
    return _mean_over_subjects(bounds[0], bounds[1], counts)


def _pair_weights(counts: NDArray[np.float64]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """How often draws hold the pairs of conditions, block by block: which pairs, and their weights (pair, draw).

    Blocks are views of one buffer: all pairs of all draws at once would be many times larger than the counts.
    """
    drawn = np.ascontiguousarray(counts.T)
    conditions, draws = drawn.shape
    most = min(max(64, _HELD // draws), conditions * (conditions - 1) // 2)
    buffer = np.empty((most, draws))
    begin = filled = 0
    for condition in range(conditions - 1):
        other = condition + 1
        while other < conditions:
            end = min(conditions, other + most - filled)
            np.multiply(drawn[other:end], drawn[condition], out=buffer[filled : filled + end - other])
            filled += end - other
            other = end
            if filled == most:
                yield slice(begin, begin + filled), buffer
                begin, filled = begin + filled, 0
    if filled:
        yield slice(begin, begin + filled), buffer[:filled]


class _Order:
    """The order of one RDM's distances, so that ranks under any weights are cumulative sums."""

    def __init__(self, rdm: NDArray[np.float64]) -> None:
        self._order = np.argsort(rdm, kind="stable")
        ordered = rdm[self._order]
        self._last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        group = np.searchsorted(self._last, np.arange(len(rdm)))
        self._group = np.empty_like(group)
        self._group[self._order] = group

    def midranks(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean ranks (draw, pair) where pairs count ``weights`` (draw, pair) times."""
        upto = np.cumsum(weights[:, self._order], axis=1)[:, self._last]
        size = np.diff(upto, axis=1, prepend=0.0)
        middle: NDArray[np.float64] = upto - (size - 1) / 2
        return middle[:, self._group]
