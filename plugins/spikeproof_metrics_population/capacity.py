"""Capacity, radius and dimension of manifolds by mean-field theory (Chung et al. 2018; Cohen et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import generator

from .centres import LEAST_LEFT, centre_correlation, shared_directions
from .cones import cone_weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ManifoldGeometry", "anchor_geometry", "manifold_geometry"]


def anchor_geometry(points: ArrayLike, probes: ArrayLike, *, margin: float = 0.0) -> tuple[float, float, float]:
    """Capacity, radius and dimension of one manifold, from given probes.

    For a probe t the anchor point s is where the manifold's hull supports the nearest v to t with ``v.s <= -margin``
    for all of its points; ``alpha = 1 / mean(max(t.s + margin, 0)^2 / |s|^2)``, the radius is the root mean square of
    the anchors' distance from their mean, and the dimension ``D mean(cos(t, s))^2`` (equations 16, 28 and 29 of Chung,
    Lee & Sompolinsky 2018, doi:10.1103/PhysRevX.8.031003). As the last coordinate of every point is 1, the margin only
    shifts the probe, and every probe is one projection on the cone of the points.

    Parameters
    ----------
    points : array_like, (D + 1, point)
        In units of the centre's length, with a last row of ones, which is the centre's direction.
    probes : array_like, (D + 1, probe)
        Gaussian vectors.
    margin : float
        kappa, not negative.

    Returns
    -------
    capacity, radius, dimension : float

    Raises
    ------
    DataError
        If shapes do not fit, a value is not finite, the last row is not ones, or the margin is negative.
    NotEnoughData
        If no probe meets the manifold, so that the capacity is infinite.

    Examples
    --------
    >>> probes = np.array([[1.0, -1.0], [2.0, 1.0]])
    >>> anchor_geometry([[0.0], [1.0]], probes)[0]  # a point: 1 / mean(max(t, 0)^2)
    0.4
    """
    s, t = np.asarray(points, dtype=np.float64), np.asarray(probes, dtype=np.float64)
    if s.ndim != 2 or t.ndim != 2 or len(s) != len(t) or s.size == 0 or t.size == 0:
        raise DataError(f"manifold capacity: points {s.shape} and probes {t.shape} must be (D + 1, ...), not empty")
    if not (np.isfinite(s).all() and np.isfinite(t).all()):
        raise DataError("manifold capacity: a point or probe is not finite")
    if not (s[-1] == 1).all():
        raise DataError("manifold capacity: the last row of points must be ones: divide by the length of the centre")
    if margin < 0:
        raise DataError(f"manifold capacity: the margin must not be negative, got {margin:g}")
    dims = len(s) - 1
    shifted = t.T.copy()
    shifted[:, -1] += margin
    reach = shifted @ s
    anchors = s.T[(t[:-1].T @ s[:-1]).argmax(axis=1)]  # where the probe does not meet the cone
    outside = np.flatnonzero(reach.max(axis=1) > 0)
    weights = cone_weights(s, shifted[outside])
    total = weights.sum(axis=1)
    met = total > 0
    anchors[outside[met]] = (weights[met] / total[met, None]) @ s.T
    length = (anchors**2).sum(axis=1)
    overlap = np.maximum((shifted * anchors).sum(axis=1), 0.0)
    squared = overlap**2 / length
    if not squared.any():
        raise NotEnoughData(
            "manifold capacity: no probe meets the manifold, so that the capacity is infinite: draw more"
        )
    away = anchors[:, :-1] - anchors[:, :-1].mean(axis=0)
    radius = float(np.sqrt((away**2).sum(axis=1).mean()))
    probe_length = np.linalg.norm(t[:-1], axis=0)
    anchor_length = np.sqrt((anchors[:, :-1] ** 2).sum(axis=1) + 1e-12)
    cosine = (t[:-1].T * anchors[:, :-1]).sum(axis=1) / (np.where(probe_length > 0, probe_length, 1.0) * anchor_length)
    return float(1 / squared.mean()), radius, float(dims * cosine.mean() ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifoldGeometry:
    """What :func:`manifold_geometry` gives.

    Parameters
    ----------
    capacity, radius, dimension : numpy.ndarray of float64, (manifold,)
        Of each manifold; the radius is in units of its centre's length.
    mean_capacity : float
        Harmonic mean over manifolds, ``1 / mean(1 / alpha)``: what the manifolds together allow.
    centre_correlation : float
        Mean absolute correlation between centres, before shared directions were taken out.
    rank : int
        Shared directions taken out.
    """

    capacity: NDArray[np.float64]
    radius: NDArray[np.float64]
    dimension: NDArray[np.float64]
    mean_capacity: float
    centre_correlation: float
    rank: int


def manifold_geometry(
    manifolds: Sequence[ArrayLike],
    *,
    margin: float = 0.0,
    probes: int = 300,
    rank: int | None = None,
    repetitions: int = 3,
    seed: int = 0,
    drawn: Sequence[ArrayLike] | None = None,
) -> ManifoldGeometry:
    """Capacity, radius and dimension of manifolds such as the responses to the stimuli of each category.

    The mean of all points is taken out, then the few directions that the centres share, as long as every centre keeps
    a tenth of its length (the authors' code may take a centre out altogether, and that manifold's radius explodes);
    each manifold is scaled by the length of what is left of its centre, and probed by :func:`anchor_geometry`. A
    manifold that is a point has capacity 2, on average over probes.

    Parameters
    ----------
    manifolds : sequence of array_like, each (point, unit)
        Three or more; they may differ in their number of points.
    margin : float
    probes : int
        Gaussian probes per manifold.
    rank : int, optional
        Shared directions to take out; 0 for none, by default as many as leave the centres least correlated.
    repetitions : int
        Random starts per rank.
    seed : int
        Seed of probes and starts.
    drawn : sequence of array_like, each (unit + 1, probe), optional
        Gaussian probes of each manifold in the space of the units, with a last row for the centre; by default drawn.

    Returns
    -------
    ManifoldGeometry

    Raises
    ------
    NotEnoughData
        If there are fewer than three manifolds, or one holds no point.
    DataError
        If a value is not finite, units differ in number, or a manifold's centre vanishes, so that there is no scale.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tight = [rng.normal(size=40) + 0.01 * rng.normal(size=(10, 40)) for _ in range(8)]
    >>> loose = [points + rng.normal(size=(10, 40)) for points in tight]
    >>> manifold_geometry(tight).mean_capacity > manifold_geometry(loose).mean_capacity
    True
    """
    clouds = [np.asarray(cloud, dtype=np.float64) for cloud in manifolds]
    _check(clouds, probes)
    everything = np.concatenate(clouds)
    origin = everything.mean(axis=0)
    centres = np.stack([cloud.mean(axis=0) for cloud in clouds])
    shared = shared_directions(centres, rank=rank, repetitions=repetitions, seed=seed)
    scale = np.sqrt(((everything - origin) ** 2).sum(axis=1).mean())
    geometry = np.empty((len(clouds), 3))
    for k, cloud in enumerate(clouds):
        rest = cloud - origin
        rest = rest - rest @ shared @ shared.T
        centre = rest.mean(axis=0)
        length = np.linalg.norm(centre)
        before = np.linalg.norm(centres[k] - origin)
        if length < LEAST_LEFT * before or before <= 1e-10 * scale:
            raise DataError(
                f"manifold capacity: the centre of manifold {k} all but vanishes once the mean and {shared.shape[1]} "
                "shared directions are taken out, so that its size has no scale: take out fewer (rank)"
            )
        points = ((rest - centre) / length).T
        basis = None
        if points.shape[0] > points.shape[1]:
            basis, points = np.linalg.qr(points)
        points = np.vstack([points, np.ones(points.shape[1])])
        if drawn is None:
            t = generator(seed, "manifold-probes", k).standard_normal((len(points), probes))
        else:  # what a Gaussian vector has along a subspace is Gaussian there
            given = np.asarray(drawn[k], dtype=np.float64)
            t = given if basis is None else np.vstack([basis.T @ given[:-1], given[-1:]])
        geometry[k] = anchor_geometry(points, t, margin=margin)
    capacity, radius, dimension = geometry.T
    return ManifoldGeometry(
        capacity=capacity,
        radius=radius,
        dimension=dimension,
        mean_capacity=float(1 / (1 / capacity).mean()),
        centre_correlation=centre_correlation(centres),
        rank=shared.shape[1],
    )


def _check(clouds: list[NDArray[np.float64]], probes: int) -> None:
    if len(clouds) < 3:
        raise NotEnoughData(f"manifold capacity: needs at least three manifolds, got {len(clouds)}")
    for k, cloud in enumerate(clouds):
        if cloud.ndim != 2 or cloud.shape[1] != clouds[0].shape[-1]:
            raise DataError(f"manifold capacity: manifold {k} has shape {cloud.shape}, not (point, unit) as manifold 0")
        if len(cloud) == 0:
            raise NotEnoughData(f"manifold capacity: manifold {k} holds no point")
        if not np.isfinite(cloud).all():
            raise DataError(f"manifold capacity: a response of manifold {k} is not finite")
    if probes < 1:
        raise DataError(f"manifold capacity: probes must be at least 1, got {probes}")
