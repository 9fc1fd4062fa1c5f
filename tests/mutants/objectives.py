"""Objectives that are wrong in one way each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from spikeproof.types import Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Squared distance from the clean responses, away or back."""

    def directions(self) -> tuple[str, ...]:
        return ("away", "back")

    def value(self, readings: Readings) -> torch.Tensor:
        sign = torch.where(readings.direction == 0, 1.0, -1.0).to(readings.responses)
        return sign * (readings.responses - readings.clean_responses).square().sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeating(Right):
    """Two directions have one name."""

    def directions(self) -> tuple[str, ...]:
        return ("away", "away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Infinite(Right):
    """It is infinite for one row, so that it has no slope there, either."""

    def value(self, readings: Readings) -> torch.Tensor:
        return torch.where(readings.unit == 3, torch.inf, Right.value(self, readings))


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSlope(Right):
    """Half of its slope is cut off."""

    def value(self, readings: Readings) -> torch.Tensor:
        value = Right.value(self, readings)
        return 0.5 * value + 0.5 * value.detach()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aimless(Right):
    """Its goal is not a number."""

    def reached_when(self) -> str:
        return "the distance is nowhere"

    def reached_at(self, readings: Readings) -> torch.Tensor:
        return torch.full_like(readings.responses[:, 0], torch.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(Right):
    """It depends on how many rows there are."""

    def value(self, readings: Readings) -> torch.Tensor:
        return Right.value(self, readings) + 0.1 * len(readings.unit)
