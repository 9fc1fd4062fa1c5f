"""Readouts that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocols pass more than a mutant uses

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.types import Code, LinearReadout


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Least squares on two categories in five folds."""

    def fit(self, responses: xr.DataArray, labels: xr.DataArray, *, seed: int) -> LinearReadout:
        values = np.asarray(responses.values)
        sign = np.where(labels.values == np.unique(labels.values)[1], 1.0, -1.0)
        fold = self.rng(seed).permutation(len(sign)) % 5
        planes = [self.solved(values[rows], sign[rows]) for rows in (self.training(fold, held) for held in range(5))]
        weights, offset = np.stack([plane for plane, _ in planes]), np.array([offset for _, offset in planes])
        return LinearReadout(
            classes=tuple(np.unique(labels.values).tolist()),
            weights=np.stack([-weights, weights], axis=1),
            intercepts=np.stack([-offset, offset], axis=1),
            stimuli=tuple(str(name) for name in labels["stimulus"].values),
            fold=fold.astype(np.intp),
        )

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng(seed)

    def training(self, fold: np.ndarray, held: int) -> np.ndarray:
        return np.asarray(fold != held)

    def solved(self, values: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, float]:
        centred, ridge = values - values.mean(axis=0), 5.0 * np.eye(values.shape[1])
        plane = np.linalg.solve(centred.T @ centred + ridge, centred.T @ sign)
        return plane, float(sign.mean() - values.mean(axis=0) @ plane)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Right):
    """It always chooses the same."""

    def solved(self, values: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, float]:
        return np.zeros(values.shape[1]), 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaking(Right):
    """It is fitted on what it reads."""

    def training(self, fold: np.ndarray, held: int) -> np.ndarray:
        return np.ones(len(fold), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseeded(Right):
    """Its folds are drawn anew."""

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The nearest of the clean responses."""

    def identify(self, code: Code) -> LinearReadout:
        means, stimuli = np.asarray(code.responses.values), code.responses["stimulus"].values.tolist()
        return LinearReadout(
            classes=tuple(stimuli),
            weights=self.weights(means)[None],
            intercepts=-0.5 * (means**2).sum(axis=1)[None],
            stimuli=tuple(stimuli),
            fold=np.zeros(len(stimuli), dtype=np.intp),
        )

    def weights(self, means: np.ndarray) -> np.ndarray:
        return means


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestOther(Nearest):
    """It names another stimulus."""

    def weights(self, means: np.ndarray) -> np.ndarray:
        return np.roll(means, 1, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestUnseeded(Nearest):
    """It is never the same twice."""

    def weights(self, means: np.ndarray) -> np.ndarray:
        return means + 1e-9 * np.random.default_rng().normal(size=means.shape)
