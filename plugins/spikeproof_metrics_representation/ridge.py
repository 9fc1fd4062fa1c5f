"""Ridge regression of many responses, split after split, from products that are made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BRAIN_SCORE_ALPHAS", "Ridge"]

BRAIN_SCORE_ALPHAS = tuple(
    float(alpha)
    for alpha in (
        0.01,
        0.1,
        0.5,
        1.0,
        *np.linspace(1e1, 1e2, 4, endpoint=False),
        *(a for decade in (1e2, 1e3, 1e4, 1e5) for a in np.linspace(decade, 10 * decade, 18, endpoint=False)),
        *np.linspace(1e6, 1e7, 19),
    )
)
"""The 99 penalties that Brain-Score's ``ridgecv`` chooses from."""


class Ridge:
    """Predicts responses of held-out stimuli by ridge regression with an intercept.

    The Gram matrix of the features (fewer features than stimuli) or of the stimuli (otherwise) is computed once; what a
    split needs is that matrix without the held-out rows.

    Parameters
    ----------
    features : numpy.ndarray, (stimulus, feature)
    responses : numpy.ndarray, (stimulus, unit)
    """

    def __init__(self, features: NDArray[np.float64], responses: NDArray[np.float64]) -> None:
        self._features = features
        self._responses = responses
        self._total = features.sum(axis=0)
        self._by_stimuli = features.shape[1] >= len(features)
        self._gram = features @ features.T if self._by_stimuli else features.T @ features
        self._cross = np.empty((0, 0)) if self._by_stimuli else features.T @ responses

    def predict(self, test: NDArray[np.bool_], alpha: float) -> NDArray[np.float64]:
        """Predictions for the held-out stimuli, (stimulus, unit), with a given penalty."""
        train = ~test
        mean = self._responses[train].mean(axis=0)
        responses = self._responses[train] - mean
        matrix, cross, right = self._centred(train, test, responses, mean)
        matrix[np.diag_indices(len(matrix))] += alpha
        # The matrix is symmetric: its transpose is the same one in the order that LAPACK writes over.
        factor = linalg.cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cross @ linalg.cho_solve(factor, right, check_finite=False) + mean)

    def predict_with_chosen_penalty(
        self, test: NDArray[np.bool_], alphas: Sequence[float]
    ) -> tuple[NDArray[np.float64], float]:
        """Predictions with the penalty that leave-one-out errors, averaged over all units, choose; and the penalty."""
        train = ~test
        mean = self._responses[train].mean(axis=0)
        responses = self._responses[train] - mean
        matrix, cross, right = self._centred(train, test, responses, mean)
        variances, axes = linalg.eigh(matrix.T, overwrite_a=True, check_finite=False, driver="evd")
        alive = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
        variances, axes = variances[alive], axes[:, alive]
        along = axes.T @ right
        if self._by_stimuli:
            basis, inside = axes, along
        else:
            basis = (self._features[train] - self._features[train].mean(axis=0)) @ (axes / np.sqrt(variances))
            inside = along / np.sqrt(variances)[:, None]
        alpha = _best_penalty(basis, inside, responses, variances, alphas)
        return np.asarray(cross @ (axes @ (along / (variances + alpha)[:, None])) + mean), alpha

    def _centred(
        self,
        train: NDArray[np.bool_],
        test: NDArray[np.bool_],
        responses: NDArray[np.float64],
        mean_response: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The matrix to be solved, what predicts held-out stimuli from its solution, and the right-hand side."""
        if self._by_stimuli:
            own, cross = self._gram[np.ix_(train, train)], self._gram[np.ix_(test, train)]
            columns = own.mean(axis=0)
            total = columns.mean()
            cross = cross - cross.mean(axis=1, keepdims=True) - columns + total
            own -= columns[:, None]
            own -= columns - total
            return own, cross, responses
        held_out = self._features[test]
        count = int(train.sum())
        mean = (self._total - held_out.sum(axis=0)) / count
        # Leave out the held-out rows and the training mean in one product.
        taken = np.vstack([held_out, np.sqrt(count) * mean])
        matrix = self._gram - taken.T @ taken
        outside = self._responses[test] - mean_response
        right = self._cross - np.outer(self._total, mean_response) - held_out.T @ outside
        return matrix, held_out - mean, right


def _best_penalty(
    basis: NDArray[np.float64],
    inside: NDArray[np.float64],
    responses: NDArray[np.float64],
    variances: NDArray[np.float64],
    alphas: Sequence[float],
) -> float:
    """The penalty of the smallest mean squared leave-one-out error; the first of equal ones.

    All are tried in single precision, and those within a ten-thousandth of the best once more in double precision.
    """
    outside = responses - basis @ inside
    candidates = np.asarray(alphas, dtype=np.float64)
    if len(candidates) > 1:
        rough = _errors(basis, inside, outside, variances, candidates, np.float32)
        candidates = candidates[rough <= rough.min() * 1.0001]
    exact = _errors(basis, inside, outside, variances, candidates, np.float64)
    return float(candidates[int(np.argmin(exact))])


def _errors(
    basis: NDArray[np.float64],
    inside: NDArray[np.float64],
    outside: NDArray[np.float64],
    variances: NDArray[np.float64],
    alphas: NDArray[np.float64],
    dtype: type[np.float32] | type[np.float64],
) -> NDArray[np.float64]:
    u, m, rest = basis.astype(dtype), inside.astype(dtype), outside.astype(dtype)
    # What a fit leaves of a stimulus, and of its leverage, adds up from parts: nothing cancels where both are small.
    squares = basis**2
    unseen = 1 - 1 / len(basis) - squares.sum(axis=1)
    errors = np.empty(len(alphas))
    for k, alpha in enumerate(alphas):
        shrunk = alpha / (variances + alpha)
        residual = u @ (m * shrunk[:, None].astype(dtype))
        residual += rest
        left = np.maximum(unseen, 0.0) + squares @ shrunk
        per_stimulus = np.einsum("ij,ij->i", residual, residual).astype(np.float64)
        errors[k] = float((per_stimulus / left**2).mean())
    return errors
