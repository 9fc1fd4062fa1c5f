"""Projections on cones of points: the one problem that manifold capacity solves for every probe."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from spikeproof.errors import DataError, NotEnoughData

from .active_sets import FEW, TOLERANCE, exchanged_weights

__all__ = ["cone_capacity", "cone_weights"]

_MANY = 16
"""From so many probes on, they are solved together."""
_MOST = 1024
"""Points whose inner products are kept for that, 8 MB."""
_CROWDED = 4
"""With more points than so many times the dimensions, sets change too often for that to pay."""


def cone_weights(points: NDArray[np.float64], probes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights, not negative, of the points whose sum is nearest each probe.

    Parameters
    ----------
    points : numpy.ndarray, (dimension, point)
    probes : numpy.ndarray, (probe, dimension)

    Returns
    -------
    numpy.ndarray of float64, (probe, point)
        ``weights @ points.T`` is the projection of each probe on the cone that the points span.
    """
    count = points.shape[1]
    if len(probes) >= _MANY and count <= min(_MOST, _CROWDED * len(points)):
        weights, unsolved = exchanged_weights(points, probes)
    else:
        weights, unsolved = np.zeros((len(probes), count)), np.arange(len(probes))
    if unsolved.size:
        weights[unsolved] = _one_by_one(points, probes[unsolved])
    return weights


def _one_by_one(points: NDArray[np.float64], probes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (probe, point), each probe by itself: among the points of largest overlap, then among more."""
    count = points.shape[1]
    few = min(count, FEW)
    weights = np.zeros((len(probes), count))
    working = np.zeros(weights.shape, dtype=bool)
    np.put_along_axis(working, np.argpartition(-(probes @ points), few - 1, axis=1)[:, :few], values=True, axis=1)
    tolerance = TOLERANCE * np.outer(np.linalg.norm(probes, axis=1), np.linalg.norm(points, axis=0))
    unsolved = np.arange(len(probes))
    while unsolved.size:
        for k in unsolved.tolist():
            chosen = np.flatnonzero(working[k])
            weights[k, chosen] = nnls(points[:, chosen], probes[k])[0]
        # A solution is the best one if no point that was left out would bring the sum nearer to the probe.
        nearer = (probes[unsolved] - weights[unsolved] @ points.T) @ points > tolerance[unsolved]
        nearer &= ~working[unsolved]
        working[unsolved] |= nearer
        unsolved = unsolved[nearer.any(axis=1)]
    return weights


def cone_capacity(
    points: ArrayLike,
    *,
    probes: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    draws: int = 200,
    seed: int = 0,
) -> tuple[float, NDArray[np.float64]]:
    """Capacity of manifolds for random two-way classifications, from the statistical dimension of a cone.

    ``alpha = P / E |projection of t on the cone of y_i x|^2`` over Gaussian t and labels y of the P manifolds, x being
    all points of manifold i: the form of Chou et al. (2024, GLUE). It makes no assumption on the manifolds' centres, so
    that none have to be taken out. Manifolds can be told apart at random as long as there are fewer than alpha times
    the number of dimensions.

    Parameters
    ----------
    points : array_like, (manifold, point, dimension)
    probes : array_like, (draw, dimension), optional
        The t; by default drawn.
    labels : array_like of {-1, 1}, (draw, manifold), optional
        The y; by default drawn.
    draws : int
        How many to draw.
    seed : int

    Returns
    -------
    capacity : float
    projections : numpy.ndarray of float64, (draw,)
        Squared length of each projection.

    Raises
    ------
    DataError
        If a value is not finite or shapes do not fit.
    NotEnoughData
        If there is no manifold, or every projection is 0, so that the capacity is infinite.

    Examples
    --------
    >>> capacity, _ = cone_capacity(np.random.default_rng(0).normal(size=(60, 1, 30)))
    >>> 1.5 < capacity < 2.5
    True
    """
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 3 or not np.isfinite(x).all():
        raise DataError(f"manifold capacity: needs finite points (manifold, point, dimension), got shape {x.shape}")
    manifolds, _, dims = x.shape
    if x.size == 0:
        raise NotEnoughData("manifold capacity: there is no point")
    rng = np.random.default_rng(seed)
    t = rng.standard_normal((draws, dims)) if probes is None else np.asarray(probes, dtype=np.float64)
    y = rng.choice([-1.0, 1.0], size=(len(t), manifolds)) if labels is None else np.asarray(labels, dtype=np.float64)
    if t.ndim != 2 or t.shape[1] != dims or y.shape != (len(t), manifolds) or not np.isin(y, (-1, 1)).all():
        raise DataError(
            f"manifold capacity: probes {t.shape} and labels {y.shape}, of -1 and 1, do not fit points {x.shape}"
        )
    squared = np.empty(len(t))
    for k, (probe, sign) in enumerate(zip(t, y, strict=True)):
        cone = (sign[:, None, None] * x).reshape(-1, dims).T
        squared[k] = ((cone @ cone_weights(cone, -probe[None])[0]) ** 2).sum()
    if not squared.any():
        raise NotEnoughData(
            "manifold capacity: no probe meets the cone of the points, so that the capacity is infinite"
        )
    return float(manifolds / squared.mean()), squared
