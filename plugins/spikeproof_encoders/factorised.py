"""The encoder ``factorised``: where times what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError

from .alternating import Factors, alternate
from .checking import check_candidates, problem
from .grids import averaging
from .maps import Fitted, fitted, tensors
from .selection import select

__all__ = ["Factorised", "FactorisedMap"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorisedMap:
    """``sum_c,y,x channels[c] mask[y, x] (cells[c, y, x] - mean[c, y, x]) + intercept``, cells being averages of a map.

    Parameters
    ----------
    shape : tuple of int
        (channel, y, x) of the maps.
    mean : numpy.ndarray of float32, (channel, cell y, cell x)
    mask : numpy.ndarray of float32, (unit, cell y, cell x)
        Of norm 1.
    channels : numpy.ndarray of float32, (unit, channel)
    intercept : numpy.ndarray of float32, (unit,)

    Examples
    --------
    >>> one = np.ones((1, 1, 1), dtype=np.float32)
    >>> found = FactorisedMap(shape=(1, 2, 2), mean=0 * one, mask=one, channels=2 * one[0], intercept=one[0, 0])
    >>> found.predict(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]))
    tensor([[7.]])
    """

    shape: tuple[int, int, int]
    mean: NDArray[np.float32]
    mask: NDArray[np.float32]
    channels: NDArray[np.float32]
    intercept: NDArray[np.float32]
    _tensors: dict[tuple[torch.device, torch.dtype], tuple[torch.Tensor, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that it is restored from."""
        return {
            "shape": np.array(self.shape),
            "mean": self.mean,
            "mask": self.mask,
            "channels": self.channels,
            "intercept": self.intercept,
        }

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit): see ``spikeproof.types.Predictor``.

        Raises
        ------
        DataError
            If the maps have another shape than those that it was fitted on.
        """
        if tuple(features.shape[1:]) != self.shape:
            raise DataError(
                f"the encoder was fitted on maps of {self.shape} (channel, y, x) and is given "
                f"{tuple(features.shape[1:])}: read the same layer, with images of the same size"
            )
        _, rows, columns = self.mean.shape
        mean, mask, channels, intercept, down, across = tensors(
            self._tensors,
            features,
            self.mean,
            self.mask,
            self.channels,
            self.intercept,
            averaging(self.shape[1], rows),
            averaging(self.shape[2], columns),
        )
        # Matrix products, not pooling: its gradient is not deterministic on every device.
        cells = down @ features @ across.T - mean
        seen = cells.flatten(2) @ mask.flatten(1).T
        return torch.einsum("ncu,uc->nu", seen, channels) + intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorised:
    """A spatial mask times weights of channels, for each unit (Klindt et al. 2017, arXiv:1711.02653).

    Minimised is the mean squared error of standardised responses on standardised channels, plus ``penalty |w|^2 |m|^2
    + roughness |w|^2 |grad m|^2`` for weights w and mask m, with differences of neighbouring cells for the gradient: a
    function of the product only, so that no scale has to be chosen between the two. Starting from the Gaussian mask
    that predicts left-out stimuli best, mask and weights are solved for in turn. Klindt et al. take sparse instead of
    smooth masks, and stochastic descent instead of exact steps.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> maps = random.normal(size=(80, 2, 4, 4)).astype(np.float32)
    >>> ids = {"stimulus": [f"s{k}" for k in range(80)], "unit": ["a"]}
    >>> responses = xr.DataArray(maps[:, 0, 1:3, 1:3].sum((1, 2))[:, None], dims=("stimulus", "unit"), coords=ids)
    >>> encoder = Factorised(roughness=(0.01,), penalties=(0.01,))
    >>> fit = encoder.fit(maps, responses, repeats=None, folds=np.arange(80) % 4, seed=0)
    >>> bool(np.corrcoef(fit.held_out[:, 0], responses[:, 0])[0, 1] > 0.95)
    True
    """

    grid: Annotated[int, "Cells of the mask along each side; a map that is smaller is taken as it is."] = 8
    roughness: Annotated[tuple[float, ...], "Weights of the mask's squared gradient to choose from."] = (3.0, 0.3)
    penalties: Annotated[tuple[float, ...], "Weights of the squared product of mask and channels to choose from."] = (
        3.0,
        1.0,
        0.3,
        0.1,
    )
    sweeps: Annotated[int, "How often mask and weights are solved for in turn."] = 2

    def __post_init__(self) -> None:
        for name in ("grid", "sweeps"):
            value = getattr(self, name)
            if value < 1:
                raise BadParameter(f"encoder factorised: {name} must be 1 or more, got {value}")
        check_candidates("factorised", "roughness", self.roughness)
        check_candidates("factorised", "penalties", self.penalties)

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> Fitted:
        """Fit on all stimuli, and once without each fold: see ``spikeproof.types.Encoder``.

        Raises
        ------
        DataError
            If the features are not maps.
        """
        del repeats
        given = problem("factorised", features, responses, folds)
        if given.features.ndim != 4:
            raise DataError(
                f"encoder factorised: needs maps (channel, y, x), and the layer gives {given.features.shape[1]} "
                "features without positions: choose layers of maps, read with spatial = 'positions', or another encoder"
            )
        shape = given.features.shape[1:]
        down, across = (averaging(size, min(self.grid, size)).astype(np.float32) for size in shape[1:])
        cells = down @ given.features @ across.T
        penalties = sorted(self.penalties, reverse=True)
        pairs = [(rough, penalty) for rough in sorted(self.roughness, reverse=True) for penalty in penalties]

        def path(training: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
            found = alternate(cells[training], given.responses[training], pairs, self.sweeps)
            return np.stack([factors.predict(cells[others]) for factors in found])

        selected = select(path, given.responses, given.folds, seed=seed)
        best = selected.candidate[-1]
        used = np.unique(best)
        whole = alternate(cells, given.responses, [pairs[place] for place in used], self.sweeps)
        final = _joined(whole, np.searchsorted(used, best), shape)
        values = np.array(pairs)[selected.candidate]
        chosen = {
            "roughness": (values[..., 0], "weight of the mask's squared gradient"),
            "penalty": (values[..., 1], "weight of the squared product of mask and channels"),
        }
        return fitted(given, responses, selected, chosen, final, final.state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> FactorisedMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        channel, y, x = map(int, state["shape"])
        arrays = {name: np.asarray(state[name], dtype=np.float32) for name in ("mean", "mask", "channels", "intercept")}
        return FactorisedMap(shape=(channel, y, x), **arrays)


def _joined(candidates: list[Factors], best: NDArray[np.intp], shape: tuple[int, ...]) -> FactorisedMap:
    """Each unit's factors from its candidate."""
    units = np.arange(len(best))

    def of(arrays: list[NDArray[np.float64]]) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.stack(arrays)[best, units], dtype=np.float32)

    first = candidates[0]
    return FactorisedMap(
        shape=(shape[0], shape[1], shape[2]),
        mean=np.asarray(first.mean, dtype=np.float32),
        mask=of([one.mask for one in candidates]).reshape(-1, *first.mean.shape[1:]),
        channels=of([one.channels for one in candidates]),
        intercept=np.asarray(first.intercept, dtype=np.float32),
    )
