"""Objectives of known truth for attacks that are called without the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spikeproof.types import ItemNoise


class Field:
    """An objective made of a differentiable function of images (row, ...) and items (row,) to values (row,).

    With a level (item,) it stands for one that aims at a choice.
    """

    def __init__(
        self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], level: torch.Tensor | None = None
    ) -> None:
        self.level = level
        self.decisions: Any = None if level is None else "some"
        self.function = function
        self.seen: list[torch.Tensor] = []
        self.gradients = 0

    def leads(self, classes: torch.Tensor) -> Field | None:  # noqa: ARG002
        return None

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        self.seen.append(images.detach().clone())
        with torch.no_grad():
            return self.function(images, torch.arange(len(images)) if items is None else items)

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append(images.detach().clone())
        self.gradients += len(images)
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            value = self.function(leaf, torch.arange(len(images)) if items is None else items)
            return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


def linear_field(weights: torch.Tensor, offset: float = 0.0) -> Field:
    """One linear unit per item, weights (item, ...)."""
    return Field(lambda x, k: (x * weights[k]).flatten(1).sum(dim=1) + offset)


def search(
    attack: Any, objective: Field, clean: torch.Tensor, epsilons: Any, norm: Any, *, seed: int = 0, names: Any = None
) -> torch.Tensor:
    """Perturbed images (epsilon, item, ...) with one stream of random numbers per item name."""
    keys = [("item", name) for name in (range(len(clean)) if names is None else names)]
    radii = torch.as_tensor(epsilons, dtype=clean.dtype)
    found: torch.Tensor = attack(objective, clean, radii, norm, ItemNoise(seed, keys))
    return found


def values(objective: Field, images: torch.Tensor) -> np.ndarray:
    """Values (epsilon, item) of images (epsilon, item, ...)."""
    return np.stack([objective(part).double().numpy() for part in images])
