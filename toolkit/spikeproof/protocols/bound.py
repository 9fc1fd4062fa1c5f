"""What an attack may ask: an objective that the host bound to a batch of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

__all__ = ["Decisions", "HiddenValues", "ItemObjective"]


class Decisions(Protocol):
    """Decision values of a batch of items, for attacks that work on a choice among classes rather than on a number."""

    @property
    def choice(self) -> torch.Tensor:
        """Index of the class chosen on each clean image, (item,)."""

    @property
    def partner_choice(self) -> torch.Tensor:
        """Index of the class chosen on each item's partner stimulus, (item,)."""

    @property
    def directions(self) -> tuple[str, ...]:
        """Name of each item's direction, as the objective's ``directions()`` calls it."""

    @property
    def reader(self) -> torch.Tensor:
        """Which classifier reads each item, (item,): items of one number may stand for each other in ``items``."""

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Decision values (row, class), differentiable in the images and in nothing else."""


class HiddenValues(Protocol):
    """An objective bound to a batch of items, as a function of images and of a shift of a hidden layer."""

    def activation(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Output of the layer (row, ...), differentiable in the images and in nothing else."""

    def value_and_gradient(
        self, images: torch.Tensor, shift: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) under shifts (row, ...) of the layer, and their gradients with respect to these."""


class ItemObjective(Protocol):
    """An objective bound to a batch of items by the host; all that an attack may ask.

    ``images`` is (row, channel, y, x). ``items`` says which item each row belongs to; by default row k is item k.
    """

    @property
    def decisions(self) -> Decisions | None:
        """Decision values of the items; None where the objective reads none."""

    @property
    def level(self) -> torch.Tensor | None:
        """Value from which on each item's goal is reached, (item,); None where the objective has no goal."""

    def reached(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whether the goal is reached, (row,): the value is at least the level."""

    def leads(self, classes: torch.Tensor) -> ItemObjective | None:
        """The same items with another objective: by how much a class (item,) of each leads over its clean choice.

        For searches that try one class after the other. None unless the objective reads decisions and its direction is
        ``"away"``.
        """

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Values (row,), without gradients."""

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and their gradients with respect to each row's image, (row, channel, y, x)."""

    @property
    def partners(self) -> torch.Tensor:
        """Clean image of another stimulus for each item, (item, channel, y, x)."""

    def responses(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whitened population vectors (row, component), differentiable in the images and in nothing else."""

    def jacobian(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Jacobians of the whitened population vector, (row, component, channel, y, x).

        One backward pass for each component. Ask for few rows at a time: nothing else is as large.
        """

    def hidden(self, layer: str) -> HiddenValues:
        """Return the objective as a function of a shift of a hidden layer; that of the units if the name is empty.

        Raises
        ------
        spikeproof.errors.ModelError
            If the model shows no such layer (see ``Layered``).
        """
