"""The solver of Guo et al. 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import project, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Rows, random_direction

__all__ = ["Guo"]

_WIDE = 2.0
"""Radius of the first ball, in units of epsilon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guo:
    """Projected gradient ascent from many random points, in a ball of twice the radius first, then in the ball itself.

    Guo et al. 2022 (arXiv 2206.11228), who solved the two directions of a unit apart, as the objective ``unit`` does.
    Each run starts at a random point of the sphere of radius epsilon. Steps are epsilon long at first, in either ball,
    and a tenth shorter after each step that found nothing better. The run's best point in the wide ball is projected on
    the ball, and the search goes on there. The best of all points visited inside the ball is kept, the clean image
    among them.

    The paper gives the radii, the first step, its decay and 100 runs; not the number of steps, nor whether a step that
    found nothing better is taken back. Here it is not.
    """

    restarts: Annotated[int, "Random starts; 100 in the paper."] = 100
    steps: Annotated[int, "Gradient steps from each start; the first half of them in the ball of 2 epsilon."] = 40

    def __post_init__(self) -> None:
        for name, least in (("restarts", 1), ("steps", 2)):
            if getattr(self, name) < least:
                raise BadParameter(f"guo: {name} must be at least {least}, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        rows.keep(objective(clean).repeat(len(epsilons)), rows.clean)
        wide = self.steps // 2
        for _ in range(self.restarts):
            direction = random_direction(noise, clean, norm)[rows.items]
            points = step_in_box(rows.clean, direction, rows.radius, norm)
            points = _anneal(rows, points, wide, _WIDE)
            _anneal(rows, project(points, rows.clean, rows.radius, norm), self.steps - wide, 1.0)
        return rows.best_of_smaller()


def _anneal(rows: Rows, points: torch.Tensor, steps: int, ball: float) -> torch.Tensor:
    """Best points found in a ball of so many epsilons; those of the ball itself are kept in the rows."""
    size = torch.ones_like(rows.radius)
    value, slope = rows.objective.value_and_gradient(points, rows.items)
    best, reached = points, value
    if ball == 1:
        rows.keep(value, points)
    for step in range(1, steps + 1):
        points = rows.step(points, slope, size, ball * rows.radius)
        if ball == 1 and step == steps:
            value = rows.objective(points, rows.items)
        else:
            value, slope = rows.objective.value_and_gradient(points, rows.items)
        if ball == 1:
            rows.keep(value, points)
        better = value > reached
        best = torch.where(better.view(-1, *[1] * (points.ndim - 1)), points, best)
        reached = torch.where(better, value, reached)
        size = torch.where(better, size, 0.9 * size)
    return best
