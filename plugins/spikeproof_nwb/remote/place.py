"""A file that is read where it is, by the bytes that are needed."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError
from spikeproof.progress import current

from spikeproof_nwb.archive.client import new_session
from spikeproof_nwb.archive.digests import Digests
from spikeproof_nwb.opening import opened
from spikeproof_nwb.waiting import no_collection

from .chunks import byte_ranges, is_plain, plain_rows
from .partial import Partial
from .ranges import Range
from .stream import Stream
from .transfer import Resolve, Transfer

__all__ = ["RemotePlace"]

_BLOCK = 1 << 19
"""Bytes fetched at a time where HDF5 asks for few: what a request's delay costs is about what this much costs."""
_ENDS = 1 << 20
"""Bytes fetched at once of the beginning and the end, where most of an NWB file's structure stands."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An open file and what its bytes come from."""

    file: h5py.File
    partial: Partial
    fetch: Callable[[Sequence[Range]], None]


class RemotePlace:
    """A file behind a URL.

    Parameters
    ----------
    label : str
        What messages call it.
    source : str
        What ``identity["source"]`` says.
    size : int
        Bytes.
    keys : tuple of str
        Digests of the content by name, the strongest first (``"sha256-..."``, ``"dandi-etag-..."``).
    etag : str
        What the server must call the content; if empty, what it calls it in its first answer holds for the others.
    resolve : callable or None
        Returns the URL and the headers to send, and is called again once that URL has expired; None asks nobody.
    folder : pathlib.Path or None
        What was fetched is kept here, for this content alone; None keeps it only while the file is open.
    limit : float
        Seconds without progress after which the server is given up.
    threads : int
        Requests at a time.
    keep : callable, optional
        Called with a file that holds all of the content, verified, and its sha256: moves it and returns where to.
    outside : callable, optional
        Path of a file that is named relative to this one, or None.
    """

    def __init__(
        self,
        *,
        label: str,
        source: str,
        size: int,
        keys: tuple[str, ...],
        etag: str,
        resolve: Resolve | None,
        folder: Path | None,
        limit: float = 45.0,
        threads: int = 16,
        keep: Callable[[Path, str], Path] | None = None,
        outside: Callable[[str], Path | None] | None = None,
    ) -> None:
        self.label, self.source, self.size, self.keys = label, source, size, keys
        self._etag, self._resolve, self._folder = etag, resolve, folder
        self._limit, self._threads, self._keep, self._outside = limit, threads, keep, outside
        self._now: _Open | None = None
        self._whole: Path | None = None

    @property
    def far(self) -> bool:
        """True: requests cost time."""
        return self._whole is None

    @contextmanager
    def opened(self) -> Iterator[h5py.File]:
        """Open it for reading.

        Raises
        ------
        DataError
            If it is not HDF5, is another file than it should be, or its bytes cannot be had.
        """
        if self._whole is not None:
            with opened(self._whole) as file:
                yield file
            return
        with Partial(self._folder, self.size) as partial:
            transfer = None if self._resolve is None else self._transfer(partial, self._resolve)
            fetch = self._refuse if transfer is None else transfer.fetch
            try:
                stream = Stream(partial, fetch, _BLOCK)
                before = self._now
                if transfer is not None:
                    _get(partial, fetch, [(0, min(_ENDS, self.size)), (max(self.size - _ENDS, 0), self.size)])
                # HDF5 calls back for bytes with h5py locked, and other threads get them.
                with no_collection(), self._opened(stream) as file:
                    self._now = _Open(file, partial, fetch)
                    try:
                        yield file
                    finally:
                        self._now = before
            finally:
                if transfer is not None:
                    transfer.close()
            if not partial.missing(0, self.size):
                self._hand_over(partial)

    def digest(self) -> str:
        """Sha256 of the content as the archive says, or its own digest with its name (``"dandi-etag:..."``)."""
        if self.keys[0].startswith("sha256-"):
            return self.keys[0].removeprefix("sha256-")
        return self.keys[0].replace("dandi-etag-", "dandi-etag:", 1)

    def prepare(self, dataset: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> None:
        """Fetch rows [start, stop) of a dataset of the open file, all of them at once.

        Parameters
        ----------
        dataset : h5py.Dataset, (row, ...)
        runs : sequence of (int, int)
            Rows that will be read.

        Raises
        ------
        DataError
            If they cannot be fetched.
        """
        now = self._now
        if now is not None and dataset.file.id == now.file.id:
            ranges = [span for start, stop in runs for span in _spans(dataset, start, stop, self.label)]
            _get(now.partial, now.fetch, ranges)

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a dataset of the open file, as stored, by parallel requests for just their bytes.

        Parameters
        ----------
        dataset : h5py.Dataset, (row, ...)
        start, stop : int

        Raises
        ------
        DataError
            If they cannot be fetched.
        """
        now = self._now
        if now is None or dataset.file.id != now.file.id:
            other: NDArray[Any] = dataset[start:stop]
            return other
        start, stop, _ = slice(start, stop).indices(len(dataset))
        _get(now.partial, now.fetch, _spans(dataset, start, stop, self.label))
        if not is_plain(dataset):
            decoded: NDArray[Any] = dataset[start:stop]
            return decoded
        runs = plain_rows(dataset, start, stop)
        width = dataset.dtype.itemsize
        rows: NDArray[Any] = np.empty(max(stop - start, 0), dataset.dtype)
        if sum(last - first for first, last, _ in runs) < len(rows):
            rows[:] = dataset.fillvalue
        view = rows.view(np.uint8).data
        for first, last, offset in runs:
            now.partial.readinto(offset, view[(first - start) * width : (last - start) * width])
        return rows

    def beside(self, name: str) -> Path | None:
        """Path of an external file that is named relative to this one, or None if it cannot be had."""
        return None if self._outside is None else self._outside(name)

    def _transfer(self, partial: Partial, resolve: Resolve) -> Transfer:
        return Transfer(
            label=self.label,
            etag=self._etag,
            resolve=resolve,
            partial=partial,
            session=new_session(),
            limit=self._limit,
            threads=self._threads,
        )

    @contextmanager
    def _opened(self, stream: Stream) -> Iterator[h5py.File]:
        try:
            file = h5py.File(stream, "r")
        except OSError as error:
            stream.seek(0)
            head = stream.read(24)
            what = "is a damaged HDF5 file" if head.startswith(b"\x89HDF") else f"is not HDF5: it begins with {head!r}"
            raise DataError(f"{self.label} {what} ({error}): tell who put it there") from error
        stream.follow_no_links()
        with file:
            yield file

    def _refuse(self, ranges: Sequence[Range]) -> None:
        need = sum(stop - start for start, stop in ranges)
        raise DataError(
            f"{self.label}: {need:,} bytes of it that are needed are not in the cache ({self._folder}), since it was "
            "only read in part: run it once without --offline"
        )

    def _hand_over(self, partial: Partial) -> None:
        """Verify what is now whole, and hand it to the cache of whole files."""
        kept = self._folder is not None and self._keep is not None
        fresh = self._folder / f".whole.{uuid.uuid4().hex}" if kept and self._folder is not None else Path(os.devnull)
        try:
            names = _copied(partial, fresh)
            if not set(names) & set(self.keys):
                partial.forget()
                raise DataError(
                    f"{self.label}: all of it has come, but it is not what the archive holds (it is {names[0]}, and "
                    f"should be {self.keys[0]}): nothing of it was kept. Run it again; if it comes again, a proxy on "
                    "the way changes it, or the archive is damaged: tell its keepers"
                )
            if kept and self._keep is not None:
                self._whole = self._keep(fresh, names[0].removeprefix("sha256-"))
                partial.forget()
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            current().note(f"{self.label} is here, but there is no room to keep it whole: it is kept in parts")
        finally:
            if kept:
                fresh.unlink(missing_ok=True)


def _spans(dataset: h5py.Dataset, start: int, stop: int, label: str) -> list[Range]:
    """Bytes that rows [start, stop) will be read from."""
    others = sorted({source.file_name for source in dataset.virtual_sources()} - {"."}) if dataset.is_virtual else []
    if others:
        raise DataError(
            f"{label}, {dataset.name} is put together from other files ({', '.join(others[:3])}), and would read as if "
            "they were empty: download them all, and name this one as nwb:PATH"
        )
    if not is_plain(dataset):
        return byte_ranges(dataset, start, stop)
    width = dataset.dtype.itemsize
    return [(offset, offset + (last - first) * width) for first, last, offset in plain_rows(dataset, start, stop)]


def _get(partial: Partial, fetch: Callable[[Sequence[Range]], None], wanted: Sequence[Range]) -> None:
    """Fetch what is not here of these ranges."""
    if any(partial.missing(start, stop) for start, stop in wanted):
        partial.refresh()
        missing = [gap for start, stop in wanted for gap in partial.missing(start, stop)]
        if missing:
            fetch(missing)


def _copied(partial: Partial, to: Path) -> tuple[str, str]:
    """Copy all bytes, and give their digests by name."""
    digests, start = Digests(partial.size), 0
    block = memoryview(bytearray(min(_ENDS, partial.size)))
    with to.open("wb") as file:
        while start < partial.size:
            count = partial.readinto(start, block[: partial.size - start])
            digests.update(bytes(block[:count]))
            file.write(block[:count])
            start += count
        file.flush()
        if to != Path(os.devnull):
            os.fsync(file.fileno())
    return digests.names()
