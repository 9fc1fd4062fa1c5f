"""What a model holds."""

from __future__ import annotations

import torch

from spikeproof.plugin import ModelEntry
from spikeproof.types import ResponseModel, Transparent

from .registry import check, require
from .subject import Subject


def opened(subject: Subject) -> tuple[ResponseModel, torch.Tensor]:
    """Open the network and a layer of it; return the response model and four images that it takes."""
    network = subject.build().load(seed=0, device="cpu")
    require(network.layers, "the network has no layer that can be read")
    require(network.identity.get("weights"), "the identity has no digest of the weights ('weights')")
    shape = subject.example.image_shape
    layer = subject.example.layer or network.layers[0]
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(5))
    return network.read(layer, image_shape=shape), images


def read(subject: Subject) -> torch.Tensor:
    """Responses (image, unit) of the first units to four images."""
    model, images = opened(subject)
    return model.responses(images)


@check("model")
def check_an_image_does_not_depend_on_its_batch(subject: Subject) -> None:
    """Responses to an image alone are those in a batch: the network is not in training mode."""
    model, images = opened(subject)
    together = model.responses(images)
    require(together.shape == (4, len(model.units)), f"responses have shape {tuple(together.shape)}, not (4, units)")
    for row in range(4):
        alone = model.responses(images[row : row + 1])[0]
        moved = float((alone - together[row]).abs().max() / together.abs().max().clamp_min(1e-12))
        require(moved <= 1e-4, f"image {row} alone differs from itself in a batch by {moved:.2%} of the largest")


@check("model")
def check_selected_units_are_those_columns(subject: Subject) -> None:
    """``select`` keeps names and responses, in the order that was asked for."""
    model, images = opened(subject)
    columns = [len(model.units) - 1, 0]
    some = model.select(columns)
    names = tuple(model.units[column] for column in columns)
    require(tuple(some.units) == names, f"selected units are {some.units}, not {names}")
    same = torch.allclose(some.responses(images), model.responses(images)[:, columns], rtol=1e-4, atol=1e-6)
    require(same, "responses of selected units are not those of their columns")


@check("model")
def check_what_it_shows_inside_is_what_it_computes(subject: Subject) -> None:
    """Where it is transparent, what it reads from its layer's output are its responses."""
    model, images = opened(subject)
    if not isinstance(model, Transparent):
        return
    seen: list[torch.Tensor] = []
    part = dict(model.module.named_modules()).get(model.layer, model.module)
    handle = part.register_forward_hook(lambda _, __, output: seen.append(output))
    try:
        expected = model.responses(images)
    finally:
        handle.remove()
    require(len(seen) == 1, f"the submodule {model.layer!r} ran {len(seen)} times in one pass, not once")
    same = torch.allclose(model.read(seen[0]).to(expected), expected, rtol=1e-4, atol=1e-6)
    require(same, "read() of the layer's output does not give the responses")


@check("model", when=lambda entry: isinstance(entry, ModelEntry) and entry.differentiable)
def check_its_gradient_agrees_with_finite_differences(subject: Subject) -> None:
    """Gradients flow to the images and are the slope of the responses."""
    model, images = opened(subject)
    pixels = images[:1].clone().requires_grad_()
    total = model.responses(pixels).sum()
    require(total.requires_grad, "responses cannot be differentiated, but the entry says differentiable")
    (gradient,) = torch.autograd.grad(total, pixels)
    require(gradient.abs().sum() > 0, "the gradient is zero everywhere")
    direction = gradient / gradient.norm()
    step = 1e-3
    with torch.no_grad():
        up, down = (model.responses(images[:1] + sign * step * direction).double().sum() for sign in (1, -1))
    slope, expected = float((up - down) / (2 * step)), float(gradient.norm())
    require(
        abs(slope - expected) <= 0.05 * expected,
        f"the slope along the gradient is {slope:.4g}, not {expected:.4g}",
    )
