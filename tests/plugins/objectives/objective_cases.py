"""Readings to try objectives on; all in float64."""

from __future__ import annotations

from typing import Any

import torch
from spikeproof.types import Readings


def readings(*, rows: int = 5, units: int = 4, classes: int = 3, directions: int = 2, **changes: Any) -> Readings:
    """Random readings, the same for the same sizes; ``changes`` replace fields."""
    random = torch.Generator().manual_seed(rows + 10 * units + 100 * classes)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=random)

    def whole(high: int) -> torch.Tensor:
        return torch.randint(high, (rows,), generator=random)

    fields: dict[str, Any] = {
        "responses": normal(rows, units),
        "decision": normal(rows, classes),
        "clean_responses": normal(rows, units),
        "partner_responses": normal(rows, units),
        "choice": whole(classes),
        "partner_choice": whole(classes),
        "unit": whole(units),
        "direction": whole(directions),
        "whitening": normal(units, units),
        "sd": normal(rows, units).abs(),
    }
    return Readings(**(fields | changes))


def linear_readings(delta: torch.Tensor, whitening: torch.Tensor | None = None) -> tuple[Readings, torch.Tensor]:
    """Readings of three linear units r = W (x + delta) around an image, and W (unit, pixel)."""
    random = torch.Generator().manual_seed(7)
    weights = torch.randn(3, delta.shape[1], dtype=torch.float64, generator=random)
    clean = torch.randn(1, 3, dtype=torch.float64, generator=random).expand(len(delta), 3)
    none = torch.zeros(len(delta), dtype=torch.long)
    given = readings(
        rows=len(delta),
        units=3,
        responses=clean + delta @ weights.T,
        clean_responses=clean,
        unit=none,
        direction=none,
        whitening=torch.eye(3, dtype=torch.float64) if whitening is None else whitening,
    )
    return given, weights
