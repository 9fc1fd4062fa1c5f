"""What can go wrong between a client and the archive, on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

__all__ = ["Fault", "Faults", "Kind", "Side"]

Side = Literal["api", "s3"]
Kind = Literal["status", "reset", "cut", "ignore_range", "corrupt", "slow_first_byte", "silent", "expire"]


@dataclass
class Fault:
    """One thing that goes wrong, how often, and on which requests."""

    kind: Kind
    side: Side
    times: int | None
    match: str
    after: int = 0
    status: int = 0
    retry_after: str | None = None
    seconds: float = 0.0


class Faults:
    """Faults to come. Each takes ``times`` (None: for ever) and ``match`` (a part of the request's path)."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._pending.clear()

    def status(
        self,
        status: int,
        *,
        side: Side = "s3",
        times: int | None = 1,
        retry_after: float | str | None = None,
        match: str = "",
    ) -> None:
        """Answer with this status, such as 429 or 503 with ``Retry-After``, instead of what was asked for."""
        said = None if retry_after is None else str(retry_after)
        self._add(Fault("status", side, times, match, status=status, retry_after=said))

    def reset(self, after: int, *, side: Side = "s3", times: int | None = 1, match: str = "") -> None:
        """Reset the connection after this many bytes of the body."""
        self._add(Fault("reset", side, times, match, after=after))

    def cut(self, after: int, *, side: Side = "s3", times: int | None = 1, match: str = "") -> None:
        """Close the connection, politely, after this many bytes of the body."""
        self._add(Fault("cut", side, times, match, after=after))

    def ignore_range(self, *, times: int | None = None, match: str = "") -> None:
        """Answer 200 with the whole object to requests for a range."""
        self._add(Fault("ignore_range", "s3", times, match))

    def corrupt(self, *, times: int | None = 1, match: str = "") -> None:
        """Send one byte wrong: the digest will not match."""
        self._add(Fault("corrupt", "s3", times, match))

    def slow_first_byte(self, seconds: float, *, side: Side = "s3", times: int | None = 1, match: str = "") -> None:
        """Keep silent for so long before answering."""
        self._add(Fault("slow_first_byte", side, times, match, seconds=seconds))

    def silent(self, *, side: Side = "s3", times: int | None = None, match: str = "") -> None:
        """Accept requests and never answer."""
        self._add(Fault("silent", side, times, match))

    def expire(self, *, after: int = 0, times: int = 1, match: str = "") -> None:
        """After so many requests for objects, all presigned URLs given so far expire; the API gives fresh ones."""
        self._add(Fault("expire", "s3", times, match, after=after))

    def take(self, side: Side, path: str) -> list[Fault]:
        """The faults that strike this request; each counts as one time."""
        struck = []
        with self._lock:
            for fault in list(self._pending):
                if fault.side != side or fault.match not in path:
                    continue
                if fault.kind == "expire" and fault.after > 0:
                    fault.after -= 1
                    continue
                struck.append(fault)
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._pending.remove(fault)
        return struck

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._pending.append(fault)
