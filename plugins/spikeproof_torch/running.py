"""How a graph is run: order in memory, arithmetic, compiler."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from spikeproof.types import Precision
from torch import fx

from .folding import halve_weights, reuse_memory, to_channels_last

__all__ = ["Run", "arithmetic", "runnable"]

Run = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
"""Takes images (image, channel, y, x)."""


def arithmetic(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a pass multiplies at this precision."""
    if precision == "float32":
        return nullcontext()
    # weights are rounded beforehand, so there is nothing to keep from one operation to the next
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


def runnable(
    module: fx.GraphModule,
    device: torch.device,
    *,
    channels_last: bool,
    precision: Precision,
    compile: bool,  # noqa: A002  # the name of the protocol
) -> Run:
    """Prepare a graph for speed; the graph given stays as it is."""
    made = fx.GraphModule(module, copy.deepcopy(module.graph))
    if channels_last:
        to_channels_last(made)
    reuse_memory(made)
    if precision == "bf16":
        halve_weights(made)
    call: Run = torch.compile(made) if compile else made

    def run(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with arithmetic(precision, device):
            return call(images)

    return run
