"""A small network whose inside can be seen: what metrics of the network are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from spikeproof.types import NetworkEvidence, StimulusSet

__all__ = ["ToyLayer", "toy_network"]

SHAPE = (1, 6, 6)
_NAMES = tuple(f"u{unit}" for unit in range(6))


def _module() -> nn.Module:
    """Two convolutions and a dense layer of six units, seeded, in double precision."""
    generator = torch.Generator().manual_seed(13)
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global state
        module = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 6)
        ).double()
    for parameter in module.parameters():
        parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=generator).double() / 4)
    return module.eval()


@dataclass(frozen=True, kw_only=True, eq=False)
class ToyLayer:
    """The last layer of the toy network: a ``ResponseModel`` that is ``Transparent``."""

    module: nn.Module
    units: tuple[str, ...] = _NAMES
    layer: str = "5"
    classes: tuple[str, ...] | None = None
    columns: tuple[int, ...] = tuple(range(6))

    def select(self, units: Sequence[int]) -> ToyLayer:
        """Return the layer restricted to these columns."""
        return replace(self, units=tuple(self.units[k] for k in units), columns=tuple(self.columns[k] for k in units))

    def read(self, output: torch.Tensor) -> torch.Tensor:
        """The columns."""
        return output[:, list(self.columns)]

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit)."""
        values: torch.Tensor = self.read(self.module(images.double()))
        return values

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """The six outputs."""
        values: torch.Tensor = self.module(images.double())
        return values

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and outputs."""
        return self.responses(images), self.logits(images)


def toy_network(units: Sequence[int] | None = None) -> NetworkEvidence:
    """The toy network with an image for each stimulus of the toy code, and the toy code's units.

    Parameters
    ----------
    units : sequence of int, optional
        Which units, in this order; all by default.
    """
    pixels = np.random.default_rng(17).random((36, *SHAPE), dtype=np.float32)
    ids = pd.Index([f"s{row:02d}" for row in range(36)], name="stimulus_id")
    stimuli = StimulusSet(table=pd.DataFrame(index=ids), shape=SHAPE, read=lambda rows: pixels[list(rows)])
    model = ToyLayer(module=_module())
    return NetworkEvidence(model=model if units is None else model.select(units), stimuli=stimuli, seed=0)
