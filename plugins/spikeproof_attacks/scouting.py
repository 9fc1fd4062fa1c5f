"""Where searches begin: at the clean image, near the class that promises most, or at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from spikeproof.geometry import ascent_direction, step_in_box
from spikeproof.types import ItemNoise, ItemObjective

from .ascent import settle, through_wider_balls
from .rows import Place, Rows, random_direction

__all__ = ["LENGTHS", "starts"]

LENGTHS = (2.0, 1.5, 1.125, 0.84375)
"""Lengths of the steps toward each class, in units of epsilon."""
_POWER = 10
"""Power iterations toward the direction of largest curvature."""
_CLOSE = 0.05
"""Length of their steps, in units of the smallest epsilon."""
_WIDENED = 2
"""Classes that are climbed through wider balls: at each epsilon, those that were driven furthest in the ball."""


def starts(rows: Rows, noise: ItemNoise, *, restarts: int, classes: int, wide: int = 0) -> Iterator[tuple[Rows, Place]]:
    """What to climb and where from, one after the other; what the search finds is kept in ``rows``.

    The first start is the clean image; items whose gradient is zero there begin at the best of a random point of the
    sphere, as all do later, and the direction of largest curvature. But where a choice is to be left, a search from the
    clean image follows the nearest other class, which often is not the one that can be driven furthest. So a few steps
    toward each class go first, and starts take turns: the best point that they found; the next best class's; the lead
    of the best class alone, from the clean image, since the margin has a kink where two classes compete; a random
    point; then the next two classes, and so on. The two best classes are climbed through wider balls as well
    (:func:`through_wider_balls`), and the best point of that counts.

    Parameters
    ----------
    rows : Rows
        Nothing was asked yet.
    noise : ItemNoise
    restarts : int
        How many starts are wanted.
    classes : int
        Most classes that are tried, nearest first.
    wide : int
        Steps in each wider ball.
    """
    origin, stationary = rows.begin()
    away = torch.ones_like(stationary)
    near = _near_classes(rows, classes, wanted=2 * ((restarts + 3) // 4))
    if wide:
        near = _widened(rows, near, wide)
    for restart in range(restarts):
        # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
        direction = random_direction(noise, rows.own, rows.norm)
        round_, turn = divmod(restart, 4)
        known = near[2 * round_ + turn % 2 : 2 * round_ + turn % 2 + 1] if turn < 2 else near[round_ : round_ + 1]
        if not known or turn == 3:
            if restart:
                yield rows, rows.leave(origin, direction, away)
            else:
                yield rows, _left(rows, origin, direction, stationary)
        elif turn < 2:
            place = rows.look(known[0].points)
            yield rows, rows.leave(place, direction, ascent_direction(place.slope, rows.norm)[1])
        else:
            led = rows.objective.leads(known[0].aimed)
            view = rows if led is None else Rows(led, rows.own, rows.radii, rows.norm)
            clean, flat = view.begin()
            yield view, view.leave(clean, direction, flat)
            rows.keep(rows.objective(view.best, rows.items), view.best)


def _left(rows: Rows, origin: Place, direction: torch.Tensor, stationary: torch.Tensor) -> Place:
    """Put items (item,) without a gradient at the clean image at the best of three points of the sphere.

    A random one, and the two along the direction that the objective's curvature is largest in: for a distance from the
    clean response, that which the population notices most, with either sign. It is found by power iteration, in any
    norm (Journee et al. 2010, arXiv 0811.4724), by gradients close to the clean image; where these vanish too, the
    random point is left.
    """
    place = rows.leave(origin, direction, stationary)
    index, radii = stationary.nonzero()[:, 0], rows.radii[(rows.radii > 0) & torch.isfinite(rows.radii)]
    if not len(index) or not len(radii):
        return place
    clean, way, size = rows.own[index], direction[index], _CLOSE * radii.min().double()
    found = torch.zeros_like(stationary)
    for _ in range(_POWER):
        _, slope = rows.objective.value_and_gradient(step_in_box(clean, way, size, rows.norm), index)
        steepest, flat = ascent_direction(slope, rows.norm)
        way = torch.where(flat.view(-1, *[1] * (way.ndim - 1)), way, steepest)
        found[index] = ~flat
        if flat.all():
            return place
    ways = torch.zeros_like(direction)
    ways[index] = way
    for sign in (1.0, -1.0):
        there = rows.leave(origin, sign * ways, found)
        place = place.where(there.value > place.value, there)
    return place


@dataclass(frozen=True, slots=True)
class _Near:
    """The best points (row, ...) of a rank, their values (row,), and the class (item,) of the largest epsilon's."""

    value: torch.Tensor
    points: torch.Tensor
    aimed: torch.Tensor


def _near_classes(rows: Rows, classes: int, *, wanted: int) -> list[_Near]:
    """The classes that were driven furthest, the best first; empty if none is tried."""
    decisions = rows.objective.decisions
    if decisions is None or not classes:
        return []
    with torch.no_grad():
        others = decisions(rows.own).scatter(1, decisions.choice[:, None], -torch.inf)
    order = others.argsort(dim=1, descending=True)[:, : min(classes, others.shape[1] - 1)]
    if order.shape[1] < 2:
        return []  # the only class is what the search follows anyway
    kept: list[_Near] = []
    for aimed in order.T:
        led = rows.objective.leads(aimed)
        if led is None:
            return []
        points = _driven(rows, led)
        value = rows.objective(points, rows.items).to(torch.float64)
        rows.keep(value, points)
        _insert(kept, _Near(value, points, aimed), wanted)
    return kept


def _widened(rows: Rows, near: list[_Near], steps: int) -> list[_Near]:
    """The same classes, the two best also climbed through wider balls, and the best point of all from there."""
    found: list[_Near] = []
    for rank, one in enumerate(near):
        here = one
        led = rows.objective.leads(one.aimed) if rank < _WIDENED else None
        if led is not None:
            points = through_wider_balls(rows, led, steps)
            value = rows.objective(points, rows.items).to(torch.float64)
            rows.keep(value, points)
            here = _chosen(value > one.value, _Near(value, points, one.aimed), one)
        _insert(found, here, len(near))
    if found:
        settle(rows, found[0].points, steps, first=1.0)
        found[0] = replace(found[0], value=rows.value.clone(), points=rows.best.clone())
    return found


def _insert(kept: list[_Near], here: _Near, wanted: int) -> None:
    """Put what was found in its place, row by row, in a list of at most so many, the best first."""
    for rank, there in enumerate(kept):
        better = here.value > there.value
        kept[rank], here = _chosen(better, here, there), _chosen(better, there, here)
    if len(kept) < wanted:
        kept.append(here)


def _chosen(take: torch.Tensor, one: _Near, other: _Near) -> _Near:
    """One's rows where ``take`` (row,), the other's elsewhere."""
    wide = take.view(-1, *[1] * (one.points.ndim - 1))
    return _Near(
        torch.where(take, one.value, other.value),
        torch.where(wide, one.points, other.points),
        torch.where(take[-len(one.aimed) :], one.aimed, other.aimed),
    )


def _driven(rows: Rows, led: ItemObjective) -> torch.Tensor:
    """Where a few steps toward a class lead, (row, ...)."""
    view = Rows(led, rows.own, rows.radii, rows.norm)
    place, _ = view.begin()
    for size in LENGTHS[:-1]:
        place = view.look(view.step(place.points, place.slope, size))
    return view.step(place.points, place.slope, LENGTHS[-1])
