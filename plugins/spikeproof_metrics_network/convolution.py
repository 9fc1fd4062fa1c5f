"""Norms of convolutions: of the operator on an image, not of the kernel written as a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from spikeproof.errors import DataError
from torch import nn

from .bounds import NormBound
from .operators import operator_norm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Convolution: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d

__all__ = ["convolution_module_norm", "convolution_norm", "torus_norm"]

WORK = 2e10
"""Operations that the norm on a torus may cost before it is left out."""

_BY_DIMENSIONS: dict[int, type[Convolution]] = {
    1: nn.Conv1d,
    2: nn.Conv2d,
    3: nn.Conv3d,
}


def convolution_norm(
    kernel: ArrayLike,
    size: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Literal["same", "valid"] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: Literal["zeros", "circular", "reflect", "replicate"] = "zeros",
    steps: int = 100,
    seed: int = 0,
) -> NormBound:
    """Operator norm of a convolution on images of a given size, with its stride and padding.

    Circular convolutions are exact (Sedghi, Gupta & Long 2019, arXiv:1805.10408, here with strides). Others are exact
    where the matrix is small; else the true operator and its transpose are applied in Lanczos's method, which bounds
    the norm from both sides, and a circular convolution that contains it bounds it from above, too. The norm of the
    kernel reshaped to a matrix, which ``torch.nn.utils.spectral_norm`` sets to 1, is no bound: it may be exceeded by
    the root of the number of taps.

    Parameters
    ----------
    kernel : array_like, (output channel, input channel / groups, tap, ...)
        One, two or three dimensions of taps.
    size : sequence of int
        Spatial size of the input.
    stride, padding, dilation, groups, padding_mode
        As in ``torch.nn.Conv2d``.
    steps : int
        Lanczos steps. The gap between the bounds shrinks as the square of their number.
    seed : int
        Of Lanczos's random start.

    Returns
    -------
    NormBound

    Raises
    ------
    DataError
        If the kernel is no kernel of finite numbers, or does not fit the image.

    Examples
    --------
    >>> bound = convolution_norm([[[[1.0, 2.0, 1.0]]]], (1, 8), padding=(0, 1), padding_mode="circular")
    >>> round(bound.upper, 12), bound.how
    (4.0, 'exact (circular)')
    """
    weight = torch.as_tensor(np.asarray(kernel, dtype=np.float64))
    dimensions = weight.ndim - 2
    if dimensions not in _BY_DIMENSIONS or len(size) != dimensions:
        raise DataError(
            f"convolution: a kernel (output, input, tap, ...) of 1 to 3 dimensions is needed for an image of size "
            f"{tuple(size)}, got {tuple(weight.shape)}"
        )
    if not torch.isfinite(weight).all():
        raise DataError("convolution: the kernel holds values that are not finite")
    make: Any = _BY_DIMENSIONS[dimensions]
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    try:
        module = make(
            weight.shape[1] * groups,
            weight.shape[0],
            tuple(weight.shape[2:]),
            groups=groups,
            bias=False,
            padding_mode=padding_mode,
            dtype=torch.float64,
            **{name: v if isinstance(v, (int, str)) else tuple(v) for name, v in options.items()},
        )
        module.weight = nn.Parameter(weight, requires_grad=False)
        return convolution_module_norm(module, (module.in_channels, *size), steps=steps, seed=seed)
    except (ValueError, RuntimeError) as error:
        raise DataError(f"convolution: torch refuses it: {error}") from None


def convolution_module_norm(module: Convolution, shape: tuple[int, ...], *, steps: int, seed: int) -> NormBound:
    """Norm of a torch convolution, without its bias, on inputs (channel, y, ...)."""
    kernel = module.weight.detach().to(torch.float64).cpu().numpy()
    extent = [d * (k - 1) + 1 for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    pads = _pads(module, extent)
    if module.padding_mode == "circular":
        fits = all(
            n + before + after - e == n - 1 and n % s == 0 and e <= n
            for n, (before, after), e, s in zip(shape[1:], pads, extent, module.stride, strict=True)
        )
        if fits and _torus_work(kernel, shape[1:], module) <= 50 * WORK:
            value = torus_norm(kernel, shape[1:], module.stride, module.dilation, module.groups)
            return NormBound.exact(value, "exact (circular)")
    # On a torus that is one padding larger, every window that is read sees what it sees with zeros around the image.
    torus = [
        math.ceil(max(n + max(before, after), e) / s) * s
        for n, (before, after), e, s in zip(shape[1:], pads, extent, module.stride, strict=True)
    ]
    torus_known = module.padding_mode == "zeros" and _torus_work(kernel, torus, module) <= WORK
    # With that bound from above at hand, few steps will do for the one from below.
    bound = operator_norm(module, shape, steps=min(steps, 40) if torus_known else steps, seed=seed)
    if bound.lower == bound.upper or not torus_known:
        return bound
    around = torus_norm(kernel, torus, module.stride, module.dilation, module.groups)
    if around >= bound.upper:
        return bound
    return NormBound(lower=bound.lower, upper=around, how=f"circular convolution on {'x'.join(map(str, torus))}")


def torus_norm(
    kernel: NDArray[np.float64],
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> float:
    """Norm of a circular convolution, frequency by frequency.

    With a stride s the frequencies that a step of s cannot tell apart are mixed: the norm is that of their transfer
    matrices side by side, over the root of the product of the strides.
    """
    out, per_group, *taps = kernel.shape
    spread = np.zeros((out, per_group, *size))
    for tap in np.ndindex(*taps):
        place = tuple((t * d) % n for t, d, n in zip(tap, dilation, size, strict=True))
        spread[(slice(None), slice(None), *place)] += kernel[(slice(None), slice(None), *tap)]
    transfer = np.fft.fftn(spread, axes=range(2, 2 + len(size)))
    # (output, input, alias, frequency, ...): frequency f + m n / s of each dimension is alias m of frequency f.
    folded = transfer.reshape(
        out, per_group, *(part for n, s in zip(size, stride, strict=True) for part in (s, n // s))
    )
    dimensions = len(size)
    order = [1, *(2 + 2 * d for d in range(dimensions))]
    frequencies = [3 + 2 * d for d in range(dimensions)]
    matrices = np.transpose(folded, [*frequencies, 0, *order]).reshape(-1, out, per_group * int(np.prod(stride)))
    largest = 0.0
    rows = out // groups
    for group in range(groups):
        own = matrices[:, group * rows : (group + 1) * rows]
        block = max(1, 2**22 // (rows * own.shape[2]))
        for start in range(0, len(own), block):
            part = own[start : start + block]
            conjugate = np.swapaxes(part.conj(), 1, 2)
            gram = part @ conjugate if part.shape[1] <= part.shape[2] else conjugate @ part
            largest = max(largest, float(np.linalg.eigvalsh(gram)[:, -1].max()))
    return math.sqrt(max(largest, 0.0) / float(np.prod(stride)))


def _torus_work(kernel: NDArray[np.float64], size: Sequence[int], module: Convolution) -> float:
    rows, columns = kernel.shape[0] / module.groups, float(kernel.shape[1] * math.prod(module.stride))
    narrow, wide = min(rows, columns), max(rows, columns)
    frequencies = math.prod(size) / math.prod(module.stride) * module.groups
    operations: float = 8 * frequencies * narrow * narrow * (wide + 5 * narrow)
    return operations


def _pads(module: Convolution, extent: Sequence[int]) -> list[tuple[int, int]]:
    """Padding before and after, per dimension."""
    padding: Any = module.padding
    if padding == "valid":
        return [(0, 0)] * len(extent)
    if padding == "same":
        return [((e - 1) // 2, e - 1 - (e - 1) // 2) for e in extent]
    return [(p, p) for p in padding]
