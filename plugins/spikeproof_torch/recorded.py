"""The passes of a layer's model as graphs, compared with the model before they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from spikeproof.types import Precision
from torch import fx

from .agreement import agree, noise_images, value_and_gradient
from .folding import CONVOLUTIONS, fold_batch_norm
from .module import floating_dtype
from .running import Run, runnable
from .tracing import UntraceableError, trace

if TYPE_CHECKING:
    from .layer import LayerModel

__all__ = ["Recording"]

_PROBES = 3
"""Images of noise on which the equivalent is compared with the original."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """The passes of a layer's model as graphs.

    Parameters
    ----------
    model : LayerModel
    reached : type of exception
        Ends a pass at the layer.
    """

    model: LayerModel
    reached: type[BaseException]

    @cached_property
    def dtype(self) -> torch.dtype | None:
        """Type of the module's numbers, None if it has none."""
        return floating_dtype(self.model.module)

    @cached_property
    def layer(self) -> fx.GraphModule | None:
        """The pass up to the layer, folded; None if it cannot be recorded faithfully."""
        made, model = self._recorded(stop=True), self.model
        if made is None:
            return None
        run = self.runnable(made, "float32", compiled=False)
        right = self.agrees(lambda x: model.spatial.read(run(x)[0], model.layer, model.columns))
        return made if right else None

    @cached_property
    def whole(self) -> fx.GraphModule | None:
        """The whole pass, folded: the layer's output and the class scores; None if it cannot be recorded faithfully."""
        made = self._recorded(stop=False)
        if made is None:
            return None
        run = self.runnable(made, "float32", compiled=False)
        mine, its = (value_and_gradient(f, self.noise()) for f in (self.model.logits, lambda x: run(x)[1]))
        return made if agree(mine, its) else None

    def once(self, model: LayerModel, images: torch.Tensor, *, stop: bool) -> tuple[torch.Tensor, ...]:
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

    def runnable(self, graph: fx.GraphModule, precision: Precision, *, compiled: bool) -> Run:
        """A graph prepared for speed."""
        convolves = any(node.target in CONVOLUTIONS for node in graph.graph.nodes)
        return runnable(graph, self.model.device, channels_last=convolves, precision=precision, compile=compiled)

    def noise(self) -> torch.Tensor:
        """Images that equivalents are tried on."""
        dtype = self.dtype or torch.float32
        return noise_images(_PROBES, self.model.image_shape, dtype, self.model.device, "accelerate")

    def agrees(self, responses: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        """Whether these are the layer's responses."""
        return agree(
            value_and_gradient(self.model.responses, self.noise()), value_and_gradient(responses, self.noise())
        )

    def _recorded(self, *, stop: bool) -> fx.GraphModule | None:
        try:
            made = trace(
                lambda images: self.once(self.model, images, stop=stop),
                self.model.image_shape,
                self.dtype or torch.float32,
                self.model.device,
            )
        except UntraceableError:
            return None
        fold_batch_norm(made)
        return made
