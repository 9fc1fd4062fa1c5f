"""Neighbouring epsilons try each other's best perturbation, so that none stays in a valley that another has left."""

from __future__ import annotations

import torch

from .rows import Place, Rows

__all__ = ["exchanged"]


def exchanged(rows: Rows, place: Place) -> Place:
    """Move rows to the best perturbation of the next smaller or larger ball, scaled to their own, where it is better.

    It costs two forward passes, and gradients of the rows that move. Measured on 16 units x 16 images x 4 epsilons in
    10 steps: 3.7 % more on average, and the item farthest below a search of 20 constant steps at 11 % instead of 28 %.

    Parameters
    ----------
    rows : Rows
    place : Place
        Where the rows are.

    Returns
    -------
    Place
        Rows that moved are at their new best point, the others where they were.
    """
    for neighbour in (-1, 1):
        place = _tried(rows, place, neighbour)
    return place


def _tried(rows: Rows, place: Place, neighbour: int) -> Place:
    count, each = rows.count, len(rows.own)
    mine = torch.arange(max(0, -neighbour), count - max(0, neighbour), device=rows.own.device)
    mine = mine[(rows.radii[mine] > 0) & (rows.radii[mine + neighbour] > 0)]
    if not len(mine):
        return place
    ratio = (rows.radii[mine] / rows.radii[mine + neighbour]).to(rows.own.dtype)
    best = rows.best.reshape(count, *rows.own.shape)
    lent = rows.own + (best[mine + neighbour] - rows.own) * ratio.view(-1, *[1] * rows.own.ndim)
    index = (mine[:, None] * each + torch.arange(each, device=mine.device)).flatten()
    points = rows.inside(lent.flatten(0, 1), index)
    better = rows.objective(points, rows.items[index]) > rows.value[index]
    index, points = index[better], points[better]
    if not len(index):
        return place
    moved = place.copy()
    moved.points[index] = points
    moved.value[index], moved.slope[index] = rows.objective.value_and_gradient(points, rows.items[index])
    rows.keep(moved.value[index], points, index)
    return moved
