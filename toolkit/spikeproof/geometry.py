"""Exact geometry of threat balls inside the pixel box.

Perturbed images must stay in a ball around the clean image *and* in [0, 1]. Projecting on the ball and then clipping
is not the projection on their intersection: its fixed points lie below the optimum wherever pixels saturate. Here
both constraints are met at once.

All functions take a batch of items along the first axis, of any rank, and treat each item on its own: an item's
result does not depend on the others in the batch. Results have the dtype of the clean images and never exceed their
radius by more than 1e-6 of it, recomputed in float64 from the values returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .plugin import Norm

__all__ = ["ascent_direction", "norm_of", "project", "step_in_box"]

_SLACK = 5e-7
"""Relative excess of a radius that counts as rounding; float32 sums (cascaded in torch) add up to 2e-7 to it."""


def norm_of(delta: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Norm of each item.

    Parameters
    ----------
    delta : torch.Tensor, (item, ...)
    norm : {"l2", "linf"}

    Returns
    -------
    torch.Tensor of float64, (item,)

    Examples
    --------
    >>> norm_of(torch.tensor([[3.0, -4.0]]), "l2").item(), norm_of(torch.tensor([[3.0, -4.0]]), "linf").item()
    (5.0, 4.0)
    """
    flat = delta.reshape(len(delta), -1).to(torch.float64)
    if norm == "linf":
        return flat.abs().amax(dim=1)
    scale = flat.abs().amax(dim=1)  # squares of tiny or huge entries would leave the range of floats
    safe = torch.where(scale > 0, scale, 1.0)
    length: torch.Tensor = torch.linalg.vector_norm(flat / safe[:, None], dim=1)
    return length * scale


def ascent_direction(gradient: torch.Tensor, norm: Norm) -> tuple[torch.Tensor, torch.Tensor]:
    """Direction of unit norm along which a linear function with this gradient rises fastest.

    The gradient's scale drops out, from 1e-30 to 1e30 alike: it is divided by its largest entry before anything else.

    Parameters
    ----------
    gradient : torch.Tensor, (item, ...)
    norm : {"l2", "linf"}

    Returns
    -------
    direction : torch.Tensor, (item, ...)
        g / \\|\\|g\\|\\|_2, or sign(g). Zero where the gradient is zero or not finite.
    flat : torch.Tensor of bool, (item,)
        True where there is no direction: the gradient is zero or not finite.

    Examples
    --------
    >>> direction, flat = ascent_direction(torch.tensor([[3e-15, 4e-15], [0.0, 0.0]]), "l2")
    >>> direction, flat
    (tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]]), tensor([False,  True]))
    """
    rows = gradient.reshape(len(gradient), -1)
    largest = rows.abs().amax(dim=1)
    flat = ~torch.isfinite(largest) | (largest == 0)
    if flat.any():
        rows = torch.where(flat[:, None], 0.0, rows)
    if norm == "linf":
        return rows.sign().reshape(gradient.shape), flat
    rows = rows / torch.where(flat, 1.0, largest)[:, None]
    length = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).to(rows.dtype)
    return (rows / torch.where(flat, 1.0, length)[:, None]).reshape(gradient.shape), flat


def step_in_box(clean: torch.Tensor, direction: torch.Tensor, size: torch.Tensor | float, norm: Norm) -> torch.Tensor:
    """Go from the clean image along a direction, clipping to the box, until the perturbation has a given norm.

    Parameters
    ----------
    clean : torch.Tensor, (item, ...), in [0, 1]
    direction : torch.Tensor, (item, ...)
        Of any length; where it is zero the item stays where it is.
    size : torch.Tensor, (item,), or float
        Norm of the perturbation to reach, in pixel units.
    norm : {"l2", "linf"}

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
    x, d = _rows(clean), _rows(direction).to(clean.dtype)
    radius = _per_item(size, x)
    largest = d.abs().amax(dim=1)
    d = d / torch.where(largest > 0, largest, 1.0)[:, None]
    return _walk(x, d, radius, norm).reshape(clean.shape)


def project(points: torch.Tensor, clean: torch.Tensor, radius: torch.Tensor | float, norm: Norm) -> torch.Tensor:
    """Nearest point (in L2) of the ball around the clean image, intersected with the box [0, 1].

    For the L2 ball it is ``clip(clean + t * (points - clean))`` for the largest t <= 1 that stays in the ball
    (from the Karush-Kuhn-Tucker conditions, with t = 1 / (1 + multiplier)); for the Linf ball the intersection is
    a box itself.

    Parameters
    ----------
    points : torch.Tensor, (item, ...)
        Finite.
    clean : torch.Tensor, (item, ...), in [0, 1]
    radius : torch.Tensor, (item,), or float
        Radius of each item's ball, in pixel units; 0 returns the clean image bit for bit.
    norm : {"l2", "linf"}

    Returns
    -------
    torch.Tensor, (item, ...)
        With the dtype of ``clean``. Points that are inside already come back unchanged.

    Examples
    --------
    >>> project(torch.tensor([[3.0, 0.5]]), torch.tensor([[0.5, 0.5]]), 0.25, "l2")
    tensor([[0.7500, 0.5000]])
    """
    x, y = _rows(clean), _rows(points)
    limit = _per_item(radius, x)
    clipped = y.to(x.dtype).clamp(0, 1)
    if norm == "linf":
        reach = limit[:, None].to(x.dtype)
        near = torch.maximum(torch.minimum(clipped, x + reach), x - reach).clamp(0, 1)
        return _shrink(near, x, limit, norm).reshape(clean.shape)
    outside = _length(clipped - x) > limit * (1 + _SLACK)
    if outside.any():
        rows = outside.nonzero()[:, 0]
        start = x[rows]
        d = y[rows].to(x.dtype) - start
        clipped[rows] = _walk(start, d / d.abs().amax(dim=1)[:, None], limit[rows], norm)
    return clipped.reshape(clean.shape)


def _rows(images: torch.Tensor) -> torch.Tensor:
    return images.reshape(len(images), -1)


def _length(delta: torch.Tensor) -> torch.Tensor:
    return delta.square().sum(dim=1).to(torch.float64).sqrt()


def _per_item(value: torch.Tensor | float, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64, device=like.device).expand(len(like))


def _walk(x: torch.Tensor, d: torch.Tensor, size: torch.Tensor, norm: Norm) -> torch.Tensor:
    """``clip(x + t d)`` with norm ``size``; the largest entry of each row of ``d`` is 1 (or the row is zero)."""
    wall = torch.copysign(torch.full((), 0.5, dtype=d.dtype, device=d.device), d) + 0.5  # 0 or 1, where d leads
    room = (wall - x).abs()
    speed = d.abs()
    t = _time_l2(speed, room, size) if norm == "l2" else _time_linf(speed, room, size)
    t = t.clamp(max=torch.finfo(x.dtype).max).to(x.dtype)  # a speed of zero times infinity is not a number
    travel = torch.minimum(t[:, None] * speed, room)
    return _shrink((x + torch.copysign(travel, d)).clamp(0, 1), x, size, norm)


def _time_l2(speed: torch.Tensor, room: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Time at which the point that moves with these speeds until it meets the walls is ``size`` away.

    With s = t^2, the squared distance sum(min(s speed^2, room^2)) is concave, increasing and piecewise linear, so
    Newton's method from below climbs monotonically and ends exactly, in as many steps as sets of walls are met.
    """
    speed2, room2 = speed.square(), room.square()
    target = size.square()
    s = target / speed2.sum(dim=1).to(torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
    moving = None
    for _ in range(speed.shape[1] + 1):
        s = s.clamp(max=torch.finfo(speed.dtype).max)
        travelled2 = s.to(speed.dtype)[:, None] * speed2
        # Masks are multiplied as numbers: torch.where costs twenty times as much here.
        free = (torch.gt(room2, travelled2, out=torch.empty_like(speed2)) * speed2).sum(dim=1)
        if moving is not None and torch.equal(free, moving):  # no further wall was met
            break
        moving = free
        missing = target - torch.minimum(travelled2, room2).sum(dim=1).to(torch.float64)
        s = torch.where(free > 0, s + (missing / free).clamp(min=0), torch.inf)
    return s.sqrt()


def _time_linf(speed: torch.Tensor, room: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    able = torch.where(room.to(torch.float64) >= size[:, None], speed, 0.0)  # pixels that can travel so far
    fastest = able.amax(dim=1).to(torch.float64)
    return torch.where(fastest > 0, size / fastest, torch.inf)


def _shrink(points: torch.Tensor, clean: torch.Tensor, radius: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Undo what rounding to the images' dtype added to the norm, by rounding toward the clean image instead."""
    delta = points - clean
    over = (delta.abs().amax(dim=1) if norm == "linf" else _length(delta)) > radius * (1 + _SLACK)
    if not over.any():
        return points
    x, limit = clean[over], radius[over][:, None]
    delta = points[over].to(torch.float64) - x.to(torch.float64)
    length = torch.linalg.vector_norm(delta, dim=1, keepdim=True)
    wanted = delta.clamp(-limit, limit) if norm == "linf" else delta * (limit / length).clamp(max=1)
    exact = x.to(torch.float64) + wanted
    rounded = exact.to(x.dtype)
    too_far = (rounded.to(torch.float64) - x).abs() > wanted.abs()
    points = points.clone()
    points[over] = torch.where(too_far, torch.nextafter(rounded, x), rounded)
    return points
