"""``spikeproof inspect``: what is in a file, and what can be run on it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from spikeproof.errors import SpikeproofError, UsageError
from spikeproof.plugin import SourceEntry

from .components import Slot, panel_title
from .fields import field_option, value_of
from .help import HelpPage
from .json_text import show_json
from .options import LineArgument, LineOption, add_command, given
from .request import Request

if TYPE_CHECKING:
    from spikeproof._host import Chosen, Host, Parameter, Provided
    from spikeproof.types import Inspection

__all__ = ["add", "resolve_input"]

_TEXT = """INPUT is a file, a folder, or a SPEC such as nwb:recording.nwb.
The line that runs it is printed alone at the end, ready to copy.
The options of the source join these once INPUT is named."""

_EXAMPLES = ("spikeproof inspect recording.nwb", "spikeproof inspect recording.nwb --table trials")

_INPUT = LineArgument(name="input_", metavar="INPUT", help="File, folder or SPEC.", panel="Input")
_PANEL = "Output"
_OPTIONS = (LineOption(name="as_json", flag="--json", annotation=bool, panel=_PANEL, help="Print JSON."),)


def add(app: typer.Typer, request: Request) -> None:
    """Add the command for one line: the options of the source that it names are among its own."""
    from spikeproof._host import Host

    host = Host.discover(files=request.plugins)
    named = _named_input(host, request.arguments)
    chosen = resolve_input(host, named) if named else None
    fields = host.parameters(chosen) if chosen is not None else ()
    options = [_option(parameter, number, chosen) for number, parameter in enumerate(fields) if chosen is not None]

    def body(context: typer.Context, input_: str, **values: object) -> None:
        if chosen is None or input_ != named:
            raise UsageError(f"{input_}: put INPUT before the options")
        found = given(context, (*options, *_OPTIONS), values)
        parameters = {
            parameter.name: value_of(parameter.type, found[option.name])
            for parameter, option in zip(fields, options, strict=True)
            if option.name in found
        }
        _inspect(host, chosen, parameters, as_json=bool(found.get("as_json")))

    page = HelpPage(
        command=request.name,
        summary=request.summary,
        text=_TEXT,
        arguments=(_INPUT,),
        options=(*options, *_OPTIONS),
        panel=_PANEL,
        examples=_EXAMPLES,
    )
    add_command(app, page, body)


def resolve_input(host: Host, text: str) -> Chosen:
    """Find the source that reads a file, a folder or a spec.

    Raises
    ------
    UsageError
        If there is no such file, or not exactly one source claims its ending; what to write instead is said.
    ComponentNotFound
        If it is a spec whose name no plugin provides.
    """
    sources = host.entries("source")
    name, colon, _ = text.partition(":")
    if colon and name in {known for item in sources for known in (item.entry.name, item.qualified)}:
        return host.find("source", text)
    path = Path(text)
    if not path.exists():
        if colon:
            return host.find("source", text)  # which says what is wrong with it
        siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=2)
        hint = f": did you mean {' or '.join(str(path.parent / item) for item in near)}?" if near else ""
        raise UsageError(f"{text}: there is no such file or folder{hint}")
    claims = {item.qualified: _claim(item, path) for item in sources}
    best = max(claims.values(), default=0)
    claiming = [item for item in sources if best and claims[item.qualified] == best]
    if len(claiming) == 1:
        names = [item.entry.name for item in sources]
        plain = claiming[0].entry.name
        spec = plain if names.count(plain) == 1 else claiming[0].qualified
        return host.find("source", f"{spec}:{text}")
    what = (
        "folders" if path.is_dir() else f"files that end in {path.suffix!r}" if path.suffix else "files like this one"
    )
    if claiming:
        spellings = " or ".join(f"{item.qualified}:{text}" for item in claiming)
        raise UsageError(f"{text}: several sources read {what}; say which: {spellings}")
    spellings = ", ".join(f"{item.entry.name}:{item.entry.target}" for item in sources if item.entry.target)
    raise UsageError(f"{text}: no source claims {what}; name one: {spellings or 'none is installed'}")


def _claim(item: Provided, path: Path) -> int:
    """How much of a path's name a source claims: the length of its longest ending, 1 for any folder, 0 for none."""
    if not isinstance(item.entry, SourceEntry):
        return 0
    name = path.name.lower()
    endings = [suffix.lower().rstrip("/") for suffix in item.entry.suffixes if suffix != "/"]
    folder = int(path.is_dir() and "/" in item.entry.suffixes)
    return max([len(ending) for ending in endings if name.endswith(ending)], default=folder)


def _named_input(host: Host, arguments: Sequence[str]) -> str:
    """Return the token that is the input: the first that is no option, nor the value of one that isn't known yet."""
    known = {name for item in host.entries("source") for name in (item.entry.name, item.qualified)}
    for number, token in enumerate(arguments):
        if token.startswith("-"):
            continue
        before = arguments[number - 1] if number else ""
        follows_option = before.startswith("--") and "=" not in before and before != "--json"
        if not follows_option or token.partition(":")[0] in known or Path(token).exists():
            return token
    return ""


def _option(parameter: Parameter, number: int, chosen: Chosen) -> LineOption:
    slot = Slot(kind="source", table={}, chosen=chosen, handle=chosen.entry.name)
    word = parameter.name.replace("_", "-")
    short = f"--{word}" if word not in ("json", "help") else f"--source.{word}"
    aliases = dict.fromkeys(
        (f"--{parameter.name}", f"--source.{word}", f"--source.{parameter.name}", f"--source.{slot.handle}.{word}")
    )
    required = parameter.default is dataclasses.MISSING
    return field_option(
        name=f"field{number}",
        flag=short,
        annotation=parameter.type,
        default=None if required else parameter.default,
        text=(parameter.help + (" Required." if required else "")).strip(),
        panel=panel_title(slot),
        aliases=tuple(alias for alias in aliases if alias not in (short, "--json", "--help")),
    )


def _inspect(host: Host, chosen: Chosen, parameters: dict[str, Any], *, as_json: bool) -> None:
    from spikeproof.types import Inspectable

    from .progress import progress_for_terminal

    source = host.build(chosen, parameters, where=chosen.spec)
    if not isinstance(source, Inspectable):
        raise SpikeproofError(
            f"{chosen.spec}: source {chosen.entry.name!r} cannot say what it holds; "
            "`spikeproof run` reads it all the same"
        )
    with progress_for_terminal():
        inspection = source.inspect()
    if as_json:
        shown = dataclasses.asdict(inspection)
        for table in shown["tables"]:
            del table["most"]  # says what is shown on a screen
        show_json(shown)
    else:
        _show(inspection)


def _show(inspection: Inspection) -> None:
    from .screen import console, facts, heading, say, sentences, table_or_records

    out = console()
    say(out, inspection.title, style="bold")
    if inspection.facts:
        out.print(facts(inspection.facts))
    for item in inspection.tables:
        heading(out, item.title)
        table_or_records(out, item.columns, item.rows[: item.most])
        if item.most is not None and len(item.rows) > item.most:
            say(out, f"and {len(item.rows) - item.most:,} more: --json lists all {len(item.rows):,}")
    for title, texts in (("It can give", inspection.can), ("It cannot give", inspection.cannot)):
        if texts:
            heading(out, title)
            sentences(out, texts)
    if inspection.run:
        heading(out, "Run it")
        typer.echo(inspection.run)
