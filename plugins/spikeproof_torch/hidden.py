"""A layer on the way to the units, to which a shift is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from spikeproof.errors import ModelError
from torch import nn

from .target import near

if TYPE_CHECKING:
    from .layer import LayerModel

__all__ = ["HiddenLayer", "hidden_layer"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class HiddenLayer:
    """A submodule on the way: see ``spikeproof.types.ShiftedLayer``.

    Parameters
    ----------
    model : LayerModel
        The units.
    part : torch.nn.Module
    name : str
    """

    model: LayerModel
    part: nn.Module
    name: str

    def activation(self, images: torch.Tensor) -> torch.Tensor:
        """Output of the layer, (image, ...); the pass stops there."""
        from .layer import LayerReached

        def seen(output: torch.Tensor) -> torch.Tensor:
            found.append(output)
            raise LayerReached

        found: list[torch.Tensor] = []
        self._hooked(seen, lambda: self.model.forward(self.model.checked(images), stop=False, read=False), len(images))
        self._once(found)
        return found[0].to(images.device)

    def responses(self, images: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) while a shift (image, ...) is added to the layer's output."""
        return self._shifted(images, shift, lambda: self.model.responses(images))

    def both(self, images: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores while a shift is added to the layer's output."""
        return self._shifted(images, shift, lambda: self.model.both(images))

    def _shifted(self, images: torch.Tensor, shift: torch.Tensor, run: Callable[[], T]) -> T:
        def add(output: torch.Tensor) -> torch.Tensor:
            done.append(output)
            return output + shift.to(output)

        done: list[torch.Tensor] = []
        result = self._hooked(add, run, len(images))
        self._once(done)
        return result

    def _hooked(self, change: Callable[[torch.Tensor], torch.Tensor], run: Callable[[], T], count: int) -> T:
        def hook(part: nn.Module, inputs: Any, output: Any) -> torch.Tensor:  # noqa: ANN401, ARG001 - torch's own
            if not isinstance(output, torch.Tensor) or not output.is_floating_point() or len(output) != count:
                got = f"shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
                raise ModelError(
                    f"{self.model.where}: its hidden layer {self.name!r} gives {got}, not one tensor of numbers an "
                    "image: shift a layer inside it or after it"
                )
            return change(output)

        handle = self.part.register_forward_hook(hook)
        try:
            return run()
        finally:
            handle.remove()

    def _once(self, calls: list[torch.Tensor]) -> None:
        if len(calls) != 1:
            how = "is not on the way to it" if not calls else f"is called {len(calls)} times on the way"
            raise ModelError(f"{self.model.where}: hidden layer {self.name!r} {how}: shift another layer")


def hidden_layer(model: LayerModel, layer: str) -> HiddenLayer:
    """Open a layer on the way to the units, and see that it is.

    Raises
    ------
    spikeproof.errors.ModelError
        If there is no such layer (near names are listed), or it is not called once before the units are read.
    """
    parts = dict(model.module.named_modules())
    if layer and layer not in parts:
        names = ", ".join(near(layer, [name for name in parts if name]))
        raise ModelError(f"torch: {model.network} has no layer {layer!r}; near names: {names}")
    opened = HiddenLayer(model=model, part=parts[layer] if layer else model.part, name=layer or model.layer)
    probe = torch.zeros((1, *model.image_shape))
    with torch.no_grad():
        opened.responses(probe, torch.zeros_like(opened.activation(probe)))
    return opened
