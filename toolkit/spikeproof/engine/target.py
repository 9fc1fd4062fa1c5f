"""Attacks one target: one unit, or a whole population or behaviour, at every attacked stimulus and epsilon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import AttackError, SpikeproofError
from spikeproof.noise import ItemNoise

from .budget import enforce
from .clean import read_back
from .gradients import gradient_status
from .objective import BoundObjective

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from spikeproof.types import Attack, Control, Objective

    from .grid import Grid

__all__ = ["AttackedTarget", "attack_target", "control_target"]

TIE = 1e-5
"""Relative difference below which two directions moved the target equally."""


@dataclass(frozen=True, kw_only=True)
class AttackedTarget:
    """What an attack, or a control of it, did to one target.

    Parameters
    ----------
    attack, objective, target : str
        Names; with the stimulus and the direction they key the random numbers.
    unit : int
        Column of the target unit, -1 for none.
    control : str
        Name of the control, empty for the attack itself.
    responses : numpy.ndarray of float64, (epsilon, stimulus, unit)
        Responses to the perturbed images, read again on the user's model.
    choices : numpy.ndarray of int, (epsilon, stimulus), optional
        Index of the class chosen.
    achieved : numpy.ndarray of float64, (epsilon, stimulus)
        Norm of each perturbation.
    status : numpy.ndarray of str, (stimulus,)
        ``"ok"``, ``"zero-gradient"``, ``"masked"`` or ``"not-finite"``; see ``Evidence.status``.
    directions : tuple of str
        Directions that were solved apart.
    directed : numpy.ndarray of float64, (direction, epsilon, stimulus), optional
        The target unit's response under each direction's perturbation, where a unit is aimed at.
    images : torch.Tensor, (epsilon, stimulus, channel, y, x), optional
        The perturbed images, on the CPU.
    forward_rows, backward_rows : int
        Images that went through the model and gradients that came back.
    """

    attack: str
    objective: str
    target: str
    unit: int
    control: str = ""
    responses: NDArray[np.float64]
    choices: NDArray[np.intp] | None
    achieved: NDArray[np.float64]
    status: NDArray[np.str_]
    directions: tuple[str, ...] = ()
    directed: NDArray[np.float64] | None = None
    images: torch.Tensor | None = None
    forward_rows: int = 0
    backward_rows: int = 0


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    responses: NDArray[np.float64]
    choices: NDArray[np.intp] | None
    achieved: NDArray[np.float64]
    status: NDArray[np.str_]
    directed: NDArray[np.float64] | None
    images: torch.Tensor | None
    forward_rows: int
    backward_rows: int


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

    def solve(stimuli: NDArray[np.intp]) -> _Chunk:
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
        returned = _call(who, lambda: attack(bound, clean.clone(), epsilons, grid.norm, noise))
        limits = grid.radii[:, None].expand(-1, len(rows))
        images, achieved = enforce(returned, clean, limits, grid.norm, who=who, names=_where(names))
        status = np.full(len(rows), "ok", dtype="<U13")
        if gradients:
            status = gradient_status(bound, grid, clean, keys)
        status[bound.not_finite.cpu().numpy()] = "not-finite"
        split = (len(grid.epsilons), len(directions), len(stimuli))
        responses, logits = _read(grid, images, names)
        responses = responses.reshape(*split, -1)
        scores = None if logits is None else logits.reshape(*split, -1)
        kept = _larger(grid, responses, scores, stimuli, unit, decision=decision)
        responses_kept = _take(responses, kept)
        return _Chunk(
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
    return _joined(
        chunks, attack=attack_name, objective=objective_name, target=target, unit=unit, directions=directions
    )


def control_target(
    grid: Grid, attacked: AttackedTarget, control: Control, control_name: str, *, keep_images: bool = False
) -> AttackedTarget:
    """Make a control of an attacked target: images with perturbations of the same norm, made another way.

    Parameters
    ----------
    grid : Grid
    attacked : AttackedTarget
        With its images.
    control : Control
    control_name : str
    keep_images : bool

    Raises
    ------
    AttackError
        If the control exceeds the norm of the attack's perturbation, or leaves the box or the finite numbers, or the
        attack's images were not kept.
    """
    who = f"control {control_name!r} of attack {attacked.attack!r} on {attacked.objective} {attacked.target!r}"
    if attacked.images is None:
        raise AttackError(f"{who} needs the attack's images: call attack_target with keep_images=True")
    everything = attacked.images

    def make(stimuli: NDArray[np.intp]) -> _Chunk:
        rows = torch.as_tensor(stimuli)
        clean = grid.clean[rows.to(grid.device)]
        names = [grid.stimulus_ids[row] for row in stimuli]
        keys = [(attacked.attack, attacked.objective, attacked.target, name, control_name) for name in names]
        given = everything[:, rows].to(grid.device)
        noise = ItemNoise(grid.seed, keys)
        returned = _call(who, lambda: control(given, clean.clone(), grid.norm, noise))
        limits = torch.as_tensor(attacked.achieved[:, stimuli], device=grid.device)
        images, achieved = enforce(returned, clean, limits, grid.norm, who=who, names=_where(names))
        responses, logits = _read(grid, images, names)
        split = (len(grid.epsilons), len(stimuli), -1)
        responses = responses.reshape(split)
        scores = None if logits is None else logits.reshape(split)
        return _Chunk(
            responses=responses,
            choices=grid.choices(responses, scores, stimuli),
            achieved=achieved.cpu().numpy(),
            status=attacked.status[stimuli],
            directed=None,
            images=images.cpu() if keep_images else None,
            forward_rows=images.shape[0] * images.shape[1],
            backward_rows=0,
        )

    chunks = [make(stimuli) for stimuli in grid.chunks(len(grid.epsilons))]
    return _joined(
        chunks,
        attack=attacked.attack,
        objective=attacked.objective,
        target=attacked.target,
        unit=attacked.unit,
        control=control_name,
    )


def _call(who: str, function: Callable[[], object]) -> object:
    try:
        return function()
    except SpikeproofError:
        raise
    except Exception as error:
        raise AttackError(f"{who} failed: {type(error).__name__}: {error}") from error


def _where(names: Sequence[str]) -> list[str]:
    return [f"stimulus {name!r}" for name in names]


def _read(
    grid: Grid, images: torch.Tensor, names: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Responses (row, unit) and class scores (row, class) to images (epsilon, item, ...), on the user's model."""
    rows = images.flatten(0, 1)
    labels = [f"{name} (epsilon {epsilon:g})" for epsilon in grid.epsilons for name in names]
    parts = [
        read_back(grid.model, part, labels[start : start + len(part)], head=grid.use_head)
        for start, part in zip(range(0, len(rows), grid.batch), torch.split(rows, grid.batch), strict=True)
    ]
    scores = [score for _, score in parts if score is not None]
    return np.concatenate([response for response, _ in parts]), np.concatenate(scores) if scores else None


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


def _joined(
    chunks: Sequence[_Chunk],
    *,
    attack: str,
    objective: str,
    target: str,
    unit: int,
    control: str = "",
    directions: tuple[str, ...] = (),
) -> AttackedTarget:
    choices = [chunk.choices for chunk in chunks if chunk.choices is not None]
    directed = [chunk.directed for chunk in chunks if chunk.directed is not None]
    images = [chunk.images for chunk in chunks if chunk.images is not None]
    return AttackedTarget(
        attack=attack,
        objective=objective,
        target=target,
        unit=unit,
        control=control,
        responses=np.concatenate([chunk.responses for chunk in chunks], axis=1),
        choices=np.concatenate(choices, axis=1) if choices else None,
        achieved=np.concatenate([chunk.achieved for chunk in chunks], axis=1),
        status=np.concatenate([chunk.status for chunk in chunks]),
        directions=directions,
        directed=np.concatenate(directed, axis=2) if directed else None,
        images=torch.cat(images, dim=1) if images else None,
        forward_rows=sum(chunk.forward_rows for chunk in chunks),
        backward_rows=sum(chunk.backward_rows for chunk in chunks),
    )
