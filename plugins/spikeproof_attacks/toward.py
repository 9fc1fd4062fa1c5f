"""Toward the population vector of another stimulus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .pursuits import Matched
from .rows import Rows, random_direction
from .spectral import climb

__all__ = ["Toward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toward:
    """The image in the ball whose population vector is nearest to that of another stimulus.

    Sabour et al. 2016 (arXiv 1511.05122), "adversarial manipulation of deep representations". The squared whitened
    distance is brought down by spectral projected gradients, from the clean image, or from a random point of the sphere
    where the gradient there is zero. The best of all points visited is kept, the clean image among them; a point found
    in a smaller ball competes in every larger one.
    """

    steps: Annotated[int, "Gradient steps from each start."] = 100
    restarts: Annotated[int, "Starts; all after the first are random points of the sphere."] = 1

    def __post_init__(self) -> None:
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise BadParameter(f"toward: {name} must be at least 1, got {getattr(self, name)}")

    def pursues(self) -> Matched:
        """The distance to the partner's population vector, to be made small."""
        return Matched(to="partner")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        origin, stationary = rows.begin()
        for restart in range(self.restarts):
            # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
            direction = random_direction(noise, clean, norm)
            start = rows.leave(origin, direction, stationary if restart == 0 else torch.ones_like(stationary))
            climb(rows, start, self.steps, rows.radius * (clean[0].numel() ** 0.5 if norm == "linf" else 1.0))
        return rows.best_of_smaller()
