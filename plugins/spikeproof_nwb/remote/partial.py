"""The bytes of a file that are here: a sparse file, and a list of its ranges with their checksums."""

from __future__ import annotations

import os
import tempfile
import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from spikeproof.errors import DataError

from .ranges import Range, Ranges

__all__ = ["Partial"]

_BLOCK = 1 << 20


class Partial:
    """What was fetched of one file, shared by the processes that read it.

    In its folder, ``content`` is as long as the whole file and empty where nothing was fetched; ``ranges`` has a line
    for every range: start, stop, CRC-32 of its bytes, and CRC-32 of the line. Lines are only ever appended, after the
    bytes were written, so that a process that is killed leaves nothing half-said; a range is taken from the list only
    if its bytes still have its checksum. Since a folder belongs to one digest, processes that write the same range
    write the same bytes.

    Parameters
    ----------
    folder : pathlib.Path or None
        Of this content alone; None keeps it, for as long as it is open, where temporary files are.
    size : int
        Bytes of the whole file.
    """

    def __init__(self, folder: Path | None, size: int) -> None:
        self.folder, self.size = folder, size
        self._lock = threading.Lock()
        self._held = Ranges()
        self._said: list[tuple[int, int, int]] = []
        self._seen = 0
        self._index: int | None = None
        try:
            self._file = self._opened()
        except OSError as error:
            raise self._unwritable(error) from error
        self.refresh()

    @property
    def path(self) -> Path | None:
        """The sparse file, if it has a name."""
        return None if self.folder is None else self.folder / "content"

    @property
    def listed(self) -> Path | None:
        """The list of its ranges, if it has one."""
        return None if self.folder is None else self.folder / "ranges"

    def missing(self, start: int, stop: int) -> list[Range]:
        """What of [start, stop) must be fetched."""
        with self._lock:
            gaps = self._held.missing(start, stop)
            if gaps and self._said:
                gaps = self._confirmed(start, stop)
        return gaps

    @property
    def held(self) -> int:
        """Bytes that are here, as far as they were looked at."""
        with self._lock:
            return self._held.total

    def readinto(self, start: int, view: memoryview) -> int:
        """Read from ``start`` on; the bytes must be here."""
        with self._lock:
            self._file.seek(start)
            done = 0
            while done < len(view):
                count = self._file.readinto(view[done:])  # type: ignore[attr-defined]
                if not count:
                    break
                done += count
        return done

    def write(self, start: int, block: bytes) -> None:
        """Put bytes in place, which nobody is told of before :meth:`commit`.

        Raises
        ------
        DataError
            If there is no room, or the folder cannot be written.
        """
        try:
            with self._lock:
                self._file.seek(start)
                view = memoryview(block)
                while view:
                    view = view[self._file.write(view) :]
        except OSError as error:
            raise self._unwritable(error) from error

    def commit(self, start: int, stop: int, checksum: int) -> None:
        """Say that [start, stop) was written and has this CRC-32."""
        if start >= stop:
            return
        with self._lock:
            self._held.add(start, stop)
            if self._index is None:
                return
            line = b"%d %d %08x" % (start, stop, checksum)
            line = b"\n%s %08x\n" % (line, zlib.crc32(line))  # begins anew where a killed process left half a line
            try:
                os.write(self._index, line)
            except OSError as error:
                raise self._unwritable(error) from error

    def refresh(self) -> None:
        """Take note of what other processes fetched since the last look."""
        if self.listed is None:
            return
        with self._lock, self.listed.open("rb") as listed:
            listed.seek(self._seen)
            text = listed.read()
            end = text.rfind(b"\n") + 1
            self._seen += end
            for line in text[:end].splitlines():
                said, _, check = line.rpartition(b" ")
                if len(check) == 8 and check == b"%08x" % zlib.crc32(said):
                    start, stop, checksum = said.split()
                    self._said.append((int(start), int(stop), int(checksum, 16)))

    def forget(self) -> None:
        """Remove what is kept: it turned out to be wrong, or is kept elsewhere."""
        with self._lock:
            self._held, self._said = Ranges(), []
        for path in (self.listed, self.path):
            if path is not None:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._index is not None:
            os.close(self._index)
            self._index = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> IO[bytes]:
        if self.path is None or self.listed is None or self.folder is None:
            return tempfile.TemporaryFile(buffering=0)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._index = os.open(self.listed, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        if os.fstat(descriptor).st_size != self.size:
            os.ftruncate(descriptor, self.size)
        os.utime(self.folder)  # what was used last is thrown out of a cache last
        return os.fdopen(descriptor, "r+b", buffering=0)

    def _confirmed(self, start: int, stop: int) -> list[Range]:
        """Look at the listed ranges that overlap [start, stop): keep those whose bytes have their checksum."""
        wanted = [said for said in self._said if said[0] < stop and said[1] > start]
        self._said = [said for said in self._said if said not in wanted]
        for first, last, checksum in wanted:
            if (
                0 <= first < last <= self.size
                and self._held.missing(first, last)
                and self._crc(first, last) == checksum
            ):
                self._held.add(first, last)
        return self._held.missing(start, stop)

    def _crc(self, start: int, stop: int) -> int:
        self._file.seek(start)
        checksum = 0
        while start < stop:
            block = self._file.read(min(_BLOCK, stop - start))
            if not block:
                break
            checksum = zlib.crc32(block, checksum)
            start += len(block)
        return checksum

    def _unwritable(self, error: OSError) -> DataError:
        place = self.folder or tempfile.gettempdir()
        return DataError(
            f"{place} cannot keep what is fetched ({error.strerror or error}): make room there or make it writable, or "
            "name another folder for the cache"
        )
