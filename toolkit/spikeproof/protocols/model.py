"""Networks, and their layers as maps from images to the responses of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = ["Model", "Network", "ResponseModel"]


@runtime_checkable
class Model(Protocol):
    """A kind of network, configured."""

    def load(self, *, seed: int, device: str) -> Network:
        """Open the network. Random numbers drawn while it is built are seeded; the global state is restored."""


class Network(Protocol):
    """An opened network."""

    @property
    def name(self) -> str:
        """Short name for tables and plots (``"cnn_a_robust"``)."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Where it came from, with a digest of the weights (``weights``)."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be read."""

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> ResponseModel:
        """Read all units of a layer.

        Raises
        ------
        spikeproof.errors.ModelError
            If the layer does not exist (near names are listed), or cannot take images of this shape.
        """


class ResponseModel(Protocol):
    """Differentiable map from images in [0, 1] to the responses of units.

    Calling it never changes the network: parameters, hooks, flags, gradients and the global random state are as
    found afterwards, after an exception too. Gradients flow to the images if they require them.
    """

    @property
    def units(self) -> tuple[str, ...]:
        """Unit names, in the order of the columns."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Classes of the network's own head (``"0"``, ``"1"`` ...), or None if its output is not one row of scores."""

    def select(self, units: Sequence[int]) -> ResponseModel:
        """Return the same layer restricted to these columns, in this order."""

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) to images (image, channel, y, x); the forward pass stops at the layer."""

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of the network's own head, (image, class)."""

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores in one forward pass."""
