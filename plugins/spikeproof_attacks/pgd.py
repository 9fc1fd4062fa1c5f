"""Projected gradient ascent with exact projection, two step schedules, and the best point kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .exchange import exchanged
from .rows import Place, Rows
from .scouting import starts

__all__ = ["PGD"]

_REACH = 0.2
"""For L1, the most that a step of length epsilon of the second run moves a single pixel; shorter steps in proportion.
Without it a step spends all on few pixels and overshoots optima that lie inside the box."""

_EXCHANGE = 3
"""Step of a run after which epsilons exchange: a fixed one, so that a longer run follows a shorter one's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """Projected gradient ascent in a ball inside the pixel box (Madry et al. 2018, arXiv 1706.06083).

    From the clean image, or from a random point of the sphere where the gradient there is zero, each step goes along
    the steepest direction of the norm and is projected exactly on the ball intersected with the box. The best of all
    points visited is kept, the clean image among them; a point found in a smaller ball competes in every larger one,
    so the value never falls with epsilon. After the third step of a run, neighbouring epsilons try each
    other's best perturbation, scaled to their ball.

    With the schedule ``best``, a quarter of the steps goes to a run with step lengths 2 epsilon * 0.75^i, which is
    nearly done by then, and the rest to a second run from the same start with lengths that fall from epsilon to 0 along
    a cosine: the first rarely fails badly, the second ends higher, and no robustness is read from one schedule alone.

    Where a choice is to be left, the search does not begin at the clean image, from which it would follow the nearest
    other class for good, but at the best point that four steps toward each of the other classes find.

    For L1 a step fills the pixels of largest gradient up to their walls until its length, at most epsilon, is spent; in
    the run along a cosine it moves no pixel by more than a fifth of the range, and less as steps shorten.
    """

    steps: Annotated[int, "Gradient steps from each start."] = 40
    restarts: Annotated[int, "Starts; later ones are random points of the sphere, and points near other classes."] = 1
    schedule: Annotated[
        Literal["best", "geometric", "cosine"],
        "Step lengths: 2 epsilon * 0.75^i, or from epsilon to 0 along a cosine; best: a run of each, the better kept.",
    ] = "best"
    classes: Annotated[
        int,
        "Aimed at behavior: other classes, nearest first, toward each of which four steps go; the search begins at the "
        "best point. 0: it begins at the clean image.",
    ] = 9

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("restarts", 1), ("classes", 0)):
            if getattr(self, name) < least:
                raise BadParameter(f"pgd: {name} must be at least {least}, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        for climbed, start in starts(rows, noise, restarts=self.restarts, classes=self.classes):
            for schedule, steps in self._runs():
                _climb(climbed, start, _step_sizes(schedule, steps), _REACH if schedule == "cosine" else None)
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


def _climb(rows: Rows, place: Place, sizes: list[float], reach: float | None) -> None:
    for number, size in enumerate(sizes, start=1):
        place = rows.look(
            rows.step(place.points, place.slope, size, reach=None if reach is None else reach * size),
            last=number == len(sizes),
        )
        if number == _EXCHANGE and number < len(sizes):
            place = exchanged(rows, place)
