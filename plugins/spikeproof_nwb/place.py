"""Where a file is: on this machine, or in an archive. Whatever reads NWB reads through this."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .opening import digest, opened

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

__all__ = ["LocalPlace", "Place"]


class Place(Protocol):
    """Where one NWB file is, and how its bytes are had."""

    @property
    def label(self) -> str:
        """What messages call it: the path as given, or ``"dandi:000207@0.1/sub-4/x.nwb"``."""

    @property
    def source(self) -> str:
        """What the recording's ``identity["source"]`` says: the spec that gives this file again."""

    @property
    def far(self) -> bool:
        """Whether every request costs time, so that little should be read, in large pieces."""

    def opened(self) -> AbstractContextManager[h5py.File]:
        """Open it for reading; what looks like an ``h5py.File`` will do.

        Raises
        ------
        spikeproof.errors.DataError
            If it is missing, cut off, damaged or no such file; the message starts with where it was looked for.
        """

    def digest(self) -> str:
        """Sha256 of the content, hexadecimal, or the archive's own digest with its name (``"dandi-etag:..."``)."""

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a one-dimensional dataset, as stored."""

    def prepare(self, dataset: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> None:
        """Take note of rows [start, stop), ... of a dataset that will be read: what is far away comes at once then."""

    def beside(self, name: str) -> Path | None:
        """Path of an external file that is named relative to this one, or None if it cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlace:
    """A file on this machine.

    Parameters
    ----------
    path : pathlib.Path
    label : str
        The path as the user gave it.
    source : str

    Examples
    --------
    >>> LocalPlace(path=Path("data/sub-4.nwb"), label="data/sub-4.nwb", source="nwb:data/sub-4.nwb").beside("no.png")
    """

    path: Path
    label: str
    source: str

    @property
    def far(self) -> bool:
        """False: it is on this machine."""
        return False

    def opened(self) -> AbstractContextManager[h5py.File]:
        """Open the file for reading; see :func:`spikeproof_nwb.opening.opened`."""
        return opened(self.path)

    def digest(self) -> str:
        """Sha256 of the file's bytes, hexadecimal."""
        return digest(self.path)

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a one-dimensional dataset, as stored."""
        rows: NDArray[Any] = dataset[start:stop]
        return rows

    def prepare(self, dataset: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> None:
        """Do nothing: it is here."""

    def beside(self, name: str) -> Path | None:
        """Path of a file that is named relative to this one's folder, if it is there."""
        path = self.path.parent / name
        return path if path.exists() else None
