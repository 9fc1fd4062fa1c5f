"""How much pooling can lengthen a difference."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from .bounds import NormBound
from .dense import dense_norm

__all__ = ["pooling_bound"]

_MAX = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}
_AVERAGE = {nn.AvgPool1d: 1, nn.AvgPool2d: 2, nn.AvgPool3d: 3}
_ADAPTIVE_AVERAGE = {nn.AdaptiveAvgPool1d: 1, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveAvgPool3d: 3}
_ADAPTIVE_MAX = {nn.AdaptiveMaxPool1d: 1, nn.AdaptiveMaxPool2d: 2, nn.AdaptiveMaxPool3d: 3}


def pooling_bound(module: Any, shape: tuple[int, ...]) -> NormBound | None:  # noqa: ANN401  (pooling has no common type)
    """Bound a pooling layer on inputs of a shape (channel, y, ...), or return None where it is none.

    An average is linear, and works along each dimension apart: its norm is the product of theirs. A maximum reads one
    pixel of its window: it lengthens nothing unless windows overlap, and then by the root of the number of windows that
    a pixel is in, at most.
    """
    if dimensions := _dimensions(module, _MAX):
        taps, strides, gaps = (_each(v, dimensions) for v in (module.kernel_size, module.stride, module.dilation))
        return _of_maximum([_windows_per_pixel(*one) for one in zip(taps, strides, gaps, strict=True)])
    if dimensions := _dimensions(module, _AVERAGE):
        if getattr(module, "divisor_override", None) is not None:
            return None
        parts = [_each(v, dimensions) for v in (module.kernel_size, module.stride, module.padding)]
        norms = []
        for size, taps, stride, padding in zip(shape[-dimensions:], *parts, strict=True):
            along = nn.AvgPool1d(taps, stride, padding, module.ceil_mode, module.count_include_pad)
            norms.append(_norm_along(size, along))
        return NormBound.exact(math.prod(norms))
    if dimensions := _dimensions(module, _ADAPTIVE_AVERAGE):
        pairs = _sizes(module, shape, dimensions)
        return NormBound.exact(math.prod(_norm_along(size, nn.AdaptiveAvgPool1d(wanted)) for size, wanted in pairs))
    if dimensions := _dimensions(module, _ADAPTIVE_MAX):
        return _of_maximum([_adaptive_windows_per_pixel(*pair) for pair in _sizes(module, shape, dimensions)])
    return None


def _of_maximum(shared: list[int]) -> NormBound:
    how = "root of the windows that share a pixel"
    return NormBound(lower=1.0, upper=math.sqrt(math.prod(shared)), how=how)


def _norm_along(size: int, pool: nn.Module) -> float:
    columns = pool(torch.eye(size, dtype=torch.float64)[:, None]).squeeze(1)
    return dense_norm(columns.numpy().T)


def _windows_per_pixel(taps: int, stride: int, gap: int) -> int:
    residues = [tap * gap % stride for tap in range(taps)]
    return max(residues.count(residue) for residue in set(residues))


def _adaptive_windows_per_pixel(size: int, wanted: int) -> int:
    held = [0] * size
    for k in range(wanted):
        for pixel in range(k * size // wanted, -(-(k + 1) * size // wanted)):
            held[pixel] += 1
    return max(held)


def _sizes(module: Any, shape: tuple[int, ...], dimensions: int) -> list[tuple[int, int]]:  # noqa: ANN401
    wanted = _each(module.output_size, dimensions)
    return [(n, n if w is None else w) for n, w in zip(shape[-dimensions:], wanted, strict=True)]


def _dimensions(module: object, kinds: dict[Any, int]) -> int:
    return next((dimensions for kind, dimensions in kinds.items() if isinstance(module, kind)), 0)


def _each(value: object, dimensions: int) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value] * dimensions
