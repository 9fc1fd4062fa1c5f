"""The nearest point of a ball intersected with the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .box import SLACK, Bound, Box, length, per_item, rows_of, shrink
from .steps import walk

if TYPE_CHECKING:
    from spikeproof.plugin import Norm

__all__ = ["project"]

_MOST = 100
"""Iterations; halving alone needs 53 to reach the resolution of float64."""
_SPLIT = 4e-16
"""Relative width of a bracket of thresholds that float64 cannot halve again."""


def project(
    points: torch.Tensor,
    clean: torch.Tensor,
    radius: torch.Tensor | float,
    norm: Norm,
    *,
    low: Bound = 0.0,
    high: Bound = 1.0,
) -> torch.Tensor:
    """Nearest point (in L2) of the ball around the clean image, intersected with the box.

    From the Karush-Kuhn-Tucker conditions: for the L2 ball it is ``clip(clean + t * (points - clean))`` for the largest
    t <= 1 that stays in the ball (t = 1 / (1 + multiplier)); for the L1 ball every pixel's perturbation is shortened by
    the least threshold that leaves a sum of the radius, and then clipped; for the Linf ball the intersection is a box
    itself.

    Parameters
    ----------
    points : torch.Tensor, (item, ...)
        Finite.
    clean : torch.Tensor, (item, ...), in the box
    radius : torch.Tensor, (item,), or float
        Radius of each item's ball, in pixel units; 0 returns the clean image bit for bit.
    norm : {"l1", "l2", "linf"}
    low, high : float or torch.Tensor
        The box.

    Returns
    -------
    torch.Tensor, (item, ...)
        With the dtype of ``clean``. Points that are inside already come back unchanged.

    Examples
    --------
    >>> project(torch.tensor([[3.0, 0.5]]), torch.tensor([[0.5, 0.5]]), 0.25, "l2")
    tensor([[0.7500, 0.5000]])
    >>> project(torch.tensor([[0.9, 0.5, 0.2]]), torch.tensor([[0.3, 0.3, 0.3]]), 0.5, "l1")
    tensor([[0.7500, 0.3500, 0.3000]])
    """
    x, y = rows_of(clean), rows_of(points)
    limit, box = per_item(radius, x), Box.around(clean, low, high)
    clipped = box.clip(y.to(x.dtype))
    if norm == "linf":
        reach = limit[:, None].to(x.dtype)
        near = box.clip(torch.maximum(torch.minimum(clipped, x + reach), x - reach))
        return shrink(near, x, limit, norm).reshape(clean.shape)
    outside = length(clipped - x, norm) > limit * (1 + SLACK)
    if outside.any():
        rows = outside.nonzero()[:, 0]
        start, some = x[rows], box.pick(rows)
        d = y[rows].to(x.dtype) - start
        if norm == "l2":
            clipped[rows] = walk(start, d / d.abs().amax(dim=1)[:, None], limit[rows], norm, some)
        else:
            travel = _shortened(d.abs().to(torch.float64), some.room(start, d).to(torch.float64), limit[rows])
            near = some.clip(start + torch.copysign(travel.to(x.dtype), d))
            clipped[rows] = shrink(near, start, limit[rows], norm)
    return clipped.reshape(clean.shape)


def _shortened(far: torch.Tensor, room: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """``min(max(far - threshold, 0), room)`` for the threshold at which it sums to ``size``.

    The sum falls with the threshold, linearly between the thresholds at which a pixel comes to rest or leaves its wall.
    Newton's method lands on the root from any point of its piece; where it leaves the bracket, the bracket is halved.
    """
    low, high = torch.zeros_like(size), far.amax(dim=1)
    threshold = (torch.minimum(far, room).sum(dim=1) - size).clamp(min=0) / far.shape[1]
    for _ in range(_MOST):
        left = (far - threshold[:, None]).clamp(min=0)
        excess = torch.minimum(left, room).sum(dim=1) - size
        low = torch.where(excess > 0, threshold, low)
        high = torch.where(excess > 0, high, threshold)
        done = (excess.abs() <= 1e-13 * size) | (high - low <= _SPLIT * high)
        if done.all():
            break
        moving = ((left > 0) & (left < room)).sum(dim=1)
        newton = threshold + excess / moving  # not a number, or infinite, where nothing moves
        inside = (newton > low) & (newton < high)
        threshold = torch.where(done, threshold, torch.where(inside, newton, (low + high) / 2))
    travel = torch.minimum((far - threshold[:, None]).clamp(min=0), room)
    return torch.where(size[:, None] > 0, travel, 0.0)
