"""Whether two ways to compute responses are one function, values and gradients, up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from spikeproof.types import generator

__all__ = ["agree", "noise_images", "value_and_gradient"]

_KINKS = 0.05
"""Rounding turns a rectifier on or off here and there; a gradient that is another function's is off by far more."""


def noise_images(
    count: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, *key: str | int
) -> torch.Tensor:
    """Images of uniform noise that depend on the key only."""
    return torch.as_tensor(generator(0, "torch", *key).random((count, *shape)), dtype=dtype, device=device)


def value_and_gradient(
    function: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (image, unit), and the gradient of a mixture of all units; zero where there is none."""
    with torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        values = function(leaf)
        mixture = generator(0, "torch", "mixture").standard_normal(values.shape[1])
        total = (values * torch.as_tensor(mixture, dtype=values.dtype, device=values.device)).sum()
        gradient = torch.autograd.grad(total, leaf, allow_unused=True)[0] if total.requires_grad else None
    return values.detach(), torch.zeros_like(images) if gradient is None else gradient


def agree(one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> bool:
    """Whether values agree to rounding, relative to the largest, and each image's gradients point the same way."""
    (values, gradient), (its_values, its_gradient) = one, other
    if values.shape != its_values.shape or gradient.shape != its_gradient.shape:
        return False
    if not bool(torch.isfinite(its_values).all()):
        return False
    # TF32, the default of convolutions on CUDA, keeps 10 bits
    tolerance = 1e-2 if values.is_cuda else max(1e-5, torch.finfo(values.dtype).eps * 256)
    close = (values - its_values).abs().max() <= tolerance * values.abs().max()
    off = (gradient - its_gradient).flatten(1).double().norm(dim=1)
    return bool(close) and bool((off <= _KINKS * gradient.flatten(1).double().norm(dim=1)).all())
