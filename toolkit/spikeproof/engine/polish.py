"""What a search in low precision leaves to float32: its last steps, and items that it did not move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from spikeproof.geometry import ascent_direction, project
from spikeproof.noise import ItemNoise

from .attacked import call, labels_of
from .budget import enforce
from .items import bind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .grid import Grid
    from .items import Cell, Task
    from .objective import BoundObjective

__all__ = ["mended", "polish"]

LENGTHS = tuple(0.2 * 0.5**step for step in range(5))
"""Steps in units of epsilon: the search ended near a maximum already, of a slightly different function."""
SHARE = 4
"""Passes of the search for one step in float32; at least one is made, and at most all of the above."""


def mended(
    task: Task,
    cells: Sequence[Cell],
    bound: BoundObjective,
    images: torch.Tensor,
    keys: Sequence[tuple[str | int, ...]],
    *,
    only: NDArray[np.intp] | None = None,
) -> torch.Tensor:
    """Polish what was found in low precision, and search in float32 where nothing was found.

    Low precision must not decide that an image cannot be improved: small responses vanish in it.

    Parameters
    ----------
    task : Task
    cells : sequence of Cell
    bound : BoundObjective
        The items as they were searched.
    images : torch.Tensor, (epsilon, item, channel, y, x)
        What the search found, inside its balls and the box.
    keys : sequence of tuple
        Key of each item's random numbers.
    only : numpy.ndarray of int, optional
        These items of the cells only.

    Returns
    -------
    torch.Tensor, (epsilon, item, channel, y, x)
        Never below what came in, by the objective in float32.

    Raises
    ------
    AttackError
        If the attack fails, or leaves its ball, the box or the finite numbers.
    """
    grid = task.grid
    exact = bind(task, cells, only=only, exact=True)
    passes = bound.backward_rows // max(1, len(grid.epsilons) * len(bound))
    better = polish(exact, grid, images, LENGTHS[: max(1, passes // SHARE)])
    task.count(exact)
    still = (images == exact.clean).flatten(2).all(dim=2)[grid.radii > 0].all(dim=0).nonzero()[:, 0].cpu().numpy()
    if len(still):
        again = bind(task, cells, only=still if only is None else only[still], exact=True)
        own = [keys[item] for item in still]
        who, radii, noise = task.who(cells), grid.radii.to(again.clean.dtype), ItemNoise(grid.seed, own)
        found = call(who, lambda: task.attack(again, again.clean.clone(), radii, grid.norm, noise))
        limits, names = grid.radii[:, None].expand(-1, len(still)), labels_of([str(key[3]) for key in own])
        better[:, still] = enforce(found, again.clean, limits, grid.norm, who=who, names=names)[0]
        task.count(again)
    return better


def polish(bound: BoundObjective, grid: Grid, images: torch.Tensor, lengths: Sequence[float]) -> torch.Tensor:
    """Climb on from perturbed images and return the best points, judged in float32.

    Parameters
    ----------
    bound : BoundObjective
        The items, in float32.
    grid : Grid
    images : torch.Tensor, (epsilon, item, channel, y, x)
        Inside their balls and the box.
    lengths : sequence of float
        Of the steps, in units of epsilon.

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
    for number, step in enumerate(lengths, start=1):
        points = project(points + step * length * ascent_direction(slope, grid.norm)[0], clean, radius, grid.norm)
        if number < len(lengths):
            value, slope = bound.value_and_gradient(points, items)
        else:
            value = bound(points, items)
        better = value > reached
        reached = torch.where(better, value, reached)
        best[better] = points[better]
    return best.reshape(images.shape)
