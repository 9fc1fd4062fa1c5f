"""What a response model may offer so that attacks can shift a hidden layer on the way to its units. Optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = ["Layered", "ShiftedLayer"]


class ShiftedLayer(Protocol):
    """A layer on the way from the image to the units."""

    def activation(self, images: torch.Tensor) -> torch.Tensor:
        """Output of the layer, (image, ...), differentiable in the images."""

    def responses(self, images: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) while a shift (image, ...) is added to the layer's output; differentiable in both."""

    def both(self, images: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores while a shift is added to the layer's output."""


@runtime_checkable
class Layered(Protocol):
    """A response model that can be shifted at a layer on the way."""

    def hidden(self, layer: str) -> ShiftedLayer:
        """Return a layer on the way to the units; the layer that is read itself if the name is empty.

        Raises
        ------
        spikeproof.errors.ModelError
            If there is no such layer (near names are listed), or it is not on the way.
        """
