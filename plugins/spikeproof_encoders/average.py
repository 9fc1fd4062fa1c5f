"""The encoder ``average``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter
from spikeproof.types import Encoder, Predictor

from .factorised import Factorised
from .maps import Fitted
from .pls import PLS
from .poisson import Poisson
from .ridge import SCALE_HELP, Ridge

__all__ = ["Average", "AverageMap"]

_MARK = "."
"""Between a member's name and that of an array of its state."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AverageMap:
    """Mean of several maps' predictions."""

    members: tuple[Predictor, ...]

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit): see ``spikeproof.types.Predictor``."""
        return torch.stack([member.predict(features) for member in self.members]).mean(dim=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """Mean of the predictions of several encoders, each fitted by itself with its default parameters.

    Encoders of different priors err differently: where their fits are alike, their mean predicts better than each.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> maps = random.normal(size=(60, 2, 4, 4)).astype(np.float32)
    >>> ids = {"stimulus": [f"s{k}" for k in range(60)], "unit": ["a"]}
    >>> responses = xr.DataArray(maps[:, 0, 1:3, 1:3].sum((1, 2))[:, None], dims=("stimulus", "unit"), coords=ids)
    >>> fit = Average().fit(maps, responses, repeats=None, folds=np.arange(60) % 4, seed=0)
    >>> bool(np.corrcoef(fit.held_out[:, 0], responses[:, 0])[0, 1] > 0.8)
    True
    """

    members: Annotated[
        tuple[Literal["ridge", "pls", "factorised", "poisson"], ...], "Encoders whose predictions are averaged."
    ] = ("ridge", "factorised")
    scale_channels: Annotated[bool, SCALE_HELP + " For ridge, pls and poisson; factorised always does."] = False

    def __post_init__(self) -> None:
        if len(self.members) < 2 or len(set(self.members)) < len(self.members):
            raise BadParameter(
                f"encoder average: members must be two or more different encoders, got {', '.join(self.members)}"
            )

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> Fitted:
        """Fit every member on all stimuli, and once without each fold: see ``spikeproof.types.Encoder``."""
        fits = {
            name: member.fit(features, responses, repeats=repeats, folds=folds, seed=seed)
            for name, member in self._encoders().items()
        }
        held_out = fits[self.members[0]].held_out.copy(data=np.mean([fit.held_out.values for fit in fits.values()], 0))
        chosen = [
            fit.hyperparameters.rename({str(one): f"{name}_{one}" for one in fit.hyperparameters.data_vars})
            for name, fit in fits.items()
        ]
        return Fitted(
            held_out=held_out,
            hyperparameters=xr.merge(chosen, join="exact", compat="equals"),
            predictor=AverageMap(members=tuple(fits.values())),
            state={f"{name}{_MARK}{one}": array for name, fit in fits.items() for one, array in fit.state.items()},
        )

    def restore(self, state: Mapping[str, NDArray[Any]]) -> AverageMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        return AverageMap(
            members=tuple(
                encoder.restore(
                    {
                        one.removeprefix(f"{name}{_MARK}"): array
                        for one, array in state.items()
                        if one.startswith(f"{name}{_MARK}")
                    }
                )
                for name, encoder in self._encoders().items()
            )
        )

    def _encoders(self) -> dict[str, Encoder]:
        made: dict[str, Encoder] = {
            "ridge": Ridge(scale_channels=self.scale_channels),
            "pls": PLS(scale_channels=self.scale_channels),
            "factorised": Factorised(),
            "poisson": Poisson(scale_channels=self.scale_channels),
        }
        return {name: made[name] for name in self.members}
