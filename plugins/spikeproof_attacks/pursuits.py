"""What attacks on the population vector pursue, as objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from spikeproof.types import Readings

__all__ = ["Displaced", "Matched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Displaced:
    """Move the population vector as far as possible from its clean value, or as little."""

    way: Literal["most", "least"] = "most"

    def directions(self) -> tuple[str, ...]:
        """The one direction."""
        return (self.way,)

    def value(self, readings: Readings) -> torch.Tensor:
        """Squared whitened distance from the clean vector, (row,), or less that."""
        moved = _squared(readings.responses - readings.clean_responses, readings.whitening)
        return moved if self.way == "most" else -moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Bring the population vector to that of a stimulus: another one (``partner``), or the clean one from afar."""

    to: Literal["clean", "partner"]

    def directions(self) -> tuple[str, ...]:
        """The one direction."""
        return ("toward",) if self.to == "partner" else ("same",)

    def matches(self) -> Literal["clean", "partner"]:
        """Whose vector is to be matched."""
        return self.to

    def value(self, readings: Readings) -> torch.Tensor:
        """Less the squared whitened distance to the wanted vector, (row,): 0 where it is reached."""
        wanted = readings.clean_responses if self.to == "clean" else readings.partner_responses
        return -_squared(readings.responses - wanted, readings.whitening)


def _squared(difference: torch.Tensor, whitening: torch.Tensor) -> torch.Tensor:
    return (difference @ whitening.to(difference)).square().sum(dim=1)
