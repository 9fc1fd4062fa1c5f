"""Images that stand in the file under the names of the stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
from spikeproof.types import StimulusSet

from .layout import Layout
from .place import Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_images"]


def find_images(
    file: h5py.File, place: Place, layout: Layout, names: Sequence[str], categories: Sequence[str] | None
) -> tuple[StimulusSet | None, tuple[str, ...]]:
    """Find the ``Images`` container whose images are called as the stimuli are, with or without a file ending.

    Every stimulus needs its image, and all images the same shape. Pixels are (y, x) or (y, x, channel): bytes, which
    are divided by 255, or floating-point numbers that must lie in [0, 1] already.

    Parameters
    ----------
    file : h5py.File
    place : Place
        Of the same file: images are read from it later, when they are asked for.
    layout : Layout
    names : sequence of str, (presentation,)
        Stimulus of each presentation.
    categories : sequence of str, (presentation,), optional

    Returns
    -------
    (StimulusSet or None, tuple of str)
        The images, and what to tell the user.
    """
    if not layout.images:
        return None, ()
    different = list(dict.fromkeys(names))
    found = []
    for where, kind, _ in layout.images:
        members = _members(file[where], different) if kind == "Images" else None
        if members is not None:
            found.append((where, members))
    listed = ", ".join(f"{where} ({kind}, {what})" for where, kind, what in layout.images)
    if len(found) != 1:
        why = "several hold images of these names" if found else "none holds one image under each stimulus's name"
        return None, (
            f"the file holds images that were not read: {listed}: {why}; matching them by frame number is not read yet",
        )
    where, members = found[0]
    first = file[where][members[0]]
    shapes = {(file[where][member].shape, file[where][member].dtype) for member in members}
    if len(shapes) > 1 or not _readable(first):
        held = "; ".join(sorted({f"{shape} {dtype}" for shape, dtype in shapes})[:3])
        return None, (
            f"the images in {where} were not read: they must be of one size, bytes or floats, but are {held}",
        )
    table = pd.DataFrame(index=pd.Index(different, name="stimulus_id"))
    if categories is not None:
        table["category"] = pd.Series(list(categories), index=list(names)).groupby(level=0).first().loc[different]
    shape = (1, *first.shape) if first.ndim == 2 else (first.shape[2], *first.shape[:2])
    addresses = [f"{where}/{member}" for member in members]

    def read(rows: Sequence[int]) -> NDArray[np.float32]:
        with place.opened() as source:
            pixels = [_pixels(source[addresses[row]]) for row in rows]
        return np.stack(pixels) if pixels else np.empty((0, *shape), dtype=np.float32)

    note = f"images of all {len(different)} stimuli stand in {where}"
    return StimulusSet(table=table, shape=shape, read=read), (note,)


def _members(images: h5py.Group, names: Sequence[str]) -> list[str] | None:
    held = [name for name in images if name != "order_of_images"]
    stems = [PurePosixPath(name).stem for name in held]
    by_name = {name: name for name in held}
    if len(set(stems)) == len(stems):
        by_name = dict(zip(stems, held, strict=True)) | by_name
    if not all(name in by_name for name in names):
        return None
    return [by_name[name] for name in names]


def _readable(image: h5py.Dataset) -> bool:
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))
    return shaped and (image.dtype == np.uint8 or image.dtype.kind == "f")


def _pixels(image: h5py.Dataset) -> NDArray[np.float32]:
    values = image[()]
    scaled = values / np.float32(255) if values.dtype == np.uint8 else values
    planes = scaled[np.newaxis] if scaled.ndim == 2 else np.moveaxis(scaled, -1, 0)
    return np.ascontiguousarray(planes, dtype=np.float32)
