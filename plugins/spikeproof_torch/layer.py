"""One layer of a module as a map from images to units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from spikeproof.errors import ModelError
from spikeproof.types import Precision
from torch import nn

from .hidden import HiddenLayer, hidden_layer
from .module import floating_dtype
from .spatial import Spatial
from .state import preserved_random_state

if TYPE_CHECKING:
    from .accelerated import AcceleratedModel
    from .recorded import Recording

__all__ = ["LayerModel", "LayerReached", "Pass"]


class LayerReached(BaseException):  # not an Exception: a module's own `except Exception` must not stop it
    """Ends the forward pass at the layer."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one forward pass gave.

    Parameters
    ----------
    readings : list of torch.Tensor, (image, unit)
        One for each call of the layer.
    shapes : list of tuple of int
        Shape of the layer's output per image, for each call.
    output : object
        What the module returned; None if the pass was stopped at the layer.
    failure : Exception, optional
        What ended the pass after the layer was reached.
    """

    readings: list[torch.Tensor]
    shapes: list[tuple[int, ...]]
    output: Any
    failure: Exception | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerModel:
    """A layer's units: see ``spikeproof.types.ResponseModel``.

    Images are moved to the module's device and type; responses come back on the device of the images, in the module's
    type.
    """

    module: nn.Module
    part: nn.Module
    network: str
    layer: str
    image_shape: tuple[int, int, int]
    device: torch.device
    spatial: Spatial
    units: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    no_classes: str = ""
    checks: bool = True
    columns: torch.Tensor | None = None
    map_shape: tuple[int, int, int] | None = None
    """See ``spikeproof.types.Mapped``: there where every position of a convolutional layer is read."""

    def select(self, units: Sequence[int]) -> LayerModel:
        """Return the same layer restricted to these columns, in this order.

        Raises
        ------
        spikeproof.errors.ModelError
            If a column does not exist.
        """
        wanted = [int(unit) for unit in units]
        outside = [unit for unit in wanted if not 0 <= unit < len(self.units)]
        if outside:
            raise ModelError(f"{self.where} has {len(self.units)} units, there is no column {outside[0]}")
        columns = torch.tensor(wanted, dtype=torch.long, device=self.device)
        if self.columns is not None:
            columns = self.columns[columns]
        return replace(self, units=tuple(self.units[unit] for unit in wanted), columns=columns, map_shape=None)

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) to images (image, channel, y, x); the forward pass stops at the layer.

        Raises
        ------
        spikeproof.errors.ModelError
            If the images have another shape, the module fails, or a response is not finite.
        """
        return self._only_reading(self.forward(self.checked(images), stop=True), images)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of the module's own output, (image, class)."""
        self.refuse_without_classes()
        return self._scores(self.forward(self.checked(images), stop=False, read=False), images)

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores in one forward pass."""
        self.refuse_without_classes()
        done = self.forward(self.checked(images), stop=False)
        return self._only_reading(done, images), self._scores(done, images)

    def read(self, output: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) from the layer's output (image, ...): see ``spikeproof.types.Transparent``."""
        return self.spatial.read(self._layer_output(output, len(output)), self.layer, self.columns)

    def accelerate(self, *, precision: Precision, compile: bool) -> AcceleratedModel:  # noqa: A002
        """Return a faster equivalent for the search, on a copy of its own: see ``spikeproof.types.Accelerable``."""
        from .accelerated import accelerated  # brings torch.fx, which takes a second to import

        return accelerated(self, precision=precision, compile=compile)

    def hidden(self, layer: str) -> HiddenLayer:
        """Return a layer on the way to the units: see ``spikeproof.types.Layered``."""
        return hidden_layer(self, layer)

    @cached_property
    def recording(self) -> Recording:
        """Its passes as graphs, recorded when they are first asked for; arithmetic of every precision shares them."""
        from .recorded import Recording

        return Recording(model=self, reached=LayerReached)

    @property
    def where(self) -> str:
        """How messages name this layer."""
        return f"torch: {self.network}, layer {self.layer!r}"

    def forward(self, images: torch.Tensor, *, stop: bool, read: bool = True) -> Pass:
        """Run the module once, with a hook on the layer that is always taken off again.

        Parameters
        ----------
        images : torch.Tensor, (image, channel, y, x)
        stop : bool
            End the pass at the layer.
        read : bool
            Whether to read the layer at all.

        Raises
        ------
        spikeproof.errors.ModelError
            If the module fails before the layer is reached, or the layer's output cannot be read.
        """
        readings: list[torch.Tensor] = []
        shapes: list[tuple[int, ...]] = []

        def hook(part: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401, ARG001
            tensor = self._layer_output(output, len(images))
            readings.append(self.spatial.read(tensor, self.layer, self.columns))
            shapes.append(tuple(tensor.shape[1:]))
            if stop:
                raise LayerReached

        dtype = floating_dtype(self.module)
        batch = images.to(device=self.device, dtype=dtype or images.dtype)
        handle = self.part.register_forward_hook(hook) if read else None
        output, failure = None, None
        with preserved_random_state():
            try:
                output = self.module(batch)
            except LayerReached:
                pass
            except (ModelError, torch.OutOfMemoryError):
                raise
            except Exception as error:
                if not readings:
                    raise ModelError(self._failed(images, error)) from error
                failure = error
            finally:
                if handle is not None:
                    handle.remove()
        return Pass(readings=readings, shapes=shapes, output=output, failure=failure)

    def _layer_output(self, output: Any, count: int) -> torch.Tensor:  # noqa: ANN401  # whatever a module returns
        if not isinstance(output, torch.Tensor):
            raise ModelError(
                f"{self.where} gives a {type(output).__name__}, not a tensor: read a layer inside it or after it"
            )
        if not output.is_floating_point():
            raise ModelError(f"{self.where} gives {output.dtype} numbers, which have no gradient: read another layer")
        if output.ndim == 0 or output.shape[0] != count:
            raise ModelError(
                f"{self.where} gives shape {tuple(output.shape)} for {count} images: the first dimension must be the "
                "image (does the forward pass squeeze or reshape it?)"
            )
        return output[:, None] if output.ndim == 1 else output

    def checked(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images, if they are such as the layer was opened for.

        Raises
        ------
        spikeproof.errors.ModelError
            If their shape or type is another.
        """
        if tuple(images.shape[1:]) != self.image_shape:
            raise ModelError(
                f"{self.where} was opened for images of shape {self.image_shape} (channel, y, x), "
                f"got {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise ModelError(f"{self.where}: images must be floating-point numbers in [0, 1], got {images.dtype}")
        return images

    def _only_reading(self, done: Pass, images: torch.Tensor) -> torch.Tensor:
        if len(done.readings) != 1:
            raise ModelError(
                f"{self.where} was called {len(done.readings)} times in one forward pass, but once when it was opened"
            )
        reading = done.readings[0]
        if reading.shape[1] != len(self.units):
            raise ModelError(f"{self.where} gave {reading.shape[1]} units, but {len(self.units)} when it was opened")
        self.refuse_not_finite(reading, images, "responses")
        return reading.to(images.device)

    def unchecked(self) -> LayerModel:
        """Return the same layer, which returns responses that are not finite as they are."""
        return replace(self, checks=False)

    def refuse_without_classes(self) -> None:
        """Refuse to give class scores where there are none.

        Raises
        ------
        spikeproof.errors.ModelError
            Saying why there are none.
        """
        if self.classes is None:
            raise ModelError(f"torch: {self.network} has no class scores: {self.no_classes}")

    def _scores(self, done: Pass, images: torch.Tensor) -> torch.Tensor:
        if done.failure is not None:
            raise ModelError(self._failed(images, done.failure)) from done.failure
        scores = done.output
        if not isinstance(scores, torch.Tensor) or scores.shape != (len(images), len(self.classes or ())):
            raise ModelError(f"torch: {self.network} did not give {len(self.classes or ())} scores for each image")
        self.refuse_not_finite(scores, images, "class scores")
        return scores.to(images.device)

    def refuse_not_finite(self, values: torch.Tensor, images: torch.Tensor, what: str) -> None:
        """Refuse values (image, unit) that are not all finite.

        Raises
        ------
        spikeproof.errors.ModelError
            Naming the layer and how many units and images are concerned.
        """
        bad = ~torch.isfinite(values.detach())
        if not self.checks or not bool(bad.any()):
            return
        if not bool(torch.isfinite(images.detach()).all()):
            raise ModelError(f"{self.where}: the images that it was given hold NaN or infinite pixels")
        raise ModelError(
            f"{self.where}: {what} are NaN or infinite in {int(bad.any(0).sum())} of {bad.shape[1]} columns, for "
            f"{int(bad.any(1).sum())} of {bad.shape[0]} images: check the weights, and that the network takes pixels "
            "in [0, 1]"
        )

    def _failed(self, images: torch.Tensor, error: Exception) -> str:
        return (
            f"{self.where}: the network failed on {len(images)} images of shape {tuple(images.shape[1:])} "
            f"(channel, y, x): {type(error).__name__}: {' '.join(str(error).split())}"
        )
