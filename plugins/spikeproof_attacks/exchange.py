"""Neighbouring epsilons try each other's best perturbation, so that none stays in a valley that another has left."""

from __future__ import annotations

import torch

from .rows import Rows

__all__ = ["exchanged"]


def exchanged(rows: Rows, points: torch.Tensor) -> torch.Tensor:
    """Put the best perturbation of the next smaller or larger ball, scaled to their own, where rows do better with it.

    It costs two forward passes whatever comes of it, so that the course of an item does not depend on the others.

    Parameters
    ----------
    rows : Rows
    points : torch.Tensor, (row, ...)
        Where the rows would go next.

    Returns
    -------
    torch.Tensor, (row, ...)
        What was lent, where it is better than a row's best so far; ``points`` elsewhere.
    """
    best = rows.value
    for neighbour in (-1, 1):
        lent, index = _lent(rows, neighbour)
        if not len(index):
            continue
        value = rows.objective(lent, rows.items[index]).to(best.dtype)
        better = value > best[index]
        taken = index[better]
        points, best = points.clone(), best.clone()
        points[taken], best[taken] = lent[better], value[better]
    return points


def _lent(rows: Rows, neighbour: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Best perturbations of neighbours, scaled, as images (row, ...), and the rows (row,) that they are lent to."""
    count, each = rows.count, len(rows.own)
    mine = torch.arange(max(0, -neighbour), count - max(0, neighbour), device=rows.own.device)
    mine = mine[(rows.radii[mine] > 0) & (rows.radii[mine + neighbour] > 0)]
    ratio = (rows.radii[mine] / rows.radii[mine + neighbour]).to(rows.own.dtype)
    best = rows.best.reshape(count, *rows.own.shape)
    lent = rows.own + (best[mine + neighbour] - rows.own) * ratio.view(-1, *[1] * rows.own.ndim)
    index = (mine[:, None] * each + torch.arange(each, device=mine.device)).flatten()
    return rows.inside(lent.flatten(0, 1), index), index
