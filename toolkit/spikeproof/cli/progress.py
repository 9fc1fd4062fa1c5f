"""Progress on stderr: a bar on a terminal, one plain line a task elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spikeproof.progress import Progress, listening

from .talk import tell

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["LineProgress", "RichProgress", "progress_for_terminal"]


class LineProgress:
    """One line on stderr for each task and each note."""

    def start(self, task: str, total: int, unit: str = "") -> None:
        """Name the task and its size."""
        tell(f"{task} ({_size(total) if unit == 'bytes' else total})" if total else task)

    def advance(self, n: int = 1) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Pass it on."""
        tell(f"note: {text}")

    def finish(self) -> None:
        """Say nothing."""


class RichProgress:
    """A bar for the task at hand; finished ones stay as a line each."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[done]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True, markup=False, highlight=False),
        )
        self._task: TaskID | None = None
        self._unit, self._total, self._done, self._since = "", 0, 0, 0.0
        self._shown = False

    def start(self, task: str, total: int, unit: str = "") -> None:
        """Show a bar for the task."""
        self.finish()
        if not self._shown:  # a command that has no long task shows no bars
            self._bars.start()
            self._shown = True
        self._unit, self._total, self._done, self._since = unit, total, 0, time.monotonic()
        self._task = self._bars.add_task(task, total=total or None, done=self._said())

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._done += n
            self._bars.update(self._task, advance=n, done=self._said())

    def note(self, text: str) -> None:
        """Print it above the bar."""
        self._bars.console.print(f"note: {text}")

    def finish(self) -> None:
        """Leave the bar as it stands, and take it as done if its size wasn't known."""
        if self._task is not None:
            task = self._bars.tasks[[task.id for task in self._bars.tasks].index(self._task)]
            if task.total is None:
                self._bars.update(self._task, total=task.completed or 1, completed=task.completed or 1)
            self._bars.stop_task(self._task)
            self._task = None

    def _said(self) -> str:
        """How much is done of how much: ``3/10``, or ``1.2 MB of 2.1 MB at 3.4 MB/s``."""
        if self._unit != "bytes":
            return f"{self._done}/{self._total}" if self._total else ""
        seconds = time.monotonic() - self._since
        done = f"{_size(self._done)} of {_size(self._total)}" if self._total else _size(self._done)
        return f"{done} at {_size(int(self._done / seconds))}/s" if seconds > 0.1 and self._done > 0 else done

    def close(self) -> None:
        """Give the terminal back."""
        self.finish()
        if self._shown:
            self._bars.stop()


def _size(count: int) -> str:
    """A number of bytes for a person."""
    from rich.filesize import decimal

    return decimal(count)


@contextmanager
def progress_for_terminal() -> Iterator[Progress]:
    """Choose by whether a person watches stderr, and let components that ask for it find it."""
    if not sys.stderr.isatty():
        with listening(LineProgress()) as lines:
            yield lines
        return
    bars = RichProgress()
    try:
        with listening(bars):
            yield bars
    finally:
        bars.close()
