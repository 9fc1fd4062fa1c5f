"""What a response model may offer so that the search for a perturbation is fast. Both offers are optional.

The engine never trusts an offer: on its first batch it compares what the offer gives with what the user's own model
gives, and goes on without it, with a note, where they differ. Whatever is reported is read again in float32 on the
user's own model.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .types import ResponseModel

__all__ = ["Accelerable", "Cone", "Coned", "Precision", "Unchecked"]

Precision = Literal["float32", "bf16"]
"""Arithmetic of an accelerated model: ``"bf16"`` multiplies in bfloat16 and returns float32."""


@runtime_checkable
class Accelerable(Protocol):
    """A response model that offers an equivalent of itself for the search."""

    def accelerate(self, *, precision: Precision, compile: bool) -> ResponseModel:  # noqa: A002
        """Return an equivalent on a private copy: the same units and classes, from images of the same shape.

        The user's module, its parameters, flags and gradients stay as they are. Images and responses keep the dtype
        that the caller gives, whatever the arithmetic inside.

        Raises
        ------
        spikeproof.errors.ModelError
            If there is no equivalent (``bf16`` on a device without it, a compiler that is missing): the engine says
            so and goes on without.
        """


@runtime_checkable
class Unchecked(Protocol):
    """A response model that refuses responses that are not finite, and offers itself without that check."""

    def unchecked(self) -> ResponseModel:
        """Return the same model, which returns responses and class scores as they are.

        For the search, where a value that is not finite concerns one item and must not stop the others.
        """


@runtime_checkable
class Coned(Protocol):
    """A response model some units of which depend on a part of the image only.

    Offered by the user's own model or by what ``accelerate`` returned; the engine asks the latter where there is one.
    """

    def cone(self, column: int) -> Cone | None:
        """Return the dependency cone of a unit; None where it would not be smaller than the image, or is not known."""


@dataclass(frozen=True, kw_only=True)
class Cone:
    """The part of the image that a unit depends on, and the network restricted to it.

    Parameters
    ----------
    window : tuple of int, (y0, y1, x0, x1)
        The part: rows y0 to y1 and columns x0 to x1 of the image, the last not included.
    signature : hashable
        Cones of one signature take crops of one shape, and their models are interchangeable: column k of the one is
        the same function of the crop as column k of the other. Crops of different windows then share a batch.
    model : ResponseModel
        Takes crops (row, channel, y1 - y0, x1 - x0).
    unit : int
        Column of ``model`` that is the unit the cone was asked for.
    """

    window: tuple[int, int, int, int]
    signature: Hashable
    model: ResponseModel
    unit: int
