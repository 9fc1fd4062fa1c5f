"""Checks of single keys of a study; each refusal says where the key stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from spikeproof.errors import BadStudy
from spikeproof.wording import did_you_mean

from .model import ComponentSpec

__all__ = [
    "check_known",
    "check_unique",
    "count_or_all",
    "name_list",
    "table_of",
    "tables_of",
    "text_list",
    "whole_number",
]


def tables_of(mapping: Mapping[str, Any], kind: str, where: str) -> list[Mapping[str, Any]]:
    """Return the tables of a kind; a plain text stands for a table with ``use`` only."""
    value = mapping.get(kind, [])
    tables = [value] if isinstance(value, Mapping | str) else value
    if not isinstance(tables, Sequence):
        raise BadStudy(f"{where}: {kind} must be a table [[{kind}]], got {value!r}")
    return [
        {"use": table} if isinstance(table, str) else table_of(table, f"{where}, [[{kind}]] {number}")
        for number, table in enumerate(tables, 1)
    ]


def table_of(value: object, where: str) -> Mapping[str, Any]:
    """Return a table, or refuse what is not one."""
    if not isinstance(value, Mapping):
        raise BadStudy(f"{where}: expected a table, got {value!r}")
    return value


def check_known(table: Mapping[str, Any], known: Sequence[str], where: str, what: str) -> None:
    """Refuse a key that is not known; near ones are named."""
    for key in table:
        if key not in known:
            near = did_you_mean(str(key), known, 1)
            raise BadStudy(f"{where}: unknown key {key!r}{near} ({what} has {', '.join(known)})")


def check_unique(specs: Sequence[ComponentSpec], where: str) -> None:
    """Refuse two components of one label."""
    labels = [spec.label for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            raise BadStudy(
                f"{where}: {label!r} stands {labels.count(label)} times: give each a name = '...' of its own"
            )


def name_list(value: object, where: str) -> tuple[str, ...]:
    """Return texts, each of which may stand once."""
    names = text_list(value, where)
    for name in names:
        if names.count(name) > 1:
            raise BadStudy(f"{where}: {name!r} is named twice")
    return names


def text_list(value: object, where: str) -> tuple[str, ...]:
    """Return a list of texts; a single text is a list of one."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence) or not all(isinstance(item, str) for item in values):
        raise BadStudy(f"{where} must be a list of texts, got {value!r}")
    return tuple(values)


def count_or_all(value: object, where: str) -> int | None:
    """Return a whole number of at least 1, or None for ``'all'``."""
    return None if value == "all" else whole_number(value, where, minimum=1, also=" or 'all'")


def whole_number(value: object, where: str, *, minimum: int, also: Literal["", " or 'all'"] = "") -> int:
    """Return a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise BadStudy(f"{where} must be a whole number of at least {minimum}{also}, got {value!r}")
    return value
