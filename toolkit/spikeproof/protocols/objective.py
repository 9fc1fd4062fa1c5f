"""What a perturbation is meant to move, and what is seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = ["Goal", "Matching", "Objective", "Readings"]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What an objective sees of a batch of rows; each row belongs to one item.

    Parameters
    ----------
    responses : torch.Tensor, (row, unit)
        Responses to the candidate images.
    decision : torch.Tensor, (row, class), optional
        Decision values of the readout on them (or the network's own class scores); present if the entry says so.
    clean_responses : torch.Tensor, (row, unit)
        Responses to the clean stimulus of the row.
    partner_responses : torch.Tensor, (row, unit)
        Responses to another clean stimulus, drawn once per stimulus.
    choice : torch.Tensor of int, (row,), optional
        Index of the class chosen on the clean stimulus.
    partner_choice : torch.Tensor of int, (row,), optional
        Index of the class chosen on the partner stimulus.
    unit : torch.Tensor of int, (row,)
        Column of the target unit; -1 where none is aimed at.
    direction : torch.Tensor of int, (row,)
        Index into the objective's ``directions()``.
    whitening : torch.Tensor, (unit, component)
        See ``Code.whitening``.
    sd : torch.Tensor, (row, unit), optional
        Standard deviation of each unit's responses over all clean stimuli.
    """

    responses: torch.Tensor
    decision: torch.Tensor | None
    clean_responses: torch.Tensor
    partner_responses: torch.Tensor
    choice: torch.Tensor | None
    partner_choice: torch.Tensor | None
    unit: torch.Tensor
    direction: torch.Tensor
    whitening: torch.Tensor
    sd: torch.Tensor | None = None


@runtime_checkable
class Objective(Protocol):
    """What a perturbation is meant to move, at one scale: a number per row, to be maximised."""

    def directions(self) -> tuple[str, ...]:
        """Directions that are solved apart (``("up", "down")``); the one that moved the target more is kept."""

    def value(self, readings: Readings) -> torch.Tensor:
        """The number to be maximised, (row,), differentiable in ``responses`` or ``decision``."""


@runtime_checkable
class Goal(Protocol):
    """An objective that is reached at some level, for attacks that look for the smallest perturbation. Optional."""

    def reached_when(self) -> str:
        """Say it in a few words (``"another class is chosen"``); empty where there is no goal, as it is set."""

    def reached_at(self, readings: Readings) -> torch.Tensor:
        """Value from which on the goal is reached, (row,); infinite where it cannot be.

        ``readings`` are those of the clean stimuli, without decision values: a goal is set before the search begins.
        """


@runtime_checkable
class Matching(Protocol):
    """An objective that is at its largest where the population vector is that of a certain stimulus. Optional."""

    def matches(self) -> Literal["", "clean", "partner"]:
        """Whose vector that is: the item's own clean stimulus's, its partner's, or none's."""
