"""Fetching byte ranges of one file, many at a time, until they are here or one clear error says why not."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import requests
import urllib3
from spikeproof.errors import DataError
from spikeproof.progress import current

from spikeproof_nwb.archive.client import broken
from spikeproof_nwb.archive.patience import RETRIED, Patience, retry_after

from .answers import RangeIgnored, blocks, check, etag_of, host_of, said
from .partial import Partial
from .ranges import Range, joined, pieces

__all__ = ["Resolve", "Transfer"]

Resolve = Callable[[], tuple[str, Mapping[str, str]]]
"""Gives the URL of the bytes and the headers to send with a request; called again once the URL has expired."""

_LEAST, _MOST = 1 << 19, 8 << 20
"""Bytes that one request asks for."""
_GAP = 16 * 1024
"""Bytes between two ranges that are fetched along, since a request of their own would take longer."""
_WHOLE = 1 << 30
"""Bytes up to which a file is fetched whole from a server that does not know ranges."""
_TELL = 4 << 20
"""Bytes from which progress is shown."""


class _Stopped(Exception):
    """Another request has failed for good."""


@dataclass
class _Address:
    """The URL in use, renewed once by whoever first finds it expired."""

    resolve: Resolve
    generation: int = 0
    said: tuple[str, Mapping[str, str]] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, worn: int | None = None) -> tuple[int, str, Mapping[str, str]]:
        """The URL, with the number of times it was renewed; a fresh one if number ``worn`` was found expired."""
        with self.lock:
            if self.said is None or worn == self.generation:
                self.said = self.resolve()
                self.generation += 1
            return self.generation, *self.said


@dataclass
class _Piece:
    """What one worker gets, and how far it is."""

    place: int
    stop: int
    checksum: int = 0


class Transfer:
    """Fetches ranges of one file into what is kept of it.

    A request that fails for a while (no connection, silence, a body that breaks off, 429, 503) is made again, from
    where it stopped and after what ``Retry-After`` says, as long as ``limit`` allows; a URL that has expired is
    renewed. A server that does not know ranges sends the whole file once, up to 1 GiB. Anything else, and an answer
    about another file than the one that was meant, is an error.

    Parameters
    ----------
    label : str
        What messages call the file.
    etag : str
        The ETag that every answer must have; if empty, that of the first answer.
    resolve : callable
        Returns the URL and the headers to send.
    partial : Partial
    session : requests.Session
        Tries each request once.
    limit : float
        Seconds without progress after which it is given up.
    threads : int
        Requests at a time.
    """

    def __init__(
        self,
        *,
        label: str,
        etag: str,
        resolve: Resolve,
        partial: Partial,
        session: requests.Session,
        limit: float,
        threads: int,
    ) -> None:
        self.label, self.limit, self.threads = label, limit, threads
        self._etag = etag
        self._partial = partial
        self._address = _Address(resolve)
        self._session = session
        self._pool: ThreadPoolExecutor | None = None
        self._stop = threading.Event()
        self._received = 0
        self._counting = threading.Lock()
        self._whole_only = False

    def fetch(self, ranges: Sequence[Range]) -> None:
        """Get these ranges; what is here already must not be among them.

        Raises
        ------
        DataError
            If they cannot be had.
        """
        cut = pieces(joined(ranges, _GAP), self.threads, _LEAST, _MOST)
        if not cut:
            return
        self._stop.clear()
        if not self._whole_only:
            try:
                self._together(cut) if len(cut) > 1 else self._piece(*cut[0])
            except RangeIgnored:
                self._whole_only = True
        if self._whole_only:
            self._stop.clear()
            self._whole()

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._session.close()

    def _together(self, cut: Sequence[Range]) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="spikeproof-ranges")
        total = sum(stop - start for start, stop in cut)
        progress, told, before = current(), 0, self._received
        if total >= _TELL:
            progress.start(f"reading {self.label}", total, unit="bytes")
        waiting: set[Future[None]] = {self._pool.submit(self._piece, start, stop) for start, stop in cut}
        failed: BaseException | None = None
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=0.1, return_when=FIRST_EXCEPTION)
                errors = [error for future in done if (error := future.exception()) is not None]
                if errors:
                    self._stop.set()
                    real = [error for error in errors if not isinstance(error, _Stopped)]
                    failed = failed or (real[0] if real else None)
                if total >= _TELL:
                    told += self._tell(before + told)
        finally:
            self._stop.set()  # an interrupt ends the others too
            for future in waiting:
                future.cancel()
            if total >= _TELL:
                progress.finish()
        if failed is not None:
            raise failed

    def _piece(self, start: int, stop: int) -> None:
        """Get [start, stop) by as many requests as it takes."""
        patience = Patience(limit=self.limit, what=self.label, sleep=self._sleep)
        piece = _Piece(start, stop)
        generation, url, headers = self._address.get()
        refused = 0
        try:
            while piece.place < stop:
                self._go_on()
                before = piece.place
                try:
                    refusal = self._asked(url, headers, piece, patience)
                except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                    patience.failed(broken(error, url))
                    continue
                self._go_on()
                refused = refused + 1 if refusal else 0
                if refused > 2:
                    raise DataError(
                        f"{self.label}: {host_of(url)} refuses the content, also at a fresh address ({refusal}): if it "
                        "is embargoed, check that your key may see it"
                    )
                if refused:
                    generation, url, headers = self._address.get(worn=generation)
                elif before < piece.place < stop:
                    got = f"{piece.place - before:,} bytes of {stop - before:,}"
                    patience.failed(f"{host_of(url)} broke off after {got}")
        finally:
            self._partial.commit(start, piece.place, piece.checksum)

    def _asked(self, url: str, headers: Mapping[str, str], piece: _Piece, patience: Patience) -> str:
        """Make one request, and put in place what comes of it.

        Returns
        -------
        str
            What was said if the URL was refused; empty otherwise.
        """
        asked = {**headers, "Range": f"bytes={piece.place}-{piece.stop - 1}", "Accept-Encoding": "identity"}
        if self._etag:
            asked["If-Match"] = f'"{self._etag}"'
        with self._session.get(url, headers=asked, timeout=patience.timeout, stream=True) as response:
            status = response.status_code
            if status in RETRIED:
                busy = f"{host_of(url)} is busy or broken (status {status})"
                patience.failed(busy, wait=retry_after(response))
                return ""
            if status in {401, 403} or (status == 400 and "Expired" in said(response)):
                return said(response)
            self._know(response)
            check(response, self.label, self._etag, self._partial.size, (piece.place, piece.stop))
            for block in blocks(response, piece.stop - piece.place):
                self._partial.write(piece.place, block)
                piece.checksum = zlib.crc32(block, piece.checksum)
                piece.place += len(block)
                self._count(len(block))
                patience.received(len(block))
                self._go_on()
        return ""

    def _whole(self) -> None:
        """Get everything by one request, from a server that knows no other."""
        size = self._partial.size
        url = self._address.get()[1]
        if size > _WHOLE:
            raise DataError(
                f"{self.label}: {host_of(url)} sends the whole file, {size / 1e9:.1f} GB, whatever part is asked for, "
                "so it cannot be streamed: download it (`dandi download`) and name it as nwb:PATH"
            )
        progress = current()
        progress.start(f"fetching {self.label}, whole", size, unit="bytes")
        try:
            before = self._received
            with ThreadPoolExecutor(1) as pool:
                future = pool.submit(self._piece_from_nothing, size)
                told = 0
                while not future.done():
                    wait([future], timeout=0.1)
                    told += self._tell(before + told)
                future.result()
        finally:
            self._stop.set()
            progress.finish()

    def _piece_from_nothing(self, size: int) -> None:
        """Get the whole file; broken off, it begins anew, since no part can be asked for."""
        patience = Patience(limit=self.limit, what=self.label, sleep=self._sleep)
        before = self._received
        while True:
            try:
                self._piece(0, size)
            except RangeIgnored:
                self._count(before - self._received)
                patience.failed("the connection broke, and the server can only begin anew")
            else:
                return

    def _tell(self, told: int) -> int:
        """Say what came since ``told`` bytes had come."""
        came = self._received - told
        current().advance(came)
        return came

    def _count(self, count: int) -> None:
        with self._counting:
            self._received += count

    def _know(self, response: requests.Response) -> None:
        """Hold all answers to the ETag of the first, where the archive did not say it."""
        with self._counting:
            if not self._etag and response.ok:
                self._etag = etag_of(response)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped
