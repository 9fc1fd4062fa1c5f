"""Controls of an attacked target: perturbations of the same norm, made another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of
from spikeproof.noise import ItemNoise

from .attacked import AttackedTarget, Chunk, call, joined, labels_of, read_perturbed
from .budget import enforce
from .minimal import smallest_along
from .objective import BoundObjective
from .shared import ALL_STIMULI

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.types import Control, Objective

    from .grid import Grid

__all__ = ["control_target"]


def control_target(
    grid: Grid,
    attacked: AttackedTarget,
    control: Control,
    control_name: str,
    *,
    keep_images: bool = False,
    objective: Objective | None = None,
    decision: bool = False,
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
    objective : Objective, optional
        What the attack aimed at; needed where it looked for the smallest perturbation. The control's is then the
        smallest along its own direction.
    decision : bool
        Whether the objective reads decision values.

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

    def make(stimuli: NDArray[np.intp]) -> Chunk:
        rows = torch.as_tensor(stimuli)
        clean = grid.clean[rows.to(grid.device)]
        names = [grid.stimulus_ids[row] for row in stimuli]
        # One perturbation for all stimuli is controlled by one random perturbation for all of them.
        whose = [ALL_STIMULI] * len(names) if attacked.shared else names
        keys = [(attacked.attack, attacked.objective, attacked.target, name, control_name) for name in whose]
        given = everything[:, rows].to(grid.device)
        noise = ItemNoise(grid.seed, keys)
        returned = call(who, lambda: control(given, clean.clone(), grid.norm, noise))
        limits = torch.as_tensor(attacked.achieved[:, stimuli], device=grid.device)
        images, achieved = enforce(returned, clean, limits, grid.norm, who=who, names=labels_of(names))
        responses, logits = read_perturbed(grid, images, names)
        minimal, asked = None, 0
        if attacked.nearest is not None and objective is not None:
            nearest = attacked.nearest[rows].to(grid.device)[None]
            ends = call(who, lambda: control(nearest, clean.clone(), grid.norm, ItemNoise(grid.seed, keys)))
            size = norm_of(nearest[0].double() - clean.double(), grid.norm)[None]
            ends = enforce(ends, clean, size, grid.norm, who=who, names=labels_of(names))[0][0]
            ways = len(objective.directions())
            bound = BoundObjective(
                grid,
                objective,
                attacked.objective,
                decision=decision,
                stimuli=stimuli.repeat(ways),
                units=np.full(ways * len(stimuli), attacked.unit),
                directions=np.tile(np.arange(ways), len(stimuli)),
            )
            minimal = smallest_along(bound, ends, grid.norm, ways)
            asked = bound.forward_rows
        split = (len(grid.epsilons), len(stimuli), -1)
        responses = responses.reshape(split)
        scores = None if logits is None else logits.reshape(split)
        return Chunk(
            responses=responses,
            choices=grid.choices(responses, scores, stimuli),
            achieved=achieved.cpu().numpy(),
            status=attacked.status[stimuli],
            directed=None,
            images=images.cpu() if keep_images else None,
            forward_rows=images.shape[0] * images.shape[1] + asked,
            backward_rows=0,
            minimal=minimal,
        )

    chunks = [
        chunk
        for stimuli in grid.chunks(len(grid.epsilons))
        for chunk in grid.budget.solved(lambda some: make(np.array(some, dtype=np.intp)), stimuli.tolist())
    ]
    return joined(
        chunks,
        attack=attacked.attack,
        objective=attacked.objective,
        target=attacked.target,
        unit=attacked.unit,
        control=control_name,
    )
