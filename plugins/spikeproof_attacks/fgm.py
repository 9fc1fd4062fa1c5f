"""The fast gradient method: one exact step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from spikeproof.geometry import steepest_step
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Rows

__all__ = ["FGM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FGM:
    """One step to where the linear approximation at the clean image is largest in the ball and the box.

    Goodfellow et al. 2015 (arXiv 1412.6572) for Linf, where pixels at a wall lose their part; for L2 and L1 what a wall
    cuts off goes to the pixels that have room, so that the step is optimal there too. The clean image and the steps in
    smaller balls compete: where a longer step is worse than a shorter one, the shorter one is returned.
    """

    def __call__(
        self,
        objective: ItemObjective,
        clean: torch.Tensor,
        epsilons: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,  # noqa: ARG002
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        start, _ = rows.begin()
        rows.look(steepest_step(rows.clean, start.slope, rows.radius, norm), last=True)
        return rows.best_of_smaller()
