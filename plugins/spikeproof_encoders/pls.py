"""The encoder ``pls``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from spikeproof.errors import DataError

from .basis import FeatureSpace
from .checking import check_candidates, problem
from .maps import Fitted, LinearMap, fitted
from .ridge import GRIDS, GRIDS_HELP, SCALE_HELP
from .selection import select

__all__ = ["PLS", "pls_components"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PLS:
    """Partial least squares of all units together, each unit with its own number of components.

    Components are found for all units at once (PLS2), as Brain-Score's neural predictivity does with 25 of them; how
    many are used is chosen for each unit.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> features = random.normal(size=(60, 5)).astype(np.float32)
    >>> ids = {"stimulus": [f"s{k}" for k in range(60)], "unit": ["a"]}
    >>> responses = xr.DataArray(features[:, :1] * 2 + 1, dims=("stimulus", "unit"), coords=ids)
    >>> fit = PLS(components=(1, 5)).fit(features, responses, repeats=None, folds=np.arange(60) % 5, seed=0)
    >>> bool(np.abs(fit.held_out - responses).max() < 1e-4)
    True
    """

    grids: Annotated[tuple[int, ...], GRIDS_HELP] = GRIDS
    scale_channels: Annotated[bool, SCALE_HELP] = False
    components: Annotated[tuple[int, ...], "Numbers of components to choose from."] = (1, 2, 3, 5, 7, 10, 15, 20, 25)
    scale_units: Annotated[
        bool, "Divide each unit's responses by their sd over training stimuli while components are sought."
    ] = True

    def __post_init__(self) -> None:
        if self.grids:
            check_candidates("pls", "grids", self.grids)
        check_candidates("pls", "components", self.components)

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
        del repeats
        most = max(self.components)
        given = problem("pls", features, responses, folds, least=most + 1)
        width = given.flat.shape[1]
        if width < most:
            raise DataError(
                f"encoder pls: components = {most} of {width} features: choose another layer, or at most {width} "
                "components"
            )
        space = FeatureSpace(given.features, self.grids, alike=self.scale_channels)
        numbers = np.array(sorted(self.components))

        def path(training: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
            basis, mean = space.basis(training, others), given.responses[training].mean(axis=0)
            rotations, loadings = _components(basis.training, self._scaled(given.responses[training]), most)
            parts = (basis.others @ rotations).T[:, :, None] * loadings[:, None, :]
            sums = np.cumsum(parts, axis=0)[numbers - 1]
            return np.asarray(sums * self._scale(given.responses[training]) + mean)

        selected = select(path, given.responses, given.folds, seed=seed)
        everything = np.arange(len(given.responses))
        basis = space.basis(everything, everything[:0])
        rotations, loadings = _components(basis.training, self._scaled(given.responses), most)
        used = np.arange(most)[:, None] < numbers[selected.candidate[-1]]
        coefficients = rotations @ (loadings * used) * self._scale(given.responses)
        final = LinearMap.of(space.mean(everything), space.weights(basis, coefficients), given.responses.mean(axis=0))
        chosen = {"components": (numbers[selected.candidate], "components of partial least squares")}
        return fitted(given, responses, selected, chosen, final, final.state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> LinearMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        return LinearMap.restore(state)

    def _scale(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        found = responses.std(axis=0) if self.scale_units else np.ones(responses.shape[1])
        return np.asarray(np.where(found > 0, found, 1.0), dtype=np.float64)

    def _scaled(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((responses - responses.mean(axis=0)) / self._scale(responses), dtype=np.float64)


def _components(
    features: NDArray[np.float64], responses: NDArray[np.float64], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (feature, component) and loadings of units (component, unit); of centred features and responses.

    Components beyond the rank of the features, or where nothing is left to explain, are 0.
    """
    left = features.copy()
    weights, loadings = np.zeros((features.shape[1], number)), np.zeros((features.shape[1], number))
    units = np.zeros((number, responses.shape[1]))
    least = 1e-12 * np.linalg.norm(features) * np.linalg.norm(responses)
    used = 0
    while used < number:
        shared = left.T @ responses
        # The direction of greatest covariance, exactly: what NIPALS iterates towards.
        _, axes = np.linalg.eigh(shared.T @ shared)
        weight = shared @ axes[:, -1]
        size = np.linalg.norm(weight)
        if size <= least:
            break
        weight /= size
        scores = left @ weight
        power = scores @ scores
        weights[:, used] = weight
        loadings[:, used] = left.T @ scores / power
        units[used] = scores @ responses / power
        left -= np.outer(scores, loadings[:, used])
        used += 1
    rotations = np.zeros_like(weights)
    inner = loadings[:, :used].T @ weights[:, :used]
    rotations[:, :used] = np.linalg.solve(inner.T, weights[:, :used].T).T
    return rotations, units


def pls_components(
    features: ArrayLike, responses: ArrayLike, components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Partial least squares regression (PLS2) with the first 1, 2, ... components.

    Each component is the direction of the features that covaries most with the responses, after the components before
    it have been taken out of the features (Wold et al. 2001, doi:10.1016/S0169-7439(01)00155-1): that of
    scikit-learn's ``PLSRegression(scale=False)``, found by an eigendecomposition instead of iterations.

    Parameters
    ----------
    features : array_like, (stimulus, feature)
    responses : array_like, (stimulus, unit)
    components : int

    Returns
    -------
    weights : numpy.ndarray of float64, (component, feature, unit)
        Of all components up to each.
    intercepts : numpy.ndarray of float64, (component, unit)

    Examples
    --------
    >>> weights, intercepts = pls_components([[0.0], [1.0], [2.0]], [[1.0], [2.0], [3.0]], 1)
    >>> weights.round(6).tolist(), intercepts.round(6).tolist()
    ([[[1.0]]], [[1.0]])
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(responses, dtype=np.float64)
    rotations, units = _components(x - x.mean(axis=0), y - y.mean(axis=0), components)
    weights = np.cumsum(rotations.T[:, :, None] * units[:, None, :], axis=0)
    return weights, y.mean(axis=0) - x.mean(axis=0) @ weights
