"""Where a file of an archive is read: whole from the cache, or streamed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof.errors import DataError

from spikeproof_nwb.place import LocalPlace
from spikeproof_nwb.zarr_store import ZarrPlace

from .assets import Asset, NoSuchFile, find
from .cache import Cache, Held
from .client import Client
from .fetch import content_url, fetch_file, not_here, suffix_of
from .known import Known
from .releases import Release
from .spec import Spec
from .zarr_fetch import fetch_zarr

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from spikeproof_nwb.place import Place

__all__ = ["SMALL", "Access", "KeptPlace", "Stream"]

Stream = Literal["auto", "always", "never"]
SMALL = 10 * 10**6
"""Bytes up to which fetching a file whole takes less time than the requests that parts of it need."""
_ROOM = 256 * 10**6
"""Bytes that are made free for what a streamed file may need."""


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
        if asset.zarr:  # many small files, which take as many requests one by one: they are fetched together
            return KeptPlace(fetch_zarr(asset, self.client, self.cache, label), asset, label, self)
        if self.stream == "always" or (self.stream == "auto" and asset.size > SMALL):
            held = self.cache.hold(asset.keys, suffix_of(asset.path))
            return self._streamed(asset, label) if held is None else KeptPlace(held, asset, label, self)
        return KeptPlace(fetch_file(asset, self.client, self.cache, label), asset, label, self)

    def _streamed(self, asset: Asset, label: str) -> Place:
        """A file of which only the bytes that are needed are fetched; they are kept, and all of them once all came."""
        from spikeproof_nwb.remote.place import RemotePlace

        key, client = asset.keys[0], self.client
        folder = self.cache.ranges_of(key)
        if client is None and not folder.is_dir():
            raise not_here(asset, self.cache, label)
        self.cache.lock_of(key)
        self.cache.make_room(min(asset.size, _ROOM), label)
        held = [self.cache.use(key)]  # kept from removal for as long as the place holds the functions below

        def keep(fresh: Path, sha256: str) -> Path:
            held.append(self.cache.keep(fresh, key, suffix_of(asset.path), sha256))
            return held[-1].path

        def outside(name: str) -> Path | None:
            found = self.beside(asset, name)
            held.extend([] if found is None else [found])
            return None if found is None else found.path

        return RemotePlace(
            label=label,
            source=label,
            size=asset.size,
            keys=asset.keys,
            etag=asset.etag,
            resolve=None if client is None else lambda: (content_url(asset, client, label), {}),
            folder=folder,
            limit=self.client.limit if self.client is not None else 0.0,
            keep=keep,
            outside=outside,
        )

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
        fetch = fetch_zarr if found.zarr else fetch_file
        return fetch(found, self.client, self.cache, spec.at(self.release.version))


class KeptPlace:
    """A file, or a Zarr archive, that stands whole in the cache, and is not removed while this object lives.

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
        kind = ZarrPlace if asset.zarr else LocalPlace
        self._local: LocalPlace | ZarrPlace = kind(path=held.path, label=label, source=label)
        self.label = self.source = label

    @property
    def far(self) -> bool:
        """False: it is on this machine."""
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading it has shown so far."""
        return getattr(self._local, "notes", ())

    @contextmanager
    def opened(self) -> Iterator[h5py.File]:
        """Open the file for reading."""
        try:
            with self._local.opened() as file:
                yield file
        except DataError as error:
            said = str(error)
            if str(self._held.path) not in said:
                raise
            raise DataError(said.replace(str(self._held.path), self.label)) from error

    def digest(self) -> str:
        """Sha256 of the content, hexadecimal; of a Zarr archive, what ``nwb:`` says of the same folder."""
        return self._held.sha256 or self._local.digest()

    def read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of a one-dimensional dataset, as stored."""
        return self._local.read(dataset, start, stop)

    def prepare(self, dataset: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> None:
        """Do nothing: it is here."""

    def beside(self, name: str) -> Path | None:
        """Path of a file of the dandiset that is named relative to this one, fetched; None if there is none."""
        held = self._access.beside(self._asset, name)
        if held is None:
            return None
        self._beside[name] = held
        return held.path
