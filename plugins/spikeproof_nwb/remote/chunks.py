"""Where the rows of a dataset stand in its file."""

from __future__ import annotations

from itertools import product
from math import prod

import h5py

from .ranges import Range

__all__ = ["PlainRow", "byte_ranges", "is_plain", "plain_rows"]

PlainRow = tuple[int, int, int]
"""Rows [first, last) and the byte at which the first of them stands."""


def is_plain(dataset: h5py.Dataset) -> bool:
    """Whether its bytes in the file are its numbers, one after the other: no filter, no translation.

    Examples
    --------
    >>> with h5py.File("plain.h5", "w", driver="core", backing_store=False) as file:
    ...     flat = file.create_dataset("flat", data=[1.0, 2.0])
    ...     packed = file.create_dataset("packed", data=[1.0, 2.0], compression="gzip")
    ...     is_plain(flat), is_plain(packed)
    (True, False)
    """
    made = dataset.id.get_create_plist()
    return (
        dataset.ndim == 1
        and dataset.dtype.kind in "iuf"
        and h5py.h5t.py_create(dataset.dtype).equal(dataset.id.get_type())
        and made.get_nfilters() == 0
        and made.get_external_count() == 0
        and made.get_layout() in {h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED}
    )


def plain_rows(dataset: h5py.Dataset, start: int, stop: int) -> list[PlainRow]:
    """Rows [start, stop) of a plain dataset by where they stand; rows that were never written are left out."""
    width = dataset.dtype.itemsize
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return [] if offset is None else [(start, stop, offset + start * width)]
    (length,) = dataset.chunks
    found = []
    for first in range(start - start % length, stop, length):
        offset = _chunk(dataset, (first,))[0]
        low, high = max(first, start), min(first + length, stop)
        if offset is not None:
            found.append((low, high, offset + (low - first) * width))
    return found


def byte_ranges(dataset: h5py.Dataset, start: int, stop: int) -> list[Range]:
    """Byte ranges that HDF5 will read for rows [start, stop): whole chunks where they are stored in chunks.

    Parameters
    ----------
    dataset : h5py.Dataset, (row, ...)
    start, stop : int

    Returns
    -------
    list of (int, int)
        In no order; empty where the numbers stand in the header, in another file, or nowhere.
    """
    made = dataset.id.get_create_plist()
    if not dataset.shape or start >= stop or made.get_external_count() or made.get_layout() == h5py.h5d.COMPACT:
        return []
    if made.get_layout() == h5py.h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        row = prod(dataset.shape[1:]) * dataset.id.get_type().get_size()
        return [] if offset is None else [(offset + start * row, offset + stop * row)]
    if made.get_layout() != h5py.h5d.CHUNKED:
        return []
    spans = [(start, stop), *((0, length) for length in dataset.shape[1:])]
    corners = (
        range(low - low % length, high, length) for (low, high), length in zip(spans, dataset.chunks, strict=True)
    )
    chunks = (_chunk(dataset, corner) for corner in product(*corners))
    return [(offset, offset + size) for offset, size in chunks if offset is not None]


def _chunk(dataset: h5py.Dataset, corner: tuple[int, ...]) -> tuple[int | None, int]:
    stored = dataset.id.get_chunk_info_by_coord(corner)
    return stored.byte_offset, stored.size
