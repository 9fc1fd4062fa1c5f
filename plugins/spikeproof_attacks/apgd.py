"""Auto-PGD: projected gradient ascent that sets its own step lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import project, steepest_step
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Place, Rows
from .scouting import starts

__all__ = ["APGD", "checkpoints"]

_MOMENTUM = 0.75
_RISING = 0.75
"""Share of steps since the last checkpoint that must have risen, or the step is halved (rho)."""
_FIRST_TOP, _TOP_FALL, _LEAST_STEP, _SPARSER = 0.2, 1.5, 0.1, 0.95
"""For L1: first share of pixels that a step moves; what it and the step are divided by; shortest step, in epsilons;
how much sparser the best point must have become for the step to start anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class APGD:
    """Auto-PGD (Croce and Hein 2020, arXiv 2003.01690; for L1: 2021, arXiv 2103.01208), for any objective.

    L2 and Linf: momentum 0.75; the step starts at 2 epsilon and is halved, and the search goes back to its best point,
    at the checkpoints of the paper where fewer than 75 % of the steps rose, or where neither step nor best value had
    changed since the last checkpoint. L1: sparse steps of epsilon without momentum; each step moves the pixels of
    largest gradient, of which there are 1.5 times fewer than the best point has moved; checkpoints every 4 % of steps.

    It starts at the clean image, or at a random point of the sphere where the gradient there is zero; later starts are
    random. Where a choice is to be left, it starts where ``pgd`` does: at the best point of runs that go through wider
    balls toward the two classes that are driven furthest. ``classes=0`` leaves that out, and what is left is the
    paper's algorithm, step for step. The projection on the ball in the box is exact. For L1 the best point for the
    first gradient competes.
    """

    steps: Annotated[int, "Gradient steps from each start; 100 in the paper."] = 100
    restarts: Annotated[int, "Starts; later ones are random points of the sphere, and points near other classes."] = 1
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
                raise BadParameter(f"apgd: {name} must be at least {least}, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        for climbed, start in starts(rows, noise, restarts=self.restarts, classes=self.classes, wide=self.wide):
            search = _sparse if norm == "l1" else _halving
            search(climbed, start, self.steps)
        return rows.best_of_smaller()


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps after which the step length is reconsidered: ceil(p_j * steps).

    p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06) (Croce and Hein 2020, section 3.1).

    Examples
    --------
    >>> checkpoints(100)
    (22, 41, 57, 70, 80, 87, 93, 99)
    >>> checkpoints(20)
    (5, 9, 12, 14, 16, 18, 19, 20)
    """
    before, now, found = 0, 22, []  # in hundredths, where the rule is exact
    while now <= 100:
        found.append(math.ceil(now * steps / 100))
        before, now = now, now + max(now - before - 3, 6)
    return tuple(dict.fromkeys(found))


def _halving(rows: Rows, start: Place, steps: int) -> None:
    """One run for L2 or Linf."""
    place, best, previous = start, start.copy(), start.points
    size = torch.full_like(rows.radius, 2.0)
    rose = torch.zeros_like(rows.items)
    halved = torch.zeros_like(rows.items, dtype=torch.bool)
    checked, due, last = best.value.clone(), set(checkpoints(steps)), 0
    for step in range(1, steps + 1):
        points = rows.step(place.points, place.slope, size)
        if step > 1:
            mixed = place.points + _MOMENTUM * (points - place.points) + (1 - _MOMENTUM) * (place.points - previous)
            points = project(mixed, rows.clean, rows.radius, rows.norm)
        previous = place.points
        there = rows.look(points, last=step == steps)
        rose += there.value > place.value
        best.take(there.value > best.value, there)
        place = there
        if step in due and step < steps:
            halved = (rose < _RISING * (step - last)) | (~halved & (best.value <= checked))
            size = torch.where(halved, size / 2, size)
            place = place.where(halved, best)
            rose, checked, last = torch.zeros_like(rose), best.value.clone(), step


def _sparse(rows: Rows, start: Place, steps: int) -> None:
    """One run for L1."""
    pixels = start.points[0].numel()
    nearest = project(steepest_step(start.points, start.slope, rows.radius, "l1"), rows.clean, rows.radius, "l1")
    rows.look(nearest, last=True)  # exact on a linear unit; it competes, but its few pixels do not set the pace
    place, best = start, start.copy()
    size = torch.ones_like(rows.radius)
    top = torch.full_like(rows.radius, _FIRST_TOP)
    moved = torch.full_like(rows.radius, pixels)
    every = max(1, math.floor(0.04 * steps))
    for step in range(1, steps + 1):
        points = _spread(place, rows.radius * size, top)
        place = rows.look(project(points, rows.clean, rows.radius, "l1"), last=step == steps)
        best.take(place.value > best.value, place)
        if step % every == 0:
            now = (best.points != rows.clean).flatten(1).sum(dim=1).to(torch.float64)
            sparser = now < _SPARSER * moved
            top = now / pixels / _TOP_FALL
            size = torch.where(sparser, 1.0, (size / _TOP_FALL).clamp(min=_LEAST_STEP))
            place = place.where(sparser, best)
            moved = now


def _spread(place: Place, length: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
    """A step of this L1 norm that moves the share ``top`` (row,) of pixels, those of largest gradient, equally."""
    slope = place.slope.flatten(1)
    pixels = slope.shape[1]
    steep = slope.abs()
    rank = (pixels - (top * pixels).long()).clamp(0, pixels - 1)
    least = steep.sort(dim=1).values.gather(1, rank[:, None])
    signs = slope.sign() * (steep >= least)
    count = signs.abs().sum(dim=1, keepdim=True).clamp(min=1)
    return place.points + (signs * (length[:, None] / count)).to(slope.dtype).reshape(place.points.shape)
