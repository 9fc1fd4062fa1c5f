"""A Zarr folder as a place to read NWB from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeproof.errors import DataError

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from .mirror import Mirror

__all__ = ["ZarrPlace", "digest_folder", "is_store"]

_MARKS = (".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json")


def is_store(path: Path) -> bool:
    """Whether a folder is meant to be a Zarr store: by its name, or by what stands in it."""
    return path.is_dir() and (path.suffix == ".zarr" or any((path / mark).is_file() for mark in _MARKS))


def digest_folder(path: Path) -> str:
    """Sha256 of the folder's manifest: the lines that ``sha256sum`` prints for its files, in order of their paths.

    The same as ``find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum`` in it.
    """
    manifest = hashlib.sha256()
    names = sorted(entry.relative_to(path).as_posix().encode() for entry in path.rglob("*") if entry.is_file())
    for name in names:
        with (path / name.decode()).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        manifest.update(content.encode() + b"  " + name + b"\n")
    return manifest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZarrPlace:
    """A folder on this machine that hdmf-zarr wrote.

    Parameters
    ----------
    path : pathlib.Path
    label : str
        The path as the user gave it.
    source : str
    """

    path: Path
    label: str
    source: str
    _held: dict[str, Mirror] = field(default_factory=dict, repr=False, compare=False)

    @property
    def far(self) -> bool:
        """False: it is on this machine."""
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading it has shown so far."""
        return tuple(self._held["mirror"].notes) if "mirror" in self._held else ()

    @contextmanager
    def opened(self) -> Iterator[h5py.File]:
        """Open the store as what looks like an HDF5 file; its structure is read once and kept.

        Raises
        ------
        DataError
            If the store is damaged, or is no Zarr store.
        """
        from .mirror import mirror
        from .views import StoreFile

        if not any((self.path / mark).is_file() for mark in _MARKS):
            held = ", ".join(sorted(entry.name for entry in self.path.iterdir())[:5]) or "nothing"
            raise DataError(
                f"{self.label} is a folder without .zgroup or zarr.json, so no Zarr store (it holds: {held}): it was "
                "copied without its hidden files, or is something else"
            )
        if "mirror" not in self._held:
            self._held["mirror"] = mirror(self.path)
        with StoreFile.over(self._held["mirror"]) as file:
            yield file

    def digest(self) -> str:
        """Digest of all files; see :func:`digest_folder`."""
        return digest_folder(self.path)

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a one-dimensional dataset, as stored."""
        rows: NDArray[Any] = dataset[start:stop]
        return rows

    def prepare(self, dataset: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> None:
        """Do nothing: it is here."""

    def beside(self, name: str) -> Path | None:
        """Path of a file that is named relative to the folder that holds the store, if it is there."""
        path = self.path.parent / name
        return path if path.exists() else None
