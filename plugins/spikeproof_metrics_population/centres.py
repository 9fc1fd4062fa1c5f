"""The few directions that the centres of manifolds share, as capacity takes them out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from spikeproof.types import generator

__all__ = ["centre_correlation", "shared_directions"]

_PATIENCE = 3
"""Ranks in a row without an improvement after which the search ends."""

LEAST_LEFT = 0.1
"""Share of its length that every centre must keep. The authors' code knows no such bound and may take one manifold's
centre out altogether, which leaves that manifold without a scale: its radius then runs to hundreds."""


def centre_correlation(centres: NDArray[np.float64]) -> float:
    """Mean absolute correlation between centres, less their common mean.

    Parameters
    ----------
    centres : numpy.ndarray, (manifold, unit)

    Returns
    -------
    float
        0 to 1; centres without length count as uncorrelated.
    """
    count = len(centres)
    centred = centres - centres.mean(axis=0)
    return _mean_correlation(centred @ centred.T, count)


def shared_directions(
    centres: NDArray[np.float64], *, rank: int | None, repetitions: int = 3, seed: int = 0
) -> NDArray[np.float64]:
    """Directions whose removal leaves the centres as uncorrelated as possible (Cohen et al. 2020).

    For each rank K the subspace that minimises the sum of squared correlations between centres, from a random start
    that continues the one of K - 1; of several starts the one that shortens the centres least. Among the ranks that
    leave every centre a tenth of its length, the one with the smallest mean absolute correlation is taken.

    Parameters
    ----------
    centres : numpy.ndarray, (manifold, unit)
        Three manifolds or more.
    rank : int, optional
        Directions to take out; by default the best of 1 to those that hold 95 % of the centres' variance and 10 more.
    repetitions : int
        Starts per rank.
    seed : int

    Returns
    -------
    numpy.ndarray of float64, (unit, rank)
        Orthonormal columns; none where no rank leaves the centres long enough.
    """
    count = len(centres)
    centred = centres - centres.mean(axis=0)
    basis, singular, _ = np.linalg.svd(centred.T, full_matrices=False)
    span = int((singular > 1e-10 * singular[0]).sum()) if singular[0] > 0 else 0
    basis = basis[:, :span]
    x = centred @ basis
    limit = max(min(span - 1, count - 2), 0)
    if rank is not None:
        highest = min(rank, limit)
    else:
        share = np.cumsum(singular**2) / max((singular**2).sum(), np.finfo(float).tiny)
        highest = min(int(np.count_nonzero(share < 0.95)) + 10, limit)
    if highest == 0:
        return np.zeros((centres.shape[1], 0))
    rng = generator(seed, "centre-directions")
    found: list[NDArray[np.float64]] = []
    scores: list[float] = []
    for k in range(1, highest + 1):
        start = found[-1] if found else np.zeros((span, 0))
        starts = [np.column_stack([rng.standard_normal(count) @ x, start]) for _ in range(repetitions)]
        candidates = [_minimised(x, first) for first in starts]
        found.append(max(candidates, key=lambda v: _stability(x, v)))
        rest = x - x @ found[-1] @ found[-1].T
        scores.append(_mean_correlation(rest @ rest.T, count))
        tail = scores[-_PATIENCE - 1 :]
        if rank is None and k > _PATIENCE + 1 and all(b > a for a, b in pairwise(tail)):
            break
    if rank is not None:
        return np.asarray(basis @ found[-1])
    usable = [k for k, directions in enumerate(found) if _stability(x, directions) >= LEAST_LEFT]
    if not usable:
        return np.zeros((centres.shape[1], 0))
    return np.asarray(basis @ found[min(usable, key=lambda k: scores[k])])


def _minimised(x: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal basis of the subspace that minimises the squared correlations of what is left of ``x``.

    The cost depends on the subspace alone, so that any matrix of full rank whose columns span it will do as its
    coordinates, and no constraint is needed.
    """
    shape = start.shape

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        a = flat.reshape(shape)
        inverse = np.linalg.pinv(a.T @ a)
        projection = a @ inverse @ a.T
        gram = x @ x.T - x @ projection @ x.T
        length = np.diag(gram)
        if (length <= 0).any():
            return np.inf, np.zeros_like(flat)
        scaled = gram / np.outer(length, length)
        by_gram = scaled - np.diag((gram * scaled).sum(axis=1) / length)
        by_projection = -x.T @ by_gram @ x
        by_a = 2 * (by_projection @ a @ inverse - projection @ by_projection @ a @ inverse)
        return float((gram * scaled).sum() / 2), by_a.ravel()

    orthonormal = np.linalg.qr(start)[0]
    result = minimize(cost, orthonormal.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return np.asarray(np.linalg.qr(result.x.reshape(shape))[0])


def _stability(x: NDArray[np.float64], directions: NDArray[np.float64]) -> float:
    """Smallest share of its length that a centre keeps."""
    length = np.linalg.norm(x, axis=1)
    rest = np.linalg.norm(x - x @ directions @ directions.T, axis=1)
    return float((rest / np.where(length > 0, length, 1.0)).min())


def _mean_correlation(gram: NDArray[np.float64], count: int) -> float:
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    scale = np.outer(length, length)
    correlation = np.divide(gram, scale, out=np.zeros_like(gram), where=scale > 0)
    np.fill_diagonal(correlation, 0.0)
    return float(np.abs(correlation).sum() / (count * (count - 1)))
