"""Reading pixels when they are asked for: the file is opened, the wanted images are read, the file is closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from spikeproof.errors import DataError
from spikeproof.pictures import decode_image, read_header

from spikeproof_nwb.place import Place

from .choosing import Axes
from .pixels import check_dtype, image_shape, planes
from .stacks import Stack

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

__all__ = ["ReadImages", "check_alike"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadImages:
    """Reads images of a stack; holds no file open, so that several processes may call it.

    Parameters
    ----------
    place : Place
        Where the file is.
    stack : Stack
    positions : tuple of int, (stimulus,)
        Position in the stack of each stimulus's image.
    shape : (int, int, int)
        (channel, y, x) of every image.
    axes : {"yx", "xy"}
    white : float, optional
    """

    place: Place
    stack: Stack
    positions: tuple[int, ...]
    shape: Shape
    axes: Axes
    white: float | None

    def __call__(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Read the images of stimuli, as float32 (row, channel, y, x) in [0, 1].

        Raises
        ------
        DataError
            If the file or an image cannot be read, or pixels leave [0, 1]; the image is named.
        """
        out = np.empty((len(rows), *self.shape), dtype=np.float32)
        wanted = [self.positions[row] for row in rows]
        if self.stack.external:
            for slot, position in enumerate(wanted):
                out[slot] = decode_image(*_file(self.place, self.stack, position))
            return out
        with self.place.opened() as file:
            for slot, position, values in self._stored(file, wanted):
                where = f"{self.place.label}, {self.stack.path}, {self.stack.called(position)}"
                out[slot] = planes(values, self.axes, self.white, where)
        return out

    def _stored(self, file: h5py.File, wanted: Sequence[int]) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield (slot, position, stored values); frames that share a chunk of the file are read together."""
        if self.stack.members:
            for slot, position in enumerate(wanted):
                dataset = file[f"{self.stack.path}/{self.stack.members[position]}"]
                yield slot, position, self._read(dataset, (), position)
            return
        data = file[f"{self.stack.path}/data"]
        together = data.chunks[0] if data.chunks else 1
        slots = sorted(range(len(wanted)), key=wanted.__getitem__)
        while slots:
            first = wanted[slots[0]]
            edge = (first // together + 1) * together
            here = [slot for slot in slots if wanted[slot] < edge]
            slots = slots[len(here) :]
            block = self._read(data, slice(first, wanted[here[-1]] + 1), first)
            for slot in here:
                yield slot, wanted[slot], block[wanted[slot] - first]

    def _read(self, dataset: h5py.Dataset, part: slice | tuple[()], position: int) -> NDArray[Any]:
        try:
            return np.asarray(dataset[part])
        except OSError as error:
            raise DataError(
                f"{self.place.label}, {self.stack.path}: {self.stack.called(position)} cannot be read: the file is "
                f"damaged ({error}); get it again"
            ) from error


def check_alike(
    file: h5py.File, place: Place, stack: Stack, positions: Sequence[int], axes: Axes, white: float | None
) -> Shape:
    """Shape (channel, y, x) that all the images have, from their headers alone.

    Raises
    ------
    DataError
        If they differ in size or channels, are stored in a way that says nothing of black and white, or a file is
        missing.
    """
    shapes: dict[Shape, int] = {}
    for position in dict.fromkeys(positions):
        shapes.setdefault(_shape(file, place, stack, position, axes, white), position)
        if not stack.members:
            break  # the frames of one array
    if len(shapes) > 1:
        listed = "; ".join(
            f"{stack.called(position)} is {shape[1]} x {shape[2]} pixels with {shape[0]} channel{'s' * (shape[0] > 1)}"
            for shape, position in list(shapes.items())[:3]
        )
        raise DataError(
            f"{stack.path}: its images are not of one size: {listed} ({len(shapes)} different): write them in one "
            "size, or give them as files with `images:FOLDER`, which scales and cuts them to one `size`"
        )
    return next(iter(shapes))


def _shape(file: h5py.File, place: Place, stack: Stack, position: int, axes: Axes, white: float | None) -> Shape:
    if stack.external:
        header = read_header(*_file(place, stack, position))
        return (header.channels, *header.size)
    dataset = file[f"{stack.path}/{stack.members[position]}" if stack.members else f"{stack.path}/data"]
    where = f"{stack.path}, {stack.called(position)}" if stack.members else stack.path
    check_dtype(dataset.dtype, white, where)
    return image_shape(dataset.shape if stack.members else dataset.shape[1:], axes, where)


def _file(place: Place, stack: Stack, position: int) -> tuple[Any, str, str]:
    name = stack.members[position]
    path = place.beside(name.replace("\\", "/"))
    if path is None:
        raise DataError(
            f"{place.label}, {stack.path}: the external image file {name!r} is not there: put it back beside the NWB "
            "file, where its path leads, or give the images as a second source `images:FOLDER`"
        )
    return path, name, f"{place.label}, {stack.path}"
