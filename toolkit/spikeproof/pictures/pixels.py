"""Pixels as stored to pixels as a study uses them: resized, cropped, converted to float32 in [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .catalogue import Raw

__all__ = ["gray", "prepare", "resize_and_crop"]

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in luma, ITU-R BT.601-7, section 2.5.1."""


def prepare(image: Raw, *, size: int | None, channels: int, grayscale: bool) -> NDArray[np.float32]:
    """Resize if asked, convert to [0, 1], then to the channels of the set.

    Parameters
    ----------
    image : numpy.ndarray of uint8 or float32, (channel, y, x)
    size : int or None
        Pixels of the square that comes out; None leaves the image as it is.
    channels : int
        Channels that come out; one channel is repeated where three are wanted.
    grayscale : bool
        Whether colours become luma.

    Returns
    -------
    numpy.ndarray of float32, (channel, y, x), in [0, 1]
    """
    sized = image if size is None or image.shape[1:] == (size, size) else resize_and_crop(image, size)
    scaled = sized.astype(np.float32) / np.float32(255) if sized.dtype == np.uint8 else sized.astype(np.float32)
    if grayscale:
        scaled = gray(scaled)
    if len(scaled) < channels:
        scaled = np.repeat(scaled, channels, axis=0)
    return np.ascontiguousarray(scaled)


def gray(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), (1, y, x); an image of one channel is returned as it is."""
    if len(image) == 1:
        return image
    luma: NDArray[np.float32] = np.tensordot(_LUMA, image.astype(np.float64), axes=1)[np.newaxis].astype(np.float32)
    return luma


def resize_and_crop(image: Raw, size: int) -> Raw:
    """Scale the short side to ``size`` pixels and cut the central square out.

    Pillow's antialiased bilinear filter: its weights are positive, so no value leaves the range of its neighbours.
    The long side becomes ``int(size * long / short)`` and the crop starts at ``round((length - size) / 2)``, as in
    torchvision's ``Resize`` and ``CenterCrop``.
    """
    _, y, x = image.shape
    short = min(y, x)
    target = (int(size * x / short), int(size * y / short))
    if image.dtype == np.uint8:
        planes = image[0] if len(image) == 1 else np.ascontiguousarray(np.moveaxis(image, 0, -1))
        resized = np.asarray(Image.fromarray(planes).resize(target, Image.Resampling.BILINEAR))
        out: Raw = resized[np.newaxis] if resized.ndim == 2 else np.moveaxis(resized, -1, 0)
    else:
        resized_planes = [
            np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(target, Image.Resampling.BILINEAR))
            for plane in image
        ]
        # Positive weights that sum to 1 up to float32 rounding: only that rounding can leave the range.
        out = np.clip(np.stack(resized_planes), image.min(), image.max()).astype(np.float32)
    top, left = round((out.shape[1] - size) / 2), round((out.shape[2] - size) / 2)
    return out[:, top : top + size, left : left + size]
