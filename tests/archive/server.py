"""The two servers, their log, and the faults as they look on the wire."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .answers import Answer, Request
from .api import API
from .faults import Fault, Faults, Kind, Side
from .holdings import Asset, Holdings
from .store import Store

__all__ = ["LocalArchive", "Seen"]

_BLOCK = 64 * 1024  # bytes sent at a time


@dataclass
class Seen:
    """One request, as it came in, and what was sent."""

    side: Side
    method: str
    path: str
    """With the query."""
    range: str | None
    authorized: bool
    """Whether it carried a token."""
    status: int = 0
    sent: int = 0
    """Bytes of the body."""


class LocalArchive:
    """An archive on this machine, to be used as a context manager.

    Parameters
    ----------
    latency : float
        Seconds that pass before any request is answered.
    bandwidth : float, optional
        Bytes per second that one connection to the object store carries.

    Attributes
    ----------
    url : str
        Of the API, ending in ``/api``. The object store has another port, as it has another host in the world.
    token, stranger : str
        The owner's key, and one of a user who owns nothing.
    faults : Faults
        What is to go wrong.
    requests : list of Seen
        What was asked so far, in order.
    """

    def __init__(self, *, latency: float = 0.0, bandwidth: float | None = None) -> None:
        self.latency, self.bandwidth = latency, bandwidth
        self.token, self.stranger = "0123456789abcdef" * 2 + "01234567", "fedcba9876543210" * 2 + "fedcba98"
        self.faults = Faults()
        self.requests: list[Seen] = []
        self.holdings = Holdings()
        self._store = Store(self.holdings)
        self._api = API(self.holdings, self._store, self.token, self.stranger)
        self._closing = threading.Event()
        self._servers: dict[Side, _Server] = {}

    def __enter__(self) -> Self:
        for side in ("api", "s3"):
            server = _Server(self, side)
            self._servers[side] = server
            url = f"http://127.0.0.1:{server.server_address[1]}"
            if side == "api":
                self.url = self._api.url = f"{url}/api"
            else:
                self._store.url = url
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for side in list(self._servers):
            self.close_port(side)

    @property
    def store_url(self) -> str:
        """Where the object store answers."""
        return self._store.url

    @property
    def sent(self) -> int:
        """Bytes of objects sent so far."""
        return sum(seen.sent for seen in self.requests if seen.side == "s3")

    def add(
        self,
        dandiset: str,
        version: str,
        files: Mapping[str, Path | str],
        *,
        embargoed: bool = False,
        sha256: bool = True,
    ) -> list[Asset]:
        """Put files into a version of a dandiset, making both where they do not exist.

        Parameters
        ----------
        dandiset : str
            Six digits.
        version : str
            ``draft``, or the name of a published version, such as ``0.220126.1903``.
        files : mapping of str to path
            Path in the dandiset to local file; a folder becomes a Zarr asset. The same bytes share a blob.
        embargoed : bool
            Whether the dandiset, if it is made now, can only be seen with ``token``.
        sha256 : bool
            Whether their sha2-256 is known; False is a fresh upload, which has its dandi-etag only.
        """
        held = {path: Path(file) for path, file in files.items()}
        return self.holdings.add(dandiset, version, held, embargoed=embargoed, sha256=sha256)

    def publish(self, dandiset: str) -> str:
        """Publish the draft as it is; return the name of the version."""
        return self.holdings.publish(dandiset)

    def change(self, asset: Asset, file: Path) -> None:
        """Put other bytes behind an asset's URL: what no archive should do, and a proxy may."""
        self.holdings.replace_bytes(asset, file)

    def signed(self, asset: Asset) -> str:
        """A fresh presigned URL of an asset."""
        assert asset.blob is not None
        return self._store.sign(asset.blob.key, asset.path.rsplit("/", 1)[-1])

    def close_port(self, side: Side) -> None:
        """Stop listening and break every connection: a server that is gone."""
        server = self._servers.pop(side, None)
        if server is not None:
            server.shutdown()
            server.server_close()
            server.break_connections()

    def respond(self, side: Side, request: Request) -> Answer:
        """Answer for one side, faults aside."""
        return (self._api if side == "api" else self._store).answer(request)

    def wait_for_closing(self, seconds: float | None) -> None:
        """Sleep, but no longer than the archive is open."""
        self._closing.wait(seconds)

    def expire(self) -> None:
        """Let every presigned URL given so far expire."""
        self._store.expire()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, archive: LocalArchive, side: Side) -> None:
        self.archive, self.side = archive, side
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
            reset = request in self._reset
            self._reset.discard(request)
        if reset:  # an RST instead of a polite end
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def reset_at_end(self, connection: socket.socket) -> None:
        """Break this connection with a reset once it has been served."""
        with self._lock:
            self._reset.add(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""

    def break_connections(self) -> None:
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep no log but the archive's own."""

    def _serve(self) -> None:
        archive, side = self.server.archive, self.server.side
        headers = {name.lower(): said for name, said in self.headers.items()}
        path, _, query = self.path.partition("?")
        seen = Seen(side, self.command, self.path, headers.get("range"), "authorization" in headers)
        archive.requests.append(seen)
        struck = {fault.kind: fault for fault in archive.faults.take(side, self.path)}
        if archive.latency:
            time.sleep(archive.latency)
        if "silent" in struck:
            archive.wait_for_closing(None)
            self.close_connection = True
            return
        if "slow_first_byte" in struck:
            archive.wait_for_closing(struck["slow_first_byte"].seconds)
        if "expire" in struck:
            archive.expire()
        if "ignore_range" in struck:
            headers.pop("range", None)
        answer = archive.respond(side, Request(self.command, path, query, headers))
        if "status" in struck:
            fault = struck["status"]
            kept = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
            answer = Answer(
                fault.status, {"content-type": "application/xml", **kept}, b"<Error><Code>SlowDown</Code></Error>"
            )
        self._send(answer, seen, struck)

    def _send(self, answer: Answer, seen: Seen, struck: Mapping[Kind, Fault]) -> None:
        seen.status = answer.status
        length = answer.length if answer.file is not None else len(answer.body)
        self.send_response(answer.status)
        for name, said in answer.headers.items():
            self.send_header(name, said)
        self.send_header("content-length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = struck.get("reset") or struck.get("cut")
        limit = length if stop is None else min(length, stop.after)
        wrong = length // 2 if "corrupt" in struck else -1
        bandwidth = self.server.archive.bandwidth if self.server.side == "s3" else None
        if answer.file is None:
            seen.sent = limit
            self.wfile.write(answer.body[:limit])
        else:
            self._stream(answer, seen, limit, wrong, bandwidth)
        if stop is not None and limit < length:
            if "reset" in struck:
                self.server.reset_at_end(self.connection)
            self.close_connection = True

    def _stream(self, answer: Answer, seen: Seen, limit: int, wrong: int, bandwidth: float | None) -> None:
        assert answer.file is not None
        begin = time.monotonic()
        with answer.file.open("rb") as stream:
            stream.seek(answer.start)
            while seen.sent < limit:
                block = stream.read(min(_BLOCK, limit - seen.sent))
                if seen.sent <= wrong < seen.sent + len(block):
                    spoilt = bytearray(block)
                    spoilt[wrong - seen.sent] ^= 0xFF
                    block = bytes(spoilt)
                seen.sent += len(block)  # first, so that whoever has the bytes finds them counted
                self.wfile.write(block)
                if bandwidth:
                    ahead = seen.sent / bandwidth - (time.monotonic() - begin)
                    if ahead > 0:
                        time.sleep(ahead)
