"""Another image with the same population vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .pursuits import Matched
from .rows import Rows
from .spectral import climb

__all__ = ["Metamer"]

_FIRST = 0.1
"""Root mean square change of a pixel in the first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metamer:
    """An image that the population cannot tell from the stimulus, although it is another one.

    Feather et al. 2023 (doi:10.1038/s41593-023-01442-0), "model metamers": from an image of noise, or from another
    stimulus, the squared whitened distance to the population vector of the stimulus is brought down, here by spectral
    projected gradients in [0, 1]. There is no ball: how far the metamer is from the stimulus is a result.
    """

    start: Annotated[
        Literal["noise", "stimulus"], "Where it starts: uniform noise in every pixel, or another stimulus."
    ] = "noise"
    steps: Annotated[int, "Gradient steps."] = 500

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadParameter(f"metamer: steps must be at least 1, got {self.steps}")

    def pursues(self) -> Matched:
        """The distance to the clean population vector, to be made small again."""
        return Matched(to="clean")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Metamers, (epsilon, item, channel, y, x); the radii do not bind them."""
        drawn = noise.uniform(clean.shape[1:], like=clean)
        begin = drawn if self.start == "noise" else objective.partners
        rows = Rows(objective, clean, torch.full_like(epsilons[:1], torch.inf), norm)
        rows.best = begin.clone()
        climb(rows, rows.look(begin), self.steps, torch.full_like(rows.radius, _FIRST * clean[0].numel() ** 0.5))
        return rows.best.expand(len(epsilons), *clean.shape).clone()
