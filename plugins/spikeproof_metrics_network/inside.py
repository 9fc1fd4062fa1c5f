"""What of a transparent response model is bounded: its module up to the layer, and the map from there to units."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from spikeproof.errors import DataError, ModelError
from spikeproof.types import Transparent
from torch import nn

from .dense import dense_norm
from .operators import operator_norm
from .semidefinite import lipsdp
from .sequential import dense_weights
from .upper import LayerBound, LipschitzBound, bound_up_to

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray
    from spikeproof.types import Code, ResponseModel

__all__ = ["part_of", "sdp_bound_of", "transparent", "upper_bound_of"]

NEURONS = 500
"""Hidden neurons that LipSDP is tried on: its time grows as their cube, or faster."""


def transparent(model: ResponseModel, metric: str, code: Code | None = None, instead: str = "") -> Transparent:
    """The same model, which must show its module; ``code`` is its units's, ``instead`` says what else may be done.

    Raises
    ------
    DataError
        If it does not.
    """
    if not isinstance(model, Transparent):
        if code is not None and code.facts.get("in_silico") == "yes":
            raise DataError(
                f"{metric}: the units of {code.system} are an encoder's, whose fit is no layer of a network: ask it of "
                f"the layer that the encoder reads, as a system of its own (a second [[model]]){instead}"
            )
        raise DataError(
            f"{metric}: the network cannot be looked into: its response model ({type(model).__name__}) shows no module"
            f"{instead}"
        )
    return model


def part_of(model: Transparent) -> nn.Module:
    """The submodule that is read, or the whole module."""
    part: nn.Module = dict(model.module.named_modules()).get(model.layer, model.module)
    return part


def upper_bound_of(model: Transparent, shape: tuple[int, ...], *, steps: int, seed: int) -> LipschitzBound:
    """Upper bound from the image to the units, the last step being what leads from the layer to them.

    Raises
    ------
    DataError
        If there is no rule for a step, which is named.
    """
    try:
        bound, width = bound_up_to(model.module, shape, part_of(model), steps=steps, seed=seed)
        reading = operator_norm(_Reading(model), width, steps=steps, seed=seed)
    except ModelError as error:
        raise DataError(f"{error}; set bounds to lower for what the images and attacks show") from None
    value = bound.value * reading.upper
    last = LayerBound(name="units", kind="read from the layer", bound=reading, so_far=value)
    return LipschitzBound(value=value, layers=(*bound.layers, last))


def sdp_bound_of(model: Transparent, mode: Literal["neuron", "layer"]) -> float:
    """Upper bound by LipSDP, of a chain of dense layers.

    Raises
    ------
    DataError
        If the network is no such chain, or too large a one.
    """
    try:
        weights, slopes = _dense_chain(model)
    except ModelError as error:
        raise DataError(f"{error}; set lipsdp to no") from None
    if len(weights) == 1:
        return dense_norm(weights[0])
    neurons = sum(len(weight) for weight in weights[:-1])
    if neurons > NEURONS:
        raise DataError(
            f"LipSDP: {neurons} hidden neurons: it is tried on {NEURONS} at most, since its time grows as their cube; "
            "set lipsdp to no"
        )
    return lipsdp(weights, mode, slopes=slopes).value


class _Reading(nn.Module):
    """The linear part of what leads from the layer's output to the units."""

    def __init__(self, model: Transparent) -> None:
        super().__init__()
        parameter = next(iter(model.module.parameters()), torch.zeros(0))
        self._linear = _linear_part(model, parameter.device)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self._linear(values)


def _linear_part(model: Transparent, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    def linear(values: torch.Tensor) -> torch.Tensor:
        given = values.to(device)
        return (model.read(given) - model.read(torch.zeros_like(given[:1]))).to(values.device)

    return linear


def _dense_chain(model: Transparent) -> tuple[list[NDArray[np.float64]], tuple[float, float]]:
    """Weights from the image to the units, and the slopes of the activations between them."""
    module = model.module
    if not isinstance(module, nn.Sequential):
        raise ModelError(f"LipSDP: needs a torch.nn.Sequential of linear layers, got {type(module).__name__}")
    chain: list[tuple[str, nn.Module]] = []
    part = part_of(model)
    last = [name for name, _ in _flat(part, f"{model.layer}.")] if isinstance(part, nn.Sequential) else [model.layer]
    for name, layer in _flat(module):
        chain.append((name, copy.deepcopy(layer)))
        if part is not module and name == last[-1]:
            break
    kept = nn.Sequential()
    for name, layer in chain:
        kept.add_module(name.replace(".", "_"), layer)
    outputs = next((layer.out_features for _, layer in reversed(chain) if isinstance(layer, nn.Linear)), 0)
    if outputs == 0:
        raise ModelError("LipSDP: there is no linear layer on the way to the units")
    parameter = next(iter(module.parameters()))
    reading = _linear_part(model, parameter.device)(torch.eye(outputs, dtype=torch.float64)).T.numpy()
    if isinstance(chain[-1][1], nn.Linear):
        weights, slopes = dense_weights(kept.eval())
        return [*weights[:-1], reading @ weights[-1]], slopes
    # A place holder, whose weights are never drawn: the global random state stays as it is.
    kept.add_module("units", nn.Linear(outputs, len(reading), bias=False, device="meta").to_empty(device="cpu"))
    weights, slopes = dense_weights(kept.eval())
    return [*weights[:-1], reading], slopes


def _flat(module: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of nested sequences, by their names."""
    for name, part in module.named_children():
        if isinstance(part, nn.Sequential):
            yield from _flat(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part
