"""Projected gradient ascent with Barzilai and Borwein's steps: fast near optima, where fixed steps only circle."""

from __future__ import annotations

from collections import deque

import torch

from .rows import Place, Rows

__all__ = ["climb"]

_REMEMBERED = 8
"""A step may fall below the last value, but not below the lowest of so many."""
_SHORTER = 0.25
"""A step that fell too far is taken back and made so much shorter."""
_LONGER = 4.0
"""Where the slope did not fall along a step, the next is so much longer."""


def climb(rows: Rows, start: Place, steps: int, first: torch.Tensor) -> None:
    """Climb by spectral projected gradients (Birgin, Martinez and Raydan 2000, doi:10.1137/S1052623497330963).

    The step along the gradient is the reciprocal of the curvature that the last step met (Barzilai and Borwein 1988),
    s's / s'y and s'y / y'y in turn, with s the change of the point and y that of the slope. Each point is projected on
    the ball in the box; the search is not monotone, and the rows keep the best point.

    Parameters
    ----------
    rows : Rows
    start : Place
        Points of all rows, with values and gradients.
    steps : int
        Points that are asked about.
    first : torch.Tensor, (row,)
        L2 length of the first step, in pixel units.
    """
    place = start
    slope = place.slope.flatten(1).double()
    length = torch.linalg.vector_norm(slope, dim=1)
    size = torch.where(length > 0, first / length.clamp(min=torch.finfo(length.dtype).tiny), 0.0)
    lately = deque([place.value.double()], maxlen=_REMEMBERED)
    for step in range(1, steps + 1):
        wide = size.view(-1, *[1] * (place.points.ndim - 1))
        moved = (place.points.double() + wide * place.slope.double()).to(place.points.dtype)
        tried = rows.look(rows.inside(moved), last=step == steps)
        if step == steps:
            return
        taken = tried.value.double() >= torch.stack(tuple(lately)).amin(dim=0)
        s = (tried.points - place.points).flatten(1).double()
        y = (place.slope - tried.slope).flatten(1).double()
        curvature = (s * y).sum(dim=1)
        numerator, denominator = ((s * s).sum(dim=1), curvature) if step % 2 else (curvature, (y * y).sum(dim=1))
        falls = (curvature > 0) & (denominator > 0)
        best = torch.where(falls, numerator / torch.where(falls, denominator, 1.0), _LONGER * size)
        size = torch.where(taken, best, _SHORTER * size)
        place = place.where(taken, tried)
        lately.append(place.value.double())
