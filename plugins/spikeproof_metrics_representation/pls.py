"""Partial least squares regression by the kernel algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from scipy.linalg import blas
from spikeproof.errors import NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pls_coefficients"]

STEPS = 500
"""Power iterations at most, as in scikit-learn."""
_SMALL = 1024
"""Where X'Y has no more rows or columns than this, the matrix of their inner products is what is iterated with."""
_ROWS = 48
"""Stimuli whose features are used twice while they are in the cache."""


def pls_coefficients(
    features: NDArray[np.float64],
    responses: NDArray[np.float64],
    train: NDArray[np.bool_],
    components: int,
    tolerance: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit PLS2 regression to the rows of ``train``.

    The same components as NIPALS with deflation (scikit-learn's ``PLSRegression(scale=False)``), but the features are
    never deflated, nor copied: a component needs X'Y, deflated, and two products of X with a vector (Dayal & MacGregor
    1997, doi:10.1002/(SICI)1099-128X(199701)11:1<73::AID-CEM435>3.0.CO;2-#), made in one pass over X. Each weight is
    the leading singular vector of X'Y by power iteration from the first response, stopped as scikit-learn stops it.

    Parameters
    ----------
    features : numpy.ndarray, (stimulus, feature)
    responses : numpy.ndarray, (stimulus, unit)
    train : numpy.ndarray of bool, (stimulus,)
    components : int
    tolerance : float
        Stop where the squared change of the unit-length weights is below; 0 takes the singular vector itself.

    Returns
    -------
    coefficients : numpy.ndarray, (feature, unit)
    intercept : numpy.ndarray, (unit,)

    Raises
    ------
    NotEnoughData
        If features or stimuli are too few for so many components.
    """
    weights = train.astype(np.float64)
    count = int(train.sum())
    if components > min(count - 1, features.shape[1]):
        raise NotEnoughData(
            f"PLS: {components} components need at least as many features and one training stimulus more, got "
            f"{features.shape[1]} features and {count} training stimuli; ask for fewer components"
        )
    feature_mean, response_mean = weights @ features / count, weights @ responses / count
    # Stimuli outside of the training set get the weight 0, so that no copy of the features is needed.
    covariance = features.T @ ((responses - response_mean) * weights[:, None])
    scale = float(np.abs(covariance).max(initial=0.0))
    rotations = np.zeros((components, features.shape[1]))
    loadings = np.zeros((components, features.shape[1]))
    response_loadings = np.zeros((components, responses.shape[1]))
    for k in range(components):
        if np.abs(covariance).max() <= 1e-14 * scale:
            break  # nothing of the responses is left that these features could explain
        weight = _leading(covariance, tolerance)
        rotation = weight - (loadings[:k] @ weight) @ rotations[:k]
        back, power = _there_and_back(features, rotation, float(feature_mean @ rotation), weights)
        rotations[k] = rotation
        loadings[k] = back / power
        response_loadings[k] = covariance.T @ weight / power
        # The outer product comes off in place; the transpose is the Fortran-ordered view that BLAS takes as it is.
        covariance = blas.dger(-1.0, response_loadings[k], back, a=covariance.T, overwrite_a=1).T
    coefficients = rotations.T @ response_loadings
    return coefficients, response_mean - feature_mean @ coefficients


def _leading(covariance: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """The leading left singular vector of X'Y."""
    if tolerance == 0:
        tall = covariance.shape[0] > covariance.shape[1]
        gram = covariance.T @ covariance if tall else covariance @ covariance.T
        last = len(gram) - 1
        vector = linalg.eigh(gram, subset_by_index=[last, last], check_finite=False)[1][:, 0]
        return _unit(covariance @ vector if tall else vector)
    strengths = np.abs(covariance).max(axis=0)
    start = int(np.argmax(strengths > np.finfo(np.float64).eps * strengths.max()))
    if covariance.shape[1] == 1:
        return _unit(covariance[:, start])
    if covariance.shape[1] <= min(_SMALL, len(covariance)):
        return _iterated_on_responses(covariance, start, tolerance)
    weight = _unit(covariance[:, start])
    own = covariance @ covariance.T if len(covariance) <= _SMALL else None
    for _ in range(STEPS):
        before = weight
        weight = _unit(covariance @ (before @ covariance) if own is None else own @ before)
        change = weight - before
        if change @ change < tolerance:
            break
    return weight


def _iterated_on_responses(covariance: NDArray[np.float64], start: int, tolerance: float) -> NDArray[np.float64]:
    """The same iteration ``w = C C'w / |C C'w|`` in terms of q, ``w = C q``: lengths and changes follow from C'C."""
    gram = covariance.T @ covariance
    raw = np.zeros(len(gram))
    raw[start] = 1.0
    q = dual = np.zeros(len(gram))
    for step in range(STEPS + 1):
        raw_dual = gram @ raw
        length = float(raw @ raw_dual) ** 0.5
        before, dual_before = q, dual
        q, dual = raw / length, raw_dual / length
        raw = dual
        if step and (q - before) @ (dual - dual_before) < tolerance:
            break
    return _unit(covariance @ q)


def _there_and_back(
    features: NDArray[np.float64], rotation: NDArray[np.float64], mean: float, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """``X't`` and ``t't`` of the scores ``t = (X r - mean) * weights``, in one pass over the features X."""
    back = np.zeros(features.shape[1])
    power = 0.0
    for begin in range(0, len(features), _ROWS):
        part = features[begin : begin + _ROWS]
        score = part @ rotation
        score -= mean
        score *= weights[begin : begin + _ROWS]
        back += score @ part
        power += float(score @ score)
    return back, power


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return result
