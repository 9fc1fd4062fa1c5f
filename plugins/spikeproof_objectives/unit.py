"""The objective ``unit``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import UsageError
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
        signs = [1 if direction == "up" else -1 for direction in self.directions()]
        sign = torch.tensor(signs, dtype=readings.responses.dtype, device=readings.responses.device)
        return sign[readings.direction] * unit_gain(readings.responses, readings.clean_responses, readings.unit)


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
