"""The tables in the documentation that are made from code: ``python tests/docs_tables.py`` writes them.

A page asks for the parameters of a component with a line ``<!-- parameters of KIND NAME -->``, and for the checks of
attacks with ``<!-- checks GROUP -->``; the table is what stands below it up to the next blank line.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from mutants.facts import CHECKS, INPUTS, TRAPS, Check
from spikeproof._host import Host, Kind
from spikeproof.cli.fields import type_name

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MARKER = re.compile(r"^<!-- parameters of (\w+) ([\w-]+) -->\n((?:\|.*\n)*)", flags=re.MULTILINE)


_CHECKS = re.compile(r"^<!-- checks (\w+) -->\n((?:\|.*\n)*)", flags=re.MULTILINE)
GROUPS: dict[str, tuple[str, dict[str, Check]]] = {
    "facts": ("#", {str(number): check for number, check in CHECKS.items()}),
    "traps": ("trap", TRAPS),
    "inputs": ("input", INPUTS),
}


def checks_of(group: str) -> str:
    """Table of a group of checks of attacks: what must hold, the tests that hold it, what they are shown to notice."""
    named, checks = GROUPS[group]
    what = {"facts": "what must hold", "traps": "what others do", "inputs": "what is made of it"}[group]
    rows = [f"| {named} | {what} | tests | slips that they notice |", "|---|---|---|---|"]
    for name, check in checks.items():
        tests = "<br>".join(f"`{test}`" for test in check.tests)
        slips = "<br>".join(f"`{slip.__name__}`" for slip in check.slips)
        rows.append(f"| {name} | {check.says} | {tests} | {slips} |")
    return "\n".join(rows) + "\n"


def check_markers(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the group of every marker of checks on a page, with the table below it."""
    for found in _CHECKS.finditer(page.read_text(encoding="utf-8")):
        yield found[1], found[2]


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
        made = _CHECKS.sub(lambda found: f"<!-- checks {found[1]} -->\n{checks_of(found[1])}", made)
        if made != text:
            page.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
