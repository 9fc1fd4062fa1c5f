"""Images of a container as a set of stimuli: one size, one number of channels, read lazily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeproof.errors import DataError
from spikeproof.stimuli import StimulusSet

from .catalogue import Catalogue
from .pixels import prepare

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["stimulus_set"]


def stimulus_set(
    catalogue: Catalogue,
    rows: Sequence[int],
    table: pd.DataFrame,
    where: str,
    *,
    size: int | None = None,
    grayscale: bool = False,
) -> tuple[StimulusSet, tuple[str, ...]]:
    """Make chosen images of a catalogue a stimulus set; no pixel is decoded yet.

    Parameters
    ----------
    catalogue : Catalogue
    rows : sequence of int
        Image of each row of the table.
    table : pandas.DataFrame
        One row per stimulus, index ``stimulus_id``.
    where : str
        The source as the user gave it, for messages.
    size : int, optional
        Pixels: scale the short side to this and cut the central square out; by default sizes must be equal.
    grayscale : bool
        Whether colours become luma (ITU-R BT.601), one channel.

    Returns
    -------
    (StimulusSet, tuple of str)
        The images, and what was changed to make them a set.

    Raises
    ------
    DataError
        If sizes differ and none is given (each size is named with its first image).
    """
    notes: list[str] = []
    shape = _shape(catalogue, rows, where, notes, size=size, grayscale=grayscale)

    def read(wanted: Sequence[int]) -> NDArray[np.float32]:
        out = np.empty((len(wanted), *shape), dtype=np.float32)
        for position, row in enumerate(wanted):
            image = prepare(catalogue.read(rows[row]), size=size, channels=shape[0], grayscale=grayscale)
            if image.shape != shape:
                raise DataError(
                    f"{where}: {catalogue.ids[rows[row]]!r} is now {image.shape} (channel, y, x), not {shape}: "
                    "the file changed since it was listed; start again"
                )
            out[position] = image
        return out

    return StimulusSet(table=table, shape=shape, read=read), tuple(notes)


def _shape(
    catalogue: Catalogue, rows: Sequence[int], where: str, notes: list[str], *, size: int | None, grayscale: bool
) -> tuple[int, int, int]:
    """(channel, y, x) of the set; what has to be changed to reach it is noted, or refused."""
    channels = {catalogue.channels[row] for row in rows}
    if grayscale and 3 in channels:
        notes.append("colours were turned into luma (0.299 R + 0.587 G + 0.114 B)")
    elif len(channels) > 1:
        count = sum(catalogue.channels[row] == 1 for row in rows)
        notes.append(f"{count} of {len(rows)} images have one channel: it was repeated for red, green and blue")
    count_out = 1 if grayscale else max(channels)
    sizes: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        sizes.setdefault(catalogue.sizes[row], []).append(catalogue.ids[row])
    if size is not None:
        changed = sum(len(names) for stored, names in sizes.items() if stored != (size, size))
        if changed:
            larger = sum(len(names) for stored, names in sizes.items() if min(stored) < size)
            enlarged = f"; {larger} of them were enlarged, their short side being smaller" if larger else ""
            notes.append(
                f"{changed} of {len(rows)} images were scaled to a short side of {size} pixels (Pillow, "
                f"antialiased bilinear) and cut to the central {size} x {size}{enlarged}"
            )
        return count_out, size, size
    if len(sizes) > 1:
        listed = sorted(sizes.items(), key=lambda item: -len(item[1]))
        shown = "; ".join(f"{y} x {x}: {len(names)} images, first {names[0]!r}" for (y, x), names in listed[:4])
        more = f"; and {len(listed) - 4} more sizes" if len(listed) > 4 else ""
        raise DataError(
            f"{where}: images have unequal sizes (y x x pixels): {shown}{more}. Give size = "
            f"{min(min(stored) for stored in sizes)} (or another) to scale and centre-crop them, or make them equal"
        )
    ((y, x),) = sizes
    return count_out, y, x
