"""Principal coordinates of a training set's features: an exact rotation in which every linear fit is small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .grids import Grids

__all__ = ["Basis", "FeatureSpace"]

_CHUNK = 4096
"""Features that are multiplied at once."""

_LEAST = 1e-10
"""Share of the largest variance below which a direction is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """Coordinates in which the features of training stimuli are uncorrelated, widest first.

    Parameters
    ----------
    variance : numpy.ndarray of float64, (component,)
        Sum of squares of each coordinate over training stimuli.
    training, others : numpy.ndarray of float64, (stimulus, component)
        Coordinates; those of the training stimuli have mean 0.
    rows : numpy.ndarray of int, (stimulus,)
        The training stimuli.
    mean : tuple of numpy.ndarray of float64, (feature,)
        Of each grid's features, over them.
    scale : tuple of float
        What each grid's features are divided by.
    axes : tuple of numpy.ndarray of float64, (feature, component)
        Of each grid; empty where there is a dual.
    dual : numpy.ndarray of float64, (stimulus, component), optional
        Weights with which the axes are sums of training stimuli.
    """

    variance: NDArray[np.float64]
    training: NDArray[np.float64]
    others: NDArray[np.float64]
    rows: NDArray[np.intp]
    mean: tuple[NDArray[np.float64], ...]
    scale: tuple[float, ...]
    axes: tuple[NDArray[np.float64], ...] = ()
    dual: NDArray[np.float64] | None = None

    @property
    def length(self) -> float:
        """Mean over training stimuli of the squared length of their coordinates."""
        return float(self.variance.sum()) / len(self.rows)


class FeatureSpace:
    """Features of all stimuli, from which training sets take their bases.

    Where there are fewer stimuli than features, inner products of stimuli are all that a linear fit with a rotation
    invariant penalty can see: they are computed once, and each basis is an eigendecomposition of a part of them. The
    features of each grid are divided by the square root of their summed variance over the training stimuli, so that all
    grids weigh the same.

    Parameters
    ----------
    features : numpy.ndarray, (stimulus, channel, y, x) or (stimulus, feature)
    cells : sequence of int
        See :class:`Grids`.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(6, 20))
    >>> space = FeatureSpace(features)
    >>> basis = space.basis(np.arange(5), np.array([5]))
    >>> basis.training.shape, np.allclose(basis.training.sum(axis=0), 0)
    ((5, 4), True)
    """

    def __init__(self, features: NDArray[np.floating], cells: Sequence[int] = ()) -> None:
        self.grids = Grids(features.shape[1:], cells)
        self._features = features
        self._parts = self.grids.read(features)
        wide = sum(part.shape[1] for part in self._parts) > len(features)
        self._products = [_products(part) for part in self._parts] if wide else []

    def basis(self, training: NDArray[np.intp], others: NDArray[np.intp]) -> Basis:
        """Return the basis of some training stimuli, with the coordinates of others in it."""
        return self._dual(training, others) if self._products else self._primal(training, others)

    def _dual(self, training: NDArray[np.intp], others: NDArray[np.intp]) -> Basis:
        here, there, scale = 0.0, 0.0, []
        for products in self._products:
            inside = products[np.ix_(training, training)]
            outside = products[np.ix_(others, training)]
            middle = inside.mean(axis=0)
            outside = outside - outside.mean(axis=1, keepdims=True) - middle + middle.mean()
            inside = inside - middle[:, None] - middle + middle.mean()
            scale.append(_root(np.trace(inside)))
            here, there = here + inside / scale[-1] ** 2, there + outside / scale[-1] ** 2
        variance, axes = _descending(np.asarray(here))
        root = np.sqrt(variance)
        return Basis(
            variance=variance,
            training=axes * root,
            others=(there @ axes) / root,
            rows=training,
            mean=tuple(part[training].mean(axis=0, dtype=np.float64) for part in self._parts),
            scale=tuple(scale),
            dual=axes / root,
        )

    def _primal(self, training: NDArray[np.intp], others: NDArray[np.intp]) -> Basis:
        inside, outside, means, scale = [], [], [], []
        for part in self._parts:
            mean = part[training].mean(axis=0, dtype=np.float64)
            centred = part[training] - mean
            scale.append(_root((centred**2).sum()))
            inside.append(centred / scale[-1])
            outside.append((part[others] - mean) / scale[-1])
            means.append(mean)
        here = np.concatenate(inside, axis=1)
        variance, axes = _descending(here.T @ here)
        ends = np.cumsum([part.shape[1] for part in self._parts])[:-1]
        return Basis(
            variance=variance,
            training=here @ axes,
            others=np.concatenate(outside, axis=1) @ axes,
            rows=training,
            mean=tuple(means),
            scale=tuple(scale),
            axes=tuple(np.split(axes, ends)),
        )

    def weights(self, basis: Basis, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights (feature, unit) of the features as they were given, for coefficients (component, unit).

        They apply to features less their mean over the training stimuli; coefficients that are left out are 0.
        """
        number = len(coefficients)
        if basis.dual is None:
            parts = [axes[:, :number] @ coefficients for axes in basis.axes]
        else:
            sums = basis.dual[:, :number] @ coefficients
            pairs = zip(self._parts, basis.mean, basis.scale, strict=True)
            parts = [_sums(part, basis.rows, mean, sums) / scale for part, mean, scale in pairs]
        return self.grids.weights([part / scale for part, scale in zip(parts, basis.scale, strict=True)])

    def mean(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean over some stimuli of the features as they were given, (feature,)."""
        return np.asarray(self._features[rows].mean(axis=0, dtype=np.float64)).reshape(-1)


def _sums(
    part: NDArray[np.floating], rows: NDArray[np.intp], mean: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted sums of centred training stimuli, (feature, unit), a few features at a time."""
    out = np.empty((part.shape[1], weights.shape[1]))
    for first in range(0, part.shape[1], _CHUNK):
        chunk = slice(first, first + _CHUNK)
        out[chunk] = (part[rows, chunk] - mean[chunk]).T @ weights
    return out


def _products(part: NDArray[np.floating]) -> NDArray[np.float64]:
    """Inner products of stimuli, (stimulus, stimulus), in float64 but a few features at a time."""
    total = np.zeros((len(part), len(part)))
    for first in range(0, part.shape[1], _CHUNK):
        block = part[:, first : first + _CHUNK].astype(np.float64)
        block -= block.mean(axis=0)  # a common mean drops out of centred products: it only costs digits
        total += block @ block.T
    return total


def _root(total: float) -> float:
    """Square root of a grid's summed variance; 1 for features that do not vary, whose weights come out as 0."""
    return float(np.sqrt(total)) if total > 0 else 1.0


def _descending(products: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    variance, axes = np.linalg.eigh(products)
    variance, axes = variance[::-1], axes[:, ::-1]
    kept = variance > _LEAST * max(variance[0], 0.0) if len(variance) else np.zeros(0, dtype=bool)
    kept &= variance > 0
    return variance[kept], axes[:, kept]
