"""How a long computation says how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["Progress", "SilentProgress"]


@runtime_checkable
class Progress(Protocol):
    """Listens to one task at a time; starting another ends the one before it."""

    def start(self, task: str, total: int) -> None:
        """Begin a task of ``total`` steps; 0 where the number of steps isn't known."""

    def advance(self, n: int = 1) -> None:
        """Say that ``n`` more steps of the task are done."""

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

    def start(self, task: str, total: int) -> None:
        """Ignore it."""

    def advance(self, n: int = 1) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""
