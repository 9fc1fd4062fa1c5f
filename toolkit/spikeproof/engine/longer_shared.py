"""How much a longer search would have gained where all stimuli share a perturbation, on a seeded sample of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from spikeproof.noise import generator

from .items import Target, Task, bind
from .longer import TRIED, LongerSearch
from .shared import ALL_STIMULI, begun, live_of, searched_canvases, shared_by

if TYPE_CHECKING:
    from spikeproof.types import Attack, Objective

    from .grid import Grid

__all__ = ["longer_shared_searches"]


def longer_shared_searches(
    grid: Grid,
    attack: Attack,
    longer: Attack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    targets: Sequence[Target],
    count: int,
) -> list[LongerSearch]:
    """Search a seeded sample of targets again at the largest epsilon, as in the study and longer.

    Parameters
    ----------
    grid : Grid
    attack, longer : Attack
        The study's, and the same with more effort.
    attack_name, objective_name : str
    objective : Objective
    decision : bool
        See ``share_targets``.
    targets : sequence of Target
    count : int
        How many are wanted, of one direction each, where the target is not dead at every stimulus.

    Returns
    -------
    list of LongerSearch
        Gains are of the mean over stimuli.
    """
    task = Task(
        grid=grid.at(grid.epsilons[-1:]),
        attack=attack,
        attack_name=attack_name,
        objective=objective,
        objective_name=objective_name,
        decision=decision,
        local=False,
        gradients=True,
        targets=tuple(targets),
    )
    ways = len(task.directions)
    draws = generator(grid.seed, "longer", attack_name, objective_name).permutation(len(targets) * ways)
    found: list[LongerSearch] = []
    for draw in draws[: TRIED * count].tolist():
        if len(found) == count:
            break
        number, way = divmod(draw, ways)
        for some in task.grid.budget.solved(lambda one: _searched(task, longer, *one[0]), [(number, way)]):
            found += some
    return sorted(found, key=lambda one: ([target.name for target in targets].index(one.target), one.direction))


def _searched(task: Task, longer: Attack, number: int, way: int) -> list[LongerSearch]:
    """What both searches gained; nothing where the target is dead at every stimulus."""
    cells, status = begun(task, number)
    live = live_of(status)
    if not live[:, way].any():
        return []
    target, who = task.targets[number], f"{task.who(cells[:1])}, searched again"
    on_users = shared_by(task, bind(task, cells, user=True), live)
    clean = float(on_users(on_users.canvas)[way])
    reached = []
    for one in (task, replace(task, attack=longer)):
        canvases = searched_canvases(one, shared_by(one, bind(one, cells, exact=True), live), target, who)[0]
        reached.append(float(on_users(canvases[-1])[way]) - clean)
    return [
        LongerSearch(
            target=target.name,
            stimulus=ALL_STIMULI,
            direction=task.directions[way],
            gained=max(reached[0], 0.0),
            gained_longer=max(*reached, 0.0),
        )
    ]
