"""A layer is tried once when it is opened: it must be a fixed function of single images."""

from __future__ import annotations

from dataclasses import replace

import torch
from spikeproof.errors import ModelError
from spikeproof.types import generator

from .layer import LayerModel, Pass
from .state import preserved_random_state, seed_everything

__all__ = ["probe"]


def probe(model: LayerModel) -> LayerModel:
    """Try a layer on three noise images, and fill in its units and the module's classes.

    Raises
    ------
    spikeproof.errors.ModelError
        If the module cannot take such images; the layer is not called exactly once; or its responses are not finite,
        change from call to call, or depend on the other images of the batch.
    """
    images = torch.as_tensor(generator(0, "torch", "probe").random((3, *model.image_shape)), dtype=torch.float32)
    with torch.no_grad():
        whole = _seeded(model, images, 1, stop=False)
        if len(whole.readings) != 1:
            raise ModelError(_not_once(model, len(whole.readings)))
        reading = whole.readings[0]
        shape = whole.shapes[0]
        units = model.spatial.units(shape, model.layer)
        whole_map = model.spatial.rule == "positions" and len(shape) == 3
        model.refuse_not_finite(reading, images, "responses to uniform noise")
        again = _seeded(model, images, 2, stop=True)
        alone = _seeded(model, images[1:2], 1, stop=True)
    if not _same(reading, again.readings[0]):
        hint = ": call .eval() on it before it is returned" if any(p.training for p in model.module.modules()) else ""
        raise ModelError(
            f"{model.where} gives other responses to the same images when called again: its forward pass draws random "
            f"numbers or changes the network, so that no perturbation can be measured{hint}"
        )
    if not _same(reading[1:2], alone.readings[0]):
        raise ModelError(
            f"{model.where} gives an image other responses alone than in a batch with others: does it normalise over "
            "the batch? Every image must be read by itself"
        )
    classes, reason = _classes(whole)
    return replace(
        model,
        units=units,
        classes=classes,
        no_classes=reason,
        map_shape=(shape[0], shape[1], shape[2]) if whole_map else None,
    )


def _seeded(model: LayerModel, images: torch.Tensor, seed: int, *, stop: bool) -> Pass:
    with preserved_random_state():
        seed_everything(seed)
        return model.forward(images, stop=stop)


def _classes(whole: Pass) -> tuple[tuple[str, ...] | None, str]:
    if whole.failure is not None:
        return None, f"its forward pass fails after the layer: {type(whole.failure).__name__}: {whole.failure}"
    output = whole.output
    if not isinstance(output, torch.Tensor):
        return None, f"it returns a {type(output).__name__}, not a tensor (image, class)"
    if output.ndim != 2 or len(output) != 3 or output.shape[1] < 2:
        return None, f"its output has shape {tuple(output.shape)} for 3 images, expected (image, class) with 2 or more"
    return tuple(str(index) for index in range(output.shape[1])), ""


def _not_once(model: LayerModel, calls: int) -> str:
    if calls == 0:
        return (
            f"{model.where} is never called in the forward pass (its container may call its parts, or the module may "
            "be scripted): choose a layer that is"
        )
    return f"{model.where} is called {calls} times in one forward pass: give each use its own submodule to read one"


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two readings agree to the square root of the rounding error, relative to the largest response."""
    if first.shape != second.shape:
        return False
    # TF32 convolutions, the default on CUDA, keep 10 bits
    rounding = max(torch.finfo(first.dtype).eps, 2.0**-10 if first.is_cuda else 0.0)
    scale = float(first.abs().max()) if first.numel() else 0.0
    return bool((first - second).abs().max() <= rounding**0.5 * scale) if first.numel() else True
