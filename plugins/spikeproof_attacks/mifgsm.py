"""The momentum iterative fast gradient method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import ascent_direction
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Place, Rows, random_direction

__all__ = ["MIFGSM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MIFGSM:
    """Steps of epsilon / steps along a decaying sum of gradients, each divided by its L1 norm.

    Dong et al. 2018 (arXiv 1710.06081): g <- decay * g + gradient / ||gradient||_1; the step goes along sign(g) for
    Linf, g / ||g||_2 for L2. Perturbations found so transfer better to other networks. The best of all points visited
    is kept; where the gradient is zero at the clean image, the search starts at a random point of the sphere.
    """

    steps: Annotated[int, "Gradient steps; each is epsilon / steps long."] = 10
    decay: Annotated[float, "Factor of the sum of earlier gradients, 0 or more; 1 is the paper's."] = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadParameter(f"mi-fgsm: steps must be at least 1, got {self.steps}")
        if not 0 <= self.decay < float("inf"):
            raise BadParameter(f"mi-fgsm: decay must be 0 or more and finite, got {self.decay}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        origin, stationary = rows.begin()
        place = rows.leave(origin, random_direction(noise, clean, norm), stationary)
        momentum = torch.zeros_like(place.slope)
        for step in range(1, self.steps + 1):
            momentum = self.decay * momentum + _divided(place)
            place = rows.look(rows.step(place.points, momentum, 1 / self.steps), last=step == self.steps)
        return rows.best_of_smaller()


def _divided(place: Place) -> torch.Tensor:
    """Gradients over their L1 norms; the scale of the objective drops out before anything is summed."""
    unit = ascent_direction(place.slope, "l2")[0]
    length = unit.abs().flatten(1).sum(dim=1)
    return unit / torch.where(length > 0, length, 1.0).view(-1, *[1] * (unit.ndim - 1))
