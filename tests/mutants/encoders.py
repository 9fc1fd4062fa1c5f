"""Encoders that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocols pass more than a mutant uses

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from spikeproof.errors import NotEnoughData


@dataclass(frozen=True, kw_only=True)
class Map:
    held_out: Any
    hyperparameters: Any
    state: Mapping[str, Any]

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        rows = features.flatten(1)
        weights, intercept = (torch.as_tensor(self.state[name]).to(rows) for name in ("weights", "intercept"))
        return rows @ weights + intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Ridge regression with a fixed penalty."""

    def fit(
        self, features: np.ndarray, responses: xr.DataArray, *, repeats: object, folds: np.ndarray, seed: int
    ) -> Map:
        x, y = features.reshape(len(features), -1).astype(np.float64), responses.values
        self.check(len(x))
        held_out = np.empty_like(y)
        for fold in np.unique(folds):
            out = folds == fold
            weights, intercept = self.solved(x[self.training(out)], y[self.training(out)])
            held_out[out] = x[out] @ weights + intercept
        weights, intercept = self.solved(x, y)
        return Map(
            held_out=responses.copy(data=held_out),
            hyperparameters=xr.Dataset({"penalty": ("unit", np.full(y.shape[1], 5.0))}),
            state={"weights": weights, "intercept": intercept},
        )

    def restore(self, state: Mapping[str, np.ndarray]) -> Map:
        return Map(held_out=None, hyperparameters=None, state=state)

    def check(self, stimuli: int) -> None:
        if stimuli < 6:
            raise NotEnoughData(f"right: {stimuli} stimuli, but 6 are needed")

    def training(self, out: np.ndarray) -> np.ndarray:
        return ~out

    def solved(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centred = x - x.mean(axis=0)
        weights = np.linalg.solve(centred.T @ centred + 5.0 * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
        return weights, y.mean(axis=0) - x.mean(axis=0) @ weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Backwards(Right):
    """Its held-out predictions have the wrong sign."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        fit = Right.fit(self, features, responses, **more)
        return replace(fit, held_out=-fit.held_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameless(Right):
    """Its held-out predictions do not say of which stimuli they are."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        fit = Right.fit(self, features, responses, **more)
        return replace(fit, held_out=fit.held_out.drop_vars("stimulus"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaking(Right):
    """What it holds out was fitted to."""

    def training(self, out: np.ndarray) -> np.ndarray:
        return np.ones(len(out), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful(Right):
    """What it restores has lost its intercept."""

    def restore(self, state: Mapping[str, np.ndarray]) -> Map:
        return Map(held_out=None, hyperparameters=None, state={**state, "intercept": 0 * state["intercept"]})


class Cut(Map):
    def predict(self, features: torch.Tensor) -> torch.Tensor:
        return super().predict(features.detach())


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached(Right):
    """Its predictions have no gradient."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        return Cut(**vars(Right.fit(self, features, responses, **more)))

    def restore(self, state: Mapping[str, np.ndarray]) -> Map:
        return Cut(held_out=None, hyperparameters=None, state=state)


class Mixed(Map):
    def predict(self, features: torch.Tensor) -> torch.Tensor:
        found = super().predict(features)
        return found + 0.1 * len(features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing(Right):
    """Its predictions depend on the other rows of a batch."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        return Mixed(**vars(Right.fit(self, features, responses, **more)))

    def restore(self, state: Mapping[str, np.ndarray]) -> Map:
        return Mixed(held_out=None, hyperparameters=None, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Right):
    """Its penalty depends on where a unit stands."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        fit = Right.fit(self, features, responses, **more)
        return replace(fit, held_out=fit.held_out * np.linspace(1.0, 1.1, responses.sizes["unit"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseeded(Right):
    """It draws random numbers of its own."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        fit = Right.fit(self, features, responses, **more)
        return replace(fit, held_out=fit.held_out * (1 + 1e-8 * np.random.default_rng().random()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secretive(Right):
    """It says nothing of what it chose."""

    def fit(self, features: np.ndarray, responses: xr.DataArray, **more: Any) -> Map:
        return replace(Right.fit(self, features, responses, **more), hyperparameters=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undemanding(Right):
    """It fits anything."""

    def check(self, stimuli: int) -> None:
        return
