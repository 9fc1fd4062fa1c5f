"""The units table: names, session, subject, brain areas and the columns of one value per unit."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .columns import Columns, as_names, read_columns, read_numbers, read_text
from .layout import Layout

__all__ = ["UNKNOWN", "Session", "Units", "choose_units", "names_of_ids", "read_session", "read_units"]

_SPIKES = frozenset({"spike_times", "obs_intervals", "electrodes", "waveforms"})
_AREA_COLUMNS = ("area", "brain_area", "brain_region", "location", "ecephys_structure_acronym", "structure_acronym")
_ELECTRODES = "/general/extracellular_ephys/electrodes"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Session:
    """Who was recorded, and when: empty text where the file does not say."""

    identifier: str
    session: str
    subject: str
    species: str


@dataclass(frozen=True, slots=True)
class Units:
    """The units of one table.

    Parameters
    ----------
    path : str
    names : tuple of str, (unit,)
        Unique.
    areas : numpy.ndarray of str, (unit,)
    columns : Columns
        All other columns of one value per unit.
    notes : tuple of str
    """

    path: str
    names: tuple[str, ...]
    areas: NDArray[np.str_]
    columns: Columns
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def read_session(file: h5py.File) -> Session:
    """Read what the file says about itself."""
    return Session(
        identifier=read_text(file, "identifier"),
        session=read_text(file, "general/session_id"),
        subject=read_text(file, "general/subject/subject_id"),
        species=read_text(file, "general/subject/species"),
    )


def choose_units(layout: Layout, name: str | None, file: str) -> tuple[str, tuple[str, ...]]:
    """Path of the units table that was named, or of the one to use, with what to tell the user.

    Raises
    ------
    DataError
        If there is none (what the file holds instead is said), none of that name, or several beside ``/units``.
    """
    if name is not None:
        wanted = name.strip("/")
        found = [path for path in layout.units if path.strip("/") == wanted]
        found = found or [path for path in layout.units if path.rsplit("/", 1)[-1] == wanted]
        if len(found) == 1:
            return found[0], ()
        what = f"several units tables are called {name!r}" if found else f"no units table {name!r}"
        raise DataError(f"{file}: {what}; the file has {', '.join(layout.units) or 'none'}: give the whole path")
    if "/units" in layout.units:
        others = [path for path in layout.units if path != "/units"]
        return "/units", (f"units were taken from /units; there are also {', '.join(others)}",) if others else ()
    if len(layout.units) == 1:
        return layout.units[0], (f"units were taken from {layout.units[0]}",)
    if layout.units:
        raise DataError(f"{file}: several units tables: {', '.join(layout.units)}; name one as `units_table`")
    raise DataError(f"{file}: no units, so no spike times: name a file with a units table (sorted spikes)")


def read_units(file: h5py.File, path: str, where: str) -> Units:
    """Read the units table without its spikes.

    Raises
    ------
    DataError
        If it has no rows, or a column has another number of rows than there are units.
    """
    table = file[path]
    rows = _rows(table, where)
    columns = read_columns(table, rows, where, but=_SPIKES)
    names, notes = _names(columns, rows, where)
    areas, area_note = _areas(file, table, columns, rows)
    return Units(path, names, areas, columns, (*notes, *area_note))


def _rows(table: h5py.Group, where: str) -> int:
    for name in ("id", "spike_times_index"):
        column = table.get(name)
        if isinstance(column, h5py.Dataset) and column.ndim == 1:
            if len(column) == 0:
                raise DataError(f"{where} has no rows: there are no units to count")
            return len(column)
    raise DataError(f"{where} has neither id nor spike_times_index, so no units: write the file again with pynwb")


def names_of_ids(columns: Columns, rows: int, where: str, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names out of a table's ids, each once, and what to tell the user about them.

    Parameters
    ----------
    columns : Columns
    rows : int
    where : str
        File and table, for messages.
    what : str
        What a row is, for messages: ``"unit"`` or ``"ROI"``.
    """
    ids = columns.values.get("id")
    if ids is None:
        return tuple(map(str, range(rows))), (f"{where} has no id: {what}s are called by their row, from 0",)
    names = as_names(ids).tolist()
    held = set(names)
    if len(held) == rows:
        return tuple(names), ()
    twice = next(name for name in names if names.count(name) > 1)
    return (
        tuple(f"{name} (row {row})" for row, name in enumerate(names)),
        (f"{where}: {what} ids repeat (such as {twice}): {what}s are called by id and row",),
    )


def _names(columns: Columns, rows: int, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    named = columns.values.get("unit_name")
    if named is not None and named.dtype.kind == "U" and (named != "").all() and len(set(named.tolist())) == rows:
        return tuple(named.tolist()), ("units are called as their column unit_name says",)
    return names_of_ids(columns, rows, where, "unit")


def _areas(file: h5py.File, table: h5py.Group, columns: Columns, rows: int) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    for found in (_electrode_areas(file, table, rows), _column_areas(columns), _peak_channel_areas(file, columns)):
        if found is not None:
            return np.where(found == "", UNKNOWN, found), ()
    groups = table.get("electrode_group")
    if isinstance(groups, h5py.Dataset) and h5py.check_ref_dtype(groups.dtype) and len(groups) == rows:
        said = [_location(file, reference) for reference in groups[()]]
        if any(said):
            return np.array([area or UNKNOWN for area in said], dtype=np.str_), ()
    return np.full(rows, UNKNOWN), (f"the file does not say which brain area its units are from: area is {UNKNOWN!r}",)


def _electrode_areas(file: h5py.File, table: h5py.Group, rows: int) -> NDArray[np.str_] | None:
    """Locations of each unit's electrodes, different ones joined with ``/``; None if that cannot be resolved."""
    region = table.get("electrodes")
    if not isinstance(region, h5py.Dataset) or region.ndim != 1:
        return None
    target = region.attrs.get("table")
    electrodes = file[target] if isinstance(target, h5py.Reference) and target else file.get(_ELECTRODES)
    location = _text_column(electrodes, "location")
    electrode = np.asarray(region[()], dtype=np.int64)
    index = table.get("electrodes_index")
    ends = np.asarray(index[()], dtype=np.int64) if isinstance(index, h5py.Dataset) else np.arange(1, rows + 1)
    usable = location is not None and len(ends) == rows and ends[-1] == len(electrode) and (np.diff(ends) >= 0).all()
    if location is None or not usable or not ((electrode >= 0) & (electrode < len(location))).all():
        return None
    starts = np.concatenate([[0], ends[:-1]])
    joined = ["/".join(dict.fromkeys(location[electrode[a:b]].tolist())) for a, b in zip(starts, ends, strict=True)]
    return np.array(joined, dtype=np.str_) if any(joined) else None


def _column_areas(columns: Columns) -> NDArray[np.str_] | None:
    for name in _AREA_COLUMNS:
        values = columns.values.get(name)
        if values is not None and values.dtype.kind == "U" and (values != "").any():
            return values
    return None


def _peak_channel_areas(file: h5py.File, columns: Columns) -> NDArray[np.str_] | None:
    """Location of the electrode whose id is ``peak_channel_id``, as in files of the Allen Institute."""
    peak = columns.values.get("peak_channel_id")
    electrodes = file.get(_ELECTRODES)
    location = _text_column(electrodes, "location")
    if peak is None or location is None or "id" not in electrodes or peak.dtype.kind not in "iu":
        return None
    ids = read_numbers(electrodes["id"], f"{_ELECTRODES}/id")
    place = dict(zip(ids.tolist(), location.tolist(), strict=False))
    areas = [place.get(float(channel), "") for channel in peak.tolist()]
    return np.array(areas, dtype=np.str_) if len(place) == len(ids) and all(areas) else None


def _text_column(table: h5py.Group | None, name: str) -> NDArray[np.str_] | None:
    column = table.get(name) if isinstance(table, h5py.Group) else None
    if not isinstance(column, h5py.Dataset) or h5py.check_string_dtype(column.dtype) is None:
        return None
    return np.array(column.asstr("utf-8", errors="backslashreplace")[()], dtype=np.str_)


def _location(file: h5py.File, reference: h5py.Reference) -> str:
    value = file[reference].attrs.get("location", "") if reference else ""
    return value.decode() if isinstance(value, bytes) else str(value)
