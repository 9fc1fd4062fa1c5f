"""The digests that archives give: sha256, the ETag of DANDI, and the checksum of Zarr archives."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

__all__ = ["Digests", "digests_of", "zarr_checksum_of"]

_BLOCK = 1 << 20


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Digests:
    """Sha256 and dandi-etag of bytes that come in order.

    The dandi-etag is the md5 of the md5s of the parts in which DANDI would upload a file of this size, and how many
    they are. Part sizes are dandischema's; its own hash of a stream (``DandiETag.partial_update``) collects parts of
    64 MiB by joining bytes, which takes time with the square of what has come.

    Parameters
    ----------
    size : int
        Of the whole file, in bytes: the sizes of the parts depend on it.

    Examples
    --------
    >>> digests = Digests(3)
    >>> digests.update(b"abc")
    >>> digests.names()[0]
    'sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    """

    def __init__(self, size: int) -> None:
        from dandischema.digests.dandietag import PartGenerator

        self._each = PartGenerator.for_file_size(size).initial_part_size or 1
        self._whole = hashlib.sha256()
        self._parts: list[_Hash] = []
        self._count = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._whole.update(data)
        rest = memoryview(data)
        while rest:
            room = -self._count % self._each
            if room == 0:
                self._parts.append(hashlib.md5(usedforsecurity=False))
                room = self._each
            self._parts[-1].update(rest[:room])
            self._count += len(rest[:room])
            rest = rest[room:]

    def names(self) -> tuple[str, str]:
        """What a file of these bytes is called in the cache, by each digest."""
        joined = hashlib.md5(b"".join(part.digest() for part in self._parts), usedforsecurity=False)
        return f"sha256-{self._whole.hexdigest()}", f"dandi-etag-{joined.hexdigest()}-{len(self._parts)}"


def digests_of(path: Path) -> tuple[str, ...]:
    """What a file, or the folder of a Zarr archive, is called in the cache by its content."""
    if path.is_dir():
        return (f"dandi-zarr-checksum-{zarr_checksum_of(path)}",)
    digests = Digests(path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digests.update(block)
    return digests.names()


def zarr_checksum_of(folder: Path) -> str:
    """The checksum that DANDI gives to a Zarr archive, of its files on disk."""
    from zarr_checksum import compute_zarr_checksum
    from zarr_checksum.generators import yield_files_local

    return str(compute_zarr_checksum(yield_files_local(folder)).digest)
