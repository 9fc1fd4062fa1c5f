"""An equivalent of a layer that is faster to search on: BatchNorm folded, channels last, nothing computed after it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from spikeproof.errors import ModelError
from spikeproof.types import Cone, Precision
from torch import fx

from .agreement import value_and_gradient
from .cone import Cones
from .running import Run, arithmetic
from .tracing import shape_of

if TYPE_CHECKING:
    from .layer import LayerModel
    from .recorded import Recording

__all__ = ["AcceleratedModel", "Fast", "accelerated"]


def accelerated(model: LayerModel, *, precision: Precision, compile: bool) -> AcceleratedModel:  # noqa: A002
    """Return an equivalent of ``model``, after comparing it with the original on images of noise.

    Raises
    ------
    spikeproof.errors.ModelError
        If there is none: no bfloat16 on the device, no compiler, or a pass that does not repeat itself.
    """
    if precision == "bf16" and not _has_bfloat16(model.device):
        raise ModelError(f'{model.where}: {model.device} has no bfloat16 arithmetic: use precision = "float32"')
    fast = Fast(recording=model.recording, precision=precision, compile=compile)
    return AcceleratedModel(original=model, fast=fast.tried())


@dataclass(frozen=True, kw_only=True, eq=False)
class AcceleratedModel:
    """A layer's units, faster: see ``spikeproof.types.ResponseModel`` and ``spikeproof.types.Coned``.

    Responses that are not finite are returned as they are: no other image is concerned.
    """

    original: LayerModel
    fast: Fast

    @property
    def units(self) -> tuple[str, ...]:
        """Unit names, in the order of the columns."""
        return self.original.units

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Classes of the network's own head, or None."""
        return self.original.classes

    def select(self, units: Sequence[int]) -> AcceleratedModel:
        """Return the same layer restricted to these columns, in this order."""
        return replace(self, original=self.original.select(units))

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) to images (image, channel, y, x)."""
        return self._read(self.fast.layer(self._batch(images)), images)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of the network's own head, (image, class)."""
        return self.both(images)[1]

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores in one forward pass."""
        self.original.refuse_without_classes()
        output, scores = self.fast.both(self._batch(images))
        return self._read(output, images), scores.to(device=images.device, dtype=self.fast.dtype)

    def cone(self, column: int) -> Cone | None:
        """Return the dependency cone of a unit at one position of a convolutional layer; None for any other."""
        place = self.fast.place(self.original, column)
        return None if place is None or self.fast.cones is None else self.fast.cones.at(*place)

    def _batch(self, images: torch.Tensor) -> torch.Tensor:
        return self.original.checked(images).to(device=self.original.device, dtype=self.fast.dtype or images.dtype)

    def _read(self, output: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        # to the module's own type before means over positions are taken
        output = output.to(self.fast.dtype or images.dtype)
        return self.original.spatial.read(output, self.original.layer, self.original.columns).to(images.device)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fast:
    """What all selections of an accelerated layer share: its recorded passes, or a copy of the module without one.

    Parameters
    ----------
    recording : Recording
    precision, compile
        See ``spikeproof.types.Accelerable``.
    """

    recording: Recording
    precision: Precision
    compile: bool

    @property
    def model(self) -> LayerModel:
        """The layer that is accelerated."""
        return self.recording.model

    @property
    def dtype(self) -> torch.dtype | None:
        """Type of the module's numbers, None if it has none."""
        return self.recording.dtype

    @property
    def graph(self) -> fx.GraphModule | None:
        """The pass up to the layer; None if it is not recorded."""
        return self.recording.layer

    def tried(self) -> Fast:
        """Run everything once, so that what cannot be done is known now.

        Raises
        ------
        spikeproof.errors.ModelError
            If it cannot be done.
        """
        if self.graph is None and self.compile:
            raise ModelError(f"{self.model.where}: its forward pass cannot be recorded, so it cannot be compiled")
        if self.graph is not None and self.precision == "float32" and not self.compile:
            return self  # that is how it was compared
        try:
            value_and_gradient(lambda x: self.layer(x).flatten(1), self.recording.noise())
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            what = "compiled" if self.compile else "run"
            text = " ".join(str(error).split())[:300]
            raise ModelError(f"{self.model.where} cannot be {what} faster: {type(error).__name__}: {text}") from error
        if self.graph is None and not self.recording.agrees(self._copied.responses):
            raise ModelError(f"{self.model.where}: a copy of the network gives other responses than the network")
        return self

    @cached_property
    def cones(self) -> Cones | None:
        """The dependency cones of the layer's positions; None if the pass is not recorded."""
        if self.graph is None:
            return None
        return Cones(
            graph=self.graph,
            where=self.model.where,
            image_shape=self.model.image_shape,
            dtype=self.dtype or torch.float32,
            device=self.model.device,
            precision=self.precision,
            compile=self.compile,
        )

    def layer(self, images: torch.Tensor) -> torch.Tensor:
        """The layer's output (image, ...)."""
        if self._layer_run is not None:
            return self._layer_run(images)[0]
        with arithmetic(self.precision, self.model.device):
            return self.recording.once(self._copied, images, stop=True)[0]

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The layer's output and the module's."""
        if self._whole_run is not None:
            output, scores = self._whole_run(images)
            return output, scores
        with arithmetic(self.precision, self.model.device):
            output, scores = self.recording.once(self._copied, images, stop=False)
        return output, scores

    def place(self, model: LayerModel, column: int) -> tuple[tuple[int, int], int] | None:
        """Position (y, x) and channel of a column of a selection of the layer; None if it has no one position."""
        if self.graph is None or not 0 <= column < len(model.units):
            return None
        shape = shape_of(next(node for node in self.graph.graph.nodes if node.op == "output").args[0][0])[1:]
        if len(shape) != 3:
            return None
        unit = column if model.columns is None else int(model.columns[column])
        at = model.spatial.position(shape, model.layer)
        if at is not None:
            return at, unit
        if model.spatial.rule != "positions":
            return None
        channel, inside = divmod(unit, shape[1] * shape[2])
        return divmod(inside, shape[2]), channel

    @cached_property
    def _layer_run(self) -> Run | None:
        return self._run(self.graph)

    @cached_property
    def _whole_run(self) -> Run | None:
        return self._run(self.recording.whole)

    def _run(self, graph: fx.GraphModule | None) -> Run | None:
        return None if graph is None else self.recording.runnable(graph, self.precision, compiled=self.compile)

    @cached_property
    def _copied(self) -> LayerModel:
        """The module itself on a private copy, or as it is where it cannot be copied."""
        parts = dict(self.model.module.named_modules())
        name = next(name for name, part in parts.items() if part is self.model.part)
        patched = any("forward" in vars(part) for part in parts.values())  # its copy would run the original's layers
        try:
            module = self.model.module if patched else copy.deepcopy(self.model.module)
        except Exception:  # noqa: BLE001  # user code may raise anything; the original serves as well
            module = self.model.module
        if module is not self.model.module:
            module.requires_grad_(False)
            if any(isinstance(part, torch.nn.Conv2d) for part in module.modules()):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return replace(self.model, module=module, part=dict(module.named_modules())[name])


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
