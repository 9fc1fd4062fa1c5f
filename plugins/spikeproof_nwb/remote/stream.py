"""A file object on which HDF5 opens a file that is elsewhere."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .partial import Partial
from .ranges import Range

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Stream"]

_AHEAD = 8 << 20
"""Bytes that are fetched at a time at most where fewer are asked for."""
_SIGNATURE = 8
"""Bytes that HDF5 looks at to find out whether, and where, a file is HDF5: at 0, 512, 1024, 2048 ..."""


class Stream(io.RawIOBase):
    """Reads what is here and has fetched what is not, in blocks.

    HDF5 opens the target of an external link with the driver of the file that the link is in, and h5py's driver for
    file objects has only this object to open: it would take *this* file for the other one, and read wrong numbers
    without a sign of it. So once the file is open (:meth:`follow_no_links`), a look at the signature finds nothing,
    and the link is broken, as it is.

    Parameters
    ----------
    partial : Partial
    fetch : callable
        Gets ranges into ``partial``.
    block : int
        Bytes to fetch, aligned, where fewer are asked for; as long as each request goes on where the one before ended,
        twice as many each time.
    """

    def __init__(self, partial: Partial, fetch: Callable[[Sequence[Range]], None], block: int) -> None:
        self._partial, self._fetch, self._block = partial, fetch, block
        self._place = 0
        self._ahead, self._end = block, -1
        self._open = False
        self._probed = 0

    def follow_no_links(self) -> None:
        """Look like no HDF5 file to whoever opens it again."""
        self._open = True

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a byte."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._partial.size}[whence]
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer, after fetching what is missing.

        Raises
        ------
        spikeproof.errors.DataError
            If it cannot be fetched.
        """
        view = memoryview(buffer).cast("B")
        start, stop = self._place, min(self._place + len(view), self._partial.size)
        self._place = max(stop, start)
        if stop <= start:
            return 0
        if self._open and self._is_probe(start, len(view)):
            view[: stop - start] = bytes(stop - start)
            return stop - start
        if self._partial.missing(start, stop):
            self._partial.refresh()
            self._fetch(self._wanted(start, stop))
        return self._partial.readinto(start, view[: stop - start])

    def _wanted(self, start: int, stop: int) -> list[Range]:
        goes_on = self._end - self._block <= start <= self._end + self._block
        self._ahead = min(2 * self._ahead, _AHEAD) if goes_on else self._block
        if stop - start < self._ahead:
            first = start - start % self._block
            start, stop = first, max(-(-stop // self._block) * self._block, first + self._ahead)
        self._end = min(stop, self._partial.size)
        return self._partial.missing(start, self._end)

    def _is_probe(self, start: int, length: int) -> bool:
        """Whether this is the search for a signature, which goes on from 0 over the powers of two to the end."""
        expected = length == _SIGNATURE and (start == 0 or start == self._probed > 0)
        self._probed = max(2 * start, 512) if expected else 0
        return expected
