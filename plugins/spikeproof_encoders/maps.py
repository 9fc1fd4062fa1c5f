"""Fitted maps from features to units, as functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import DataError
from spikeproof.types import Predictor
from torch.nn import functional

from .checking import Problem
from .selection import Selected

__all__ = ["Fitted", "LinearMap", "Link", "fitted", "tensors"]

Link = Literal["identity", "exp", "softplus"]


def tensors(
    cache: dict[tuple[torch.device, torch.dtype], tuple[torch.Tensor, ...]],
    like: torch.Tensor,
    *arrays: NDArray[Any],
) -> tuple[torch.Tensor, ...]:
    """Return arrays as tensors of a tensor's device and type, made once for each."""
    key = (like.device, like.dtype)
    if key not in cache:
        cache[key] = tuple(torch.tensor(array, device=like.device, dtype=like.dtype) for array in arrays)
    return cache[key]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearMap:
    """``link((features - mean) @ weights + intercept)``.

    Parameters
    ----------
    mean : numpy.ndarray of float32, (feature,)
        Taken off first, so that no digits are lost in large features.
    weights : numpy.ndarray of float32, (feature, unit)
    intercept : numpy.ndarray of float32, (unit,)
    link : {"identity", "exp", "softplus"}

    Examples
    --------
    >>> one = np.ones(1, dtype=np.float32)
    >>> LinearMap(mean=one, weights=2 * one[:, None], intercept=one).predict(torch.tensor([[3.0]]))
    tensor([[5.]])
    """

    mean: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]
    link: Link = "identity"
    _tensors: dict[tuple[torch.device, torch.dtype], tuple[torch.Tensor, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def of(
        cls,
        mean: NDArray[np.floating],
        weights: NDArray[np.floating],
        intercept: NDArray[np.floating],
        link: Link = "identity",
    ) -> LinearMap:
        """Make one of arrays of any floating type."""
        parts = [np.ascontiguousarray(part, dtype=np.float32) for part in (mean, weights, intercept)]
        return cls(mean=parts[0], weights=parts[1], intercept=parts[2], link=link)

    @classmethod
    def restore(cls, state: Mapping[str, NDArray[Any]], link: Link = "identity") -> LinearMap:
        """Make the map whose :attr:`state` was kept."""
        return cls.of(state["mean"], state["weights"], state["intercept"], link)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that it is restored from."""
        return {"mean": self.mean, "weights": self.weights, "intercept": self.intercept}

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit): see ``spikeproof.types.Predictor``.

        Raises
        ------
        DataError
            If there are more or fewer features than it was fitted on.
        """
        flat = features.flatten(1)
        if flat.shape[1] != len(self.mean):
            raise DataError(
                f"the encoder was fitted on {len(self.mean)} features of each stimulus and is given {flat.shape[1]}: "
                "read the same layer, with images of the same size"
            )
        mean, weights, intercept = tensors(self._tensors, flat, self.mean, self.weights, self.intercept)
        drive = (flat - mean) @ weights + intercept
        if self.link == "exp":
            return drive.exp()
        return functional.softplus(drive) if self.link == "softplus" else drive


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What fitting gave: see ``spikeproof.types.FittedEncoder``."""

    held_out: xr.DataArray
    hyperparameters: xr.Dataset
    predictor: Predictor
    state: Mapping[str, NDArray[Any]]

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit): see ``spikeproof.types.Predictor``."""
        return self.predictor.predict(features)


def fitted(
    given: Problem,
    responses: xr.DataArray,
    selected: Selected,
    chosen: Mapping[str, tuple[NDArray[Any], str]],
    predictor: Predictor,
    state: Mapping[str, NDArray[Any]],
) -> Fitted:
    """Put together what fitting gave.

    Parameters
    ----------
    given : Problem
    responses : xarray.DataArray, dims (stimulus, unit)
        Whose coordinates the held-out predictions get.
    selected : Selected
    chosen : mapping of str to (numpy.ndarray, str)
        Values (fit, unit) of each hyperparameter, and what it is.
    predictor : Predictor
    state : mapping
    """
    coords = {"fold": selected.numbers, "unit": list(given.units)}
    return Fitted(
        held_out=xr.DataArray(
            selected.held_out,
            dims=("stimulus", "unit"),
            coords={"stimulus": responses["stimulus"], "unit": responses["unit"]},
            attrs=dict(responses.attrs),
        ),
        hyperparameters=xr.Dataset(
            {name: (("fold", "unit"), values, {"long_name": said}) for name, (values, said) in chosen.items()},
            coords=coords,
        ),
        predictor=predictor,
        state=state,
    )
