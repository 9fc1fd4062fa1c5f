"""A bounded shift at a hidden layer, and the input that reaches it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, cast

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import ascent_direction, project
from spikeproof.plugin import Norm
from spikeproof.types import HiddenValues, ItemNoise, ItemObjective

from .rows import Rows
from .spectral import climb

__all__ = ["Latent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """A shift of a hidden layer that moves the objective, then the image in the ball that comes nearest to causing it.

    Kumari et al. 2019 (arXiv 1905.05186), "latent attack". In each round the layer's output is shifted from where the
    image has it to where the objective is largest within a radius, by gradient ascent above the layer; then the image
    is moved toward that output, by spectral projected gradients on the squared distance below the layer. The next
    round begins where this one ended. The best image by the objective itself is kept, the clean one among them; one
    found in a smaller ball competes in every larger one.

    In their code a round has a shift of fixed length that is also clipped to the range of the layer, and sign steps
    with momentum on the absolute distance, for Linf.
    """

    layer: Annotated[str, "Hidden layer, on the way to the units; empty for the layer that is read itself."] = ""
    radius: Annotated[
        float, "Longest shift in a round, as a share of the length of the layer's output to the clean image (L2)."
    ] = 0.3
    rounds: Annotated[int, "Shifts, each from where the image got by then."] = 5
    shift_steps: Annotated[int, "Gradient steps of the shift in each round."] = 10
    image_steps: Annotated[int, "Gradient steps of the image in each round."] = 20

    def __post_init__(self) -> None:
        for name in ("rounds", "shift_steps", "image_steps"):
            if getattr(self, name) < 1:
                raise BadParameter(f"latent: {name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.radius < math.inf:
            raise BadParameter(f"latent: radius must be a finite share above 0, got {self.radius}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        hidden = objective.hidden(self.layer)
        rows = Rows(objective, clean, epsilons, norm)
        rows.keep(objective(clean).repeat(rows.count), rows.clean)
        start = hidden.activation(clean)
        reach = self.radius * _length(start).repeat(rows.count)
        points = rows.clean
        for _ in range(self.rounds):
            drawn = noise.normal(start.shape[1:], like=start)[rows.items]
            there = hidden.activation(points, rows.items)
            shift = _best_shift(hidden, points, rows.items, reach, drawn, self.shift_steps)
            near = Rows(cast("ItemObjective", _Reaching(hidden, there + shift)), clean, epsilons, norm)
            near.best = points.clone()
            far = rows.radius * (clean[0].numel() ** 0.5 if norm == "linf" else 1.0)
            climb(near, near.look(points), self.image_steps, far)
            points = near.best
            rows.keep(objective(points, rows.items), points)
        return rows.best_of_smaller()


class _Reaching:
    """Less the squared distance of a layer's output from where it is wanted, one wanted output a row."""

    def __init__(self, hidden: HiddenValues, wanted: torch.Tensor) -> None:
        self._hidden, self._wanted = hidden, wanted

    def __call__(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        return -(self._hidden.activation(images, items) - self._wanted).flatten(1).square().sum(dim=1)

    def value_and_gradient(self, images: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            value = self(leaf, items)
            return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


def _best_shift(
    hidden: HiddenValues,
    images: torch.Tensor,
    items: torch.Tensor,
    radius: torch.Tensor,
    drawn: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """Shifts (row, ...) in an L2 ball that raise the objective most, from none or, where it is flat, at random."""
    wide = (-1, *[1] * (drawn.ndim - 1))
    shift = torch.zeros_like(drawn)
    best, reached = shift, torch.full_like(radius, -torch.inf)
    for step in range(steps + 1):
        value, slope = hidden.value_and_gradient(images, shift, items)
        better = value > reached
        best = torch.where(better.view(wide), shift, best)
        reached = torch.where(better, value.to(reached), reached)
        direction, flat = ascent_direction(slope, "l2")
        away = ascent_direction(drawn, "l2")[0]
        direction = torch.where((flat & (step == 0)).view(wide), away, direction)
        size = radius * 0.5 * (1 + math.cos(math.pi * step / steps))
        moved = shift + size.to(shift).view(wide) * direction
        shift = project(moved, torch.zeros_like(moved), radius, "l2", low=-math.inf, high=math.inf)
    return best


def _length(rows: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = torch.linalg.vector_norm(rows.flatten(1), dim=1, dtype=torch.float64)
    return length
