"""The box of pixel values, and what rounding does at the border of a ball."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from spikeproof.plugin import Norm

__all__ = ["SLACK", "Bound", "Box", "length", "per_item", "rows_of", "shrink"]

Bound = torch.Tensor | float
"""Least or largest pixel value: a number, or a tensor that broadcasts against the images."""

SLACK = 5e-7
"""Relative excess of a radius that counts as rounding; float32 sums (cascaded in torch) add up to 2e-7 to it."""


@dataclass(frozen=True, slots=True)
class Box:
    """Least and largest values, as numbers or as rows (item, pixel)."""

    low: Bound
    high: Bound

    @classmethod
    def around(cls, clean: torch.Tensor, low: Bound, high: Bound) -> Box:
        """Bounds in the rows of these images."""
        if not isinstance(low, torch.Tensor) and not isinstance(high, torch.Tensor):
            return cls(low, high)

        def rows(bound: Bound) -> torch.Tensor:
            return rows_of(torch.as_tensor(bound, dtype=clean.dtype, device=clean.device).expand(clean.shape))

        return cls(rows(low), rows(high))

    def clip(self, points: torch.Tensor) -> torch.Tensor:
        """Nearest points of the box."""
        return points.clamp(self.low, self.high)  # type: ignore[arg-type]  # both numbers, or both tensors

    def room(self, points: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """How far each pixel is from the wall that its direction leads to; zero directions count as positive."""
        unit = not isinstance(self.low, torch.Tensor) and (self.low, self.high) == (0, 1)
        if unit:  # as below, twenty times as fast
            half = torch.full((), 0.5, dtype=points.dtype, device=points.device)
            return (torch.copysign(half, direction) + 0.5 - points).abs()
        return torch.where(torch.signbit(direction), points - self.low, self.high - points).clamp(min=0)

    def pick(self, rows: torch.Tensor) -> Box:
        """The box of some of the rows."""

        def some(bound: Bound) -> Bound:
            return bound[rows] if isinstance(bound, torch.Tensor) else bound

        return Box(some(self.low), some(self.high))


def rows_of(images: torch.Tensor) -> torch.Tensor:
    """Images as rows, (item, pixel)."""
    return images.reshape(len(images), math.prod(images.shape[1:]))  # -1 would fail where there are no items


def per_item(value: torch.Tensor | float, like: torch.Tensor) -> torch.Tensor:
    """A number for each item, in float64."""
    return torch.as_tensor(value, dtype=torch.float64, device=like.device).expand(len(like))


def length(delta: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Norm of each row in float64, fast, for perturbations of the size of pixels."""
    if norm == "linf":
        return delta.abs().amax(dim=1).to(torch.float64)
    if norm == "l1":
        return delta.abs().sum(dim=1).to(torch.float64)
    return delta.square().sum(dim=1).to(torch.float64).sqrt()


def shrink(points: torch.Tensor, clean: torch.Tensor, radius: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Undo what rounding to the images' dtype added to the norm, by rounding toward the clean image instead."""
    over = length(points - clean, norm) > radius * (1 + SLACK)
    if not over.any():
        return points
    x, limit = clean[over], radius[over][:, None]
    delta = points[over].to(torch.float64) - x.to(torch.float64)
    if norm == "linf":
        wanted = delta.clamp(-limit, limit)
    else:
        long = torch.linalg.vector_norm(delta, ord=1 if norm == "l1" else 2, dim=1, keepdim=True)
        wanted = delta * (limit / long).clamp(max=1)
    exact = x.to(torch.float64) + wanted
    rounded = exact.to(x.dtype)
    too_far = (rounded.to(torch.float64) - x).abs() > wanted.abs()
    points = points.clone()
    points[over] = torch.where(too_far, torch.nextafter(rounded, x), rounded)
    return points
