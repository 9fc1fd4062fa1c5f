"""Where searches begin: at the clean image, near the class that promises most, or at random."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from spikeproof.geometry import ascent_direction
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Place, Rows, random_direction

__all__ = ["LENGTHS", "starts"]

LENGTHS = (2.0, 1.5, 1.125, 0.84375)
"""Lengths of the steps toward each class, in units of epsilon."""


def starts(rows: Rows, noise: ItemNoise, *, restarts: int, classes: int) -> Iterator[Place]:
    """Places to search from, one after the other.

    The first is the clean image; items whose gradient is zero there begin at a random point of the sphere, as all do
    later. But where a choice is to be left, a search from the clean image follows the nearest other class, which often
    is not the one that can be driven furthest. So a few steps toward each class go first. The first start is the best
    point that they found, the second the next best class's; then random points and further classes take turns.

    Parameters
    ----------
    rows : Rows
        Nothing was asked yet.
    noise : ItemNoise
    restarts : int
        How many starts are wanted.
    classes : int
        Most classes that are tried, nearest first.
    """
    origin, stationary = rows.begin()
    near = _near_classes(rows, classes, wanted=1 + restarts // 2)
    taken = 0
    for restart in range(restarts):
        # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
        direction = random_direction(noise, rows.own, rows.norm)
        if taken < len(near) and (restart == 0 or restart % 2 == 1):
            place = rows.look(near[taken])
            away = ascent_direction(place.slope, rows.norm)[1]
            taken += 1
        else:
            place, away = origin, stationary if restart == 0 else torch.ones_like(stationary)
        yield rows.leave(place, direction, away)


def _near_classes(rows: Rows, classes: int, *, wanted: int) -> list[torch.Tensor]:
    """Best points (row, ...) of the classes that were driven furthest, the best class first; empty if none is tried."""
    decisions = rows.objective.decisions
    if decisions is None or not classes:
        return []
    with torch.no_grad():
        others = decisions(rows.own).scatter(1, decisions.choice[:, None], -torch.inf)
    order = others.argsort(dim=1, descending=True)[:, : min(classes, others.shape[1] - 1)]
    if order.shape[1] < 2:
        return []  # the only class is what the search follows anyway
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for aimed in order.T:
        led = rows.objective.leads(aimed)
        if led is None:
            return []
        points = _driven(rows, led)
        value = rows.objective(points, rows.items).to(torch.float64)
        rows.keep(value, points)
        for rank, (least, there) in enumerate(kept):
            better = value > least
            wide = better.view(-1, *[1] * (points.ndim - 1))
            kept[rank] = torch.where(better, value, least), torch.where(wide, points, there)
            value, points = torch.where(better, least, value), torch.where(wide, there, points)
        if len(kept) < wanted:
            kept.append((value, points))
    return [points for _, points in kept]


def _driven(rows: Rows, led: ItemObjective) -> torch.Tensor:
    """Where a few steps toward a class lead, (row, ...)."""
    view = Rows(led, rows.own, rows.radii, rows.norm)
    place, _ = view.begin()
    for size in LENGTHS[:-1]:
        place = view.look(view.step(place.points, place.slope, size))
    return view.step(place.points, place.slope, LENGTHS[-1])
