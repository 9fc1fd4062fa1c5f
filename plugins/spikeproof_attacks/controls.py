"""Controls: perturbations of the same norm as an attack's, which aim at nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from spikeproof.geometry import norm_of, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise

from .rows import random_direction

__all__ = ["Flipped", "Random"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """A random direction, scaled to the norm of the attack's perturbation; the box is respected.

    The direction is uniform on the sphere for L1 and L2, and a random sign for every pixel for Linf: what an attack of
    that norm mostly is. It is drawn once per item and serves all epsilons.
    """

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Control images, (epsilon, item, channel, y, x)."""
        direction = random_direction(noise, clean, norm)
        return _same_norm(direction.expand_as(perturbed), perturbed, clean, norm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """The attack's perturbation turned upside down (along y): the same pixels' worth of structure in other places."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:  # noqa: ARG002
        """Control images, (epsilon, item, channel, y, x)."""
        return _same_norm((perturbed - clean).flip(-2), perturbed, clean, norm)


def _same_norm(direction: torch.Tensor, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm) -> torch.Tensor:
    size = norm_of((perturbed.double() - clean.double()).flatten(0, 1), norm)
    start = clean.expand_as(perturbed).flatten(0, 1)
    return step_in_box(start, direction.flatten(0, 1), size, norm).reshape(perturbed.shape)
