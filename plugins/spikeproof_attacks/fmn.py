"""Fast minimum-norm attack: the radius follows the border of the goal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import norm_of, project, shortest_step
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .nearest import Nearest

__all__ = ["FMN"]

_LAST_SIZE, _LAST_GAMMA = 0.01, 0.001
"""What steps and changes of the radius end at: a hundredth of the first step, and a thousandth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FMN:
    """Fast minimum-norm attack (Pintor et al. 2021, arXiv 2102.12827), for any objective with a goal.

    Each step climbs along the gradient and is projected on a ball, exactly in the box. The ball's radius is a share
    gamma more than the linear approximation says is needed, as long as the goal was never reached; it shrinks by gamma
    where the goal is reached, and grows by it where it was lost again. Steps and gamma fall along a cosine. (The paper
    adds no gamma before the goal was reached; rounding can then leave every step just short of it.)

    The linear approximation takes the box into account, and the last steps slide along the border of the goal: there
    its nearest point is tried, which is the answer where the objective is linear. It follows one border; where many
    classes are near, another may be nearer.
    """

    steps: Annotated[int, "Gradient steps; the last tenth of them along the border of the goal."] = 100
    size: Annotated[float, "First step, L2 norm in pixel units; steps fall to a hundredth of it."] = 1.0
    gamma: Annotated[float, "First change of the radius, relative; it falls to 0.001."] = 0.05

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise BadParameter(f"fmn: steps must be at least 2, got {self.steps}")
        if not (math.isfinite(self.size) and self.size > 0):
            raise BadParameter(f"fmn: size must be a finite number above 0, got {self.size}")
        if not 0 < self.gamma < 1:
            raise BadParameter(f"fmn: gamma must be between 0 and 1, got {self.gamma}")

    def __call__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Perturbed images, (item, channel, y, x)."""
        nearest = Nearest(objective, clean, norm, "fmn")
        # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
        away = noise.uniform(clean.shape[1:], like=clean)[nearest.items]
        if not len(nearest):
            return nearest.result()
        last = max(1, self.steps // 10)
        start = self._follow(nearest, away, self.steps - last)
        nearest.shorten(start)
        nearest.polish((last + 1) // 2)
        return nearest.result()

    def _follow(self, nearest: Nearest, away: torch.Tensor, steps: int) -> torch.Tensor:
        """Take the paper's steps; returns the values at the clean images."""
        clean, level, norm = nearest.clean, nearest.level, nearest.norm
        points, (value, slope) = clean, nearest.begin()
        start = value
        flat = slope.flatten(1).abs().amax(dim=1) == 0
        if flat.any():
            points = points.clone()
            points[flat] = 0.9 * points[flat] + 0.1 * away[flat]
            value, slope = nearest.look(points)
        radius = torch.full_like(nearest.size, torch.inf)
        for step in range(steps):
            share = 0.5 * (1 + math.cos(math.pi * step / steps))
            size = self.size * (_LAST_SIZE + (1 - _LAST_SIZE) * share)
            gamma = _LAST_GAMMA + (self.gamma - _LAST_GAMMA) * share
            reached = value >= level
            needed = shortest_step(points, slope, (level - value).double(), norm)
            linear = norm_of(points - clean, norm) + norm_of(needed - points, norm)
            shrunk = torch.minimum(radius * (1 - gamma), nearest.size)
            radius = torch.where(reached, shrunk, torch.where(nearest.found, radius, linear) * (1 + gamma))
            length = slope.flatten(1).double().norm(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
            scale = (size / length).to(slope.dtype).view(-1, *[1] * (slope.ndim - 1))
            points = project(points + scale * slope, clean, radius, norm)
            value, slope = nearest.look(points)
        return start
