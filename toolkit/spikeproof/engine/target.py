"""Attacks one target: one unit, or a whole population or behaviour, at every attacked stimulus and epsilon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.noise import ItemNoise

from .attacked import AttackedTarget, Chunk, call, joined, labels_of, read_perturbed
from .budget import enforce
from .gradients import gradient_status
from .objective import BoundObjective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.types import Attack, Objective

    from .grid import Grid

__all__ = ["attack_target"]

TIE = 1e-5
"""Relative difference below which two directions moved the target equally."""


def attack_target(
    grid: Grid,
    attack: Attack,
    attack_name: str,
    objective: Objective,
    objective_name: str,
    *,
    decision: bool,
    unit: int,
    target: str,
    gradients: bool = True,
    keep_images: bool = False,
) -> AttackedTarget:
    """Attack one target at every stimulus of the grid.

    An item is one (stimulus, direction); its random numbers are its own, and all its epsilons are solved in one call,
    so results depend on neither ``grid.batch`` nor on which other stimuli are attacked, beyond floating-point rounding.
    Where the objective has several directions, the one that moved the target more is kept for each epsilon and
    stimulus: by the target unit's response, or by the population distance (the decision values) if none is aimed at.

    Parameters
    ----------
    grid : Grid
    attack : Attack
    attack_name : str
    objective : Objective
    objective_name : str
    decision : bool
        Whether the objective reads decision values.
    unit : int
        Column of the target unit, -1 for none.
    target : str
        Name of the target.
    gradients : bool
        Whether the attack needs gradients; if not, their status is not looked into.
    keep_images : bool
        Whether to return the perturbed images (controls and examples need them).

    Raises
    ------
    AttackError
        If the attack fails, or leaves its ball, the box or the finite numbers.
    ModelError
        If a response to a perturbed image is not finite, or no gradient exists.
    """
    directions = tuple(objective.directions())
    who = f"attack {attack_name!r} on {objective_name} {target!r}"

    def solve(stimuli: NDArray[np.intp]) -> Chunk:
        rows = np.tile(stimuli, len(directions))
        ways = np.repeat(np.arange(len(directions)), len(stimuli))
        bound = BoundObjective(
            grid,
            objective,
            objective_name,
            decision=decision,
            stimuli=rows,
            units=np.full(len(rows), unit, dtype=np.intp),
            directions=ways,
        )
        names = [grid.stimulus_ids[row] for row in rows]
        keys = [
            (attack_name, objective_name, target, name, directions[way]) for name, way in zip(names, ways, strict=True)
        ]
        clean = grid.clean[torch.as_tensor(rows, device=grid.device)]
        epsilons, noise = grid.radii.to(clean.dtype), ItemNoise(grid.seed, keys)
        returned = call(who, lambda: attack(bound, clean.clone(), epsilons, grid.norm, noise))
        limits = grid.radii[:, None].expand(-1, len(rows))
        images, achieved = enforce(returned, clean, limits, grid.norm, who=who, names=labels_of(names))
        status = np.full(len(rows), "ok", dtype="<U13")
        if gradients:
            status = gradient_status(bound, grid, clean, keys)
        status[bound.not_finite.cpu().numpy()] = "not-finite"
        split = (len(grid.epsilons), len(directions), len(stimuli))
        responses, logits = read_perturbed(grid, images, names)
        responses = responses.reshape(*split, -1)
        scores = None if logits is None else logits.reshape(*split, -1)
        kept = _larger(grid, responses, scores, stimuli, unit, decision=decision)
        responses_kept = _take(responses, kept)
        return Chunk(
            responses=responses_kept,
            choices=grid.choices(responses_kept, None if scores is None else _take(scores, kept), stimuli),
            achieved=_take(achieved.cpu().numpy().reshape(split), kept),
            status=_merge(status.reshape(split[1:])),
            directed=responses[..., unit].transpose(1, 0, 2) if unit >= 0 else None,
            images=_take_images(images.reshape(*split, *clean.shape[1:]), kept) if keep_images else None,
            forward_rows=bound.forward_rows + images.shape[0] * images.shape[1],
            backward_rows=bound.backward_rows,
        )

    chunks = [solve(stimuli) for stimuli in grid.chunks(len(grid.epsilons) * len(directions))]
    return joined(chunks, attack=attack_name, objective=objective_name, target=target, unit=unit, directions=directions)


def _larger(
    grid: Grid,
    responses: NDArray[np.float64],
    scores: NDArray[np.float64] | None,
    stimuli: NDArray[np.intp],
    unit: int,
    *,
    decision: bool,
) -> NDArray[np.intp]:
    """Direction that moved the target more, (epsilon, stimulus)."""
    if responses.shape[1] == 1:
        return np.zeros((responses.shape[0], responses.shape[2]), dtype=np.intp)
    change = responses - grid.clean_responses[stimuli]
    if unit >= 0:
        moved = np.abs(change[..., unit])
    elif decision and scores is not None and grid.clean_logits is not None:
        moved = np.linalg.norm(scores - grid.clean_logits[stimuli], axis=-1)
    elif decision and grid.readout is not None:
        names = [grid.stimulus_ids[row] for row in stimuli]
        before = grid.readout.decision(grid.clean_responses[stimuli], names)
        moved = np.linalg.norm(grid.readout.decision(responses, names) - before, axis=-1)
    else:
        moved = np.linalg.norm(change if grid.whitening is None else change @ grid.whitening, axis=-1)
    # The first of those that are equal up to rounding: a tie must not be settled by how rows were batched.
    kept: NDArray[np.intp] = (moved >= moved.max(axis=1, keepdims=True) * (1 - TIE)).argmax(axis=1)
    return kept


def _take(values: NDArray[np.float64], kept: NDArray[np.intp]) -> NDArray[np.float64]:
    """Entries (epsilon, stimulus, ...) of values (epsilon, direction, stimulus, ...)."""
    index = kept.reshape(kept.shape[0], 1, kept.shape[1], *[1] * (values.ndim - 3))
    return np.take_along_axis(values, index, axis=1)[:, 0]


def _take_images(images: torch.Tensor, kept: NDArray[np.intp]) -> torch.Tensor:
    epsilon, stimulus = np.indices(kept.shape)
    return images[torch.as_tensor(epsilon), torch.as_tensor(kept), torch.as_tensor(stimulus)].cpu()


def _merge(status: NDArray[np.str_]) -> NDArray[np.str_]:
    """Worst status over directions (direction, stimulus), for what is claimed of the stimulus."""
    order = ["not-finite", "masked", "zero-gradient", "ok"]
    rank = np.array([[order.index(value) for value in row] for row in status])
    worst: NDArray[np.str_] = np.array(order, dtype="<U13")[rank.min(axis=0)]
    return worst
