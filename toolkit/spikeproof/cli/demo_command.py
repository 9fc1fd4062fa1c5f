"""``spikeproof demo``: the whole path on data that ships with spikeproof."""

from __future__ import annotations

from pathlib import Path

import typer

from .help import HelpPage
from .options import LineOption, add_command, given
from .request import Request

__all__ = ["add"]

_TEXT = """Two small networks, one trained as usual and one against attacks, and a recording simulated from one of them.
Needs no network and no data. A demo that is finished is shown again."""

_EXAMPLES = ("spikeproof demo", "spikeproof demo --out my-demo")

_OPTIONS = (
    LineOption(
        name="out",
        flag="--out",
        annotation=Path,
        default="spikeproof-demo",
        metavar="DIR",
        panel="Options",
        help="Result folder.",
    ),
    LineOption(name="resume", flag="--resume", annotation=bool, panel="Options", help="Go on where a demo stopped."),
)


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    page = HelpPage(command=request.name, summary=request.summary, text=_TEXT, options=_OPTIONS, examples=_EXAMPLES)
    add_command(app, page, _demo)


def _demo(context: typer.Context, **values: object) -> None:
    from spikeproof import demo

    from .outcome import show_result
    from .progress import progress_for_terminal
    from .stopping import keep_on_interrupt

    asked = given(context, _OPTIONS, values)
    out: Path = asked.get("out", Path("spikeproof-demo"))
    resume = bool(asked.get("resume")) or _is_finished(out / "result")
    with keep_on_interrupt(out, "demo", ["--out", str(out)]), progress_for_terminal() as progress:
        result = demo.run_demo(out, progress=progress, resume=resume)
    show_result(result)


def _is_finished(out: Path) -> bool:
    """Whether the folder holds a finished result; whether it is the demo's is checked by the run."""
    from spikeproof.errors import ResultError
    from spikeproof.result import ResultFolder

    try:
        return ResultFolder(out).complete
    except ResultError:
        return False
