"""What stands in a container of images, before anything is chosen or changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Catalogue", "Order", "Raw", "natural", "near_paths"]

Raw = NDArray[np.uint8] | NDArray[np.float32]
"""One image as stored: (channel, y, x), uint8 in 0 to 255 or float32 in [0, 1]."""

Order = Literal["natural", "sorted"]
"""``natural``: numbers inside names count as numbers (img9 before img10); ``sorted``: names as plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The images of one container, in its order; pixels are read one image at a time.

    Parameters
    ----------
    ids : tuple of str
        Stimulus ids: paths relative to the container, or an npz file's ``ids``.
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
        What was left out, converted or put in an order.
    facts : tuple of (str, str)
        Name and value, for ``inspect``.
    order : str
        How the images are ordered: ``"natural"``, ``"sorted"`` or ``"stored"`` (npz).
    orders_differ : str
        Where natural and sorted order first part, in words; empty where both are the same.
    """

    ids: tuple[str, ...]
    categories: tuple[str, ...] | None
    sizes: tuple[tuple[int, int], ...]
    channels: tuple[int, ...]
    read: Callable[[int], Raw]
    digest: Callable[[Sequence[int]], str]
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    order: Literal["natural", "sorted", "stored"] = "stored"
    orders_differ: str = ""

    def __len__(self) -> int:
        return len(self.ids)


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which numbers inside names count as numbers.

    Examples
    --------
    >>> sorted(["img10.png", "img9.png", "Img1.png"], key=natural)
    ['Img1.png', 'img9.png', 'img10.png']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts), text


def near_paths(path: Path) -> str:
    """What to say after "no such file": near names, what stands beside it, or that its folder is missing too.

    Examples
    --------
    >>> near_paths(Path("no-such-folder/a.png"))
    ": the folder 'no-such-folder' does not exist either"
    """
    if not path.parent.is_dir():
        return f": the folder {path.parent.as_posix()!r} does not exist either"
    beside = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
    if near:
        return f". Did you mean {' or '.join(repr((path.parent / name).as_posix()) for name in near)}?"
    shown = sorted(beside, key=natural)[:5]
    return f". Beside it {'stand ' + ', '.join(shown) if shown else 'stands nothing'}"
