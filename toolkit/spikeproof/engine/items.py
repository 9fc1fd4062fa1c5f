"""Items: a target, a stimulus and a direction, bound to what the search runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from .objective import BoundObjective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.types import Objective

    from .grid import Grid
    from .models import View

__all__ = ["Cell", "Target", "Task", "bind", "keys_of"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is attacked.

    Parameters
    ----------
    unit : int
        Column of the target unit, -1 for none.
    name : str
    keep_images : bool
        Whether the perturbed images are returned (controls and examples need them).
    """

    unit: int
    name: str
    keep_images: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One target at one stimulus; an item for each direction."""

    target: int
    stimulus: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One attack of one objective on several targets; see ``attack_targets``.

    The attack is one of balls (``spikeproof.types.Attack``), or of the smallest perturbation (``MinimalAttack``).
    """

    grid: Grid
    attack: Callable[..., object]
    attack_name: str
    objective: Objective
    objective_name: str
    decision: bool
    local: bool
    gradients: bool
    targets: tuple[Target, ...]
    minimal: bool = False
    exact: bool = False
    passed: list[int] = field(default_factory=lambda: [0, 0])

    @cached_property
    def directions(self) -> tuple[str, ...]:
        """Directions that are solved apart."""
        return tuple(self.objective.directions())

    @cached_property
    def views(self) -> tuple[View, ...]:
        """How the search looks at each target."""
        return tuple(
            self.grid.models.view(target.unit, local=self.local and target.unit >= 0) for target in self.targets
        )

    @property
    def polished(self) -> bool:
        """Whether the search runs in low precision and ends with a few steps in float32."""
        return self.gradients and not self.exact and self.grid.models.fast is not self.grid.models.exact

    def who(self, cells: Sequence[Cell]) -> str:
        """How messages call these cells."""
        names = list(dict.fromkeys(self.targets[cell.target].name for cell in cells))
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        return f"attack {self.attack_name!r} on {self.objective_name} {names[0]!r}{more}"

    def count(self, bound: BoundObjective) -> None:
        """Add what passed the model."""
        self.passed[0] += bound.forward_rows
        self.passed[1] += bound.backward_rows


def keys_of(task: Task, cells: Sequence[Cell]) -> list[tuple[str | int, ...]]:
    """Key of each item's random numbers, cell by cell, direction by direction."""
    return [
        (
            task.attack_name,
            task.objective_name,
            task.targets[cell.target].name,
            task.grid.stimulus_ids[cell.stimulus],
            direction,
        )
        for cell in cells
        for direction in task.directions
    ]


def bind(
    task: Task,
    cells: Sequence[Cell],
    *,
    exact: bool = False,
    user: bool = False,
    only: NDArray[np.intp] | None = None,
    first: tuple[torch.Tensor, torch.Tensor] | None = None,
    watched: bool = False,
) -> BoundObjective:
    """Bind the objective to the items of cells, cell by cell, direction by direction.

    Parameters
    ----------
    task : Task
    cells : sequence of Cell
        Their targets share a view.
    exact : bool
        In float32.
    user : bool
        On the user's own model and whole images.
    only : numpy.ndarray of int, optional
        These items only.
    first : tuple of torch.Tensor, optional
        Values and gradients at the clean images.
    watched : bool
        Whether the smallest perturbations that reach the goal are written down.
    """
    ways = len(task.directions)
    rows = np.array([cell.stimulus for cell in cells], dtype=np.intp).repeat(ways)
    targets = np.array([cell.target for cell in cells], dtype=np.intp).repeat(ways)
    directions = np.tile(np.arange(ways), len(cells))
    if only is not None:
        rows, targets, directions = rows[only], targets[only], directions[only]
    view = task.views[cells[0].target]
    cropped = view.window is not None and not user
    model = task.grid.model if user else view.exact if exact or task.exact else view.fast
    return BoundObjective(
        task.grid,
        task.objective,
        task.objective_name,
        decision=task.decision,
        stimuli=rows,
        units=np.array([task.targets[target].unit for target in targets], dtype=np.intp),
        directions=directions,
        model=model,
        alone=[task.views[target] for target in targets] if cropped else None,
        first=first,
        watched=watched,
    )
