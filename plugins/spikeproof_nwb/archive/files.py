"""Files that other processes may read and write at the same time: whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from spikeproof.errors import DataError

__all__ = ["locked", "move_whole", "sync_folder", "write_whole"]

_WAIT = 30.0
"""Seconds; what is done under these locks takes milliseconds."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends.

    Raises
    ------
    DataError
        If another process does not let go of it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_WAIT)
    except Timeout:
        raise DataError(f"another process holds {path} for more than {_WAIT:.0f} s: end it, or try again") from None
    try:
        yield
    finally:
        lock.release()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that whoever reads it sees the old one or the new one, after a crash too."""
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    sync_folder(path.parent)


def move_whole(fresh: Path, path: Path) -> None:
    """Give a file, or a folder of files, that is complete on the disk its final name."""
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system can."""
    with suppress(OSError):  # Windows opens no folder, and needs none of this
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
