"""``spikeproof show``: the components of a kind, or the parameters of one."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from spikeproof.errors import UsageError
from spikeproof.plugin import Entry

from .help import HelpPage
from .json_text import show_json
from .options import LineArgument, LineOption, add_command, given
from .request import Request

if TYPE_CHECKING:
    from spikeproof._host import Chosen, Host, Kind, Parameter, Provided

__all__ = ["KINDS", "add"]

_TEXT = "KIND is source, model, readout, objective, attack, metric or encoder."

_EXAMPLES = ("spikeproof show attack", "spikeproof show attack pgd")

_ARGUMENTS = (
    LineArgument(name="kind", metavar="KIND", help="All kinds without it.", required=False),
    LineArgument(name="name", metavar="NAME", help="One component.", required=False),
)
_OPTIONS = (LineOption(name="as_json", flag="--json", annotation=bool, panel="Options", help="Print JSON."),)

KINDS: tuple[Kind, ...] = ("source", "model", "encoder", "readout", "objective", "attack", "metric")


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""

    def body(context: typer.Context, kind: str | None, name: str | None, **values: object) -> None:
        from spikeproof._host import Host

        as_json = bool(given(context, _OPTIONS, values))
        host = Host.discover(files=request.plugins)
        kinds = KINDS if kind is None else (_kind(kind),)
        if name is None:
            _all(host, kinds, as_json=as_json)
        else:
            # A target is not needed to read parameters: what follows a colon is dropped.
            _one(host, kinds[0], name.partition(":")[0], as_json=as_json)

    page = HelpPage(
        command=request.name,
        summary=request.summary,
        text=_TEXT,
        arguments=_ARGUMENTS,
        options=_OPTIONS,
        examples=_EXAMPLES,
    )
    add_command(app, page, body)


def _kind(text: str) -> Kind:
    singular = text.removesuffix("s")
    for kind in KINDS:
        if kind == singular:
            return kind
    near = difflib.get_close_matches(singular, KINDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(KINDS)}"
    raise UsageError(f"there is no kind of component called {text!r}: {hint}")


def _all(host: Host, kinds: Sequence[Kind], *, as_json: bool) -> None:
    from .screen import cell, console, heading, plain_table

    if as_json:
        show_json([_entry_record(item) for kind in kinds for item in host.entries(kind)])
        return
    out = console()
    for kind in kinds:
        if len(kinds) > 1:
            heading(out, kind)
        table = plain_table(("name", "summary", "provided by"))
        for item in host.entries(kind):
            table.add_row(cell(_spelling(item), "bold"), cell(item.entry.summary), cell(_provider(item)))
        out.print(table)


def _one(host: Host, kind: Kind, name: str, *, as_json: bool) -> None:
    from .screen import cell, console, facts, heading, plain_table, say

    item = _provided(host, kind, name)
    chosen = _chosen(host, kind, item)
    parameters = host.parameters(chosen)
    if as_json:
        show_json({**_entry_record(item), "parameters": [_parameter_record(parameter) for parameter in parameters]})
        return
    out = console()
    say(out, f"{kind} {_spelling(item)}", style="bold")
    say(out, item.entry.summary)
    out.print()
    out.print(facts(_facts(item)))
    heading(out, "Parameters" if parameters else "It has no parameters.")
    if parameters:
        table = plain_table(("parameter", "type", "default", "what it does"))
        for parameter in parameters:
            table.add_row(
                cell(parameter.name, "bold"),
                cell(_type(parameter)),
                cell(_default(parameter)),
                cell(parameter.help),
            )
        out.print(table)


def _provided(host: Host, kind: Kind, name: str) -> Provided:
    """Find one component by name; the host words the error if there is none, or more than one."""
    for item in host.entries(kind):
        if name == item.qualified:
            return item
    found = [item for item in host.entries(kind) if name == item.entry.name]
    if len(found) == 1:
        return found[0]
    host.find(kind, name)
    raise UsageError(f"there is no {kind} {name!r}")


def _chosen(host: Host, kind: Kind, item: Provided) -> Chosen:
    target = f":{item.entry.target}" if item.entry.target else ""
    return host.find(kind, f"{item.qualified}{target}")


def _facts(item: Provided) -> list[tuple[str, str]]:
    entry = item.entry
    common = {field.name for field in dataclasses.fields(Entry)}
    facts = [("provided by", _provider(item)), ("revision", str(entry.revision))]
    if entry.reference:
        facts.append(("reference", entry.reference))
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if field.name in common or value in (None, ()):
            continue
        facts.append((field.name.replace("_", " "), _plain(value)))
    if entry.install:
        facts.append(("needs", entry.install))
    return facts


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text or "empty"


def _spelling(item: Provided) -> str:
    return f"{item.entry.name}:{item.entry.target}" if item.entry.target else item.entry.name


def _provider(item: Provided) -> str:
    plugin = item.plugin
    version = plugin.version[:12] if plugin.origin.startswith("file@") else plugin.version
    return f"{plugin.distribution} {version}"


def _type(parameter: Parameter) -> str:
    from .fields import type_name

    return type_name(parameter.type)


def _default(parameter: Parameter) -> str:
    if parameter.default is dataclasses.MISSING:
        return "required"
    return "none" if parameter.default is None else _plain(parameter.default)


def _entry_record(item: Provided) -> dict[str, Any]:
    return {
        "kind": item.kind,
        **dataclasses.asdict(item.entry),
        "qualified": item.qualified,
        "plugin": item.plugin.name,
        "distribution": item.plugin.distribution,
        "version": item.plugin.version,
    }


def _parameter_record(parameter: Parameter) -> dict[str, Any]:
    required = parameter.default is dataclasses.MISSING
    return {
        "name": parameter.name,
        "type": _type(parameter),
        "required": required,
        "default": None if required else parameter.default,
        "help": parameter.help,
    }
