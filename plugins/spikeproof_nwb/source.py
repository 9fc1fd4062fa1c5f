"""The source ``nwb:PATH``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Inspection, Recording

from .columns import Columns, as_names, read_columns, read_numbers
from .layout import Layout, Table, choose, survey
from .opening import digest, nwb_version, opened, validate
from .pictures import find_images
from .presentations import (
    Windows,
    guess_stimulus,
    names_of,
    overlapping,
    repeats,
    several_categories,
    windows,
)
from .query import choose_rows
from .spikes import count, read_trains
from .units import UNKNOWN, Session, Units, choose_units, read_session, read_units

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

__all__ = ["NWB"]

_OURS = frozenset({"stimulus_id", "repeat", "start_time", "stop_time", "category", "presentation_id"})
_DIMS = frozenset({"presentation", "unit", "time_bin", "response", "session", "subject", "area"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NWB:
    """Spike counts of every unit in every presentation of an NWB file.

    Counts are exact: spikes in the half-open window [start, stop) of each row, so that a spike on an edge that two
    windows share counts once. Every row is kept, in file order, overlapping ones too.

    Coordinates on presentation: ``stimulus_id``, ``repeat`` (earlier showings of the stimulus, by start time),
    ``start_time`` and ``stop_time`` (s, of the counted window), ``category`` if there is one, and every column of the
    table with one value per row; its ``id`` is called ``presentation_id``, and a column whose name is taken ends in
    ``_in_table``. On unit: ``unit`` (the id, as text), ``session``, ``subject``, ``area`` (the locations of its
    electrodes) and every column with one value per unit (ending in ``_in_units`` where the name is taken).

    Examples
    --------
    >>> NWB(target="sub-4.nwb", table="trials", stimulus="image_id", window=(0.05, 0.2)).window
    (0.05, 0.2)
    """

    target: Annotated[str, "Path of the file."]
    table: Annotated[str | None, "Presentation table, by name or path; needed if the file has several."] = None
    stimulus: Annotated[
        str | None, "Column that says which stimulus was shown; 'row' makes each row a stimulus of its own."
    ] = None
    category: Annotated[str | None, "Column that says which category the stimulus is of."] = None
    window: Annotated[
        tuple[float, float] | None, "Window to count in, in s after start_time; the whole row by default."
    ] = None
    rows: Annotated[str | None, 'Rows to keep, as an expression on the table\'s columns: "frame >= 0".'] = None
    units: Annotated[str | None, "Units to keep, as an expression on their columns: \"quality == 'good'\"."] = None
    units_table: Annotated[str | None, "Units table, by name or path; needed if the file has several."] = None
    rate: Annotated[bool, "Divide counts by the length of the window: responses in Hz."] = False
    sort_spikes: Annotated[bool, "Sort the spike times of units that are out of order, instead of refusing."] = False

    def __post_init__(self) -> None:
        if self.window is None:
            return
        begin, end = self.window
        if not (math.isfinite(begin) and math.isfinite(end) and begin < end):
            raise BadParameter(
                f"window = ({begin}, {end}) s after start_time: it must end after it starts, such as (0.05, 0.25)"
            )

    def load(self) -> Recording:
        """Read the recording.

        Raises
        ------
        DataError
            If the file cannot be trusted or lacks what was asked for; the message says what, where and the way out.
        """
        path = Path(self.target).expanduser()
        with opened(path) as file:
            version = nwb_version(file, path)
            validate(path, file)
            layout = survey(file)
            session = read_session(file)
            units_path, units_notes = choose_units(layout, self.units_table, self.target)
            table, table_note = choose(layout, self.table, self.target)
            units, chosen, chosen_note = self._units(file, units_path)
            where = f"{self.target}, {units_path}"
            trains = read_trains(file[units_path], len(units), units.names, where)
            trains = trains.ready(chosen, units.names, sort=self.sort_spikes)
            shown = _Presentations.read(self, file, table)
            counts = count(trains, chosen, shown.windows.start, shown.windows.stop)
            stimuli, image_notes = find_images(file, path, layout, shown.names.tolist(), shown.category_list)
        response = counts / (shown.windows.stop - shown.windows.start)[:, None] if self.rate else counts
        coords, coords_notes = _coords(shown, units, chosen, session)
        data = xr.DataArray(response, dims=("presentation", "unit"), attrs={"units": "Hz" if self.rate else "spikes"})
        notes = [table_note, *shown.notes, *units_notes, chosen_note, *units.notes, *coords_notes, *image_notes]
        notes += _link_notes(layout)
        return Recording(
            responses=xr.Dataset({"response": data}, coords=coords),
            stimuli=stimuli,
            identity={
                "source": f"nwb:{self.target}",
                "digest": digest(path),
                "nwb_version": version,
                "identifier": session.identifier,
                "table": table.path,
                "units_table": units_path,
            },
            notes=tuple(note for note in notes if note),
        )

    def inspect(self) -> Inspection:
        """Say what the file holds and suggest what to run, as far as its defects allow.

        Raises
        ------
        DataError
            If it cannot be opened at all or is not NWB 2.
        """
        from .inspecting import inspect_file

        return inspect_file(self.target)

    def _units(self, file: h5py.File, path: str) -> tuple[Units, NDArray[np.intp], str]:
        where = f"{self.target}, {path}"
        units = read_units(file, path, where)
        if self.units is None:
            return units, np.arange(len(units)), ""
        keep = choose_rows(
            self.units, units.columns.values, option="units", where=where, left_out=units.columns.left_out
        )
        return units, np.flatnonzero(keep), f"{int(keep.sum())} of {len(units)} units were kept ({self.units})"


@dataclass(frozen=True, slots=True)
class _Presentations:
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
    def read(cls, source: NWB, file: h5py.File, table: Table) -> _Presentations:
        """Read and check the table as the source's options say."""
        group, where = file[table.path], f"{source.target}, {table.path}"
        if table.rows == 0:
            raise DataError(f"{where} has no rows: nothing was presented; name another table as `table`")
        held = read_columns(group, table.rows, where)
        for name in ("start_time", "stop_time"):
            held.values[name] = read_numbers(group[name], f"{where}, {name}")
        notes: list[str] = []
        rows = np.arange(table.rows)
        if source.rows is not None:
            keep = choose_rows(source.rows, held.values, option="rows", where=where, left_out=held.left_out)
            rows = np.flatnonzero(keep)
            notes.append(f"{len(rows)} of {table.rows} rows of {table.path} were kept ({source.rows})")
        columns = Columns({name: values[rows] for name, values in held.values.items()}, held.left_out)
        start, stop = columns.values["start_time"], columns.values["stop_time"]
        counted = windows(start, stop, rows, source.window, where)
        notes += counted.notes
        names, stimulus, said = _stimuli(source, columns, rows, where)
        notes.append(said)
        categories, said = _categories(source, columns, names, rows, where)
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


def _stimuli(source: NWB, columns: Columns, rows: NDArray[np.intp], where: str) -> tuple[NDArray[np.str_], str, str]:
    if source.stimulus == "row" and "row" not in columns.values:
        return as_names(rows), "row", "each row was taken as a stimulus of its own: no stimulus is repeated"
    name, note = (source.stimulus, "") if source.stimulus is not None else guess_stimulus(columns, where)
    names = names_of(columns, name, rows, option="stimulus", where=where)
    blanks = int((names == "-1").sum())
    if blanks and columns.values[name].dtype.kind in "if":
        said = f"{name} is -1, which often means a blank screen, in {blanks} rows: they count as one stimulus, '-1'; "
        note = "; ".join(filter(None, [note, said + f'leave them out with rows = "{name} >= 0"']))
    return names, name, note


def _categories(
    source: NWB, columns: Columns, names: NDArray[np.str_], rows: NDArray[np.intp], where: str
) -> tuple[NDArray[np.str_] | None, str]:
    name, note = source.category, ""
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


def _coords(
    shown: _Presentations, units: Units, chosen: NDArray[np.intp], session: Session
) -> tuple[dict[str, Any], list[str]]:
    """Coordinates of the recording, each name once, and what was renamed for it."""
    notes = []
    presentation: dict[str, NDArray[Any]] = {
        "stimulus_id": shown.names,
        "repeat": repeats(shown.names, shown.windows.start),
        "start_time": shown.windows.start,
        "stop_time": shown.windows.stop,
    }
    if shown.categories is not None:
        presentation["category"] = shown.categories
    for name, values in shown.columns.values.items():
        if name == "id":
            presentation["presentation_id"] = values
        elif name in presentation and np.array_equal(as_names(values), as_names(presentation[name])):
            continue  # the same values under the same name
        elif name in _OURS | _DIMS:
            presentation[f"{name}_in_table"] = values
            if name not in {"start_time", "stop_time"}:  # these move whenever a window is asked for
                notes.append(f"the table's column {name!r} is the coordinate {name + '_in_table'!r}")
        else:
            presentation[name] = values
    unit: dict[str, NDArray[Any]] = {
        "unit": np.array(units.names, dtype=np.str_)[chosen],
        "session": np.full(len(chosen), session.session or session.identifier or UNKNOWN),
        "subject": np.full(len(chosen), session.subject or UNKNOWN),
        "area": units.areas[chosen],
    }
    if not session.subject:
        notes.append(f"the file does not say which subject was recorded: subject is {UNKNOWN!r}")
    for name, column in units.columns.values.items():
        values = column[chosen]
        if name in {"id", "unit_name"} or (name in unit and np.array_equal(as_names(values), unit[name])):
            continue
        taken = name in presentation or name in _OURS | _DIMS
        unit[f"{name}_in_units" if taken else name] = values
        if taken:
            notes.append(f"the units' column {name!r} is the coordinate {name + '_in_units'!r}")
    if units.columns.left_out:
        listed = ", ".join(f"{name} ({reason})" for name, reason in units.columns.left_out.items())
        notes.append(f"columns of {units.path} that are not among the coordinates: {listed}")
    coords = {name: ("presentation", values) for name, values in presentation.items()}
    return coords | {name: ("unit", values) for name, values in unit.items()}, notes


def _link_notes(layout: Layout) -> list[str]:
    notes = [
        f"{path} is a link to {target}, which cannot be reached: nothing of it was needed here"
        for path, target in layout.broken
    ]
    return notes + [f"{path} is read from the linked file {name}" for path, name in layout.linked.items()]
