"""Steps from a point inside the box: along a direction, and to where a linear function is largest, or large enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .box import Bound, Box, per_item, rows_of, shrink
from .norms import ascent_direction

if TYPE_CHECKING:
    from spikeproof.plugin import Norm

__all__ = ["shortest_step", "steepest_step", "step_in_box", "walk"]


def step_in_box(
    clean: torch.Tensor,
    direction: torch.Tensor,
    size: torch.Tensor | float,
    norm: Norm,
    *,
    low: Bound = 0.0,
    high: Bound = 1.0,
) -> torch.Tensor:
    """Go from the clean image along a direction, clipping to the box, until the perturbation has a given norm.

    Parameters
    ----------
    clean : torch.Tensor, (item, ...), in the box
    direction : torch.Tensor, (item, ...)
        Of any length; where it is zero the item stays where it is.
    size : torch.Tensor, (item,), or float
        Norm of the perturbation to reach, in pixel units.
    norm : {"l1", "l2", "linf"}
    low, high : float or torch.Tensor
        The box.

    Returns
    -------
    torch.Tensor, (item, ...)
        ``clip(clean + t * direction)`` for the smallest t >= 0 at which the norm is ``size``; the corner of the box
        that the direction points at if no t reaches it. It maximises ``<direction, z>`` over the ball and the box
        for L2.

    Examples
    --------
    >>> step_in_box(torch.tensor([[0.5, 0.9]]), torch.tensor([[1.0, 1.0]]), 0.5**0.5 / 2**0.5, "l2")
    tensor([[0.9899, 1.0000]])
    """
    x, d = rows_of(clean), rows_of(direction).to(clean.dtype)
    largest = d.abs().amax(dim=1)
    d = d / torch.where(largest > 0, largest, 1.0)[:, None]
    return walk(x, d, per_item(size, x), norm, Box.around(clean, low, high)).reshape(clean.shape)


def steepest_step(
    start: torch.Tensor,
    gradient: torch.Tensor,
    size: torch.Tensor | float,
    norm: Norm,
    *,
    low: Bound = 0.0,
    high: Bound = 1.0,
) -> torch.Tensor:
    """Point at which a linear function with this gradient is largest, in the ball around the start and in the box.

    For L2 the walk along the gradient, for Linf the corner of the smaller box, for L1 the pixels of largest gradient
    filled up to their walls until the norm is spent: closed forms, exact.

    Parameters
    ----------
    start : torch.Tensor, (item, ...), in the box
    gradient : torch.Tensor, (item, ...)
        Its scale drops out; where it is zero or not finite the item stays where it is.
    size : torch.Tensor, (item,), or float
        Radius of each item's ball, in pixel units.
    norm : {"l1", "l2", "linf"}
    low, high : float or torch.Tensor
        The box.

    Returns
    -------
    torch.Tensor, (item, ...)

    Examples
    --------
    >>> steepest_step(torch.tensor([[0.5, 0.9, 0.5]]), torch.tensor([[1.0, 3.0, -2.0]]), 0.4, "l1")
    tensor([[0.5000, 1.0000, 0.2000]])
    """
    slope, flat = (
        ascent_direction(gradient.to(start.dtype), "l2") if norm != "linf" else ascent_direction(gradient, norm)
    )
    if norm == "l2":
        return step_in_box(start, slope, size, norm, low=low, high=high)
    x, d = rows_of(start), rows_of(slope).to(start.dtype)
    box, limit = Box.around(start, low, high), per_item(size, x)
    travel = limit[:, None].to(x.dtype) if norm == "linf" else _filled(d, box.room(x, d), limit)
    moved = shrink(box.clip(x + travel * d.sign()), x, limit, norm)
    return torch.where(flat[:, None], x, moved).reshape(start.shape)


def shortest_step(
    start: torch.Tensor,
    gradient: torch.Tensor,
    gain: torch.Tensor | float,
    norm: Norm,
    *,
    low: Bound = 0.0,
    high: Bound = 1.0,
) -> torch.Tensor:
    """Nearest point at which a linear function with this gradient has risen by so much, in the box.

    The inverse of :func:`steepest_step`: closed forms, exact. Without the box its distance is the gain over the dual
    norm of the gradient.

    Parameters
    ----------
    start : torch.Tensor, (item, ...), in the box
    gradient : torch.Tensor, (item, ...)
        Where it is zero or not finite the item stays where it is.
    gain : torch.Tensor, (item,), or float
        At most 0 leaves the item where it is.
    norm : {"l1", "l2", "linf"}
        Of the distance that is least.
    low, high : float or torch.Tensor
        The box.

    Returns
    -------
    torch.Tensor, (item, ...)
        The corner of the box at which the function is largest where even that is too little.

    Examples
    --------
    >>> shortest_step(torch.tensor([[0.5, 0.9, 0.5]]), torch.tensor([[1.0, 3.0, -2.0]]), 0.7, "l1")
    tensor([[0.5000, 1.0000, 0.3000]])
    """
    x, slope = rows_of(start), rows_of(gradient).to(start.dtype)
    largest = slope.abs().amax(dim=1)
    flat = ~torch.isfinite(largest) | (largest == 0)
    scale = torch.where(flat, 1.0, largest)
    d = torch.where(flat[:, None], 0.0, slope / scale[:, None])
    box, steep = Box.around(start, low, high), d.abs()
    target = (per_item(gain, x) / scale.to(torch.float64)).clamp(min=0)
    room = torch.where(steep > 0, box.room(x, d), 0.0)
    if norm == "l1":
        order = steep.argsort(dim=1, descending=True, stable=True)
        steepest, free = (one.gather(1, order).to(torch.float64) for one in (steep, room))
        before = (steepest * free).cumsum(dim=1) - steepest * free
        missing = (target[:, None] - before).clamp(min=0)
        spent = torch.minimum(missing / torch.where(steepest > 0, steepest, 1.0), free)
        travel = torch.zeros_like(steepest).scatter(1, order, spent).to(x.dtype)
    else:  # every pixel goes as fast as its slope, or all at one speed, until it meets its wall
        rate = steep.square() if norm == "l2" else steep
        t = _time_of_sum(rate, room * steep, target, 1).clamp(max=torch.finfo(x.dtype).max).to(x.dtype)
        travel = torch.minimum(t[:, None] * (steep if norm == "l2" else torch.ones_like(steep)), room)
    return box.clip(x + torch.copysign(travel, d)).reshape(start.shape)


def walk(x: torch.Tensor, d: torch.Tensor, size: torch.Tensor, norm: Norm, box: Box) -> torch.Tensor:
    """``clip(x + t d)`` with norm ``size``; the largest entry of each row of ``d`` is 1 (or the row is zero)."""
    room = box.room(x, d)
    speed = d.abs()
    t = _time_linf(speed, room, size) if norm == "linf" else _time_of_sum(speed, room, size, 1 if norm == "l1" else 2)
    t = t.clamp(max=torch.finfo(x.dtype).max).to(x.dtype)  # a speed of zero times infinity is not a number
    travel = torch.minimum(t[:, None] * speed, room)
    return shrink(box.clip(x + torch.copysign(travel, d)), x, size, norm)


def _filled(slope: torch.Tensor, room: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """How far each pixel goes if those of largest slope are filled first; equals in their order."""
    steep = slope.abs()
    room = torch.where(steep > 0, room, 0.0).to(torch.float64)
    order = steep.argsort(dim=1, descending=True, stable=True)
    sorted_room = room.gather(1, order)
    before = sorted_room.cumsum(dim=1) - sorted_room
    spent = torch.minimum((size[:, None] - before).clamp(min=0), sorted_room)
    return torch.zeros_like(room).scatter(1, order, spent).to(slope.dtype)


def _time_of_sum(speed: torch.Tensor, room: torch.Tensor, size: torch.Tensor, power: int) -> torch.Tensor:
    """Time at which the point that moves with these speeds until it meets the walls is ``size`` away (L1 or L2).

    With s = t^power, sum(min(s speed^power, room^power)) is concave, increasing and piecewise linear, so Newton's
    method from below climbs monotonically and ends exactly, in as many steps as sets of walls are met.
    """
    rate, wall, target = (speed.square(), room.square(), size.square()) if power == 2 else (speed, room, size)
    s = target / rate.sum(dim=1).to(torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
    moving = torch.full_like(s, torch.nan, dtype=rate.dtype)
    for _ in range(speed.shape[1] + 1):
        s = s.clamp(max=torch.finfo(speed.dtype).max)
        travelled = s.to(speed.dtype)[:, None] * rate
        # Masks are multiplied as numbers: torch.where costs twenty times as much here.
        free = (torch.gt(wall, travelled, out=torch.empty_like(rate)) * rate).sum(dim=1)
        settled = free == moving  # no further wall was met
        if settled.all():
            break
        moving = free
        missing = target - torch.minimum(travelled, wall).sum(dim=1).to(torch.float64)
        further = torch.where(free > 0, s + (missing / free).clamp(min=0), torch.inf)
        s = torch.where(settled, s, further)  # another item's steps would change this one's last bit
    return s.sqrt() if power == 2 else s


def _time_linf(speed: torch.Tensor, room: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    able = torch.where(room.to(torch.float64) >= size[:, None], speed, 0.0)  # pixels that can travel so far
    fastest = able.amax(dim=1).to(torch.float64)
    return torch.where(fastest > 0, size / fastest, torch.inf)
