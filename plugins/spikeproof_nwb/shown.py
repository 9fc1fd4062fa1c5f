"""The presentations that are measured: their rows, windows, stimuli and categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

from .columns import Columns, as_names, read_columns, read_numbers
from .layout import Table
from .presentations import Windows, guess_stimulus, names_of, overlapping, several_categories, windows
from .query import choose_rows
from .stimulus_series import read_series_table

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from .reading import Reading

__all__ = ["Presentations", "read_rows"]


@dataclass(frozen=True, slots=True)
class Presentations:
    """The rows that are counted, with their stimuli."""

    columns: Columns
    rows: NDArray[np.intp]
    windows: Windows
    names: NDArray[np.str_]
    categories: NDArray[np.str_] | None
    stimulus: str
    notes: tuple[str, ...]

    @property
    def category_list(self) -> list[str] | None:
        """Category of each presentation, if there are categories."""
        return None if self.categories is None else self.categories.tolist()

    @classmethod
    def read(cls, options: Reading, file: h5py.File, table: Table, label: str) -> Presentations:
        """Read and check the table as the options say."""
        where = f"{label}, {table.path}"
        held, said = read_rows(file, table, where, timed=options.window is not None)
        notes = [said]
        rows = np.arange(table.rows)
        if options.rows is not None:
            keep = choose_rows(options.rows, held.values, option="rows", where=where, left_out=held.left_out)
            rows = np.flatnonzero(keep)
            notes.append(f"{len(rows)} of {table.rows} rows of {table.path} were kept ({options.rows})")
        columns = Columns({name: values[rows] for name, values in held.values.items()}, held.left_out)
        start, stop = columns.values["start_time"], columns.values["stop_time"]
        counted = windows(start, stop, rows, options.window, where)
        notes += counted.notes
        names, stimulus, said = _stimuli(options, columns, rows, table, where)
        notes.append(said)
        categories, said = _categories(options, columns, names, rows, where)
        notes.append(said)
        overlaps = overlapping(counted.start, counted.stop)
        if overlaps:
            notes.append(
                f"{overlaps} of {len(rows)} windows start before an earlier one has ended: each is counted in full, "
                "so spikes in the overlap count in both"
            )
        if held.left_out:
            listed = ", ".join(f"{name} ({reason})" for name, reason in held.left_out.items())
            notes.append(f"columns of {table.path} that are not among the coordinates: {listed}")
        return cls(columns, rows, counted, names, categories, stimulus, tuple(notes))


def read_rows(file: h5py.File, table: Table, where: str, *, timed: bool) -> tuple[Columns, str]:
    """Read all rows of a table of intervals or of a stimulus series, and what to tell the user about them.

    Raises
    ------
    DataError
        If there are none, a column is damaged, or its times cannot be read.
    """
    if table.rows == 0:
        raise DataError(f"{where} has no rows: nothing was presented; name another table as `table`")
    if table.series:
        return read_series_table(file, table, where, timed=timed)
    group = file[table.path]
    held = read_columns(group, table.rows, where)
    for name in ("start_time", "stop_time"):
        held.values[name] = read_numbers(group[name], f"{where}, {name}")
    return held, ""


def _stimuli(
    options: Reading, columns: Columns, rows: NDArray[np.intp], table: Table, where: str
) -> tuple[NDArray[np.str_], str, str]:
    if options.stimulus == "row" and "row" not in columns.values:
        return as_names(rows), "row", "each row was taken as a stimulus of its own: no stimulus is repeated"
    name, note = options.stimulus, ""
    if name is None and table.series:
        name = table.columns[0]
        note = f"no stimulus column was named: the samples of {table.path} ({name!r}) say what was shown"
    elif name is None:
        name, note = guess_stimulus(columns, where)
    names = names_of(columns, name, rows, option="stimulus", where=where)
    blanks = int((names == "-1").sum())
    if blanks and columns.values[name].dtype.kind in "if":
        said = f"{name} is -1, which often means a blank screen, in {blanks} rows: they count as one stimulus, '-1'; "
        note = "; ".join(filter(None, [note, said + f'leave them out with rows = "{name} >= 0"']))
    return names, name, note


def _categories(
    options: Reading, columns: Columns, names: NDArray[np.str_], rows: NDArray[np.intp], where: str
) -> tuple[NDArray[np.str_] | None, str]:
    name, note = options.category, ""
    if name is None:
        if "category" not in columns.values:
            return None, "no category column was named: there are no labels"
        name, note = "category", "no category column was named: the column 'category' was used"
    categories = names_of(columns, name, rows, option="category", where=where)
    several = several_categories(names.tolist(), categories.tolist())
    if several:
        said = f"{len(several)} stimuli were shown under several categories, such as {next(iter(several))!r}"
        note = "; ".join(filter(None, [note, said]))
    return categories, note
