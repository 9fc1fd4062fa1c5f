"""Gathers what came of a target's cells, which are searched in the company of others, until the target is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .attacked import AttackedTarget
from .convergence import worst

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .first_pass import Seen
    from .items import Task

__all__ = ["Gathered"]


class Gathered:
    """One target, filled cell by cell.

    Parameters
    ----------
    task : Task
    target : int
        Which of the task's targets.
    """

    def __init__(self, task: Task, target: int) -> None:
        self._task, self._target = task, task.targets[target]
        grid = task.grid
        radii, count, units = len(grid.epsilons), len(grid.stimulus_ids), len(grid.model.units)
        self.missing = count
        self._responses = np.empty((radii, count, units))
        self._choices = None if grid.clean_choice is None else np.empty((radii, count), dtype=np.intp)
        self._achieved = np.zeros((radii, count))
        self._status = np.empty(count, dtype="<U13")
        aimed = self._target.unit >= 0
        self._directed = np.empty((len(task.directions), radii, count)) if aimed else None
        kept = (radii, *grid.clean.shape) if self._target.keep_images else None
        self._images = None if kept is None else torch.empty(kept, dtype=grid.clean.dtype)
        self._minimal = np.full(count, np.inf) if task.minimal else None
        self._nearest = grid.clean.cpu().clone() if task.minimal and self._target.keep_images else None
        self.passed = np.zeros(2)

    def fill_dead(self, seen: Seen) -> None:
        """A cell that has nothing to search stays as it is."""
        grid, row = self._task.grid, seen.cell.stimulus
        self._responses[:, row] = grid.clean_responses[row]
        if self._choices is not None and grid.clean_choice is not None:
            self._choices[:, row] = grid.clean_choice[row]
        self._status[row] = "dead"
        if self._directed is not None:
            self._directed[:, :, row] = grid.clean_responses[row, self._target.unit]
        if self._images is not None:
            self._images[:, row] = grid.clean[row].cpu()
        self.missing -= 1

    def fill(
        self,
        row: int,
        *,
        responses: NDArray[np.float64],
        choices: NDArray[np.intp] | None,
        achieved: NDArray[np.float64],
        status: NDArray[np.str_],
        directed: NDArray[np.float64] | None,
        images: torch.Tensor | None,
        minimal: float | None = None,
        nearest: torch.Tensor | None = None,
    ) -> None:
        """Fill one stimulus: responses (epsilon, unit), achieved (epsilon,), directed (direction, epsilon) ..."""
        self._responses[:, row] = responses
        if self._choices is not None and choices is not None:
            self._choices[:, row] = choices
        self._achieved[:, row] = achieved
        self._status[row] = worst(status)
        if self._directed is not None and directed is not None:
            self._directed[:, :, row] = directed
        if self._images is not None and images is not None:
            self._images[:, row] = images.cpu()
        if self._minimal is not None and minimal is not None:
            self._minimal[row] = minimal
        if self._nearest is not None and nearest is not None:
            self._nearest[row] = nearest.cpu()
        self.missing -= 1

    def whole(self) -> AttackedTarget:
        """Return the target, all cells of which are filled."""
        return AttackedTarget(
            attack=self._task.attack_name,
            objective=self._task.objective_name,
            target=self._target.name,
            unit=self._target.unit,
            responses=self._responses,
            choices=self._choices,
            achieved=self._achieved,
            status=self._status,
            directions=self._task.directions,
            directed=self._directed,
            images=self._images,
            minimal=self._minimal,
            nearest=self._nearest,
            forward_rows=round(self.passed[0]),
            backward_rows=round(self.passed[1]),
        )
