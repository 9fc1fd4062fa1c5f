"""Moves an image toward its box-blurred version, as far as the budget allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

__all__ = ["Blur"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """Moves the image toward its blurred version: no search, so a lower bound on any attack."""

    width: Annotated[int, "Width of the box, pixels; odd."] = 3

    def __post_init__(self) -> None:
        if self.width < 3 or self.width % 2 == 0:
            raise ValueError(f"width: expected an odd number of at least 3, got {self.width}")

    def __call__(
        self,
        objective: ItemObjective,  # noqa: ARG002 - it does not search
        clean: torch.Tensor,
        epsilons: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,  # noqa: ARG002 - it draws nothing
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x); each pixel stays between itself and its blur."""
        margin = self.width // 2
        padded = torch.nn.functional.pad(clean, (margin,) * 4, mode="replicate")
        step = torch.nn.functional.avg_pool2d(padded, self.width, stride=1) - clean
        radius = epsilons[:, None, None, None, None]
        if norm == "linf":
            return clean + step.clamp(-radius, radius)
        length = step.flatten(1).norm(dim=1)[:, None, None, None]
        return clean + step * (radius / length.clamp_min(1e-12)).clamp_max(1.0)
