"""Runs of gradient steps along a schedule of lengths, and through a wider ball into the ball itself."""

from __future__ import annotations

import math

import torch
from spikeproof.types import ItemObjective

from .exchange import exchanged
from .rows import Place, Rows

__all__ = ["WIDTHS", "climb", "settle", "step_sizes", "through_wider_balls"]

REACH = 0.2
"""For L1, the most that a step of length epsilon along a cosine moves a single pixel; shorter steps in proportion.
Without it a step spends all on few pixels and overshoots optima that lie inside the box."""
EXCHANGE = 3
"""Steps of a run between exchanges of epsilons: fixed, so that a longer run follows a shorter one's path."""
WIDTHS = (2.0, 1.75, 1.5)
"""Radii of the wider balls, in units of epsilon."""
_BACK = 3
"""A wider ball's steps are followed by so many times fewer in the ball itself, half as long at first."""


def step_sizes(schedule: str, steps: int) -> list[float]:
    """Step lengths in units of epsilon: "geometric", 2 * 0.75^i, or "cosine", from 1 to 0.

    Examples
    --------
    >>> step_sizes("geometric", 3)
    [2.0, 1.5, 1.125]
    """
    if schedule == "geometric":
        return [2 * 0.75**step for step in range(steps)]
    return [0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]


def climb(rows: Rows, place: Place, sizes: list[float], *, even: bool) -> None:
    """Take steps of these lengths, in units of epsilon; the rows keep the best point.

    Parameters
    ----------
    rows : Rows
    place : Place
        Where all rows begin, with values and gradients.
    sizes : list of float
    even : bool
        For L1, move no pixel by more than a fifth of a step's length.
    """
    for number, size in enumerate(sizes, start=1):
        points = rows.step(place.points, place.slope, size, reach=REACH * size if even else None)
        if number > 1 and number % EXCHANGE == 1:
            points = exchanged(rows, points)
        place = rows.look(points, last=number == len(sizes))


def through_wider_balls(rows: Rows, objective: ItemObjective, steps: int) -> torch.Tensor:
    """Best points (row, ...) of runs that go through a wider ball each, and then back into the ball.

    Auto-attack's ``use_largereps`` shrinks one ball so (Croce and Hein 2021, arXiv 2103.01208). A wider ball has fewer
    hills: on two trained networks, 32 photographs, L2 and Linf, ``pgd`` ended more than 1 % below the best of seven
    searches by peers on 28 of 128 items without this, and on none with it.

    Parameters
    ----------
    rows : Rows
        Whose balls are meant; nothing is kept in them.
    objective : ItemObjective
        What is climbed.
    steps : int
        In each wider ball.
    """
    cosine = step_sizes("cosine", steps)
    inner = Rows(objective, rows.own, rows.radii, rows.norm)
    for width in WIDTHS:
        outer = Rows(objective, rows.own, width * rows.radii, rows.norm)
        climb(outer, outer.begin()[0], cosine, even=True)
        settle(inner, inner.inside(outer.best), max(1, steps // _BACK), first=0.5)
    return inner.best


def settle(rows: Rows, points: torch.Tensor, steps: int, *, first: float) -> None:
    """Climb from points (row, ...) by steps that fall from ``first`` epsilons to 0 along a cosine."""
    climb(rows, rows.look(points), [first * size for size in step_sizes("cosine", steps)], even=True)
