"""What libraries and plugins say while a command runs: one line each on stderr."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["short_talk", "tell"]


def tell(text: str) -> None:
    """Write a line on stderr; if nobody reads it any more, the work goes on without a word."""
    try:
        typer.echo(text, err=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


@contextmanager
def short_talk(*, full: bool) -> Iterator[None]:
    """Show warnings without the line of code that they came from, each once, and log records without tracebacks.

    Parameters
    ----------
    full : bool
        Whether tracebacks of log records are shown.
    """
    import logging

    seen: set[str] = set()

    def say(text: str) -> None:
        line = f"spikeproof: warning: {text}"
        if line not in seen:
            seen.add(line)
            tell(line)

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        say(f"{message} ({category.__name__})")

    class Handler(logging.Handler):
        """Hands records on."""

        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            say(record.getMessage() + (f": {type(error).__name__}: {error}" if error is not None else ""))
            if full and error is not None:
                sys.excepthook(type(error), error, error.__traceback__)

    logger, handler = logging.getLogger("spikeproof"), Handler(logging.WARNING)
    logger.addHandler(handler)
    propagates, logger.propagate = logger.propagate, False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
