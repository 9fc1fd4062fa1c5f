"""Presentation tables as ``inspect`` sees them: which column most likely says what was shown, and of which category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from spikeproof.errors import DataError
from spikeproof.types import InspectionTable

from .columns import Columns, as_names, different
from .layout import Layout, Table
from .presentations import guess_stimulus, missing, overlapping
from .shown import read_rows

__all__ = ["SeenTable", "best_table", "presentation_tables", "see_tables"]

_CATEGORIES = 50
"""A column of more different values than this is no category."""
_HIDDEN = frozenset({"id", "start_time", "stop_time"})


@dataclass(frozen=True, slots=True)
class SeenTable:
    """A presentation table with the columns that its stimuli and categories most likely stand in."""

    table: Table
    columns: Columns
    overlaps: int
    bad: int
    stimulus: str | None
    stimuli: int
    categories: tuple[str, ...]

    @property
    def merit(self) -> tuple[bool, bool, bool, float, int]:
        """Rank among the tables: intervals, categories, then repeated stimuli, then rows."""
        showings = self.table.rows / self.stimuli if self.stimuli else 0.0
        return not self.table.series, bool(self.categories), self.stimulus is not None, showings, self.table.rows

    @property
    def edges(self) -> NDArray[np.float64]:
        """Start and stop of the rows that last some time, (row, 2), in s."""
        start, stop = self.columns.values["start_time"], self.columns.values["stop_time"]
        return np.stack([start, stop], axis=1)[stop > start]


def see_tables(file: h5py.File, label: str, layout: Layout, cannot: list[str]) -> list[SeenTable]:
    """Look at every table that may hold presentations; what is wrong with one is added to ``cannot``.

    Continuous signals among the stimuli are left to the list of series.
    """
    found = []
    for table in layout.tables:
        if table.unlikely:
            continue
        where = f"{label}, {table.path}"
        try:
            columns, _ = read_rows(file, table, where, timed=True)
        except DataError as error:
            cannot.append(str(error))
            continue
        start, stop = columns.values["start_time"], columns.values["stop_time"]
        good = stop > start
        bad = int((~good).sum())
        if bad:
            cannot.append(f"{where}: {bad} of {table.rows} rows have NaN, inverted or empty times: not to be measured")
        stimulus = table.columns[0] if table.series else _stimulus(columns, where)
        categories = () if stimulus is None else _category_columns(columns, stimulus)
        stimuli = 0 if stimulus is None else different(columns.values[stimulus])
        overlaps = overlapping(start[good], stop[good])
        found.append(SeenTable(table, columns, overlaps, bad, stimulus, stimuli, categories))
    return found


def best_table(seen: Sequence[SeenTable]) -> SeenTable | None:
    """The table that promises most, of those that can be measured."""
    usable = [item for item in seen if item.table.presentations and item.stimulus and item.table.rows - item.bad > 1]
    return max(usable, key=lambda item: item.merit, default=None)


def presentation_tables(seen: Sequence[SeenTable]) -> tuple[InspectionTable, ...]:
    """All tables, a row each; and their columns."""
    if not seen:
        return ()
    rows = tuple(
        (
            item.table.path + (f" ({item.table.series})" if item.table.series else ""),
            f"{item.table.rows:,}",
            _times(item),
            f"{item.overlaps:,}",
            f"{item.stimulus} ({item.stimuli:,} different)" if item.stimulus else "none by name",
            ", ".join(f"{name} ({different(item.columns.values[name])})" for name in item.categories) or "none",
        )
        for item in seen
    )
    columns = ("path", "rows", "each lasts (s)", "overlapping rows", "stimulus column", "category columns")
    held = tuple((item.table.path, _listed(item.columns)) for item in seen)
    return (
        InspectionTable(title="Presentation tables", columns=columns, rows=rows),
        InspectionTable(title="Their columns", columns=("path", "columns (different values)"), rows=held),
    )


def _stimulus(columns: Columns, where: str) -> str | None:
    try:
        return guess_stimulus(columns, where)[0]
    except DataError:
        return None


def _times(item: SeenTable) -> str:
    lengths = np.diff(item.edges, axis=1)
    if not lengths.size:
        return "no time"
    shortest, longest = f"{lengths.min():.4g}", f"{lengths.max():.4g}"
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _listed(columns: Columns) -> str:
    said = [f"{name} ({different(values):,})" for name, values in columns.values.items() if name not in _HIDDEN]
    return ", ".join(said + [f"{name} [{reason}]" for name, reason in columns.left_out.items()])


def _category_columns(columns: Columns, stimulus: str) -> tuple[str, ...]:
    """Columns that say what kind of stimulus it is: one value a stimulus, several stimuli a value; best name first."""
    names = as_names(columns.values[stimulus])
    stimuli = different(names)
    found = []
    for name, values in columns.values.items():
        if name in {stimulus, *_HIDDEN} or missing(values).any():
            continue
        texts = as_names(values)
        kinds = different(texts)
        if 2 <= kinds <= min(_CATEGORIES, stimuli // 2) and (pd.Series(texts).groupby(names).nunique() == 1).all():
            found.append(name)
    return tuple(sorted(found, key=_category_merit, reverse=True))


def _category_merit(name: str) -> int:
    plain = name.lower()
    said = 3 * ("categ" in plain) + 2 * any(word in plain for word in ("type", "class", "label", "object"))
    return said + any(word in plain for word in ("stim", "image"))
