"""Projected gradient ascent with exact projection, two step schedules, and the best point kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import ascent_direction, project, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

__all__ = ["PGD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """Projected gradient ascent in a ball inside the pixel box (Madry et al. 2018, arXiv 1706.06083).

    From the clean image, or from a random point of the sphere where the gradient there is zero, each step goes along
    the steepest direction of the norm and is projected exactly on the ball intersected with the box. The best of all
    points visited is kept, the clean image among them; a point found in a smaller ball competes in every larger one,
    so the value never falls with epsilon.

    With the schedule ``best``, a quarter of the steps goes to a run with step lengths 2 epsilon * 0.75^i, which is
    nearly done by then, and the rest to a second run from the same start with lengths that fall from epsilon to 0 along
    a cosine: the first rarely fails badly, the second ends higher, and no robustness is read from one schedule alone.
    """

    steps: Annotated[int, "Gradient steps from each start."] = 40
    restarts: Annotated[int, "Starts; all after the first are random points of the sphere."] = 1
    schedule: Annotated[
        Literal["best", "geometric", "cosine"],
        "Step lengths: 2 epsilon * 0.75^i, or from epsilon to 0 along a cosine; best: a run of each, the better kept.",
    ] = "best"

    def __post_init__(self) -> None:
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise BadParameter(f"pgd: {name} must be at least 1, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = _Rows(objective, clean, epsilons, norm)
        value, gradient = objective.value_and_gradient(clean)
        rows.keep(value.repeat(len(epsilons)), rows.clean)
        stationary = ascent_direction(gradient, norm)[1]
        for restart in range(self.restarts):
            # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
            direction = ascent_direction(noise.normal(clean.shape[1:], like=clean), norm)[0]
            away = stationary if restart == 0 else torch.ones_like(stationary)
            start, slope = rows.start(direction, away, gradient)
            for schedule, steps in self._runs():
                rows.climb(start, slope, _step_sizes(schedule, steps))
        return rows.best_of_smaller()

    def _runs(self) -> tuple[tuple[str, int], ...]:
        if self.schedule != "best":
            return ((self.schedule, self.steps),)
        first = max(1, self.steps // 4)
        return (("geometric", first), ("cosine", self.steps - first)) if self.steps > first else (("geometric", first),)


def _step_sizes(schedule: str, steps: int) -> list[float]:
    """Step lengths in units of epsilon."""
    if schedule == "geometric":
        return [2 * 0.75**step for step in range(steps)]
    return [0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]


class _Rows:
    """Every item at every epsilon as one batch of rows (epsilon-major), with the best point of each so far."""

    def __init__(self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm) -> None:
        self.objective, self.norm = objective, norm
        self.count = len(epsilons)
        self.clean = clean.repeat(self.count, *[1] * (clean.ndim - 1))
        self.items = torch.arange(len(clean), device=clean.device).repeat(self.count)
        self.radius = epsilons.to(torch.float64).repeat_interleave(len(clean))
        self.step = self.radius.to(clean.dtype).view(-1, *[1] * (clean.ndim - 1))
        self.best = self.clean.clone()
        self.value = torch.full((len(self.clean),), -torch.inf, dtype=torch.float64, device=clean.device)

    def keep(self, value: torch.Tensor, images: torch.Tensor) -> None:
        better = value > self.value
        self.value = torch.where(better, value.to(torch.float64), self.value)
        self.best[better] = images[better]

    def start(
        self, direction: torch.Tensor, away: torch.Tensor, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Points to start from and the gradients there: on the sphere for items that start away, else clean."""
        slope = gradient.repeat(self.count, *[1] * (gradient.ndim - 1))
        moved = away.repeat(self.count).nonzero()[:, 0]
        if not len(moved):
            return self.clean, slope
        points = self.clean.clone()
        points[moved] = step_in_box(self.clean[moved], direction[self.items[moved]], self.radius[moved], self.norm)
        value, slope[moved] = self.objective.value_and_gradient(points[moved], self.items[moved])
        reached = self.value.to(value.dtype).clone()
        reached[moved] = value
        self.keep(reached, points)
        return points, slope

    def climb(self, start: torch.Tensor, slope: torch.Tensor, sizes: list[float]) -> None:
        """Ascend from a starting point with the gradients there, keeping the best point."""
        points = start
        for number, size in enumerate(sizes, start=1):
            direction = ascent_direction(slope, self.norm)[0]
            points = project(points + size * self.step * direction, self.clean, self.radius, self.norm)
            if number < len(sizes):
                value, slope = self.objective.value_and_gradient(points, self.items)
            else:
                value = self.objective(points, self.items)
            self.keep(value, points)

    def best_of_smaller(self) -> torch.Tensor:
        """Best points (epsilon, item, ...), each at least as good as those of all smaller balls."""
        best = self.best.reshape(self.count, -1, *self.best.shape[1:])
        value = self.value.reshape(self.count, -1)
        for larger in range(1, self.count):
            worse = value[larger] < value[larger - 1]
            best[larger][worse] = best[larger - 1][worse]
            value[larger][worse] = value[larger - 1][worse]
        return best
