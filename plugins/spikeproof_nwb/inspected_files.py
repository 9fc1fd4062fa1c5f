"""What ``inspect`` says of several files: a row each, and a line that puts them together."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError
from spikeproof.types import Inspection, InspectionTable

from .inspecting import inspect_file

if TYPE_CHECKING:
    from .place import Place
    from .reading import Reading

__all__ = ["inspect_places"]

_COLUMNS = ("file", "subject", "session", "responses", "presentation tables", "can be run")


def inspect_places(places: Sequence[Place], options: Reading, source: str) -> Inspection:
    """Describe several files that one source names.

    A file that cannot be opened is listed under ``cannot``, and so is whatever is wrong with the others. The line to
    run is that of the first file, with the source that names them all, if every file can be run.
    """
    rows: list[tuple[str, ...]] = []
    cannot: list[str] = []
    runs: list[str] = []
    for place in places:
        try:
            seen = inspect_file(place, options)
        except DataError as error:
            cannot.append(str(error))
            rows.append((place.label, "", "", "", "", "no: it cannot be opened"))
            continue
        rows.append(_row(place.label, seen))
        cannot += [text if place.label in text else f"{place.label}: {text}" for text in seen.cannot]
        runs += [_with_source(seen.run, place.source, source)] if seen.run else []
    whole = len(runs) == len(places)
    return Inspection(
        title=f"{len(places)} NWB files",
        tables=(InspectionTable(title="Files", columns=_COLUMNS, rows=tuple(rows)),),
        can=("one recording of all these files, over the stimuli that they share (join)",) if whole else (),
        cannot=tuple(cannot),
        run=runs[0] if whole else "",
    )


def _row(label: str, seen: Inspection) -> tuple[str, ...]:
    facts = dict(seen.facts)
    responses = facts.get("units") or facts.get("ROIs") or "none"
    tables = [row[0] for table in seen.tables if table.title == "Presentation tables" for row in table.rows]
    said = [facts.get(name, "not said") for name in ("subject", "session")]
    return (label, *said, responses, ", ".join(tables) or "none", "yes" if seen.run else "no")


def _with_source(run: str, one: str, all_of_them: str) -> str:
    return shlex.join([all_of_them if word == one else word for word in shlex.split(run)])
