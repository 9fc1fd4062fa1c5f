"""The first look at every item: its value and gradient at the clean image, and whether there is anything to search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .gradients import SEARCHES, gradient_status, stationary
from .items import Cell, bind, keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .items import Task

__all__ = ["Seen", "look"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the first pass saw of one cell.

    Parameters
    ----------
    cell : Cell
    status : tuple of str
        Of each direction: ``"ok"``, ``"zero-gradient"``, ``"masked"``, ``"not-finite"`` or ``"dead"``.
    value : torch.Tensor, (direction,), optional
    gradient : torch.Tensor, (direction, channel, y, x), optional
        At the clean image, so that no search needs to ask again; None where the attack needs no gradients.
    """

    cell: Cell
    status: tuple[str, ...]
    value: torch.Tensor | None = None
    gradient: torch.Tensor | None = None

    @property
    def dead(self) -> bool:
        """Whether no direction has anything to search."""
        return all(status == "dead" for status in self.status)


def look(task: Task, cells: Sequence[Cell]) -> list[Seen]:
    """Look at cells whose targets share a view.

    Gradients, and what it means where they are zero, are taken in float32 on what the search runs on, which was
    compared with the user's model: on the whole of that, the dead items would cost as much as a search of the others.
    """
    ways = len(task.directions)
    if not task.gradients:
        return [Seen(cell=cell, status=("ok",) * ways) for cell in cells]
    bound = bind(task, cells, exact=True)
    value, gradient = bound.value_and_gradient(bound.clean)
    status = np.full(len(bound), "ok", dtype="<U13")
    flat = stationary(gradient).nonzero()[:, 0].cpu().numpy()
    size = max(1, task.grid.budget.rows // (SEARCHES // 2))  # each asks for 16 images around it
    keys = keys_of(task, cells)
    for start in range(0, len(flat), size):
        some = flat[start : start + size]
        own = bind(task, cells, only=some, exact=True)
        status[some] = gradient_status(own, task.grid, [keys[item] for item in some])
        status[some[own.not_finite.cpu().numpy()]] = "not-finite"  # around the clean image, though not at it
        task.count(own)
    status[bound.not_finite.cpu().numpy()] = "not-finite"
    task.count(bound)
    return [
        Seen(
            cell=cell,
            status=tuple(status[row * ways : (row + 1) * ways].tolist()),
            value=value[row * ways : (row + 1) * ways],
            gradient=gradient[row * ways : (row + 1) * ways],
        )
        for row, cell in enumerate(cells)
    ]
