"""Who uses a file of the cache: a lock for each process and use, which ends with the process, however it ends."""

from __future__ import annotations

import itertools
import os
import weakref
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["Held", "Mark", "in_use", "let_go", "mark"]

Mark = FileLock
_COUNT = itertools.count()


class Held:
    """A file of the cache that this process uses; it is not removed while this object lives.

    Attributes
    ----------
    path : pathlib.Path
        Of the file, or of the folder of a Zarr archive.
    sha256 : str
        Of its content; empty for a folder.
    """

    def __init__(self, path: Path, sha256: str, mark: Mark | None) -> None:
        self.path, self.sha256 = path, sha256
        if mark is not None:
            weakref.finalize(self, let_go, mark)


def mark(folder: Path) -> Mark | None:
    """Say that this process uses what ``folder`` stands for, until the lock is let go or the process ends.

    None where the folder may only be read: nobody removes anything there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{os.getpid()}.{next(_COUNT)}", thread_local=False)
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        return None
    return lock


def let_go(lock: Mark) -> None:
    """Take a mark back."""
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink()


def in_use(folder: Path, fetching: Path) -> bool:
    """Whether a living process uses what ``folder`` stands for, or holds ``fetching``; stale marks are removed."""
    marks = [*folder.iterdir()] if folder.is_dir() else []
    for path in [*marks, *([fetching] if fetching.exists() else [])]:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        with suppress(OSError):
            if path != fetching:
                path.unlink()
    with suppress(OSError):
        folder.rmdir()
    return False
