"""What came of attacking one target, put together from chunks of stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import AttackError, SpikeproofError

from .clean import read_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .grid import Grid

__all__ = ["AttackedTarget", "Chunk", "call", "joined", "labels_of", "read_perturbed"]


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
        See ``Evidence.status``.
    directions : tuple of str
        Directions that were solved apart.
    directed : numpy.ndarray of float64, (direction, epsilon, stimulus), optional
        The target unit's response under each direction's perturbation, where a unit is aimed at.
    images : torch.Tensor, (epsilon, stimulus, channel, y, x), optional
        The perturbed images, on the CPU.
    minimal : numpy.ndarray of float64, (stimulus,), optional
        Norm of the smallest perturbation that reaches the goal, infinite where none does.
    nearest : torch.Tensor, (stimulus, channel, y, x), optional
        The images that it makes, on the CPU; where none does, those that came nearest to the goal.
    forward_rows, backward_rows : int
        Images that went through the model and gradients that came back.
    shared : bool
        Whether all stimuli have one perturbation; its controls are then one for all, too.
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
    minimal: NDArray[np.float64] | None = None
    nearest: torch.Tensor | None = None
    forward_rows: int = 0
    backward_rows: int = 0
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """What a chunk of stimuli contributes; see :class:`AttackedTarget`."""

    responses: NDArray[np.float64]
    choices: NDArray[np.intp] | None
    achieved: NDArray[np.float64]
    status: NDArray[np.str_]
    directed: NDArray[np.float64] | None
    images: torch.Tensor | None
    forward_rows: int
    backward_rows: int
    minimal: NDArray[np.float64] | None = None


def call(who: str, function: Callable[[], object]) -> object:
    """Call a plugin; whatever it raises names it."""
    try:
        return function()
    except SpikeproofError:
        raise
    except Exception as error:
        raise AttackError(f"{who} failed: {type(error).__name__}: {error}") from error


def labels_of(names: Sequence[str]) -> list[str]:
    """How messages call these stimuli."""
    return [f"stimulus {name!r}" for name in names]


def read_perturbed(
    grid: Grid, images: torch.Tensor, names: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Responses (row, unit) and class scores (row, class) to images (epsilon, item, ...), on the user's model."""
    rows = images.flatten(0, 1)
    labels = [f"{name} (epsilon {epsilon:g})" for epsilon in grid.epsilons for name in names]
    size = grid.budget.rows
    parts = [
        read_back(grid.model, part, labels[start : start + len(part)], head=grid.use_head)
        for start, part in zip(range(0, len(rows), size), torch.split(rows, size), strict=True)
    ]
    scores = [score for _, score in parts if score is not None]
    return np.concatenate([response for response, _ in parts]), np.concatenate(scores) if scores else None


def joined(
    chunks: Sequence[Chunk],
    *,
    attack: str,
    objective: str,
    target: str,
    unit: int,
    control: str = "",
    directions: tuple[str, ...] = (),
) -> AttackedTarget:
    """All chunks of one target."""
    choices = [chunk.choices for chunk in chunks if chunk.choices is not None]
    directed = [chunk.directed for chunk in chunks if chunk.directed is not None]
    images = [chunk.images for chunk in chunks if chunk.images is not None]
    minimal = [chunk.minimal for chunk in chunks if chunk.minimal is not None]
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
        minimal=np.concatenate(minimal) if minimal else None,
        forward_rows=sum(chunk.forward_rows for chunk in chunks),
        backward_rows=sum(chunk.backward_rows for chunk in chunks),
    )
