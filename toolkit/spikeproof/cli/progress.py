"""Progress on stderr: a bar on a terminal, one plain line a task elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from spikeproof.progress import Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["LineProgress", "RichProgress", "progress_for_terminal"]


class LineProgress:
    """One line on stderr for each task and each note."""

    def start(self, task: str, total: int) -> None:
        """Name the task and its size."""
        typer.echo(f"{task} ({total})" if total else task, err=True)

    def advance(self, n: int = 1) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Pass it on."""
        typer.echo(f"note: {text}", err=True)

    def finish(self) -> None:
        """Say nothing."""


class RichProgress:
    """A bar for the task at hand; finished ones stay as a line each."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True, markup=False, highlight=False),
        )
        self._task: TaskID | None = None
        self._bars.start()

    def start(self, task: str, total: int) -> None:
        """Show a bar for the task."""
        self.finish()
        self._task = self._bars.add_task(task, total=total or None)

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.advance(self._task, n)

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

    def close(self) -> None:
        """Give the terminal back."""
        self.finish()
        self._bars.stop()


@contextmanager
def progress_for_terminal() -> Iterator[Progress]:
    """Choose by whether a person watches stderr."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    bars = RichProgress()
    try:
        yield bars
    finally:
        bars.close()
