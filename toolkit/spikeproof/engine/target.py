"""Attacks targets: units one by one, or a whole population or behaviour, at every attacked stimulus and epsilon."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from spikeproof.noise import ItemNoise

from .attacked import AttackedTarget, call, labels_of, read_perturbed
from .budget import enforce
from .convergence import at_bound, course
from .first_pass import Seen, look
from .fragile import back_to_clean
from .gathered import Gathered
from .items import Cell, Target, Task, bind, keys_of
from .minimal import search_smallest
from .pasting import pasted
from .polish import mended

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from spikeproof.types import Attack, MinimalAttack, Objective

    from .grid import Grid

__all__ = ["attack_target", "attack_targets", "first_of_largest", "moved_by", "take"]

T = TypeVar("T")

TIE = 1e-5
"""Relative difference below which two directions moved the target equally."""


def attack_target(
    grid: Grid,
    attack: Attack | MinimalAttack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    unit: int,
    target: str,
    gradients: bool = True,
    keep_images: bool = False,
    local: bool = False,
    minimal: bool = False,
) -> AttackedTarget:
    """Attack one target at every stimulus of the grid; see :func:`attack_targets`."""
    return next(
        attack_targets(
            grid,
            attack,
            attack_name,
            objective,
            objective_name,
            decision=decision,
            targets=[Target(unit=unit, name=target, keep_images=keep_images)],
            gradients=gradients,
            local=local,
            minimal=minimal,
        )
    )


def attack_targets(
    grid: Grid,
    attack: Attack | MinimalAttack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    targets: Sequence[Target],
    gradients: bool = True,
    local: bool = False,
    minimal: bool = False,
    exact: bool = False,
) -> Iterator[AttackedTarget]:
    """Attack several targets at every stimulus of the grid, in batches that they share; yield them one by one.

    An item is one (target, stimulus, direction); its random numbers are its own, and all its epsilons are solved in
    one call, so results depend on neither ``grid.batch`` nor on which other targets and stimuli are attacked, beyond
    floating-point rounding. A first pass takes every item's gradient at the clean image, which the attack is given, and
    finds the dead ones, which are not searched. Only what is in work is held: one batch, and the targets that are not
    whole yet.

    Where the objective has several directions, the one that moved the target more is kept for each epsilon and
    stimulus: by the target unit's response, or by the population distance (the decision values) if none is aimed at.

    Parameters
    ----------
    grid : Grid
    attack : Attack or MinimalAttack
    attack_name : str
    objective : Objective
    objective_name : str
    decision : bool
        Whether the objective reads decision values.
    targets : sequence of Target
    gradients : bool
        Whether the attack needs gradients; if not, their status is not looked into.
    local : bool
        Whether the objective reads nothing but the target unit, so that its dependency cone is enough.
    minimal : bool
        Whether the attack looks for the smallest perturbation. What is left of it inside each ball stands for the
        epsilons.
    exact : bool
        Whether the whole search is made in float32: low precision, and the steps that mend it, would lead an attack
        away that pursues something of its own.

    Raises
    ------
    AttackError
        If the attack fails, or leaves its ball, the box or the finite numbers.
    ModelError
        If a response to a perturbed image is not finite, or no gradient exists.
    SpikeproofError
        If memory runs out with a single image in a pass.
    """
    task = Task(
        grid=grid,
        attack=attack,
        attack_name=attack_name,
        objective=objective,
        objective_name=objective_name,
        decision=decision,
        local=local,
        gradients=gradients,
        targets=tuple(targets),
        minimal=minimal,
        exact=exact,
    )
    for _, together in groupby(range(len(targets)), key=lambda target: task.views[target].signature):
        yield from _together(task, list(together))


def _together(task: Task, targets: list[int]) -> Iterator[AttackedTarget]:
    """Targets that share a view."""
    grid, ways = task.grid, len(task.directions)
    cells = deque(Cell(target, row) for target in targets for row in range(len(grid.stimulus_ids)))
    waiting: deque[Seen] = deque()
    unfinished = deque((target, Gathered(task, target)) for target in targets[:1])
    begun = dict(unfinished)
    later = deque(targets[1:])

    def of(cell: Cell) -> Gathered:
        while cell.target not in begun:  # targets are begun in order, when their first cell is seen
            target = later.popleft()
            begun[target] = Gathered(task, target)
            unfinished.append((target, begun[target]))
        return begun[cell.target]

    while cells or waiting:
        enough = max(1, grid.budget.rows // ((1 if task.minimal else len(grid.epsilons)) * ways))
        if cells and len(waiting) < enough:
            block = [cells.popleft() for _ in range(min(len(cells), max(1, grid.budget.rows // ways)))]
            for found in grid.budget.solved(lambda some: _counted(task, of, some, look(task, some)), block):
                for seen in found:
                    if seen.dead:
                        of(seen.cell).fill_dead(seen)
                    else:
                        of(seen.cell)
                        waiting.append(seen)
        else:
            chunk = [waiting.popleft() for _ in range(min(len(waiting), enough))]
            for _ in grid.budget.solved(lambda some: _solve(task, some, of), chunk):
                pass
        while unfinished and not unfinished[0][1].missing:
            target, whole = unfinished.popleft()
            del begun[target]
            yield whole.whole()


def _counted(task: Task, of: Callable[[Cell], Gathered], cells: Sequence[Cell], result: T) -> T:
    """Share what passed the model since the last time out among these cells' targets."""
    share = np.array(task.passed) / len(cells)
    task.passed[:] = 0, 0
    for cell in cells:
        of(cell).passed += share
    return result


def _solve(task: Task, seen: Sequence[Seen], of: Callable[[Cell], Gathered]) -> None:
    """Search one batch of cells and fill their targets."""
    grid, cells, ways = task.grid, [one.cell for one in seen], len(task.directions)
    stimuli = np.array([cell.stimulus for cell in cells], dtype=np.intp)
    rows = stimuli.repeat(ways)
    smallest = None
    if task.minimal:
        smallest = search_smallest(task, cells, _first(seen))
        images, achieved = smallest.images, smallest.achieved
        before = np.array([one.status for one in seen], dtype="<U13").reshape(-1)
        status = np.where(before == "ok", smallest.status, before)
    else:
        images, achieved, status = _search_balls(task, seen, rows)
    images, achieved, status = back_to_clean(grid, images, achieved, rows, status, unseen=task.minimal)
    split = (len(grid.epsilons), len(cells), ways)
    responses, logits = read_perturbed(grid, images, [grid.stimulus_ids[row] for row in rows])
    task.passed[0] += len(responses)
    responses = responses.reshape(*split, -1)
    scores = None if logits is None else logits.reshape(*split, -1)
    units = np.array([task.targets[cell.target].unit for cell in cells])
    kept = np.zeros(responses.shape[:2], dtype=np.intp)
    if ways > 1:
        kept = first_of_largest(moved_by(grid, responses, scores, stimuli, units, decision=task.decision))
        if smallest is not None:
            kept = smallest.kept(kept, grid.epsilons, ways)
    responses_kept = take(responses, kept)
    choices = grid.choices(responses_kept, None if scores is None else take(scores, kept), stimuli)
    achieved_kept = take(achieved.cpu().numpy().reshape(split), kept)
    whole = images.reshape(*split, *images.shape[2:])
    epsilon = torch.arange(len(grid.epsilons))
    _counted(task, of, cells, None)
    for row, cell in enumerate(cells):
        target = task.targets[cell.target]
        item = None if smallest is None else smallest.nearer(row * ways, ways)
        of(cell).fill(
            cell.stimulus,
            responses=responses_kept[:, row],
            choices=None if choices is None else choices[:, row],
            achieved=achieved_kept[:, row],
            status=status[row * ways : (row + 1) * ways] if item is None else status[[item]],
            directed=responses[:, row, :, target.unit].T if target.unit >= 0 else None,
            images=whole[epsilon, row, torch.as_tensor(kept[:, row])] if target.keep_images else None,
            minimal=None if smallest is None or item is None else float(smallest.minimal[item]),
            nearest=None if smallest is None or item is None else smallest.nearest[item],
        )


def _search_balls(
    task: Task, seen: Sequence[Seen], rows: NDArray[np.intp]
) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.str_]]:
    """Whole images (epsilon, item, ...), their norms (epsilon, item), and how each search went, (item,)."""
    grid, cells, ways = task.grid, [one.cell for one in seen], len(task.directions)
    keys, who = keys_of(task, cells), task.who(cells)
    first = _first(seen)
    bound = bind(task, cells, first=first)
    found = call(
        who,
        lambda: task.attack(
            bound, bound.clean.clone(), grid.radii.to(bound.clean.dtype), grid.norm, ItemNoise(grid.seed, keys)
        ),
    )
    limits = grid.radii[:, None].expand(-1, len(rows))
    labels = labels_of([grid.stimulus_ids[row] for row in rows])
    images, achieved = enforce(found, bound.clean, limits, grid.norm, who=who, names=labels)
    failed = bound.not_finite
    if task.polished:
        images, achieved = enforce(
            mended(task, cells, bound, images, keys), bound.clean, limits, grid.norm, who=who, names=labels
        )
    task.count(bound)
    status = np.array([one.status for one in seen], dtype="<U13").reshape(-1)
    if first is not None:
        open_ = status == "ok"
        # Where no ball binds it, a search comes from afar, and its course begins where it began.
        begun = bound.best[0] if grid.epsilons == (np.inf,) else first[0]
        status[open_] = course(bound.best, begun, bound.asked)[open_]
        stopped = at_bound(images[-1], bound.clean, achieved[-1], grid.epsilons[-1])
        status[stopped & np.isin(status, ("converged", "unconverged", "ok"))] = "at-bound"
    status[failed.cpu().numpy()] = "not-finite"
    views = [task.views[cell.target] for cell in cells for _ in range(ways)]
    return pasted(grid, views, rows.tolist(), images), achieved, status


def _first(seen: Sequence[Seen]) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Values and gradients of all items at their clean images; None where they were not taken."""
    values = [one.value for one in seen if one.value is not None]
    gradients = [one.gradient for one in seen if one.gradient is not None]
    return (torch.cat(values), torch.cat(gradients)) if values else None


def moved_by(
    grid: Grid,
    responses: NDArray[np.float64],
    scores: NDArray[np.float64] | None,
    stimuli: NDArray[np.intp],
    units: NDArray[np.intp],
    *,
    decision: bool,
) -> NDArray[np.float64]:
    """How far each direction moved its target, (epsilon, cell, direction).

    Of responses (epsilon, cell, direction, unit) and class scores (epsilon, cell, direction, class): by the target
    unit's response, or by the population distance (the decision values) if none is aimed at.
    """
    change = responses - grid.clean_responses[stimuli][:, None]
    if units[0] >= 0:
        return np.abs(np.take_along_axis(change, units[None, :, None, None], axis=-1)[..., 0])
    if decision and scores is not None and grid.clean_logits is not None:
        return np.asarray(np.linalg.norm(scores - grid.clean_logits[stimuli][:, None], axis=-1))
    if decision and grid.readout is not None:
        names = [grid.stimulus_ids[row] for row in stimuli]
        before = grid.readout.decision(grid.clean_responses[stimuli], names)
        after = grid.readout.decision(responses.swapaxes(1, 2), names).swapaxes(1, 2)
        return np.asarray(np.linalg.norm(after - before[:, None], axis=-1))
    return np.asarray(np.linalg.norm(change if grid.whitening is None else change @ grid.whitening, axis=-1))


def first_of_largest(moved: NDArray[np.float64]) -> NDArray[np.intp]:
    """Direction that moved the target most, (...,), of (..., direction).

    The first of those that are equal up to rounding: a tie must not be settled by how rows were batched.
    """
    kept: NDArray[np.intp] = (moved >= moved.max(axis=-1, keepdims=True) * (1 - TIE)).argmax(axis=-1)
    return kept


def take(values: NDArray[np.float64], kept: NDArray[np.intp]) -> NDArray[np.float64]:
    """Entries (epsilon, cell, ...) of values (epsilon, cell, direction, ...)."""
    index = kept.reshape(*kept.shape, 1, *[1] * (values.ndim - 3))
    return np.take_along_axis(values, index, axis=2)[:, :, 0]
