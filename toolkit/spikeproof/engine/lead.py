"""By how much another class leads over a clean choice: what a search drives that tries one class after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.errors import ModelError

if TYPE_CHECKING:
    import torch

    from spikeproof.types import Readings

__all__ = ["Lead"]


class Lead:
    """An objective: by how much the class that stands as the partner's leads over the clean choice."""

    def directions(self) -> tuple[str, ...]:
        """The one direction."""
        return ("away",)

    def value(self, readings: Readings) -> torch.Tensor:
        """Decision value of the partner's class minus that of the clean choice, (row,)."""
        if readings.decision is None or readings.choice is None or readings.partner_choice is None:
            raise ModelError("a class was to lead over another, but there are no decision values")
        chosen = readings.decision.gather(1, readings.choice[:, None])[:, 0]
        return readings.decision.gather(1, readings.partner_choice[:, None])[:, 0] - chosen
