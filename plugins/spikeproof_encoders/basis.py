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
    scale : tuple of numpy.ndarray of float64, (feature,)
        What each grid's features are divided by; infinite where they do not vary.
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
    scale: tuple[NDArray[np.float64], ...]
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
    alike : bool
        Whether all channels of a grid weigh the same, too.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(6, 20))
    >>> space = FeatureSpace(features)
    >>> basis = space.basis(np.arange(5), np.array([5]))
    >>> basis.training.shape, np.allclose(basis.training.sum(axis=0), 0)
    ((5, 4), True)
    """

    def __init__(self, features: NDArray[np.floating], cells: Sequence[int] = (), *, alike: bool = False) -> None:
        self.grids = Grids(features.shape[1:], cells)
        self._features = features
        self._alike = alike
        self._parts = self.grids.read(features)
        self._wide = sum(part.shape[1] for part in self._parts) > len(features)
        # Where each training set scales channels by itself, it needs products of its own.
        self._products = (
            [_products(part, np.ones(part.shape[1])) for part in self._parts] if self._wide and not alike else []
        )

    def basis(self, training: NDArray[np.intp], others: NDArray[np.intp]) -> Basis:
        """Return the basis of some training stimuli, with the coordinates of others in it."""
        means = [part[training].mean(axis=0, dtype=np.float64) for part in self._parts]
        scale = [self._scale(part, training) for part in self._parts]
        return (
            self._dual(training, others, means, scale) if self._wide else self._primal(training, others, means, scale)
        )

    def _scale(self, part: NDArray[np.floating], training: NDArray[np.intp]) -> NDArray[np.float64]:
        """What a grid's features are divided by for its summed variance over training stimuli to be 1."""
        variance = part[training].var(axis=0, dtype=np.float64) * len(training)
        if not self._alike:
            return np.full(len(variance), _root(variance.sum()))
        channels = self._features.shape[1]
        of_channel = variance.reshape(channels, -1).sum(axis=1)
        live = of_channel > _LEAST * of_channel.max()
        root = np.where(live, np.sqrt(of_channel * max(live.sum(), 1)), np.inf)
        return np.repeat(root, len(variance) // channels)

    def _dual(
        self,
        training: NDArray[np.intp],
        others: NDArray[np.intp],
        means: list[NDArray[np.float64]],
        scale: list[NDArray[np.float64]],
    ) -> Basis:
        here, there = np.zeros((len(training), len(training))), np.zeros((len(others), len(training)))
        for place, part in enumerate(self._parts):
            if self._alike:
                products, share = _products(part, scale[place]), 1.0
            else:
                products, share = self._products[place], 1 / scale[place][0] ** 2
            inside = products[np.ix_(training, training)]
            outside = products[np.ix_(others, training)]
            middle = inside.mean(axis=0)
            there += (outside - outside.mean(axis=1, keepdims=True) - middle + middle.mean()) * share
            here += (inside - middle[:, None] - middle + middle.mean()) * share
        variance, axes = _descending(here)
        root = np.sqrt(variance)
        return Basis(
            variance=variance,
            training=axes * root,
            others=(there @ axes) / root,
            rows=training,
            mean=tuple(means),
            scale=tuple(scale),
            dual=axes / root,
        )

    def _primal(
        self,
        training: NDArray[np.intp],
        others: NDArray[np.intp],
        means: list[NDArray[np.float64]],
        scale: list[NDArray[np.float64]],
    ) -> Basis:
        every = list(zip(self._parts, means, scale, strict=True))
        here, there = (
            np.concatenate([(part[rows] - mean) / size for part, mean, size in every], axis=1)
            for rows in (training, others)
        )
        variance, axes = _descending(here.T @ here)
        ends = np.cumsum([part.shape[1] for part in self._parts])[:-1]
        return Basis(
            variance=variance,
            training=here @ axes,
            others=there @ axes,
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
            parts = [_sums(part, basis.rows, mean, sums) / scale[:, None] for part, mean, scale in pairs]
        return self.grids.weights([part / scale[:, None] for part, scale in zip(parts, basis.scale, strict=True)])

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


def _products(part: NDArray[np.floating], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner products of stimuli's scaled features, (stimulus, stimulus), in float64 but a few features at a time."""
    total = np.zeros((len(part), len(part)))
    for first in range(0, part.shape[1], _CHUNK):
        block = part[:, first : first + _CHUNK].astype(np.float64)
        block -= block.mean(axis=0)  # a common mean drops out of centred products: it only costs digits
        block /= scale[first : first + _CHUNK]
        total += block @ block.T
    return total


def _root(total: float) -> float:
    """Square root of a grid's summed variance; infinite for features that do not vary, whose weights are then 0."""
    return float(np.sqrt(total)) if total > 0 else np.inf


def _descending(products: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    variance, axes = np.linalg.eigh(products)
    variance, axes = variance[::-1], axes[:, ::-1]
    kept = variance > _LEAST * max(variance[0], 0.0) if len(variance) else np.zeros(0, dtype=bool)
    kept &= variance > 0
    return variance[kept], axes[:, kept]
