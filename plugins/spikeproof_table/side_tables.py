"""Tables beside the responses: one row a unit, or one row a stimulus."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .block import Column, as_text, column_values, listed
from .delimited import read_cells, typed
from .files import kind_of
from .plain import read_arrays
from .roles import KNOWN

__all__ = ["SideTable", "attach", "read_side_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTable:
    """A table of units or stimuli.

    Parameters
    ----------
    option : str
        The option that named it, for messages.
    path : pathlib.Path
    columns : mapping of str to numpy.ndarray, (row,)
    names : numpy.ndarray of str, (row,), optional
        Names of the units or stimuli; None where no column holds them.
    named_by : str
        The column of the names; empty where there is none.
    """

    option: str
    path: Path
    columns: Mapping[str, NDArray[Any]]
    names: NDArray[np.str_] | None
    named_by: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def read_side_table(path: Path, option: str, role: str, asked: str | None, where: str) -> SideTable:
    """Read a csv or npz file of columns.

    Parameters
    ----------
    path : pathlib.Path
    option : str
        The option that named it.
    role : {"unit", "stimulus"}
    asked : str, optional
        Column of the names, if the user named one.
    where : str
        The source as the user gave it, for messages.

    Raises
    ------
    DataError
        If it cannot be read, its columns differ in length, or names are missing or stand twice.
    """
    said = f"{where}: {option} = {path.as_posix()!r}"
    kind = kind_of(path, said)
    if kind == "csv":
        cells = read_cells(path, said, None)
        naming = {*KNOWN[role], *KNOWN["category"], asked}
        columns: dict[str, NDArray[Any]] = {
            str(name): cells[name].to_numpy(dtype=object).astype(np.str_) if name in naming else typed(cells[name])
            for name in cells.columns
        }
    elif kind == "npz":
        columns = {}
        for name, array in read_arrays(path, said).items():
            values = column_values(array)
            if values is None or array.ndim != 1:
                raise DataError(f"{said}: array {name!r} has shape {array.shape}: each array must be one column")
            columns[name] = values
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{said}: columns differ in length: {lengths}")
    else:
        raise DataError(f"{said}: a {kind} file is no table of columns: give a csv or an npz file")
    found = asked if asked in columns else next((name for name in KNOWN[role] if name in columns), None)
    names = None if found is None else as_text(columns[found], f"{role} ({found})", said)
    if names is not None and len(np.unique(names)) < len(names):
        values, counts = np.unique(names, return_counts=True)
        raise DataError(
            f"{said}: {role} {values[counts > 1][0].item()!r} stands in {counts.max()} rows of {found}: give each its "
            f"one row ({int((counts > 1).sum())} such names)"
        )
    return SideTable(option=option, path=path, columns=columns, names=names, named_by=found or "")


def attach(
    table: SideTable,
    names: NDArray[np.str_] | None,
    size: int,
    axis: str,
    held: Mapping[str, Column],
    where: str,
) -> tuple[dict[str, Column], NDArray[np.str_] | None, tuple[str, ...]]:
    """Bring the rows of a table into the order of an axis: by name where the responses name theirs, else by order.

    Parameters
    ----------
    table : SideTable
    names : numpy.ndarray of str, (axis,), optional
        What the responses say of the axis.
    size : int
        Length of the axis.
    axis : str
        Its name.
    held : mapping of str to Column
        Columns that the responses already have.
    where : str

    Returns
    -------
    (dict of str to Column, numpy.ndarray of str or None, tuple of str)
        Further columns, the names along the axis, and notes.

    Raises
    ------
    DataError
        If a name has no row, numbers differ where the order must do, or both sides say different things.
    """
    what = {"unit": "units"}.get(axis, "stimuli")
    notes: list[str] = []
    if names is None:
        if axis == "presentation":
            raise DataError(
                f"{where}: the responses do not say which stimulus each presentation showed, so {table.option} cannot "
                "be matched: name that column with stimulus"
            )
        if len(table) != size:
            raise DataError(
                f"{where}: {table.option} has {len(table)} rows, but the responses have {size} {what} and do not name "
                "them: they can only be matched by order, one row each"
            )
        rows = np.arange(size)
        notes.append(f"{what} were matched with {table.path.name} by order: the responses do not name them")
        names = table.names
    else:
        rows, extra = _by_name(table, names, what, where)
        if extra:
            notes.append(f"{extra} of {len(table)} rows of {table.path.name} are of {what} without responses")
    found: dict[str, Column] = {}
    for name, values in table.columns.items():
        mine = Column(dims=(axis,), values=values[rows])
        if name not in held:
            found[name] = mine
        elif name != table.named_by and not _same(held[name], mine):
            raise DataError(
                f"{where}: the responses have a column {name!r}, and {table.path.name} another one with other values: "
                "rename or remove one"
            )
    return found, names, tuple(notes)


def _by_name(table: SideTable, names: NDArray[np.str_], what: str, where: str) -> tuple[NDArray[np.intp], int]:
    if table.names is None:
        role = "unit" if what == "units" else "stimulus"
        raise DataError(
            f"{where}: no column of {table.path.name} names the {what}: name it with {role}; columns are "
            f"{listed(list(table.columns))}"
        )
    place = {name: row for row, name in enumerate(table.names.tolist())}
    different: Sequence[str] = list(dict.fromkeys(names.tolist()))
    missing = [name for name in different if name not in place]
    if missing:
        near = difflib.get_close_matches(missing[0], list(place)[:5000], n=1)
        hint = f" ({near[0]!r} is near)" if near else ""
        raise DataError(
            f"{where}: {len(missing)} of {len(different)} {what} have no row in {table.path.name} "
            f"({table.named_by}): {listed(list(map(repr, missing)), 3)}{hint}; rows there are called "
            f"{listed(list(map(repr, place)), 2)}"
        )
    return np.array([place[name] for name in names.tolist()], dtype=np.intp), len(place) - len(different)


def _same(one: Column, other: Column) -> bool:
    return one.dims == other.dims and np.array_equal(one.values, other.values)
