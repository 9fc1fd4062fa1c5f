"""How much a longer search would have gained, on a seeded sample of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.noise import ItemNoise, generator

from .attacked import call, labels_of
from .budget import enforce
from .first_pass import look
from .items import Cell, Target, Task, bind, keys_of
from .minimal import search_smallest
from .pasting import pasted
from .polish import mended

if TYPE_CHECKING:
    from spikeproof.types import Attack, MinimalAttack, Objective

    from .grid import Grid

__all__ = ["LongerSearch", "longer_searches"]

TRIED = 4
"""Items that are looked at for each one wanted: dead ones are passed over."""


@dataclass(frozen=True, kw_only=True)
class LongerSearch:
    """One item, searched as in the study and longer, at the largest epsilon.

    Parameters
    ----------
    target, stimulus, direction : str
    gained, gained_longer : float
        By how much each search raised the objective, on the user's model; for the smallest perturbation, 1 / norm. The
        longer one counts what the other found too, so it is never below.
    """

    target: str
    stimulus: str
    direction: str
    gained: float
    gained_longer: float

    @property
    def share(self) -> float:
        """Part of the longer search's gain that the study's search reached; 1 where neither gained anything."""
        return self.gained / self.gained_longer if self.gained_longer > 0 else 1.0


def longer_searches(
    grid: Grid,
    attack: Attack | MinimalAttack,
    longer: Attack | MinimalAttack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    targets: Sequence[Target],
    count: int,
    gradients: bool = True,
    local: bool = False,
    exact: bool = False,
    minimal: bool = False,
) -> list[LongerSearch]:
    """Search a seeded sample of items again, as in the study and longer.

    Parameters
    ----------
    grid : Grid
    attack, longer : Attack
        The study's, and the same with more effort.
    attack_name, objective_name : str
    objective : Objective
    decision, gradients, local, exact, minimal : bool
        See ``attack_targets``.
    targets : sequence of Target
    count : int
        How many items that are not dead are wanted.
    """
    task = Task(
        grid=grid.at(grid.epsilons[-1:]),
        attack=attack,
        attack_name=attack_name,
        objective=objective,
        objective_name=objective_name,
        decision=decision,
        local=local,
        exact=exact,
        gradients=gradients,
        targets=tuple(targets),
        minimal=minimal,
    )
    ways = len(task.directions)
    total = len(targets) * len(grid.stimulus_ids) * ways
    draws = generator(grid.seed, "longer", attack_name, objective_name).permutation(total)[: TRIED * count]
    live: list[tuple[Cell, int]] = []
    for draw in draws.tolist():
        if len(live) == count:
            break
        place, way = divmod(draw, ways)
        cell = Cell(*divmod(place, len(grid.stimulus_ids)))
        if look(task, [cell])[0].status[way] != "dead":
            live.append((cell, way))
    live.sort(key=lambda item: (item[0].target, item[0].stimulus, item[1]))
    found: list[LongerSearch] = []
    for _, together in groupby(live, key=lambda item: task.views[item[0].target].signature):
        for part in task.grid.budget.solved(lambda some: list(_searched(task, longer, some)), list(together)):
            found += part
    return found


def _searched(task: Task, longer: Attack | MinimalAttack, items: Sequence[tuple[Cell, int]]) -> Iterator[LongerSearch]:
    ways = len(task.directions)
    cells = [cell for cell, _ in items]
    only = np.array([row * ways + way for row, (_, way) in enumerate(items)])
    everything = keys_of(task, cells)
    keys = [everything[item] for item in only]
    if task.minimal:
        first, second = (
            search_smallest(one, cells, None).minimal[only] for one in (task, replace(task, attack=longer))
        )
        gains = [1 / np.maximum(size, np.finfo(float).tiny) for size in (first, np.minimum(first, second))]
        yield from (
            LongerSearch(
                target=task.targets[cell.target].name,
                stimulus=task.grid.stimulus_ids[cell.stimulus],
                direction=task.directions[way],
                gained=float(gains[0][row]),
                gained_longer=float(gains[1][row]),
            )
            for row, (cell, way) in enumerate(items)
        )
        return
    own = bind(task, cells, only=only, user=True)
    clean, short, long = (
        own(images).double().cpu().numpy()
        for images in (
            own.clean,
            _end(task, cells, only, keys),
            _end(replace(task, attack=longer), cells, only, keys),
        )
    )
    for row, (cell, way) in enumerate(items):
        yield LongerSearch(
            target=task.targets[cell.target].name,
            stimulus=task.grid.stimulus_ids[cell.stimulus],
            direction=task.directions[way],
            gained=float(max(short[row] - clean[row], 0.0)),
            gained_longer=float(max(short[row] - clean[row], long[row] - clean[row], 0.0)),
        )


def _end(
    task: Task,
    cells: Sequence[Cell],
    only: np.ndarray[tuple[int], np.dtype[np.intp]],
    keys: list[tuple[str | int, ...]],
) -> torch.Tensor:
    """Where a search ends, as whole images (item, channel, y, x)."""
    grid = task.grid
    bound = bind(task, cells, only=only)
    noise = ItemNoise(grid.seed, keys)
    who = f"{task.who(cells)}, searched again"
    radii = grid.radii.to(bound.clean.dtype)
    found = call(who, lambda: task.attack(bound, bound.clean.clone(), radii, grid.norm, noise))
    limits = grid.radii[:, None].expand(-1, len(bound))
    labels = labels_of([str(key[3]) for key in keys])
    images = enforce(found, bound.clean, limits, grid.norm, who=who, names=labels)[0]
    if task.polished:
        images = mended(task, cells, bound, images, keys, only=only)
    asked = [cells[item // len(task.directions)] for item in only.tolist()]
    views = [task.views[cell.target] for cell in asked]
    return pasted(grid, views, [cell.stimulus for cell in asked], images)[0]
