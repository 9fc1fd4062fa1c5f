"""``spikeproof explain``: how a result came about, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .help import HelpPage
from .options import LineArgument, LineOption, add_command, given
from .request import Request

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add"]

_TEXT = "What was run, on which data, with which components, weights, seed and machine, and what was refused."

_EXAMPLES = ("spikeproof explain results/study", "spikeproof explain results/study --json")

_RESULT = LineArgument(name="result", metavar="RESULT", help="Result folder.")
_OPTIONS = (
    LineOption(name="as_json", flag="--json", annotation=bool, panel="Options", help="Print the provenance as JSON."),
)


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""
    page = HelpPage(
        command=request.name,
        summary=request.summary,
        text=_TEXT,
        arguments=(_RESULT,),
        options=_OPTIONS,
        examples=_EXAMPLES,
    )
    add_command(app, page, _explain)


def _explain(context: typer.Context, result: str, **values: object) -> None:
    from spikeproof import api

    from .json_text import show_json
    from .screen import console

    opened = api.open_result(result)
    if given(context, _OPTIONS, values):
        show_json(opened.provenance)
        return
    out = console()
    _run(out, opened.path, opened.provenance)
    _inputs(out, opened.provenance)
    _components(out, opened.provenance)
    _machine(out, opened.provenance)
    _rest(out, opened.provenance)


def _run(out: Console, path: Path, provenance: Mapping[str, Any]) -> None:
    from .screen import say

    study = provenance["study"]
    say(out, str(path), style="bold")
    for paragraph in str(study.get("description", "")).split("\n\n"):
        if paragraph:
            say(out, " ".join(paragraph.split()))
    say(
        out,
        f"Run from {_time(provenance['started'])} to {_time(provenance['finished'])} with seed {study['seed']}; "
        f"intervals from {study['statistics']['draws']} bootstrap draws.",
    )
    systems = ", ".join(provenance["systems"]) or "none (trials of subjects only)"
    say(out, f"Systems: {systems}.")
    for name, fit in provenance.get("encoders", {}).items():
        counts = ", ".join(f"{count} {status}" for status, count in fit["units"].items())
        layers = ", ".join(f"{count} from {layer}" for layer, count in fit["layers"].items() if count)
        say(
            out,
            f"In silico: {name} stands for the recorded units that it predicts at a held-out correlation of "
            f"{fit['min_fit']:g} or more ({counts}){f'; {layers}' if layers else ''}. Digest: {fit['digest']}.",
        )
    say(out, f"Metrics: {', '.join(provenance['metrics'])}.")
    threat = study.get("threat")
    if threat:
        radii = ", ".join(f"{radius:g}" for radius in threat["epsilons"])
        say(
            out,
            f"Threat: {threat['norm']} balls of radius {radii}, aimed at {', '.join(threat['aims'])}, on "
            f"{'all' if threat['stimuli'] == 'all' else threat['stimuli']} stimuli"
            + (
                f", with the controls {', '.join(threat['controls'])}." if threat["controls"] else ", without controls."
            ),
        )
    for system, engine in provenance.get("engine", {}).items():
        on = "a faster equivalent of the network" if engine["faster_equivalent"] else "the network as it is"
        say(
            out,
            f"Searches of {system}: on {on}{', compiled' if engine['compile'] else ''}, in {engine['precision']}, "
            f"{engine['batch']} images in a pass; all responses were read on the network itself, in its own type.",
        )
    say(out, "The whole study, as it was resolved: study.toml in that folder.")


def _inputs(out: Console, provenance: Mapping[str, Any]) -> None:
    from .screen import facts, heading

    _sources(out, provenance)
    heading(out, "Data")
    out.print(facts((key, _text(value)) for key, value in provenance["data"].items()))
    for name, identity in provenance.get("models", {}).items():
        heading(out, f"Network {name}")
        out.print(facts((key, _text(value)) for key, value in identity.items()))


def _sources(out: Console, provenance: Mapping[str, Any]) -> None:
    """Say what each of several sources gave."""
    from spikeproof.result import SOURCE_HEAD, joined_over, source_rows

    from .screen import heading, say, table_or_records

    rows = source_rows(provenance)
    if not rows:
        return
    heading(out, "Sources")
    if said := joined_over(provenance):
        say(out, said)
    table_or_records(out, SOURCE_HEAD, rows)


def _components(out: Console, provenance: Mapping[str, Any]) -> None:
    from .screen import cell, heading, plain_table

    heading(out, "Components")
    table = plain_table(("kind", "name", "parameters", "provided by", "revision"), right=("revision",))
    for part in provenance["components"]:
        name = f"{part['name']}:{part['target']}" if part.get("target") else part["name"]
        if part.get("label", part["name"]) not in (part["name"], name):
            name = f"{part['label']} ({name})"
        parameters = ", ".join(f"{key} = {_text(value)}" for key, value in part["parameters"].items())
        provider = f"{part['distribution']} {_version(part)}"
        table.add_row(*map(cell, (part["kind"], name, parameters or "defaults", provider, part["revision"])))
    out.print(table)
    references = dict.fromkeys(part["reference"] for part in provenance["components"] if part.get("reference"))
    if references:
        from .screen import sentences

        heading(out, "References of these components")
        sentences(out, references)


def _machine(out: Console, provenance: Mapping[str, Any]) -> None:
    import shlex

    from .screen import heading, say

    environment = provenance["environment"]
    heading(out, "Machine")
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    say(out, f"Python {environment['python']} on {environment['system']}, device {environment['device']}.")
    say(out, f"Versions: {versions}.")
    say(out, f"Command: {shlex.join(['spikeproof', *map(str, environment['argv'][1:])])}")
    seconds = provenance.get("seconds", {})
    if seconds:
        slow = sorted(seconds.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{what} {value:.1f} s" for what, value in slow[:5])
        more = f", and {len(slow) - 5} more" if len(slow) > 5 else ""
        say(out, f"Time: {sum(seconds.values()):.1f} s: {listed}{more}.")


def _rest(out: Console, provenance: Mapping[str, Any]) -> None:
    from .screen import heading, sentences

    if provenance.get("notes"):
        heading(out, "Notes")
        sentences(out, provenance["notes"])
    heading(out, "Refused" if provenance["refused"] else "Nothing was refused.")
    sentences(out, [f"{item['what']}: {item['reason']}" for item in provenance["refused"]])


def _time(text: str) -> str:
    """Return a time as a person writes it; in UTC, as it was recorded."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _version(part: Mapping[str, Any]) -> str:
    kind, _, digest = str(part.get("origin", "wheel")).partition("@")
    if kind == "file":
        return f"file {digest[:12]}"
    return str(part["version"]) + (f" ({kind} {digest[:12]})" if digest else "" if kind == "wheel" else f" ({kind})")
