"""What is said when a run is stopped by Ctrl-C."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

__all__ = ["INTERRUPTED", "keep_on_interrupt"]

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C stopped."""


@contextmanager
def keep_on_interrupt(out: Path, command: str, arguments: Sequence[str]) -> Iterator[None]:
    """Turn Ctrl-C into the line that goes on from there, and exit code 130.

    Parameters
    ----------
    out : Path
        The result folder.
    command : str
    arguments : sequence of str
        The line that was stopped, without program and command.
    """
    try:
        yield
    except KeyboardInterrupt:
        line = ["spikeproof", command, *(token for token in arguments if token != "--resume"), "--resume"]  # noqa: S105
        kept = f"What is finished is kept in {out}. Go on with:\n  {shlex.join(line)}" if out.exists() else ""
        typer.echo(f"spikeproof: stopped. {kept}".rstrip(), err=True)
        raise typer.Exit(INTERRUPTED) from None
