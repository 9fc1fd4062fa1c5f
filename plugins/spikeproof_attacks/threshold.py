"""The smallest ball in which a search reaches the goal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import ascent_direction, norm_of, project, shortest_step, steepest_step, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .nearest import Nearest
from .rows import random_direction

__all__ = ["Threshold"]

_MOST = 40
"""Balls that are tried at most: with doubling and halving far more than float32 can tell apart."""
_BEYOND = 1e-3
"""By how much more than is needed, relative, the first ball is made to hold, so that rounding does not fail it."""
_POLISH = 5
"""Steps along the border of the goal after each ball in which it was reached."""
_REACH = 0.2
"""For L1, the most that the first step moves a single pixel; later steps in proportion to their length."""
_ROUNDING = 1e-6
"""Relative excess of a radius that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Smallest epsilon at which projected gradient ascent reaches the goal, by bisection.

    The first ball is as large as the linear approximation says, and is doubled until the goal is reached. What reaches
    it is brought to the border of the goal, and along the border to where it is nearest. Then balls just smaller than
    that are tried, smaller ones as long as they succeed, until the interval between the largest ball that failed and
    the smallest perturbation that did not is narrow. Each search takes steps of 2 epsilon * 0.75^i, from the clean
    image, or from the best point so far where there is one.
    """

    steps: Annotated[int, "Gradient steps in each ball."] = 20
    tolerance: Annotated[float, "Relative width of the interval at which it is narrow enough."] = 0.01

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadParameter(f"threshold: steps must be at least 1, got {self.steps}")
        if not 0 < self.tolerance < 1:
            raise BadParameter(f"threshold: tolerance must be between 0 and 1, got {self.tolerance}")

    def __call__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Perturbed images, (item, channel, y, x)."""
        nearest = Nearest(objective, clean, norm, "threshold")
        # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
        direction = random_direction(noise, clean, norm)[nearest.items]
        if not len(nearest):
            return nearest.result()
        value, slope = nearest.begin()
        first = shortest_step(nearest.clean, slope, (nearest.level - value).double() * (1 + _BEYOND), norm)
        reach = norm_of(torch.maximum(nearest.clean, 1 - nearest.clean), norm)
        radius = norm_of(first - nearest.clean, norm)
        radius = torch.where(radius > 0, radius, 0.01 * reach)
        failed, jump = torch.zeros_like(radius), torch.full_like(radius, self.tolerance)
        for _ in range(_MOST):
            high = nearest.size
            open_ = torch.where(torch.isinf(high), failed < reach, high - failed > self.tolerance * high)
            rows = open_.nonzero()[:, 0]
            if not len(rows):
                break
            self._search(nearest, rows, radius[rows], slope[rows], direction[rows])
            reached = nearest.size <= radius * (1 + _ROUNDING)
            failed = torch.where(open_ & ~reached, radius, failed)
            nearest.shorten(value, open_ & reached)
            nearest.polish(_POLISH, open_ & reached)
            below = torch.maximum(nearest.size * (1 - jump), (failed * nearest.size).sqrt())
            jump = torch.where(open_ & reached, 2 * jump, jump).clamp(max=0.5)
            radius = torch.where(nearest.found, below, torch.minimum(2 * radius, reach))
        return nearest.result()

    def _search(
        self,
        nearest: Nearest,
        rows: torch.Tensor,
        radius: torch.Tensor,
        slope: torch.Tensor,
        direction: torch.Tensor,
    ) -> None:
        """Climb in balls of these radii, from slopes at the clean images, until the goal is reached there."""
        clean, norm = nearest.clean[rows], nearest.norm
        flat = slope.flatten(1).abs().amax(dim=1) == 0
        warm = nearest.found[rows]
        points = torch.where(_wide(flat, clean), step_in_box(clean, direction, radius, norm), clean)
        points = torch.where(_wide(warm, clean), project(nearest.points[rows], clean, radius, norm), points)
        moved = (flat | warm).nonzero()[:, 0]
        if len(moved):
            slope = slope.clone()
            slope[moved] = nearest.look(points[moved], rows[moved])[1]
        for step in range(self.steps):
            left = (nearest.size[rows] > radius * (1 + _ROUNDING)).nonzero()[:, 0]
            if not len(left):
                break
            rows, radius, clean, points, slope = (one[left] for one in (rows, radius, clean, points, slope))
            if norm == "l1":  # whose steepest direction is a single pixel: none goes far, or optima are passed over
                share = 0.5 * (1 + math.cos(math.pi * step / self.steps))
                low, high = ((points + sign * _REACH * share).clamp(0, 1) for sign in (-1, 1))
                there = steepest_step(points, slope, share * radius, norm, low=low, high=high)
            else:
                length = 2 * radius * 0.75**step
                there = points + _wide(length.to(points.dtype), points) * ascent_direction(slope, norm)[0]
            points = project(there, clean, radius, norm)
            slope = nearest.look(points, rows)[1]


def _wide(number: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A number of each row, to be broadcast against images."""
    return number.view(-1, *[1] * (like.ndim - 1))
