"""One perturbation for all stimuli of a target: the mean of an objective, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from spikeproof.noise import ItemNoise

from .attacked import AttackedTarget, call, labels_of, read_perturbed
from .best_so_far import BestSoFar
from .budget import enforce
from .convergence import course, worst
from .first_pass import look
from .items import Cell, Target, Task, bind
from .target import first_of_largest, moved_by, take

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.types import Attack, ItemObjective, Objective

    from .grid import Grid
    from .objective import BoundObjective

__all__ = [
    "ALL_STIMULI",
    "SharedObjective",
    "begun",
    "live_of",
    "searched_canvases",
    "share_targets",
    "shared_by",
]

ALL_STIMULI = "all stimuli"
"""Stands for the stimulus in the keys of random numbers."""


class SharedObjective:
    """The mean over stimuli of an objective, as a function of one perturbation that they share.

    An attack sees it as the objective of one item for each direction. The item's image is a *canvas* that shows the
    perturbation: (1 + perturbation) / 2, so that mid-grey is none and the canvas's box [0, 1] is all that a pixel in
    [0, 1] can be moved. Each stimulus is perturbed and then clipped to its own box, and the gradient is that of this:
    zero where a pixel is clipped.

    Parameters
    ----------
    bound : BoundObjective
        Of every stimulus in every direction, stimulus by stimulus.
    ways : int
        Number of directions.
    live : numpy.ndarray of bool, (stimulus, direction)
        Which take part in the mean.
    rows : int
        Images that are made at once.
    """

    decisions = None
    level = None

    def __init__(self, bound: BoundObjective, ways: int, live: NDArray[np.bool_], rows: int) -> None:
        self._bound, self._ways, self._rows = bound, ways, rows
        device = bound.clean.device
        # Where nothing can be searched, all take part: their mean is as good as any, and is not empty.
        taking_part = np.where(live.any(axis=0), live, True)
        self._stimuli = [torch.as_tensor(np.flatnonzero(column), device=device) for column in taking_part.T]
        self.canvas = torch.full((ways, *bound.clean.shape[1:]), 0.5, dtype=torch.float64, device=device)
        self._found = BestSoFar(ways, device)

    @property
    def best(self) -> list[torch.Tensor]:
        """Best mean of each direction (direction,) after each question."""
        return self._found.values

    @property
    def asked(self) -> list[torch.Tensor]:
        """Which directions (direction,) each question was about."""
        return self._found.asked

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Means (row,) at canvases (row, channel, y, x), without gradients."""
        return self._asked(images, items, slopes=False)[0]

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Means (row,) at canvases, and their gradients (row, channel, y, x)."""
        return self._asked(images, items, slopes=True)

    def perturbed(self, canvas: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """Clean images under the perturbation that a canvas shows, clipped."""
        return (clean.double() + (2 * canvas - 1)).clamp(0, 1).to(clean.dtype)

    def _asked(
        self, canvases: torch.Tensor, items: torch.Tensor | None, *, slopes: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ways = torch.arange(len(canvases), device=canvases.device) if items is None else items
        value = torch.zeros(len(canvases), dtype=torch.float64, device=canvases.device)
        gradient = torch.zeros_like(canvases) if slopes else canvases
        for row, way in enumerate(ways.tolist()):
            stimuli = self._stimuli[way]
            for some in stimuli.split(self._rows):
                chosen = some * self._ways + way
                clean = self._bound.clean[chosen]
                images = self.perturbed(canvases[row], clean)
                if not slopes:
                    value[row] += self._bound(images, chosen).double().sum()
                    continue
                values, slope = self._bound.value_and_gradient(images, chosen)
                value[row] += values.double().sum()
                wanted = clean.double() + (2 * canvases[row] - 1)
                clipped = (wanted < 0) | (wanted > 1) | ((wanted == 0) & (slope < 0)) | ((wanted == 1) & (slope > 0))
                gradient[row] += 2 * torch.where(clipped, 0.0, slope.double()).sum(dim=0)
            value[row] /= len(stimuli)
            if slopes:
                gradient[row] /= len(stimuli)
        self._found.rose(value, ways)
        return value, gradient


def share_targets(
    grid: Grid,
    attack: Attack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    targets: Sequence[Target],
) -> Iterator[AttackedTarget]:
    """Attack targets with one perturbation for all stimuli each; yield them one by one.

    The attack maximises the mean of the objective over the stimuli of the grid, without those at which it is dead; what
    it finds is applied to every stimulus and clipped to [0, 1]. Where the objective has several directions, the one
    that moved the target more on average is kept for each epsilon, for all stimuli alike.

    Parameters
    ----------
    grid : Grid
    attack : Attack
        Searches canvases; see :class:`SharedObjective`.
    attack_name : str
    objective : Objective
    objective_name : str
    decision : bool
        Whether the objective reads decision values.
    targets : sequence of Target

    Raises
    ------
    AttackError
        If the attack fails, or leaves its ball, the box or the finite numbers.
    """
    task = Task(
        grid=grid,
        attack=attack,
        attack_name=attack_name,
        objective=objective,
        objective_name=objective_name,
        decision=decision,
        local=False,  # the stimuli share whole images
        gradients=True,
        targets=tuple(targets),
    )
    for number in range(len(targets)):
        yield from grid.budget.solved(lambda some: _shared(task, some[0]), [number])


def begun(task: Task, number: int) -> tuple[list[Cell], NDArray[np.str_]]:
    """All cells of one target, and how each begins, (stimulus, direction)."""
    cells = [Cell(number, row) for row in range(len(task.grid.stimulus_ids))]
    size = max(1, task.grid.budget.rows // len(task.directions))
    looked = [look(task, cells[start : start + size]) for start in range(0, len(cells), size)]
    return cells, np.array([seen.status for part in looked for seen in part], dtype="<U13")


def live_of(status: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which of what begins so takes part in the mean."""
    return ~np.isin(status, ("dead", "not-finite"))


def shared_by(task: Task, bound: BoundObjective, live: NDArray[np.bool_]) -> SharedObjective:
    """The mean over the stimuli that take part, (stimulus, direction), as a function of what they share."""
    return SharedObjective(bound, len(task.directions), live, task.grid.budget.rows)


def _shared(task: Task, number: int) -> AttackedTarget:
    grid, target, ways = task.grid, task.targets[number], len(task.directions)
    cells, status = begun(task, number)
    live = live_of(status)
    bound = bind(task, cells, exact=True)
    shared = shared_by(task, bound, live)
    canvases, course_of_mean = searched_canvases(task, shared, target, task.who(cells[:1]))
    task.count(bound)
    status = np.where(live, course_of_mean, status)
    read = [_read(task, shared, canvases, stimuli, target) for stimuli in grid.chunks(len(grid.epsilons) * ways)]
    moved = np.concatenate([part.moved for part in read], axis=1)
    kept = first_of_largest(moved.mean(axis=1))  # one direction for all stimuli, else it were two perturbations
    responses, choices, achieved, images, directed = [], [], [], [], []
    for part in read:
        each = np.repeat(kept[:, None], len(part.stimuli), axis=1)
        responses.append(take(part.responses, each))
        chosen = grid.choices(responses[-1], None if part.scores is None else take(part.scores, each), part.stimuli)
        if chosen is not None:
            choices.append(chosen)
        achieved.append(take(part.achieved, each))
        directed.append(part.responses[..., target.unit].transpose(2, 0, 1))
        if target.keep_images:
            images.append(part.images[torch.arange(len(kept)), :, torch.as_tensor(kept)])
    passed = task.passed.copy()
    task.passed[:] = 0, 0
    return AttackedTarget(
        attack=task.attack_name,
        objective=task.objective_name,
        target=target.name,
        unit=target.unit,
        responses=np.concatenate(responses, axis=1),
        choices=np.concatenate(choices, axis=1) if choices else None,
        achieved=np.concatenate(achieved, axis=1),
        status=worst(status),
        directions=task.directions,
        directed=np.concatenate(directed, axis=2) if target.unit >= 0 else None,
        images=torch.cat(images, dim=1).cpu() if images else None,
        forward_rows=passed[0],
        backward_rows=passed[1],
        shared=True,
    )


def searched_canvases(
    task: Task, shared: SharedObjective, target: Target, who: str
) -> tuple[torch.Tensor, NDArray[np.str_]]:
    """Canvases (epsilon, direction, channel, y, x), and how the search for each direction went, (direction,)."""
    grid = task.grid
    start = shared(shared.canvas)
    keys = [(task.attack_name, task.objective_name, target.name, ALL_STIMULI, way) for way in task.directions]
    found = call(
        who,
        lambda: task.attack(
            cast("ItemObjective", shared), shared.canvas.clone(), grid.radii / 2, grid.norm, ItemNoise(grid.seed, keys)
        ),
    )
    limits = (grid.radii / 2)[:, None].expand(-1, len(keys))
    labels = [f"{ALL_STIMULI}, {way}" for way in task.directions]
    canvases = enforce(found, shared.canvas, limits, grid.norm, who=who, names=labels)[0]
    return canvases, course(shared.best, start, shared.asked)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Some stimuli under the perturbation of every direction: arrays (epsilon, stimulus, direction, ...)."""

    stimuli: NDArray[np.intp]
    responses: NDArray[np.float64]
    scores: NDArray[np.float64] | None
    achieved: NDArray[np.float64]
    moved: NDArray[np.float64]
    images: torch.Tensor


def _read(
    task: Task, shared: SharedObjective, canvases: torch.Tensor, stimuli: NDArray[np.intp], target: Target
) -> _Read:
    grid, ways = task.grid, canvases.shape[1]
    names = [grid.stimulus_ids[row] for row in stimuli.repeat(ways)]
    clean = grid.clean[torch.as_tensor(stimuli, device=grid.clean.device)].repeat_interleave(ways, dim=0)
    made = shared.perturbed(canvases.repeat(1, len(stimuli), 1, 1, 1), clean)
    limits = grid.radii[:, None].expand(-1, len(clean))
    images, achieved = enforce(made, clean, limits, grid.norm, who=task.attack_name, names=labels_of(names))
    responses, scores = read_perturbed(grid, images, names)
    task.passed[0] += len(responses)
    split = (len(grid.epsilons), len(stimuli), ways)
    responses = responses.reshape(*split, -1)
    scores = None if scores is None else scores.reshape(*split, -1)
    units = np.full(len(stimuli), target.unit, dtype=np.intp)
    return _Read(
        stimuli=stimuli,
        responses=responses,
        scores=scores,
        achieved=achieved.cpu().numpy().reshape(split),
        moved=moved_by(grid, responses, scores, stimuli, units, decision=task.decision),
        images=images.reshape(*split, *images.shape[2:]),
    )
