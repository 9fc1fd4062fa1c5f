"""``spikeproof stimuli``: perturbed and control images for an experiment, from a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from spikeproof.errors import UsageError

from .help import HelpPage
from .options import LineArgument, LineOption, add_command, given
from .request import Request

if TYPE_CHECKING:
    from spikeproof.closed_loop import Manifest

__all__ = ["add"]

_TEXT = """Attacks the models of a study, and writes PNG files of the perturbed images,
their controls and the clean images, a manifest, and the order to show them in.
Then record, and run the study on the recording with --manifest DIR."""

_EXAMPLES = (
    "spikeproof stimuli study.toml --out round-1 --size 256",
    "spikeproof stimuli study.toml --out round-2 --round 2 --flips 20 --repeats 12",
)

_STUDY = LineArgument(name="study", metavar="STUDY", help="A study in TOML.")
_PANEL = "Options"
_REPEATS = 10

_OPTIONS = (
    LineOption(name="out", flag="--out", annotation=Path, metavar="DIR", panel=_PANEL, help="Folder to write. Needed."),
    LineOption(
        name="size",
        flag="--size",
        annotation=int,
        panel=_PANEL,
        metavar="<pixels>",
        help="Shorter side on the display: a whole multiple of the images'. Without it: their own size.",
    ),
    LineOption(
        name="repeats",
        flag="--repeats",
        annotation=int,
        default=_REPEATS,
        panel=_PANEL,
        help="Blocks of presentation. Every image is shown once in each.",
    ),
    LineOption(
        name="system",
        flag="--system",
        annotation=list[str],
        metavar="NAME",
        panel=_PANEL,
        help="Make images of this system only, such as 'ridge on resnet20'. Repeats.",
    ),
    LineOption(
        name="flips",
        flag="--flips",
        annotation=int,
        default=0,
        panel=_PANEL,
        help="Also push each unit up on so many stimuli of its least preferred category, down on its most preferred.",
    ),
    LineOption(
        name="round", flag="--round", annotation=str, panel=_PANEL, help="Which round this is; kept with every image."
    ),
    LineOption(name="resume", flag="--resume", annotation=bool, panel=_PANEL, help="Go on where it was stopped."),
    LineOption(
        name="batch",
        flag="--batch",
        annotation=int,
        default="64, on CUDA 512",
        panel=_PANEL,
        help="Images that pass a network at once.",
    ),
    LineOption(
        name="device",
        flag="--device",
        annotation=Literal["auto", "cpu", "cuda"],
        default="auto",
        panel=_PANEL,
        help="Where networks run.",
    ),
)


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    page = HelpPage(
        command=request.name,
        summary=request.summary,
        text=_TEXT,
        arguments=(_STUDY,),
        options=_OPTIONS,
        examples=_EXAMPLES,
    )

    def body(context: typer.Context, study: str, **values: object) -> None:
        _stimuli(context, study, request.line, [str(file) for file in request.plugins], values)

    add_command(app, page, body)


def _stimuli(
    context: typer.Context, study: str, line: Sequence[str], plugins: Sequence[str], values: dict[str, object]
) -> None:
    from spikeproof.closed_loop import make_stimuli
    from spikeproof.study import read_study

    from .progress import progress_for_terminal
    from .stopping import keep_on_interrupt

    asked = given(context, _OPTIONS, values)
    out = asked.get("out")
    if out is None:
        raise UsageError("--out: say which folder the images are written to, such as --out round-1")
    mapping = read_study(study)
    if plugins:
        mapping["plugins"] = list(dict.fromkeys([*mapping.get("plugins", ()), *plugins]))
    with keep_on_interrupt(out, "stimuli", line), progress_for_terminal() as progress:
        manifest = make_stimuli(
            mapping,
            where=study,
            out=out,
            size=asked.get("size"),
            repeats=asked.get("repeats", _REPEATS),
            systems=asked.get("system", ()),
            flips=asked.get("flips", 0),
            round_name=asked.get("round", ""),
            resume=bool(asked.get("resume")),
            batch=asked.get("batch"),
            device=asked.get("device", "auto"),
            progress=progress,
        )
    _say(manifest, out)


def _say(manifest: Manifest, out: Path) -> None:
    """Say what was written, and how it comes back."""
    from .screen import cell, console, heading, plain_table, say, sentences

    screen = console()
    heading(screen, "Images")
    table = plain_table(("images", "aim", "control", "epsilon", "stimuli"))
    groups = Counter((row["objective"], row["control"] or row["kind"], row["epsilon"]) for row in manifest.rows)
    for (objective, control, epsilon), count in groups.items():
        made_of = {
            row["clean_stimulus_id"]
            for row in manifest.rows
            if (row["objective"], row["control"] or row["kind"], row["epsilon"]) == (objective, control, epsilon)
        }
        table.add_row(*map(cell, (str(count), objective or "-", control, f"{float(epsilon):g}", str(len(made_of)))))
    screen.print(table)
    notes = [str(note) for note in manifest.about["notes"]]
    sentences(screen, notes)
    screen.print()
    shown = len(manifest.rows) * int(manifest.about["repeats"])
    say(
        screen,
        f"{len(manifest.rows)} images, {shown} presentations in {manifest.about['repeats']} blocks: {out}/order.csv",
    )
    say(screen, f"Manifest: {out}/manifest.csv")
    say(screen, f"Run on what was recorded: spikeproof run STUDY --manifest {out}")
