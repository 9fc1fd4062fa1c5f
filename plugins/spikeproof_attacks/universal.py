"""One perturbation for all stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .pgd import PGD

__all__ = ["Universal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Universal:
    """One perturbation for all stimuli of a target (Moosavi-Dezfooli et al. 2017, arXiv 1610.08401).

    They fooled one image after the other and added up; here the mean of the objective over all stimuli is climbed by
    projected gradient ascent with exact projection on the ball, as ``pgd`` does for each image alone (Shafahi et al.
    2020, arXiv 1811.11304, climb it by stochastic gradients). The best point visited is kept, no perturbation among
    them, and one found in a smaller ball competes in every larger one. Each perturbed stimulus is clipped to [0, 1].
    """

    steps: Annotated[int, "Gradient steps from each start; each asks about every stimulus."] = 40
    restarts: Annotated[int, "Starts; all after the first are random points of the sphere."] = 1
    schedule: Annotated[
        Literal["best", "geometric", "cosine"],
        "Step lengths: 2 epsilon * 0.75^i, or from epsilon to 0 along a cosine; best: a run of each, the better kept.",
    ] = "best"

    def __post_init__(self) -> None:
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise BadParameter(f"universal: {name} must be at least 1, got {getattr(self, name)}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Canvases that show the perturbations, (epsilon, item, channel, y, x)."""
        search = PGD(steps=self.steps, restarts=self.restarts, schedule=self.schedule)
        return search(objective, clean, epsilons, norm, noise)
