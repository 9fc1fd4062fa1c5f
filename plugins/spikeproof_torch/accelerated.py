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

from .agreement import agree, noise_images, value_and_gradient
from .cone import Cones
from .folding import CONVOLUTIONS, fold_batch_norm
from .module import floating_dtype
from .running import Run, arithmetic, runnable
from .tracing import UntraceableError, shape_of, trace

if TYPE_CHECKING:
    from .layer import LayerModel

__all__ = ["AcceleratedModel", "accelerated"]

_PROBES = 3
"""Images of noise on which the equivalent is compared with the original."""


def accelerated(model: LayerModel, *, precision: Precision, compile: bool) -> AcceleratedModel:  # noqa: A002
    """Return an equivalent of ``model``, after comparing it with the original on images of noise.

    Raises
    ------
    spikeproof.errors.ModelError
        If there is none: no bfloat16 on the device, no compiler, or a pass that does not repeat itself.
    """
    from .layer import LayerReached

    if precision == "bf16" and not _has_bfloat16(model.device):
        raise ModelError(f'{model.where}: {model.device} has no bfloat16 arithmetic: use precision = "float32"')
    fast = Fast(model=model, reached=LayerReached, precision=precision, compile=compile)
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
    model : LayerModel
    reached : type of exception
        Ends a pass at the layer.
    precision, compile
        See ``spikeproof.types.Accelerable``.
    """

    model: LayerModel
    reached: type[BaseException]
    precision: Precision
    compile: bool

    def tried(self) -> Fast:
        """Run everything once, so that what cannot be done is known now.

        Raises
        ------
        spikeproof.errors.ModelError
            If it cannot be done.
        """
        if self.graph is None and self.compile:
            raise ModelError(f"{self.model.where}: its forward pass cannot be recorded, so it cannot be compiled")
        images = self._noise()
        try:
            value_and_gradient(lambda x: self.layer(x).flatten(1), images)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            what = "compiled" if self.compile else "run"
            text = " ".join(str(error).split())[:300]
            raise ModelError(f"{self.model.where} cannot be {what} faster: {type(error).__name__}: {text}") from error
        if self.graph is None and not self._agrees(self._copied.responses):
            raise ModelError(f"{self.model.where}: a copy of the network gives other responses than the network")
        return self

    @cached_property
    def dtype(self) -> torch.dtype | None:
        """Type of the module's numbers, None if it has none."""
        return floating_dtype(self.model.module)

    @cached_property
    def graph(self) -> fx.GraphModule | None:
        """The pass up to the layer, folded; None if it cannot be recorded faithfully."""
        made = self._recorded(stop=True)
        if made is None:
            return None
        run = self._runnable(made, "float32", compiled=False)
        model = self.model

        def responses(images: torch.Tensor) -> torch.Tensor:
            return model.spatial.read(run(images)[0], model.layer, model.columns)

        return made if self._agrees(responses) else None

    @cached_property
    def cones(self) -> Cones | None:
        """The dependency cones of the layer's positions; None if the pass was not recorded."""
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
            return self._pass(self._copied, images, stop=True)[0]

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The layer's output and the module's."""
        if self._both_run is not None:
            output, scores = self._both_run(images)
            return output, scores
        with arithmetic(self.precision, self.model.device):
            output, scores = self._pass(self._copied, images, stop=False)
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
        return None if self.graph is None else self._runnable(self.graph, self.precision, compiled=self.compile)

    @cached_property
    def _both_run(self) -> Run | None:
        made = self._recorded(stop=False)
        if made is None:
            return None
        run = self._runnable(made, "float32", compiled=False)
        right = agree(
            value_and_gradient(self.model.logits, self._noise()), value_and_gradient(lambda x: run(x)[1], self._noise())
        )
        return self._runnable(made, self.precision, compiled=self.compile) if right else None

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

    def _recorded(self, *, stop: bool) -> fx.GraphModule | None:
        try:
            made = trace(
                lambda images: self._pass(self.model, images, stop=stop),
                self.model.image_shape,
                self.dtype or torch.float32,
                self.model.device,
            )
        except UntraceableError:
            return None
        fold_batch_norm(made)
        return made

    def _pass(self, model: LayerModel, images: torch.Tensor, *, stop: bool) -> tuple[torch.Tensor, ...]:
        """Run a module once; give the layer's output and, without ``stop``, the module's."""
        seen: list[torch.Tensor] = []

        def hook(part: object, inputs: object, output: torch.Tensor) -> None:  # noqa: ARG001
            seen.append(output[:, None] if output.ndim == 1 else output.clone())  # later layers may write into it
            if stop:
                raise self.reached

        handle = model.part.register_forward_hook(hook)
        try:
            scores = model.module(images)
        except self.reached:
            return (seen[0],)
        finally:
            handle.remove()
        return seen[0], scores

    def _runnable(self, graph: fx.GraphModule, precision: Precision, *, compiled: bool) -> Run:
        convolves = any(node.target in CONVOLUTIONS for node in graph.graph.nodes)
        return runnable(graph, self.model.device, channels_last=convolves, precision=precision, compile=compiled)

    def _noise(self) -> torch.Tensor:
        dtype = self.dtype or torch.float32
        return noise_images(_PROBES, self.model.image_shape, dtype, self.model.device, "accelerate")

    def _agrees(self, responses: object) -> bool:
        assert callable(responses)  # noqa: S101
        return agree(
            value_and_gradient(self.model.responses, self._noise()), value_and_gradient(responses, self._noise())
        )


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
