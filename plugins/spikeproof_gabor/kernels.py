"""Quadrature pairs of Gabor functions, sampled on pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Scale", "scale_of"]

_REACH = 3.0
"""Standard deviations of the envelope at which it is cut off: 1 % of its peak."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """All Gabor functions of one spatial frequency.

    Parameters
    ----------
    frequency : float
        In cycles along the shorter side of the image.
    kernels : torch.Tensor, (2 x orientation, 1, y, x)
        Even (cosine) functions of every orientation, then odd (sine) ones; each sums to 0 and has norm 1.
    stride : int
        Distance between neighbouring positions, in pixels: one wavelength.
    padding : tuple of int
        (x before, x after, y before, y after) such that the positions lie centred in the image.
    grid : tuple of int
        Number of positions (y, x).
    """

    frequency: float
    kernels: torch.Tensor
    stride: int
    padding: tuple[int, int, int, int]
    grid: tuple[int, int]


def scale_of(
    frequency: float, size: tuple[int, int], *, orientations: int, bandwidth: float, aspect: float = 1.0
) -> Scale:
    """Sample the Gabor functions of one spatial frequency.

    Parameters
    ----------
    frequency : float
        In cycles along the shorter side of the image.
    size : tuple of int
        (y, x) of the image, in pixels.
    orientations : int
        Evenly spaced over half a turn, from 0 (vertical stripes).
    bandwidth : float
        Full width of the tuning to spatial frequency at half its height, in octaves: it sets the envelope's width,
        sigma = wavelength / pi sqrt(ln 2 / 2) (2^b + 1) / (2^b - 1) (Petkov and Kruizinga 1997,
        doi:10.1007/s004220050323, eq. 4).
    aspect : float
        Width of the envelope across the stripes over that along them.

    Returns
    -------
    Scale

    Examples
    --------
    >>> scale = scale_of(4.0, (32, 32), orientations=8, bandwidth=1.0)
    >>> scale.grid, tuple(scale.kernels.shape), scale.stride
    ((4, 4), (16, 1, 29, 29), 8)
    """
    wavelength = min(size) / frequency
    sigma = wavelength / np.pi * np.sqrt(np.log(2) / 2) * (2**bandwidth + 1) / (2**bandwidth - 1)
    stride = max(round(wavelength), 1)
    # Kernels beyond twice the image would only see more of the background.
    reach = min(int(np.ceil(_REACH * sigma / min(aspect, 1.0))), 2 * max(size))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    kernels = []
    for shift in (0.0, np.pi / 2):
        for angle in np.arange(orientations) * np.pi / orientations:
            across, along = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
            envelope = np.exp(-(across**2 + (aspect * along) ** 2) / (2 * sigma**2))
            wave = np.cos(2 * np.pi * across / wavelength - shift)
            wave -= (envelope * wave).sum() / envelope.sum()  # uniform light must not drive a cell
            kernel = envelope * wave
            kernels.append(kernel / np.linalg.norm(kernel))
    grid = tuple(max(side // stride, 1) for side in size)
    # The first position stands so far from the edge that as much is left behind the last one.
    first = [(side - 1 - (count - 1) * stride) // 2 for side, count in zip(size, grid, strict=True)]
    pads = [
        (reach - start, reach - (side - 1 - start - (count - 1) * stride))
        for side, start, count in zip(size, first, grid, strict=True)
    ]
    return Scale(
        frequency=frequency,
        kernels=torch.from_numpy(np.stack(kernels)[:, None]).float(),
        stride=stride,
        padding=(*pads[1], *pads[0]),
        grid=(grid[0], grid[1]),
    )
