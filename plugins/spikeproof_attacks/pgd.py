"""Projected gradient ascent with exact projection, two step schedules, and the best point kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .ascent import climb, step_sizes
from .rows import Rows
from .scouting import starts

__all__ = ["PGD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """Projected gradient ascent in a ball inside the pixel box (Madry et al. 2018, arXiv 1706.06083).

    From the clean image, or, where the gradient there is zero, from a random point of the sphere or the direction of
    largest curvature, whichever is better, each step goes along the steepest direction of the norm and is projected
    exactly on the ball intersected with the box. The best of all points visited is kept, the clean image among them; a
    point found in a smaller ball competes in every larger one, so the value never falls with epsilon. After every third
    step of a run, an epsilon that lags behind a neighbour tries its best perturbation, scaled to the own ball.

    With the schedule ``best``, a quarter of the steps goes to a run with step lengths 2 epsilon * 0.75^i, which is
    nearly done by then, and the rest to a second run from the same start with lengths that fall from epsilon to 0 along
    a cosine: the first rarely fails badly, the second ends higher, and no robustness is read from one schedule alone.

    Where a choice is to be left, the search does not begin at the clean image, from which it would follow the nearest
    other class for good: four steps toward each of the other classes go first. Toward the two that are driven furthest,
    runs then go through balls of 2, 1.75 and 1.5 epsilon and back into the ball, since a wider ball has fewer hills;
    the search begins at the best point.

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
    wide: Annotated[
        int,
        "Aimed at behavior: gradient steps in each of three wider balls (2, 1.75, 1.5 epsilon) toward each of the two "
        "best classes, and a third as many back in the ball; as many again from the best point. 0: none.",
    ] = 24

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("restarts", 1), ("classes", 0), ("wide", 0)):
            if getattr(self, name) < least:
                raise BadParameter(f"pgd: {name} must be at least {least}, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        for climbed, start in starts(rows, noise, restarts=self.restarts, classes=self.classes, wide=self.wide):
            for schedule, steps in self._runs():
                climb(climbed, start, step_sizes(schedule, steps), even=schedule == "cosine")
        return rows.best_of_smaller()

    def _runs(self) -> tuple[tuple[str, int], ...]:
        if self.schedule != "best":
            return ((self.schedule, self.steps),)
        first = max(1, self.steps // 4)
        return (("geometric", first), ("cosine", self.steps - first)) if self.steps > first else (("geometric", first),)
