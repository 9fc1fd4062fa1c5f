"""How well one representation predicts another linearly, by Brain-Score's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

from .checking import CONSTANT, as_matrix, same_rows
from .pls import pls_coefficients
from .ridge import BRAIN_SCORE_ALPHAS, Ridge
from .splits import given_splits, predictivity_splits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Predictivity",
    "linear_predictivity",
    "reverse_predictivity",
]

Regression = Literal["pls", "ridge", "ridgecv", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictivity:
    """Correlations between predicted and measured responses to held-out stimuli.

    Parameters
    ----------
    score : float
        Median over units, mean over splits.
    error : float
        Standard deviation of the splits' medians (ddof 0) over the square root of their number, as Brain-Score gives
        it. Splits share stimuli, so that it is no standard error over stimuli.
    correlations : numpy.ndarray of float64, (split, unit)
        Pearson's r; NaN where a unit's responses, or its predictions, do not vary over the held-out stimuli.
    undefined : int
        How many of them are NaN; they are left out of the medians.
    alphas : tuple of float
        The penalty of each split (``ridge``, ``ridgecv``); empty otherwise.
    """

    score: float
    error: float
    correlations: NDArray[np.float64]
    undefined: int
    alphas: tuple[float, ...]


def linear_predictivity(
    features: ArrayLike,
    responses: ArrayLike,
    method: Regression = "pls",
    *,
    test_sets: ArrayLike | None = None,
    categories: ArrayLike | None = None,
    seed: int = 1,
    components: int = 25,
    tolerance: float = 1e-6,
    alpha: float = 1.0,
    alphas: Sequence[float] = BRAIN_SCORE_ALPHAS,
) -> Predictivity:
    """Predict responses from features linearly, on held-out stimuli (Schrimpf et al. 2018, doi:10.1101/407007).

    Parameters
    ----------
    features : array_like, (stimulus, feature)
        What predicts: a model's responses, say.
    responses : array_like, (stimulus, unit)
        What is predicted: mean responses of recorded units, say.
    method : {"pls", "ridge", "ridgecv", "linear"}
        ``pls``: partial least squares, 25 components, unscaled, Brain-Score's classic. ``ridge``: penalty ``alpha``.
        ``ridgecv``: one penalty for all units, chosen from ``alphas`` by leave-one-out within the training stimuli.
        ``linear``: ordinary least squares (of least norm where features exceed stimuli).
    test_sets : array_like of bool, (split, stimulus), optional
        The stimuli held out in each split. Default: :func:`predictivity_splits` with ``categories`` and ``seed``.
    categories : array_like, (stimulus,), optional
        Splits are stratified by it.
    seed : int
        Of the splits; Brain-Score's is 1.
    components : int
        For ``pls``.
    tolerance : float
        For ``pls``: where power iteration stops. 1e-6 gives scikit-learn's numbers; 0 iterates to the end, which moves
        correlations by about 1e-4 and makes them independent of the order of the units.
    alpha : float
        For ``ridge``.
    alphas : sequence of float
        For ``ridgecv``; default: Brain-Score's grid of 99 values from 0.01 to 1e7.

    Returns
    -------
    Predictivity

    Raises
    ------
    NotEnoughData
        If stimuli or features are too few; or all correlations of a split are undefined.
    DataError
        If a unit responds alike to all stimuli, a value is not finite, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> result = linear_predictivity(x, x @ [[1.0], [2.0], [3.0]], "linear")
    >>> round(result.score, 6), result.correlations.shape, result.undefined
    (1.0, (10, 1), 0)
    """
    x = as_matrix(features, "predictivity: features", rows="stimulus", columns="feature", at_least=4)
    y = as_matrix(responses, "predictivity: responses", rows="stimulus", columns="unit", at_least=4)
    same_rows(x, y, "predictivity")
    _refuse_constant_units(y)
    tests = predictivity_splits(len(x), categories, seed=seed) if test_sets is None else given_splits(test_sets, len(x))
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    ridge = Ridge(x, y) if method in {"ridge", "ridgecv"} else None
    correlations = np.empty((len(tests), y.shape[1]))
    chosen: list[float] = []
    for row, test in zip(correlations, tests, strict=True):
        if ridge is not None and method == "ridge":
            _check_penalties([alpha])
            predicted = ridge.predict(test, alpha)
            chosen.append(float(alpha))
        elif ridge is not None:
            _check_penalties(alphas)
            predicted, penalty = ridge.predict_with_chosen_penalty(test, alphas)
            chosen.append(penalty)
        elif method == "pls":
            coefficients, intercept = pls_coefficients(x, y, ~test, components, tolerance)
            predicted = x[test] @ coefficients + intercept
        elif method == "linear":
            means = x[~test].mean(axis=0), y[~test].mean(axis=0)
            solved = np.linalg.lstsq(x[~test] - means[0], y[~test] - means[1], rcond=None)[0]
            predicted = (x[test] - means[0]) @ solved + means[1]
        else:
            raise DataError(f"predictivity: method must be pls, ridge, ridgecv or linear, got {method!r}")
        row[:] = _correlations(predicted, y[test])
    return _summary(correlations, tuple(chosen))


def reverse_predictivity(
    features: ArrayLike,
    responses: ArrayLike,
    method: Regression = "pls",
    *,
    test_sets: ArrayLike | None = None,
    categories: ArrayLike | None = None,
    seed: int = 1,
    components: int = 25,
    tolerance: float = 1e-6,
    alpha: float = 1.0,
    alphas: Sequence[float] = BRAIN_SCORE_ALPHAS,
) -> Predictivity:
    """Predict a model's features from recorded responses (Muzellec & Kar 2025, doi:10.1101/2025.08.08.669382).

    :func:`linear_predictivity` with the two exchanged: one correlation per feature. A model that predicts neurons well
    and is predicted by them badly has dimensions that the neurons lack.

    Parameters
    ----------
    features : array_like, (stimulus, feature)
        What is predicted.
    responses : array_like, (stimulus, unit)
        What predicts. Fewer units than ``components`` are refused: ask for fewer components.
    method, test_sets, categories, seed, components, tolerance, alpha, alphas
        See :func:`linear_predictivity`.

    Returns
    -------
    Predictivity

    Raises
    ------
    NotEnoughData, DataError
        As :func:`linear_predictivity`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> round(reverse_predictivity(x, x @ np.diag([1.0, 2.0, 3.0]), "linear").score, 6)
    1.0
    """
    return linear_predictivity(
        responses,
        features,
        method,
        test_sets=test_sets,
        categories=categories,
        seed=seed,
        components=components,
        tolerance=tolerance,
        alpha=alpha,
        alphas=alphas,
    )


def _summary(correlations: NDArray[np.float64], alphas: tuple[float, ...]) -> Predictivity:
    absent = np.isnan(correlations)
    if absent.all(axis=1).any():
        split = int(np.flatnonzero(absent.all(axis=1))[0])
        raise NotEnoughData(
            f"predictivity: in split {split} no unit's responses and predictions vary over the held-out stimuli; use "
            "more stimuli"
        )
    medians = np.nanmedian(correlations, axis=1)
    return Predictivity(
        score=float(medians.mean()),
        error=float(medians.std() / np.sqrt(len(medians))),
        correlations=correlations,
        undefined=int(absent.sum()),
        alphas=alphas,
    )


def _correlations(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's r of each column; NaN where either is constant."""
    a, b = predicted - predicted.mean(axis=0), measured - measured.mean(axis=0)
    norms = [np.linalg.norm(v, axis=0) for v in (a, b)]
    flat = np.zeros(predicted.shape[1], dtype=bool)
    for norm, whole in zip(norms, (predicted, measured), strict=True):
        flat |= norm <= CONSTANT * np.linalg.norm(whole, axis=0)
    scale = np.where(flat, 1.0, norms[0] * norms[1])
    return np.where(flat, np.nan, np.einsum("ij,ij->j", a, b) / scale)


def _refuse_constant_units(responses: NDArray[np.float64]) -> None:
    spread = np.linalg.norm(responses - responses.mean(axis=0), axis=0)
    constant = np.flatnonzero(spread <= CONSTANT * np.linalg.norm(responses, axis=0))
    if constant.size:
        raise DataError(
            f"predictivity: unit {int(constant[0])} responds alike to all stimuli ({constant.size} such units), so "
            "that its correlations are undefined; leave those units out"
        )


def _check_penalties(alphas: Sequence[float]) -> None:
    if not len(alphas) or not all(np.isfinite(a) and a > 0 for a in alphas):
        raise DataError("predictivity: penalties must be numbers above 0; for none, use the method linear")
