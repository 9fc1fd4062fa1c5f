"""Attacks that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocols pass more than a mutant uses

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
import xarray as xr
from spikeproof.plugin import Norm
from spikeproof.types import Code, ItemNoise, ItemObjective, ResponsePerturbation


def longest_step(gradient: torch.Tensor, norm: Norm) -> torch.Tensor:
    """The step of norm 1 that gains most."""
    if norm == "linf":
        return gradient.sign()
    length: torch.Tensor = gradient.flatten(1).norm(dim=1)
    return gradient / length.view(-1, 1, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One step along the gradient, held in the box."""

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        step = longest_step(self.direction(objective.value_and_gradient(clean)[1], noise, norm), norm)
        return self.placed(clean, epsilons.view(-1, 1, 1, 1, 1) * step, epsilons)

    def direction(self, gradient: torch.Tensor, noise: ItemNoise, norm: Norm) -> torch.Tensor:
        return gradient

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        return (clean + shift).clamp(0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undescribed(Right):
    """A parameter without help."""

    steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritable(Right):
    """A default that TOML cannot hold."""

    rates: Annotated[tuple[float | None, ...], "Rates."] = (0.1, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpicklable(Right):
    """It holds a lock."""

    lock: object = field(init=False, compare=False, default_factory=threading.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reseeding(Right):
    """It seeds the global generator."""

    def direction(self, gradient: torch.Tensor, noise: ItemNoise, norm: Norm) -> torch.Tensor:
        torch.manual_seed(torch.initial_seed() + 1)
        return gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong(Right):
    """It goes a thousandth too far."""

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        return (clean + 1.001 * shift).clamp(0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfTheBox(Right):
    """It forgets the box."""

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        return clean + shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Double(Right):
    """It returns float64."""

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        return (clean + shift).clamp(0, 1).double()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restless(Right):
    """It moves where it may not move at all."""

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        moved = (clean + shift).clamp(0, 1)
        moved[epsilons == 0] += 1e-3
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlace(Right):
    """It writes to what it is given."""

    def placed(self, clean: torch.Tensor, shift: torch.Tensor, epsilons: torch.Tensor) -> torch.Tensor:
        moved = (clean + shift).clamp(0, 1)
        clean.mul_(0.999)
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing(Right):
    """Its direction has a part of the batch's mean."""

    def direction(self, gradient: torch.Tensor, noise: ItemNoise, norm: Norm) -> torch.Tensor:
        return gradient + 0.2 * gradient.mean(dim=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseeded(Right):
    """It draws numbers of its own, which makes items differ from themselves, too."""

    def direction(self, gradient: torch.Tensor, noise: ItemNoise, norm: Norm) -> torch.Tensor:
        return gradient + 0.5 * torch.from_numpy(np.random.default_rng().standard_normal(gradient.shape)).to(gradient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aimless(Right):
    """It takes a random direction."""

    def direction(self, gradient: torch.Tensor, noise: ItemNoise, norm: Norm) -> torch.Tensor:
        return noise.normal(gradient.shape[1:], like=gradient)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightControl:
    """The perturbation turned by 180 degrees."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        return clean + (perturbed - clean).flip(-1, -2)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfControl:
    """It keeps half of the norm."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        return clean + 0.5 * (perturbed - clean).flip(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SameControl:
    """It controls for nothing."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        return perturbed.clone()


@dataclass(frozen=True, slots=True, kw_only=True)
class MixingControl:
    """It turns the perturbation where the batch is large."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        return clean + (perturbed - clean).flip(-1 if len(clean) > 1 else -2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightActivity:
    """Adds noise of growing size."""

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        for number, control in enumerate(self.controls()):
            rng = self.rng(seed + number)
            doses = xr.DataArray(self.doses(), dims=("epsilon",), attrs={"units": "Hz"})
            noise = rng.standard_normal((len(doses), *code.responses.shape))
            perturbed = code.responses.expand_dims(epsilon=doses) + doses.values[:, None, None] * noise
            perturbed["epsilon"].attrs["units"] = "Hz"
            yield ResponsePerturbation(
                aim="population", objective="noise", target="population", control=control, perturbed=perturbed
            )

    def controls(self) -> tuple[str, ...]:
        return ("", "random")

    def doses(self) -> list[float]:
        return [0.5, 1.0]

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng(seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendingActivity(RightActivity):
    """Its doses descend."""

    def doses(self) -> list[float]:
        return [1.0, 0.5]


@dataclass(frozen=True, slots=True, kw_only=True)
class LonelyActivity(RightActivity):
    """It brings no control."""

    def controls(self) -> tuple[str, ...]:
        return ("",)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseededActivity(RightActivity):
    """It draws numbers of its own."""

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng()
