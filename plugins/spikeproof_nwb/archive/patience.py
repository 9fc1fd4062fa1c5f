"""How long a server is waited for: every request ends, in an answer or in one clear error, within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from spikeproof.errors import DataError

__all__ = ["RETRIED", "Patience", "retry_after"]

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
_CONNECT = 3.05
"""Seconds for each address of a host: one lost packet is sent again after 1 s and once more after 3 s."""
_SILENCE = 20.0
"""Seconds without a byte."""
_TRIES = 6
_LEAST = 256 * 1024
"""Bytes that count as progress; fewer do not start the time anew."""


@dataclass(kw_only=True)
class Patience:
    """Time and tries that are left until something new arrives.

    Parameters
    ----------
    limit : float
        Seconds without progress.
    what : str
        What is being done, for messages (``"dandi:000207@draft/a.nwb"``).
    """

    limit: float
    what: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _since: float = field(init=False)
    _failures: int = field(init=False, default=0)
    _bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._since = self.clock()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.limit - (self.clock() - self._since)

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds to wait for a connection and for the next byte."""
        left = max(self.left, 0.05)
        return min(_CONNECT, left), min(_SILENCE, left)

    def received(self, count: int) -> None:
        """Take note of bytes; enough of them start the time and the tries anew."""
        self._bytes += count
        if self._bytes >= _LEAST:
            self._bytes, self._failures, self._since = 0, 0, self.clock()
        elif self.left <= 0:
            raise DataError(
                f"{self.what}: fewer than {_LEAST // 1024} kB came in {self.limit:.0f} s: the connection is too slow; "
                "what came is kept: run it again to go on"
            )

    def failed(self, why: str, *, wait: float | None = None) -> None:
        """Wait before another try, or give up.

        Parameters
        ----------
        why : str
            What went wrong, in the words of the message.
        wait : float, optional
            Seconds that the server asked for.

        Raises
        ------
        DataError
            If there is no time, or no try, for another.
        """
        self._failures += 1
        pause = 0.25 * 2**self._failures if wait is None else wait
        if wait is not None and wait > self.left:
            raise DataError(f"{self.what}: {why}, and it asks to wait {wait:.0f} s: try again after that")
        if self._failures >= _TRIES or self.left - pause <= 0.01 * self.limit:
            tried = f"{self._failures} tries" if self._failures > 1 else "one try"
            raise DataError(f"{self.what}: {why} ({tried} in {self.limit - self.left:.0f} s): try again later")
        self.sleep(pause)


def retry_after(response: requests.Response) -> float | None:
    """Seconds that an answer asks to wait: a number, or a date."""
    said = response.headers.get("Retry-After", "").strip()
    if not said:
        return None
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
