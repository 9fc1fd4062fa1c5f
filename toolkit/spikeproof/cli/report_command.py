"""``spikeproof report``: write a result's report again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EPILOG", "HELP", "command"]

HELP = "The report is one file that opens without a network. The numbers are those of the run."

EPILOG = """Examples:
  spikeproof report results/study
  spikeproof report spikeproof-demo"""


def command(arguments: Sequence[str]) -> Callable[..., None]:  # noqa: ARG001
    """Return the command."""
    return _report


def _report(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Result folder.", show_default=False)],
) -> None:
    from spikeproof.api import open_result
    from spikeproof.report import write_report

    typer.echo(f"Report: {write_report(open_result(result))}")
