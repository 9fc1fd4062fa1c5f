"""Neighbouring epsilons try each other's best perturbation, so that none stays in a valley that another has left."""

from __future__ import annotations

import torch

from .rows import Rows

__all__ = ["exchanged"]

AHEAD = 1.1
"""How many times a row's own gain a neighbour's must promise, and give: less is what the next step gains anyway."""


def exchanged(rows: Rows, points: torch.Tensor) -> torch.Tensor:
    """Put the best perturbation of the next smaller or larger ball, scaled to their own, where rows lag behind it.

    A row is tried where its neighbour's gain, in proportion to epsilon, would be a tenth above its own, and goes there
    where it is.

    Parameters
    ----------
    rows : Rows
        Begun at the clean images; where they were not, nothing is lent.
    points : torch.Tensor, (row, ...)
        Where the rows would go next.

    Returns
    -------
    torch.Tensor, (row, ...)
        What was lent, where it is better; ``points`` elsewhere.
    """
    if rows.at_clean is None:
        return points
    points, gain = points.clone(), rows.value - rows.at_clean
    shape = (rows.count, len(rows.own))
    for neighbour in (-1, 1):
        beside = torch.arange(rows.count, device=gain.device) + neighbour
        there = (beside >= 0) & (beside < rows.count) & (rows.radii > 0)
        beside = beside.clamp(0, rows.count - 1)
        ratio = torch.where(there & (rows.radii[beside] > 0), rows.radii / rows.radii[beside], 0.0)
        own = (rows.value - rows.at_clean).reshape(shape)
        promised = own[beside] * ratio[:, None]
        index = (promised > AHEAD * gain.reshape(shape)).flatten().nonzero()[:, 0]
        if not len(index):
            continue
        lender = beside.repeat_interleave(shape[1])[index] * shape[1] + rows.items[index]
        scale = ratio.repeat_interleave(shape[1])[index].to(points.dtype).view(-1, *[1] * (points.ndim - 1))
        lent = rows.inside(rows.clean[index] + scale * (rows.best[lender] - rows.clean[index]), index)
        given = rows.objective(lent, rows.items[index]).to(gain.dtype) - rows.at_clean[index]
        better = given > AHEAD * gain[index]
        points[index[better]], gain[index[better]] = lent[better], given[better]
    return points
