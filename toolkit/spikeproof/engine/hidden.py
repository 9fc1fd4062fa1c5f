"""An objective as a function of a shift of a hidden layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from spikeproof.errors import ModelError

from .decisions import apart

if TYPE_CHECKING:
    from spikeproof.types import ShiftedLayer

    from .objective import BoundObjective

__all__ = ["BoundHidden", "Shifted"]


@dataclass(frozen=True, slots=True)
class Shifted:
    """Responses and class scores under a shift (row, ...) of a layer."""

    layer: ShiftedLayer
    shift: torch.Tensor

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses, (row, unit)."""
        return self.layer.responses(images, self.shift)

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores."""
        return self.layer.both(images, self.shift)


class BoundHidden:
    """What attacks on a hidden layer may ask (``spikeproof.types.HiddenValues``).

    Parameters
    ----------
    bound : BoundObjective
    layer : ShiftedLayer
        Of the user's model.
    rows : callable
        Says how many rows pass the model at once.
    """

    def __init__(self, bound: BoundObjective, layer: ShiftedLayer, rows: Callable[[], int]) -> None:
        self._bound, self._layer, self._rows = bound, layer, rows

    def activation(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Output of the layer (row, ...), differentiable in the images and in nothing else."""

        def read(images: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:  # noqa: ARG001 - as of every reading
            parts = [self._layer.activation(part) for part in torch.split(images, self._rows())]
            self._bound.forward_rows += len(images)
            return torch.cat(parts)

        return apart(images, read, items, self._bound.came_back)

    def value_and_gradient(
        self, images: torch.Tensor, shift: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) under shifts (row, ...) of the layer, and their gradients with respect to these.

        Where one is not finite, the value is minus infinity and the gradient zero, and the item is marked.
        """
        rows = torch.arange(len(images), device=images.device) if items is None else items
        size = self._rows()
        values, gradients = [], []
        parts = (torch.split(all_rows, size) for all_rows in (images, shift, rows))
        for some_images, some_shift, some in zip(*parts, strict=True):
            with torch.inference_mode(mode=False), torch.enable_grad():
                leaf = some_shift.detach().clone().requires_grad_()
                value = self._bound.value(some_images, some, Shifted(self._layer, leaf))
                if not value.requires_grad:
                    raise ModelError("the responses are cut off from the hidden layer, so no gradient exists")
                gradient = torch.autograd.grad(value.sum(), leaf)[0]
            finite = torch.isfinite(gradient).flatten(1).all(dim=1) & torch.isfinite(value)
            self._bound.came_back(some, finite)
            values.append(torch.where(finite, value.detach(), -torch.inf))
            gradients.append(torch.where(finite.view(-1, *[1] * (gradient.ndim - 1)), gradient, 0.0))
        return torch.cat(values), torch.cat(gradients)
