"""What stands in a container of images, before anything is chosen or changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

__all__ = ["Catalogue", "Raw", "check_range", "natural"]

Raw = NDArray[np.uint8] | NDArray[np.float32]
"""One image as stored: (channel, y, x), uint8 in 0 to 255 or float32 in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The images of one container, in its order; pixels are read one image at a time.

    Parameters
    ----------
    ids : tuple of str
        Stimulus ids.
    categories : tuple of str or None
        Category of each image, where the container has categories.
    sizes : tuple of (int, int)
        (y, x) of each image, in pixels.
    channels : tuple of int
        1 or 3 for each image.
    read : callable
        Row number to the image as stored.
    digest : callable
        Row numbers to the sha256 of the content they stand for.
    notes : tuple of str
        What was left out or converted.
    facts : tuple of (str, str)
        Name and value, for ``inspect``.
    """

    ids: tuple[str, ...]
    categories: tuple[str, ...] | None
    sizes: tuple[tuple[int, int], ...]
    channels: tuple[int, ...]
    read: Callable[[int], Raw]
    digest: Callable[[Sequence[int]], str]
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which numbers inside names count as numbers.

    Examples
    --------
    >>> sorted(["img10.png", "img9.png", "Img1.png"], key=natural)
    ['Img1.png', 'img9.png', 'img10.png']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts), text


def check_range(image: NDArray[Any], name: str, where: str) -> None:
    """Refuse floating-point pixels that are not finite or leave [0, 1].

    Raises
    ------
    DataError
        Naming the image.
    """
    if image.dtype == np.uint8:
        return
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise DataError(
            f"{where}: image {name!r} has {bad} pixel values that are not finite: mend or remove this image"
        )
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{where}: image {name!r} leaves [0, 1] (min {low:.4g}, max {high:.4g}): store images as uint8, "
            "or scale them to [0, 1] (divide by 255?) before they are saved as floating-point numbers"
        )
