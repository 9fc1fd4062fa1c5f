"""Where a file of an archive is read: whole from the cache, or streamed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof.errors import DataError

from spikeproof_nwb.opening import opened

from .assets import Asset, NoSuchFile, Release, find
from .cache import Cache, Held
from .client import Client
from .fetch import fetch_file
from .known import Known
from .spec import Spec

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from spikeproof_nwb.place import Place

__all__ = ["Access", "KeptPlace", "Stream"]

Stream = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One version of a dandiset, as its files can be had now.

    Parameters
    ----------
    spec : Spec
    release : Release
    client : Client or None
        None asks nobody.
    cache : Cache
    known : Known
    stream : {"auto", "always", "never"}
    """

    spec: Spec
    release: Release
    client: Client | None
    cache: Cache
    known: Known
    stream: Stream

    def place(self, asset: Asset) -> Place:
        """Fetch a file, or make ready to stream it."""
        label = self.spec.at(self.release.version, asset.path)
        return KeptPlace(fetch_file(asset, self.client, self.cache, label), asset, label, self)

    def beside(self, asset: Asset, name: str) -> Held | None:
        """Fetch a file that is named relative to another one, or None if the version has no such file."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(asset.path), name))
        if path.startswith(("/", "../")) or "://" in name:
            return None
        spec = replace(self.spec, version=self.release.version, path=path)
        try:
            found = find(spec, self.client, self.known, self.release).assets[0]
        except NoSuchFile:
            return None
        return fetch_file(found, self.client, self.cache, spec.at(self.release.version))


class KeptPlace:
    """A file that stands whole in the cache, and is not removed from it while this object lives.

    Parameters
    ----------
    held : Held
    asset : Asset
    label : str
        ``dandi:ID@VERSION/PATH``.
    access : Access
    """

    def __init__(self, held: Held, asset: Asset, label: str, access: Access) -> None:
        self._held, self._asset, self._access = held, asset, access
        self._beside: dict[str, Held] = {}
        self.label = self.source = label

    @property
    def far(self) -> bool:
        """False: it is on this machine."""
        return False

    @contextmanager
    def opened(self) -> Iterator[h5py.File]:
        """Open the file for reading."""
        try:
            with opened(self._held.path) as file:
                yield file
        except DataError as error:
            said = str(error)
            if str(self._held.path) not in said:
                raise
            raise DataError(said.replace(str(self._held.path), self.label)) from error

    def digest(self) -> str:
        """Sha256 of the content, hexadecimal."""
        return self._held.sha256

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a one-dimensional dataset, as stored."""
        rows: NDArray[Any] = dataset[start:stop]
        return rows

    def beside(self, name: str) -> Path | None:
        """Path of a file of the dandiset that is named relative to this one, fetched; None if there is none."""
        held = self._access.beside(self._asset, name)
        if held is None:
            return None
        self._beside[name] = held
        return held.path
