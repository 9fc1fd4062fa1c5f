"""Fetching a Zarr archive whole: a folder of many small files, each verified, kept together or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from spikeproof.errors import DataError
from spikeproof.progress import current

from .client import Client, NotFound, broken, new_session
from .fetch import not_here, one_at_a_time, suffix_of
from .files import sync_folder
from .patience import RETRIED, retry_after

if TYPE_CHECKING:
    from .assets import Asset
    from .cache import Cache, Held

__all__ = ["fetch_zarr"]

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of a Zarr archive."""

    path: str
    size: int
    md5: str


def fetch_zarr(asset: Asset, client: Client | None, cache: Cache, what: str) -> Held:
    """Fetch a Zarr archive into the cache, unless it is there.

    Every file is verified by its md5, and all of them, with their names and sizes, by the archive's checksum of the
    whole. Files that came before a fetch broke off are not fetched again.

    Parameters
    ----------
    asset : Asset
    client : Client or None
        None asks nobody.
    cache : Cache
    what : str
        What messages call it.

    Raises
    ------
    DataError
        If it cannot be had whole and right within bounded time, or there is no room for it.
    """
    suffix = suffix_of(asset.path)
    held = cache.hold(asset.keys, suffix)
    if held is not None:
        return held
    if client is None:
        raise not_here(asset, cache, what)
    key = asset.keys[0]
    partial, lock = cache.partial_of(key), cache.lock_of(key)
    with one_at_a_time(lock, partial, what, client.limit):
        held = cache.hold(asset.keys, suffix)
        if held is not None:
            return held
        entries = _listed(asset, client, what)
        try:
            _forget_others(partial, entries)
            there = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
            cache.make_room(max(asset.size - there, 0), what)
            _receive(asset, entries, client, partial, what)
            for folder in {partial, *(path for path in partial.rglob("*") if path.is_dir())}:
                sync_folder(folder)
            return cache.keep(partial, key, suffix, "")
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                shutil.rmtree(partial, ignore_errors=True)
                raise cache.full(what, asset.size) from error
            raise cache.unwritable(error) from error


def _listed(asset: Asset, client: Client, what: str) -> list[_Entry]:
    """The files of the archive, held to its checksum."""
    from zarr_checksum.tree import ZarrChecksumTree

    try:
        rows = list(client.pages(f"zarr/{asset.zarr}/files/", what))
    except NotFound:
        raise DataError(f"{what}: the archive lists it, but holds no Zarr archive {asset.zarr}: try later") from None
    entries = [_entry(row, what) for row in rows]
    tree = ZarrChecksumTree()
    for entry in entries:
        tree.add_leaf(Path(entry.path), entry.size, entry.md5)
    checksum = str(tree.process().digest)
    if checksum != asset.zarr_checksum:
        raise DataError(
            f"{what}: the archive's list of its {len(entries):,} files is not what its checksum says ({checksum}, but "
            f"{asset.zarr_checksum}): it is being changed; try again later"
        )
    return entries


def _entry(row: Mapping[str, Any], what: str) -> _Entry:
    path = str(row.get("Key", ""))
    strange = path in {"", ".."} or path != posixpath.normpath(path) or path.startswith(("/", "../"))
    if strange or "\\" in path or ":" in path:
        raise DataError(f"{what}: the archive names a file {path!r} in it, which is no place in a folder: not fetched")
    return _Entry(path, int(row.get("Size", 0)), str(row.get("ETag", "")).strip('"').lower())


def _forget_others(folder: Path, entries: list[_Entry]) -> None:
    """Remove what an earlier fetch left that does not belong here, or is not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / entry.path: entry for entry in entries}
    for path in folder.rglob("*"):
        if path.is_file():
            entry = wanted.get(path)
            if entry is None or path.stat().st_size != entry.size or _md5(path.read_bytes()) != entry.md5:
                path.unlink()


def _receive(asset: Asset, entries: list[_Entry], client: Client, folder: Path, what: str) -> None:
    progress, stop = current(), threading.Event()
    progress.start(f"fetching {what}", asset.size, unit="bytes")

    def one(entry: _Entry) -> int:
        path = folder / entry.path
        if not path.exists() and not stop.is_set():
            content = _content(asset, entry, client, f"{what}/{entry.path}")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return entry.size

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done in as_completed([pool.submit(one, entry) for entry in entries]):
                    progress.advance(done.result())
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        progress.finish()


def _content(asset: Asset, entry: _Entry, client: Client, what: str) -> bytes:
    """One file's bytes, verified."""
    patience, wrong = client.patience(what), 0
    with new_session() as session:
        while True:
            try:
                url = client.redirect(f"zarr/{asset.zarr}/files/", what, prefix=entry.path, download="true")
            except NotFound:
                raise DataError(f"{what} was listed, but is gone now: it is being changed; run it again") from None
            try:
                response = session.get(url, timeout=patience.timeout, headers={"Accept-Encoding": "identity"})
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                patience.failed(broken(error, url))
                continue
            if response.status_code in RETRIED | {403}:
                busy = f"the archive's store is busy or refuses (status {response.status_code})"
                patience.failed(busy, wait=retry_after(response))
                continue
            if response.status_code != 200:
                raise DataError(f"{what}: the archive lists it, but its store answers {response.status_code}")
            if len(response.content) == entry.size and _md5(response.content) == entry.md5:
                return response.content
            wrong += 1
            if wrong > 1:
                raise DataError(
                    f"{what}: what came is not what the archive holds: its md5 is {_md5(response.content)}, but must "
                    f"be {entry.md5}; nothing of it was kept. Try again; if it comes again, tell the archive's keepers"
                )


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
