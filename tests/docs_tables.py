"""The tables of parameters in the documentation, made from the components: ``python tests/docs_tables.py`` writes them.

A page asks for one with a line ``<!-- parameters of KIND NAME -->``; the table is what stands below it up to the next
blank line.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from spikeproof._host import Host, Kind
from spikeproof.cli.fields import type_name

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MARKER = re.compile(r"^<!-- parameters of (\w+) ([\w-]+) -->\n((?:\|.*\n)*)", flags=re.MULTILINE)


def table_of(kind: Kind, name: str) -> str:
    """Table of a built-in component's parameters; empty if it has none."""
    host = Host.discover(environ={"SPIKEPROOF_NO_PLUGINS": "1"})
    entry = next(item.entry for item in host.entries(kind) if item.entry.name == name)
    parameters = host.parameters(host.find(kind, name if entry.target is None else f"{name}:{entry.target}"))
    if not parameters:
        return ""
    rows = ["| parameter | type | default | what it does |", "|---|---|---|---|"]
    for parameter in parameters:
        kinds = type_name(parameter.type).replace("|", " or ")
        rows.append(f"| `{parameter.name}` | {kinds} | {_default(parameter.default)} | {parameter.help} |")
    return "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if value is dataclasses.MISSING:
        return "required"
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def markers(page: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (kind, name) of every marker of a page, with the table below it."""
    for found in _MARKER.finditer(page.read_text(encoding="utf-8")):
        yield (found[1], found[2]), found[3]


def main() -> None:
    """Write every table anew."""
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        made = _MARKER.sub(
            lambda found: f"<!-- parameters of {found[1]} {found[2]} -->\n{table_of(found[1], found[2])}", text
        )
        if made != text:
            page.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
