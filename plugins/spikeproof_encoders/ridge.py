"""The encoder ``ridge``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .basis import Basis, FeatureSpace
from .checking import check_candidates, problem
from .maps import Fitted, LinearMap, fitted
from .selection import select

__all__ = ["PENALTIES", "Ridge", "ridge_weights"]

GRIDS = (4, 3, 2, 1)
"""Default grids, in cells along each side."""

PENALTIES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Default penalties."""

GRIDS_HELP = (
    "Grids to whose cells maps are averaged, side by side, in cells along each side; empty for maps as they are."
)

SCALE_HELP = "Let all channels of a grid weigh the same, too: divide them by their sd over training stimuli."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """Ridge regression, with a penalty per unit.

    Maps are read on several grids at once (averages over 4 x 4 cells, over 3 x 3 and so on), each scaled to the same
    summed variance: a prior of weights that change smoothly over the image, which predicts V4 better than weights that
    are independent from position to position. ``grids = []`` gives ordinary ridge regression.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> features = random.normal(size=(60, 5)).astype(np.float32)
    >>> ids = {"stimulus": [f"s{k}" for k in range(60)], "unit": ["a"]}
    >>> responses = xr.DataArray(features[:, :1] * 2 + 1, dims=("stimulus", "unit"), coords=ids)
    >>> fit = Ridge().fit(features, responses, repeats=None, folds=np.arange(60) % 5, seed=0)
    >>> bool(np.abs(fit.held_out - responses).max() < 0.02)
    True
    """

    grids: Annotated[tuple[int, ...], GRIDS_HELP] = GRIDS
    scale_channels: Annotated[bool, SCALE_HELP] = False
    penalties: Annotated[
        tuple[float, ...],
        "Penalties to choose from: squared weights count as so many mean squared lengths of centred feature vectors.",
    ] = PENALTIES

    def __post_init__(self) -> None:
        if self.grids:
            check_candidates("ridge", "grids", self.grids)
        check_candidates("ridge", "penalties", self.penalties)

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> Fitted:
        """Fit on all stimuli, and once without each fold: see ``spikeproof.types.Encoder``."""
        del repeats  # means over repeats are all that least squares with equal weights can use
        given = problem("ridge", features, responses, folds)
        space = FeatureSpace(given.features, self.grids, alike=self.scale_channels)
        penalties = np.array(sorted(self.penalties, reverse=True))

        def path(training: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
            basis = space.basis(training, others)
            coefficients = _path(basis, given.responses[training], penalties)
            return np.asarray(basis.others @ coefficients + given.responses[training].mean(axis=0))

        selected = select(path, given.responses, given.folds, seed=seed)
        everything = np.arange(len(given.responses))
        basis = space.basis(everything, everything[:0])
        coefficients = _path(basis, given.responses, penalties)
        best = np.take_along_axis(coefficients, selected.candidate[-1][None, None, :], axis=0)[0]
        final = LinearMap.of(space.mean(everything), space.weights(basis, best), given.responses.mean(axis=0))
        chosen = {"penalty": (penalties[selected.candidate], "ridge penalty over mean squared feature length")}
        return fitted(given, responses, selected, chosen, final, final.state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> LinearMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        return LinearMap.restore(state)


def _path(basis: Basis, responses: NDArray[np.float64], penalties: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (penalty, component, unit): in a basis of uncorrelated coordinates each is by itself."""
    covariance = basis.training.T @ (responses - responses.mean(axis=0))
    shrinkage = 1 / (basis.variance + penalties[:, None] * basis.length)
    return np.asarray(covariance * shrinkage[:, :, None])


def ridge_weights(
    features: ArrayLike, responses: ArrayLike, penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression of responses on features: ``min |y - X w - b|^2 + penalty L |w|^2``.

    L is the mean squared length of centred feature vectors, so that penalties mean the same for few and many features
    and for any unit of measurement. The intercept b is free.

    Parameters
    ----------
    features : array_like, (stimulus, feature)
    responses : array_like, (stimulus, unit)
    penalty : float
        Above 0.

    Returns
    -------
    weights : numpy.ndarray of float64, (feature, unit)
    intercept : numpy.ndarray of float64, (unit,)

    Examples
    --------
    >>> weights, intercept = ridge_weights([[0.0], [1.0], [2.0]], [[1.0], [2.0], [3.0]], 1e-9)
    >>> weights.round(6).tolist(), intercept.round(6).tolist()
    ([[1.0]], [1.0])
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(responses, dtype=np.float64)
    space, rows = FeatureSpace(x), np.arange(len(x))
    basis = space.basis(rows, rows[:0])
    weights = space.weights(basis, _path(basis, y, np.array([penalty]))[0])
    return weights, y.mean(axis=0) - x.mean(axis=0) @ weights
