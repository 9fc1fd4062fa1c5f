"""``spikeproof report``: write a result's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .request import Request

__all__ = ["add"]

_TEXT = "The report is one file that opens without a network. The numbers are those of the run."

_EPILOG = """Examples:
  spikeproof report results/study
  spikeproof report spikeproof-demo"""


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    app.command(request.name, help=f"{request.summary}\n\n{_TEXT}", epilog=_EPILOG)(_report)


def _report(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Result folder.", show_default=False)],
) -> None:
    from spikeproof.api import open_result
    from spikeproof.report import write_report

    typer.echo(f"Report: {write_report(open_result(result))}")
