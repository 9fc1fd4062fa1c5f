"""Fetching one file whole: resumed where it broke off, verified, and kept or not at all."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import requests
import urllib3
from filelock import FileLock, Timeout
from spikeproof.errors import DataError
from spikeproof.progress import current

from .client import Client, NotFound, broken, new_session
from .digests import Digests
from .patience import RETRIED, retry_after
from .sizes import spelled

if TYPE_CHECKING:
    from .assets import Asset
    from .cache import Cache, Held

__all__ = ["content_url", "fetch_file", "not_here", "one_at_a_time", "suffix_of"]

_BLOCK = 1 << 18
_POLL = 0.1
_GRACE = 5.0
"""Seconds more than another process takes to give up."""


def fetch_file(asset: Asset, client: Client | None, cache: Cache, what: str) -> Held:
    """Fetch a file into the cache, unless it is there.

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
        If it cannot be had whole and right within bounded time, or there is no room for it. What came is kept for a
        later try if it may be right, and removed if it is wrong or the disk is full.
    """
    suffix = suffix_of(asset.path)
    held = cache.hold(asset.keys, suffix)
    if held is not None:
        return held
    if client is None:
        raise not_here(asset, cache, what)
    key = asset.keys[0]
    partial = cache.partial_of(key)
    lock = cache.lock_of(key)
    with one_at_a_time(lock, partial, what, client.limit):
        held = cache.hold(asset.keys, suffix)  # another process may have fetched it meanwhile
        if held is not None:
            return held
        there = partial.stat().st_size if partial.exists() else 0
        cache.make_room(asset.size - min(there, asset.size), what)
        try:
            sha256 = _received(asset, client, partial, what)
            return cache.keep(partial, key, suffix, sha256)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                partial.unlink(missing_ok=True)
                raise cache.full(what, asset.size) from error
            raise cache.unwritable(error) from error


def not_here(asset: Asset, cache: Cache, what: str) -> DataError:
    """The error for a file that is not in the cache when nobody may be asked."""
    return DataError(
        f"{what} is not in the cache ({cache.root}), only its name is: {spelled(asset.size)} must be fetched; run it "
        "once without --offline"
    )


def suffix_of(path: str) -> str:
    """Ending of a file's name, as it is kept in the cache."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""


def content_url(asset: Asset, client: Client, what: str) -> str:
    """A fresh address of the content: presigned, so it needs no key and holds for some hours."""
    try:
        return client.redirect(f"assets/{asset.identifier}/download/", what)
    except NotFound:
        raise DataError(f"{what} was listed, but is gone now: the draft is being changed; run it again") from None


@contextmanager
def one_at_a_time(lock: FileLock, partial: Path, what: str, limit: float) -> Iterator[None]:
    """Hold a lock; wait for another process that holds it for as long as that one gets on.

    Parameters
    ----------
    lock : FileLock
    partial : pathlib.Path
        What the other process writes.
    what : str
    limit : float
        Seconds without progress after which a fetch is given up.
    """
    seen, told = _written(partial), False
    until = time.monotonic() + limit + _GRACE
    while True:
        try:
            lock.acquire(timeout=_POLL)
            break
        except Timeout:
            if not told:
                current().note(f"{what}: another process is fetching it: waiting for it")
                told = True
            now = _written(partial)
            if now != seen:
                seen, until = now, time.monotonic() + limit + _GRACE
            elif time.monotonic() > until:
                raise DataError(
                    f"{what}: another process is fetching it, but does not get on: end it, and run this again"
                ) from None
    try:
        yield
    finally:
        lock.release()


def _written(partial: Path) -> int:
    try:
        return sum(path.stat().st_size for path in (partial, *partial.glob("**/*")))
    except OSError:
        return -1


def _received(asset: Asset, client: Client, partial: Path, what: str) -> str:
    """Write all of a file to ``partial`` and verify it; its sha256."""
    progress = current()
    progress.start(f"fetching {what}", asset.size, unit="bytes")
    try:
        for _ in range(2):  # once more from the start if what an earlier process left was wrong
            resumed = partial.exists() and partial.stat().st_size > 0
            with partial.open("ab+") as file:
                digests = _Growing(asset, client, file.fileno(), what).received()
                os.fsync(file.fileno())
            names = digests.names()
            if asset.keys[0] in names:
                return names[0].removeprefix("sha256-")
            partial.unlink()
            if not resumed:
                break
            progress.advance(-asset.size)
    finally:
        progress.finish()
    kind = "sha256" if asset.sha256 else "dandi-etag"
    came = next(name for name in names if name.startswith(kind)).removeprefix(f"{kind}-")
    raise DataError(
        f"{what}: what came is not what the archive holds: its {kind} is {came}, but must be "
        f"{asset.keys[0].removeprefix(f'{kind}-')}; nothing of it was kept. Try again; if it comes again, a proxy on "
        "the way changes it, or the archive is damaged: tell its keepers"
    )


class _Growing:
    """A file that grows from wherever it is to its whole size."""

    def __init__(self, asset: Asset, client: Client, handle: int, what: str) -> None:
        self._asset, self._client, self._handle, self._what = asset, client, handle, what
        self._patience = client.patience(what)
        self._session = new_session()
        self._at = 0
        self._digests = Digests(asset.size)
        self._match = f'"{asset.etag}"' if asset.etag else None
        self._url = ""

    def received(self) -> Digests:
        """Read what is there, ask for the rest until it has come, and give the digests of all."""
        size = self._asset.size
        os.lseek(self._handle, 0, os.SEEK_SET)
        while self._at < size and (block := os.read(self._handle, min(_BLOCK, size - self._at))):
            self._digests.update(block)
            self._at += len(block)
        os.ftruncate(self._handle, self._at)
        current().advance(self._at)
        while self._at < size:
            self._url = self._url or content_url(self._asset, self._client, self._what)
            try:
                with self._asked() as response:
                    for block in self._blocks(response):
                        self._append(block)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                self._patience.failed(broken(error, self._url))
        return self._digests

    def _asked(self) -> requests.Response:
        headers = {"Accept-Encoding": "identity"}
        if self._at:
            headers["Range"] = f"bytes={self._at}-"
            if self._match:
                headers["If-Match"] = self._match
        return self._session.get(self._url, headers=headers, stream=True, timeout=self._patience.timeout)

    def _blocks(self, response: requests.Response) -> Iterator[bytes]:
        """The bytes that come next, if this answer holds them."""
        status = response.status_code
        if status == 403:  # a presigned address holds for some hours only
            self._url = ""
            refused = "the archive's store refuses the address that the archive gave (status 403)"
            self._patience.failed(refused, wait=0.0)
            return
        if status in RETRIED:
            busy = f"the archive's store is busy or broken (status {status})"
            self._patience.failed(busy, wait=retry_after(response))
            return
        if status in {412, 416}:  # what is there is no beginning of what the store holds
            self._match = None
            self._anew()
            self._patience.failed(f"the archive's store holds another file now (status {status})")
            return
        if status not in {200, 206}:
            raise DataError(
                f"{self._what}: the archive lists it, but its store answers {status}: try later, or tell its keepers"
            )
        if self._at and status == 200:  # the server knows no ranges, or was told to forget them
            self._anew()
        if status == 206:
            came = re.match(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if came is None or int(came[1]) != self._at or int(came[2]) != self._asset.size:
                said = response.headers.get("Content-Range", "no range")
                self._anew()
                self._patience.failed(f"the archive's store sent {said} instead of the rest of the file")
                return
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) != self._asset.size - self._at:
            self._patience.failed(
                f"the archive's store sends {int(length):,} bytes where {self._asset.size - self._at:,} are missing"
            )
            return
        while self._at < self._asset.size and (block := response.raw.read1(_BLOCK, decode_content=False)):
            yield block
        if self._at < self._asset.size:
            missing = f"{self._asset.size - self._at:,}"
            self._patience.failed(f"the connection to the archive's store ended {missing} bytes early")

    def _append(self, block: bytes) -> None:
        if self._at + len(block) > self._asset.size:
            block = block[: self._asset.size - self._at]
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._digests.update(block)
        self._at += len(block)
        current().advance(len(block))
        self._patience.received(len(block))

    def _anew(self) -> None:
        """Forget what is there."""
        os.ftruncate(self._handle, 0)
        current().advance(-self._at)
        self._at, self._digests = 0, Digests(self._asset.size)
