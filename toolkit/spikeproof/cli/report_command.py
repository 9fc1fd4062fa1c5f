"""``spikeproof report``: write a result's report again."""

from __future__ import annotations

import typer

from .help import HelpPage
from .options import LineArgument, add_command
from .request import Request

__all__ = ["add"]

_TEXT = "The report is one file that opens without a network. The numbers are those of the run."

_EXAMPLES = ("spikeproof report results/study", "spikeproof report spikeproof-demo")

_RESULT = LineArgument(name="result", metavar="RESULT", help="Result folder.")


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    page = HelpPage(command=request.name, summary=request.summary, text=_TEXT, arguments=(_RESULT,), examples=_EXAMPLES)
    add_command(app, page, _report)


def _report(context: typer.Context, result: str) -> None:  # noqa: ARG001 - it has no options
    from spikeproof import api
    from spikeproof.report import write_report

    typer.echo(f"Report: {write_report(api.open_result(result))}")
