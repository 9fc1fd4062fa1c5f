"""Inner products of RDMs that take the covariance of their entries into account.

Where the true distances are zero, noise in condition i's pattern moves every distance to i, so that entries of an RDM
covary: V = Xi∘Xi with Xi = C Sigma C', C the pairwise contrasts and Sigma the covariance of the pattern estimates
(Diedrichsen et al. 2021, arXiv:2007.02789). The whitened inner product is x' V^-1 y.

V has as many rows as there are pairs of conditions, and is never built. A distance matrix determines the second moments
G only up to ``a 1' + 1 a'``, and x' V^-1 x is the smallest ``|S^-1/2 (G + a 1' + 1 a') S^-1/2|²`` over a: a linear
system of one unknown per condition. Without Sigma, and with all pairs, it is the inner product of doubly centred
matrices, so that the cosine is linear CKA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, cg
from scipy.spatial.distance import squareform
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .compare import Convention

__all__ = ["InnerProduct", "inner_product"]


class InnerProduct(Protocol):
    """Inner products between the RDMs of two sets, (first, second)."""

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Products of every two."""


def inner_product(
    kept: NDArray[np.bool_], conditions: int, sigma_k: ArrayLike | None, convention: Convention
) -> InnerProduct:
    """The inner product of RDMs of which the pairs ``kept`` are known.

    Parameters
    ----------
    kept : numpy.ndarray of bool, (pair,)
        The pairs that the RDMs to be given hold.
    conditions : int
    sigma_k : array_like, (condition,) or (condition, condition), optional
    convention : {"exact", "rsatoolbox"}

    Raises
    ------
    DataError
        If ``sigma_k`` does not fit or is not positive definite.
    """
    sigma = None if sigma_k is None else np.asarray(sigma_k, dtype=np.float64)
    if sigma is None:
        return _Weighted(kept, conditions, np.ones(conditions))
    if sigma.shape not in {(conditions,), (conditions, conditions)}:
        raise DataError(f"sigma_k: shape {sigma.shape} does not fit {conditions} conditions")
    if not np.isfinite(sigma).all():
        raise DataError("sigma_k: holds values that are not finite")
    if sigma.ndim == 1:
        if (sigma <= 0).any():
            raise DataError(f"sigma_k: variances must be positive, got {sigma.min():g}")
        if convention == "exact":
            return _Weighted(kept, conditions, 1 / sigma)
        return _ScaledAfterCentring(kept, conditions, sigma)
    try:
        lower = linalg.cholesky(sigma, lower=True)
    except linalg.LinAlgError:
        raise DataError("sigma_k: is not positive definite") from None
    return _Full(lower) if kept.all() else _Solved(kept, sigma)


class _Weighted:
    """Sigma is diagonal: weights per pair, and a system of one unknown per condition."""

    def __init__(self, kept: NDArray[np.bool_], conditions: int, weights: NDArray[np.float64]) -> None:
        self._kept = kept
        self._conditions = conditions
        pairs = squareform(np.outer(weights, weights), checks=False)
        pairs[~kept] = 0.0
        self._pairs = pairs
        self._weights = weights
        self._factor: tuple[NDArray[np.float64], bool] | None = None
        if not kept.all():
            system = 2 * squareform(pairs, checks=False)
            system[np.diag_indices(conditions)] = system.sum(axis=0) + 4 * weights**2
            self._factor = linalg.cho_factor(system, check_finite=False)

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = first / -2, second / -2
        products = 2 * (x * self._pairs[self._kept]) @ y.T
        right = self._right(y)
        left = right if first is second else self._right(x)
        result: NDArray[np.float64] = products - left @ self._solve(right.T)
        return result

    def offsets(self, rdms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The offsets a of each RDM, (rdm, condition)."""
        return -self._solve(self._right(rdms / -2).T).T

    def _solve(self, right: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve the system; with all pairs it is ``2 (sum(w) diag(w) + w w')``, whose inverse is known."""
        if self._factor is not None:
            return np.asarray(linalg.cho_solve(self._factor, right, check_finite=False))
        twice = 2 * self._weights.sum()
        solved: NDArray[np.float64] = (right / self._weights[:, None] - right.sum(axis=0) / twice) / twice
        return solved

    def _right(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.empty((len(moments), self._conditions))
        whole = np.zeros(len(self._kept))
        for row, moment in zip(sums, moments, strict=True):
            whole[self._kept] = moment * self._pairs[self._kept]
            row[:] = squareform(whole, checks=False).sum(axis=0)
        return 2 * sums


class _ScaledAfterCentring:
    """As rsatoolbox does with variances: centre as if they were equal, then divide by the standard deviations."""

    def __init__(self, kept: NDArray[np.bool_], conditions: int, sigma: NDArray[np.float64]) -> None:
        self._plain = _Weighted(kept, conditions, np.ones(conditions))
        self._rows, self._columns = (index[kept] for index in np.triu_indices(conditions, 1))
        self._sigma = sigma

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._entries(first) @ self._entries(second).T

    def _entries(self, rdms: NDArray[np.float64]) -> NDArray[np.float64]:
        offsets = self._plain.offsets(rdms)
        pairs = rdms / -2 + offsets[:, self._rows] + offsets[:, self._columns]
        pairs *= np.sqrt(2 / (self._sigma[self._rows] * self._sigma[self._columns]))
        return np.hstack([pairs, 2 * offsets / self._sigma])


class _Full:
    """Sigma is full and all pairs are known: a projection in closed form."""

    def __init__(self, lower: NDArray[np.float64]) -> None:
        inverse = np.asarray(linalg.solve_triangular(lower, np.eye(len(lower)), lower=True))
        ones = inverse.sum(axis=1)
        self._map = inverse - np.outer(ones, ones @ inverse) / (ones @ ones)

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        x = self._entries(first)
        return x @ (x if first is second else self._entries(second)).T

    def _entries(self, rdms: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([(self._map @ squareform(rdm / -2, checks=False) @ self._map.T).ravel() for rdm in rdms])


class _Solved:
    """Sigma is full and pairs are missing: V x = d by conjugate gradients, V applied through matrices of conditions."""

    def __init__(self, kept: NDArray[np.bool_], sigma: NDArray[np.float64]) -> None:
        self._kept = kept
        self._sigma = sigma

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        operator: LinearOperator[Any] = LinearOperator((first.shape[1],) * 2, matvec=self._covariance, dtype=np.float64)
        solved = np.empty_like(second)
        for row, rdm in zip(solved, second, strict=True):
            row[:], failed = cg(operator, rdm, rtol=1e-13, atol=0.0)
            if failed:
                raise DataError("sigma_k: the system of the whitened comparison is too ill-conditioned to be solved")
        return first @ solved.T

    def _covariance(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """V x: spread over contrasts, multiplied by Sigma on both sides, and read by contrasts again."""
        whole = np.zeros(len(self._kept))
        whole[self._kept] = vector.ravel()
        laplacian = -squareform(whole, checks=False)
        laplacian[np.diag_indices(len(laplacian))] = -laplacian.sum(axis=0)
        kernel = self._sigma @ laplacian @ self._sigma
        diagonal = np.diagonal(kernel)
        distances: NDArray[np.float64] = squareform(diagonal[:, None] + diagonal - 2 * kernel, checks=False)
        return distances[self._kept]
