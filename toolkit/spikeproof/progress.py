"""How long work says how far it is, without knowing who listens.

The host says who listens with :func:`listening`; a component asks for the listener with :func:`current`, and
nobody else need pass it on. The listener belongs to the context of the thread that loads: threads that a component
starts are counted by the thread that started them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

__all__ = ["Progress", "SilentProgress", "current", "listening"]


@runtime_checkable
class Progress(Protocol):
    """Listens to one task at a time; starting another ends the one before it."""

    def start(self, task: str, total: int, unit: str = "") -> None:
        """Begin a task of ``total`` steps; 0 where the number of steps isn't known.

        With ``unit="bytes"`` steps are bytes: they are shown as kB, MB, GB, with their rate.
        """

    def advance(self, n: int = 1) -> None:
        """Say that ``n`` more steps of the task are done; negative where some of them must be done again."""

    def note(self, text: str) -> None:
        """Pass on one sentence that the user should read now."""

    def finish(self) -> None:
        """End the task. Ending no task does nothing."""


class SilentProgress:
    """Listens and says nothing: what a program that calls spikeproof gets.

    Examples
    --------
    >>> progress: Progress = SilentProgress()
    >>> progress.start("attack pgd", 10)
    >>> progress.advance()
    >>> progress.finish()
    """

    def start(self, task: str, total: int, unit: str = "") -> None:
        """Ignore it."""

    def advance(self, n: int = 1) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""


_LISTENER: ContextVar[Progress | None] = ContextVar("spikeproof_progress", default=None)


def current() -> Progress:
    """Return who listens: what the host set, or silence.

    Examples
    --------
    >>> progress = current()
    >>> progress.start("fetching sub-4.nwb", 2_070_173, unit="bytes")
    >>> progress.advance(65_536)
    >>> progress.finish()
    """
    listener = _LISTENER.get()
    return listener if listener is not None else SilentProgress()


@contextmanager
def listening(progress: Progress) -> Iterator[Progress]:
    """Make ``progress`` the one that :func:`current` returns, until the block ends.

    Examples
    --------
    >>> with listening(SilentProgress()) as progress:
    ...     current() is progress
    True
    """
    token = _LISTENER.set(progress)
    try:
        yield progress
    finally:
        _LISTENER.reset(token)
