"""The last steps of a search that ran in low precision, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from spikeproof.geometry import ascent_direction, project

if TYPE_CHECKING:
    from .grid import Grid
    from .objective import BoundObjective

__all__ = ["polish"]

STEPS = tuple(0.25 * 0.5**step for step in range(5))
"""Lengths in units of epsilon: the search ended near a maximum already, of a slightly different function."""


def polish(bound: BoundObjective, grid: Grid, images: torch.Tensor) -> torch.Tensor:
    """Climb on from perturbed images and return the best points, judged in float32.

    Parameters
    ----------
    bound : BoundObjective
        The items, in float32.
    grid : Grid
    images : torch.Tensor, (epsilon, item, channel, y, x)
        Inside their balls and the box.

    Returns
    -------
    torch.Tensor, (epsilon, item, channel, y, x)
        Never below what came in, by the objective in float32.
    """
    count = len(images)
    clean = bound.clean.repeat(count, *[1] * (bound.clean.ndim - 1))
    items = torch.arange(len(bound), device=clean.device).repeat(count)
    radius = grid.radii.repeat_interleave(len(bound))
    length = radius.to(clean.dtype).view(-1, *[1] * (clean.ndim - 1))
    points = images.flatten(0, 1)
    best = points.clone()
    reached, slope = bound.value_and_gradient(points, items)
    for number, step in enumerate(STEPS, start=1):
        points = project(points + step * length * ascent_direction(slope, grid.norm)[0], clean, radius, grid.norm)
        if number < len(STEPS):
            value, slope = bound.value_and_gradient(points, items)
        else:
            value = bound(points, items)
        better = value > reached
        reached = torch.where(better, value, reached)
        best[better] = points[better]
    return best.reshape(images.shape)
