"""``spikeproof plugins``: every plugin, its state, what it provides, and why it cannot be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from .help import HelpPage
from .json_text import show_json
from .options import LineOption, add_command, given
from .request import Request

if TYPE_CHECKING:
    from spikeproof._host import PluginStatus

__all__ = ["add"]

_TEXT = "One broken plugin never stops the others: it is listed with its error."

_EXAMPLES = ("spikeproof plugins -v", "spikeproof plugins --json")

_OPTIONS = (
    LineOption(
        name="verbose",
        flag="--verbose",
        aliases=("-v",),
        annotation=bool,
        panel="Options",
        help="Also show origins, loading times and tracebacks.",
    ),
    LineOption(name="as_json", flag="--json", annotation=bool, panel="Options", help="Print JSON."),
)

_STYLES = {"active": "green", "slow": "yellow", "disabled": "dim", "candidate": "yellow"}


def add(app: typer.Typer, request: Request) -> None:
    """Add the command."""

    def body(context: typer.Context, **values: object) -> None:
        from spikeproof._host import Host

        asked = given(context, _OPTIONS, values)
        found = Host.discover(files=request.plugins).plugins
        if asked.get("as_json"):
            show_json([_record(status) for status in found])
        else:
            _show(found, verbose=bool(asked.get("verbose")))

    page = HelpPage(command=request.name, summary=request.summary, text=_TEXT, options=_OPTIONS, examples=_EXAMPLES)
    add_command(app, page, body)


def _show(found: Sequence[PluginStatus], *, verbose: bool) -> None:
    from .screen import cell, console, heading, plain_table, say

    out = console()
    more = ("origin", "loading") if verbose else ()
    table = plain_table(("plugin", "distribution", "state", *more, "provides"), right=("loading",))
    for status in found:
        extra = (_short(status.origin), f"{status.import_ms:.0f} ms") if verbose else ()
        table.add_row(
            cell(status.name, "bold"),
            cell(_version(status)),
            cell(status.state, _STYLES.get(status.state, "red")),
            *map(cell, extra),
            cell(_provides(status)),
        )
    out.print(table)
    problems = [status for status in found if status.error]
    for status in problems:
        heading(out, f"{status.name} ({_version(status)}): {status.state}")
        say(out, status.error, indent=2, style=_STYLES.get(status.state, "red"))
        if verbose and status.traceback:
            out.print(status.traceback.rstrip(), soft_wrap=True, style="dim")
    if any(status.traceback for status in problems) and not verbose:
        out.print()
        say(out, "Tracebacks: spikeproof plugins -v")


def _version(status: PluginStatus) -> str:
    version = status.version[:12] if status.origin.startswith("file@") else status.version
    return f"{status.distribution} {version}".strip()


def _short(origin: str) -> str:
    """Return an origin with the first twelve digits of its digest."""
    kind, at, digest = origin.partition("@")
    return f"{kind}{at}{digest[:12]}"


def _provides(status: PluginStatus) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, name in status.provides:
        kinds.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items())


def _record(status: PluginStatus) -> dict[str, Any]:
    record = dataclasses.asdict(status)
    record["provides"] = [{"kind": kind, "name": name} for kind, name in status.provides]
    return record
