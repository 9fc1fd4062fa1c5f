"""What is asked: which images the user named, and what was presented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spikeproof_nwb.reading import Reading

__all__ = ["BLANK", "NONE", "Axes", "ImageChoice", "Showing", "image_choice"]

Axes = Literal["yx", "xy"]
"""Order in which the file keeps the two axes of an image."""

BLANK = "-1"
"""The stimulus that stands for no image, where stimuli are numbers."""

NONE = "none"
"""What ``images`` says where no image shall be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """How the user wants images to be found and read; the fields are the options of the same names.

    Parameters
    ----------
    images : str, optional
        Container or series, by name or path; ``"none"`` for no images.
    image_axes : {"yx", "xy"}
    image_white : float, optional
        Pixel value that is white.
    first_image : int
        Number of the first image.
    """

    images: str | None = None
    image_axes: Axes = "yx"
    image_white: float | None = None
    first_image: int = 0


def image_choice(options: Reading) -> ImageChoice:
    """The part of the reading options that is about images."""
    return ImageChoice(
        images=options.images,
        image_axes=options.image_axes,
        image_white=options.image_white,
        first_image=options.first_image,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What was presented, as far as images are concerned.

    Parameters
    ----------
    names : sequence of str, (presentation,)
        Stimulus of each presentation.
    column : str
        The column that said so.
    start, stop : numpy.ndarray of float64, (presentation,), optional
        When it was on, in s, as the table says.
    rows : numpy.ndarray of int, (presentation,), optional
        Row numbers in the table, for messages; counted from 0 by default.
    categories : sequence of str, (presentation,), optional
    """

    names: Sequence[str]
    column: str
    start: NDArray[np.float64] | None = None
    stop: NDArray[np.float64] | None = None
    rows: NDArray[np.intp] | None = None
    categories: Sequence[str] | None = None

    @property
    def stimuli(self) -> list[str]:
        """Different stimuli, in the order in which they first appear."""
        return list(dict.fromkeys(self.names))

    def row(self, presentation: int) -> int:
        """Row of the table that a presentation stands in."""
        return presentation if self.rows is None else int(self.rows[presentation])
