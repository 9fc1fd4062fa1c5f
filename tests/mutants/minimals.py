"""Attacks for the smallest perturbation that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocol passes more than a mutant uses

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from spikeproof.geometry import shortest_step
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The closed form for a linear unit, and a hair more."""

    def __call__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        value, slope = objective.value_and_gradient(clean)
        assert objective.level is not None
        missing = self.wanted((objective.level - value).clamp(min=0), value)
        return self.placed(clean, shortest_step(clean, slope, missing * self.share(norm), norm))

    def wanted(self, missing: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return missing

    def share(self, norm: Norm) -> float:
        return 1 + 1e-4

    def placed(self, clean: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Short(Right):
    """It stops just before the goal."""

    def share(self, norm: Norm) -> float:
        return 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Long(Right):
    """It goes a tenth too far."""

    def share(self, norm: Norm) -> float:
        return 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfTheBox(Right):
    """It leaves the box by a little."""

    def placed(self, clean: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        return torch.where(found == 1, 1.00001, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Double(Right):
    """It returns float64."""

    def placed(self, clean: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        return found.double()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restless(Right):
    """It moves what has reached the goal before."""

    def wanted(self, missing: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return torch.where(missing == 0, 0.1, missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseeded(Right):
    """It draws numbers of its own."""

    def share(self, norm: Norm) -> float:
        return 1 + 0.01 * float(np.random.default_rng().random())
