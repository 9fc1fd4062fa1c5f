"""Files from archives, kept on disk by their digest.

::

    files/sha256-....nwb        whole and verified; .json beside it says when (size, time, sha256)
    ranges/KEY                  what was streamed of a large file (see ``spikeproof_nwb.remote``)
    partial/KEY                 what came so far of a file that is being fetched; never read as data
    used/KEY/PID.N              held while a process uses the file: such files are not removed
    known/INSTANCE/ID.json      which digests a target stands for
    locks/                      locks

Locks are the system's own: they end with the process that holds them, however it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from spikeproof.errors import BadParameter, DataError

from .digests import digests_of
from .files import locked, move_whole, write_whole
from .marks import Held, in_use, let_go, mark
from .sizes import bytes_of, spelled

__all__ = ["Cache", "Held", "choose_cache"]

FOLDER, SIZE = "SPIKEPROOF_CACHE", "SPIKEPROOF_CACHE_SIZE"
_USUAL_SIZE = 20 * 10**9


@dataclass(frozen=True, slots=True)
class _Kept:
    """One thing that takes room."""

    path: Path
    key: str
    size: int
    used: float


class Cache:
    """A folder of files by digest.

    Parameters
    ----------
    root : pathlib.Path
    limit : int
        Bytes that it may hold.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root, self.limit = root, limit

    def hold(self, keys: Sequence[str], suffix: str) -> Held | None:
        """Take a file into use, if it is here whole.

        A file that was changed since it was verified is verified again, and removed if it is not what it was.

        Parameters
        ----------
        keys : sequence of str
            What it may be called, by each of its digests.
        suffix : str
            Ending of the file's name (``".nwb"``).
        """
        for key in keys:
            path = self.path_of(key, suffix)
            if not path.exists():
                continue
            with self._lock():
                if not path.exists():
                    continue
                marked = mark(self.root / "used" / key)
            sha256 = self._verified(path, key)
            if sha256 is None:
                if marked is not None:
                    let_go(marked)
                _remove(path)
                continue
            with suppress(OSError):
                stat = path.stat()
                os.utime(path, ns=(time.time_ns(), stat.st_mtime_ns))  # the time of its last use
            return Held(path, sha256, marked)
        return None

    def path_of(self, key: str, suffix: str) -> Path:
        """Where a file stands once it is whole."""
        return self.root / "files" / f"{key}{suffix}"

    def partial_of(self, key: str) -> Path:
        """Where it grows until then."""
        return self.root / "partial" / key

    def ranges_of(self, key: str) -> Path:
        """Folder for what is streamed of it."""
        return self.root / "ranges" / key

    def lock_of(self, key: str) -> FileLock:
        """Make the folders, and give the lock under which one process at a time fetches a file; it is not held yet.

        Raises
        ------
        DataError
            If the folder cannot be written.
        """
        try:
            for name in ("files", "partial", "locks", "used", "ranges"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            tag = self.root / "CACHEDIR.TAG"
            if not tag.exists():
                write_whole(tag, b"Signature: 8a477f597d28d172789f06886806bc55\n# Files fetched by spikeproof.\n")
            probe = self.root / "partial" / f".{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self.unwritable(error) from error
        return FileLock(self.root / "locks" / f"{key}.lock")

    def unwritable(self, error: OSError) -> DataError:
        """The error for a folder that cannot be written."""
        return DataError(
            f"the cache folder {self.root} cannot be written ({error.strerror or error}): name another one in {FOLDER} "
            "(or as `cache`)"
        )

    def make_room(self, size: int, what: str) -> None:
        """Remove what was used least recently until so many bytes fit; never what a process uses.

        Raises
        ------
        DataError
            If they do not fit into the cache, or onto the disk, all the same.
        """
        if size > self.limit:
            raise DataError(
                f"{what} is {spelled(size)}, but the cache may hold {spelled(self.limit)}: set {SIZE} higher, such as "
                f"{SIZE}='{spelled(size + size // 4)}', or stream it (stream = 'always')"
            )
        with self._lock():
            kept = sorted(self._kept(), key=lambda one: one.used)
            excess = sum(one.size for one in kept) + size - self.limit
            short = size - shutil.disk_usage(self.root).free
            for one in kept:
                if excess <= 0 and short <= 0:
                    break
                if not in_use(self.root / "used" / one.key, self.root / "locks" / f"{one.key}.lock"):
                    _remove(one.path)
                    excess -= one.size
                    short -= one.size
        free = shutil.disk_usage(self.root).free
        if size > free:
            raise self.full(what, size)
        if excess > 0:
            raise DataError(
                f"{what} does not fit into the cache: {spelled(self.limit - size + excess)} of its "
                f"{spelled(self.limit)} are in use by running processes: set {SIZE} higher, or let them end"
            )

    def full(self, what: str, size: int) -> DataError:
        """The error for a disk that has no room."""
        free = shutil.disk_usage(self.root).free
        return DataError(
            f"the disk is full: {what} needs {spelled(size)}, and {self.root} has {spelled(free)} left; make room, or "
            f"name a folder on another disk in {FOLDER}"
        )

    def keep(self, fresh: Path, key: str, suffix: str, sha256: str) -> Held:
        """Take in what was fetched and verified, and take it into use.

        Parameters
        ----------
        fresh : pathlib.Path
            File or folder, complete on the disk.
        key, suffix : str
        sha256 : str
            Empty for a folder.
        """
        path = self.path_of(key, suffix)
        with self._lock():
            marked = mark(self.root / "used" / key)
            if path.exists():
                _remove(path)
            move_whole(fresh, path)
        self._write_record(path, sha256)
        return Held(path, sha256, marked)

    def use(self, key: str) -> Held:
        """Take the streamed part of a file into use."""
        with self._lock():
            marked = mark(self.root / "used" / key)
        return Held(self.ranges_of(key), "", marked)

    def _verified(self, path: Path, key: str) -> str | None:
        """Sha256 of a file that is what its name says (empty for a folder), or None if it is not."""
        stat, record = path.stat(), self._record(path)
        if record.get("mtime_ns") == stat.st_mtime_ns and (path.is_dir() or record.get("size") == stat.st_size):
            return str(record.get("sha256", ""))
        found = digests_of(path)  # changed since, or the process that fetched it was killed before it said so
        if key not in found:
            return None
        sha256 = next((name.removeprefix("sha256-") for name in found if name.startswith("sha256-")), "")
        with suppress(OSError):
            self._write_record(path, sha256)
        return sha256

    def _record(self, path: Path) -> dict[str, object]:
        try:
            said = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def _write_record(self, path: Path, sha256: str) -> None:
        stat = path.stat()
        said = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha256}
        write_whole(path.with_name(path.name + ".json"), json.dumps(said).encode())

    def _kept(self) -> Iterator[_Kept]:
        """Everything that takes room, with the time of its last use."""
        for name in ("files", "partial", "ranges"):
            folder = self.root / name
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.startswith(".") or path.suffix == ".json":
                    continue
                with suppress(FileNotFoundError):  # another process is done with it
                    stat = path.stat()
                    key = path.name if name != "files" else path.name.partition(".")[0]
                    yield _Kept(path, key, _room_of(path), max(stat.st_atime, stat.st_mtime))

    def _lock(self) -> AbstractContextManager[None]:
        """The lock under which files are taken into use and removed; none where the folder may only be read."""
        folder = self.root / "locks"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            return nullcontext()  # nothing can be removed here either
        return locked(folder / "cache.lock")


def choose_cache(said: str | None) -> Cache:
    """Find the folder: as named, in ``$SPIKEPROOF_CACHE``, or where the system keeps caches; and how much it may hold.

    Raises
    ------
    BadParameter
        If ``$SPIKEPROOF_CACHE_SIZE`` is no number of bytes.
    """
    from platformdirs import user_cache_path

    named = said or os.environ.get(FOLDER)
    root = Path(named).expanduser().absolute() if named else user_cache_path("spikeproof", appauthor=False) / "archive"
    size = os.environ.get(SIZE, "").strip()
    try:
        limit = bytes_of(size) if size else _USUAL_SIZE
    except ValueError as error:
        raise BadParameter(f"{SIZE}: {error}") from None
    return Cache(root, limit)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        path.with_name(path.name + ".json").unlink(missing_ok=True)


def _room_of(path: Path) -> int:
    """Bytes on the disk; a file with holes takes less than its size."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    stats = [file.stat() for file in files]
    return sum(min(stat.st_size, getattr(stat, "st_blocks", 1 << 62) * 512) for stat in stats)
