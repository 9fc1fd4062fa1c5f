"""Toward the population vector of another stimulus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .pgd import PGD
from .pursuits import Matched
from .rows import Rows
from .spectral import climb

__all__ = ["Toward"]

_FIRST = 0.05
"""L2 length of the first spectral step, in units of epsilon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toward:
    """The image in the ball whose population vector is nearest to that of another stimulus.

    Sabour et al. 2016 (arXiv 1511.05122), "adversarial manipulation of deep representations", who used L-BFGS. The
    squared whitened distance is brought down as ``pgd`` does it, which gets over the kinks of a network, and in the
    last eighth of the steps, from the best point, by spectral projected gradients, which reach the bottom where the
    steps of ``pgd`` circle around it. The best of all points visited is kept, the clean image among them; a point found
    in a smaller ball competes in every larger one.
    """

    steps: Annotated[int, "Gradient steps; seven eighths of them from each start, the rest from the best point."] = 160
    restarts: Annotated[int, "Starts; all after the first are random points of the sphere."] = 1

    def __post_init__(self) -> None:
        for name, least in (("steps", 2), ("restarts", 1)):
            if getattr(self, name) < least:
                raise BadParameter(f"toward: {name} must be at least {least}, got {getattr(self, name)}")

    def pursues(self) -> Matched:
        """The distance to the partner's population vector, to be made small."""
        return Matched(to="partner")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        last = max(1, self.steps // 8)
        search = PGD(steps=self.steps - last, restarts=self.restarts)
        found = search(objective, clean, epsilons, norm, noise).flatten(0, 1)
        rows = Rows(objective, clean, epsilons, norm)
        rows.best = found.clone()
        climb(rows, rows.look(found), last, _FIRST * rows.radius)
        return rows.best_of_smaller()
