"""The objective ``population``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.types import Readings

__all__ = ["Population", "squared_distance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Move the population vector.

    Distances are whitened (see ``Code.whitening``) and squared. The square has the same maximisers as the distance and
    a gradient everywhere; that of the distance itself is undefined at the clean image. For ``away`` the gradient at
    the clean image is exactly zero, so an attack must start from a random point of the ball.
    """

    goal: Annotated[
        Literal["away", "toward"],
        "Away from the clean population vector, or toward that of another stimulus (drawn once per stimulus).",
    ] = "away"

    def directions(self) -> tuple[str, ...]:
        """The one direction."""
        return (self.goal,)

    def matches(self) -> Literal["", "partner"]:
        """Whose population vector is to be matched: the partner's, or none's."""
        return "partner" if self.goal == "toward" else ""

    def value(self, readings: Readings) -> torch.Tensor:
        """Squared whitened distance, (row,), in squared units of the whitening (noise sd, or z-scores).

        For ``away`` that from the clean vector; for ``toward`` by how much that to the partner's vector has shrunk:
        0 at the clean image, largest where the partner's vector is reached.
        """
        if self.goal == "away":
            return squared_distance(readings.responses, readings.clean_responses, readings.whitening)
        start = squared_distance(readings.clean_responses, readings.partner_responses, readings.whitening)
        return start - squared_distance(readings.responses, readings.partner_responses, readings.whitening)


def squared_distance(a: torch.Tensor, b: torch.Tensor, whitening: torch.Tensor) -> torch.Tensor:
    """Squared whitened distance between population vectors.

    Parameters
    ----------
    a, b : torch.Tensor, (row, unit)
    whitening : torch.Tensor, (unit, component)

    Returns
    -------
    torch.Tensor, (row,)

    Examples
    --------
    >>> squared_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), torch.eye(2))
    tensor([25.])
    """
    difference = a - b
    return (difference @ whitening.to(difference)).square().sum(dim=1)
