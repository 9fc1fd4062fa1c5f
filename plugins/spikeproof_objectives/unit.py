"""The objective ``unit``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter, UsageError
from spikeproof.types import Readings

__all__ = ["Unit", "unit_gain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Move the response of the target unit.

    ``either`` solves up and down apart, as the host keeps the direction that moved the unit more: the change of a
    unit that is maximised in absolute value has a kink with zero slope at the clean image, where every search starts.
    """

    direction: Annotated[
        Literal["up", "down", "either"],
        "Which way the response is moved; either solves both and keeps the larger.",
    ] = "either"
    goal: Annotated[
        Literal["sd", "response", "partner"],
        "What attacks that look for the smallest perturbation are to reach: a change of `level` standard deviations "
        "over clean stimuli, the response `level`, or the response to another stimulus (drawn once per stimulus), at "
        "which the unit's preference between the two flips.",
    ] = "sd"
    level: Annotated[float, "Of the goal, in standard deviations (above 0) or in the units of the responses."] = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.level) or (self.goal == "sd" and self.level <= 0):
            raise BadParameter(
                f"unit: level must be a finite number, above 0 for goal 'sd', got {self.level} (goal {self.goal!r})"
            )

    def directions(self) -> tuple[str, ...]:
        """Directions that are solved apart."""
        return ("up", "down") if self.direction == "either" else (self.direction,)

    def value(self, readings: Readings) -> torch.Tensor:
        """Change of the target unit's response in the row's direction, (row,), in the units of the responses.

        Raises
        ------
        spikeproof.errors.UsageError
            If a row has no target unit.
        """
        return self._sign(readings) * unit_gain(readings.responses, readings.clean_responses, readings.unit)

    def reached_when(self) -> str:
        """Say what the response is to reach."""
        return {
            "sd": f"the response has changed by {self.level:g} sd",
            "response": f"the response is {self.level:g}",
            "partner": "the response is that to another stimulus",
        }[self.goal]

    def reached_at(self, readings: Readings) -> torch.Tensor:
        """Change at which the goal is reached, (row,); infinite in the direction that leads away from it.

        Raises
        ------
        spikeproof.errors.UsageError
            If the goal is in standard deviations and there are none.
        """
        unit = readings.unit[:, None]
        clean = readings.clean_responses.gather(1, unit).squeeze(1)
        if self.goal == "sd":
            if readings.sd is None:
                raise UsageError(
                    "objective unit: goal 'sd' needs the standard deviation of each unit, and none is known"
                )
            return self.level * readings.sd.gather(1, unit).squeeze(1)
        if self.goal == "response":
            gap = self.level - clean
        else:
            gap = readings.partner_responses.gather(1, unit).squeeze(1) - clean
        missing = self._sign(readings) * gap
        return torch.where(missing >= 0, missing, torch.inf)

    def _sign(self, readings: Readings) -> torch.Tensor:
        """1 where the row goes up, -1 where it goes down, (row,)."""
        signs = [1 if direction == "up" else -1 for direction in self.directions()]
        sign = torch.tensor(signs, dtype=readings.responses.dtype, device=readings.responses.device)
        return sign[readings.direction]


def unit_gain(responses: torch.Tensor, clean_responses: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """Change of one unit's response in each row.

    Parameters
    ----------
    responses, clean_responses : torch.Tensor, (row, unit)
    unit : torch.Tensor of int, (row,)
        Column of the unit.

    Returns
    -------
    torch.Tensor, (row,)

    Raises
    ------
    spikeproof.errors.UsageError
        If a column is not there.

    Examples
    --------
    >>> unit_gain(torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([1]))
    tensor([3.])
    """
    outside = (unit < 0) | (unit >= responses.shape[1])
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        raise UsageError(
            f"objective unit: row {row} aims at unit {int(unit[row])}, but responses have {responses.shape[1]} units: "
            "it needs a target unit in every row"
        )
    change: torch.Tensor = (responses - clean_responses).gather(1, unit[:, None]).squeeze(1)
    return change
