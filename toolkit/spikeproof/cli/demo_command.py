"""``spikeproof demo``: the whole path on data that ships with spikeproof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .request import Request

__all__ = ["add"]

_TEXT = """Two small networks, one trained as usual and one against attacks, and a recording simulated from one of them.
Needs no network and no data. A demo that is finished is shown again."""

_EPILOG = """Examples:
  spikeproof demo
  spikeproof demo --out my-demo"""


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    app.command(request.name, help=f"{request.summary}\n\n{_TEXT}", epilog=_EPILOG)(_demo)


def _demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Result folder.")] = Path("spikeproof-demo"),
    resume: Annotated[bool, typer.Option("--resume", metavar="", help="Go on where a demo stopped.")] = False,
) -> None:
    from spikeproof.demo import run_demo

    from .outcome import show_result
    from .progress import progress_for_terminal
    from .stopping import keep_on_interrupt

    with progress_for_terminal() as progress, keep_on_interrupt(out, "demo", ["--out", str(out)]):
        result = run_demo(out, progress=progress, resume=resume)
    show_result(result)
