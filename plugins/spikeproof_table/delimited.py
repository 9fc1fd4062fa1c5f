"""csv files: one row a presentation and one column a unit, or one row a response."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

from .block import Block, Column, listed
from .roles import KNOWN

__all__ = ["read_cells", "read_delimited", "typed"]

MISSING = frozenset({"", "nan", "NaN", "NAN", "NA"})
"""What a cell without a value holds."""

_ABOUT_PRESENTATIONS = ("start_time", "stop_time", "choice", "correct")


def read_delimited(
    path: Path,
    where: str,
    *,
    responses: str | None,
    columns: Sequence[str],
    delimiter: str | None,
    asked: Mapping[str, str | None],
) -> Block:
    """Read a csv file.

    It is *long* (a row is one response) if it has a column of responses (``response``, or as named) and one of units;
    otherwise *wide* (a row is one presentation, and columns are units).

    Parameters
    ----------
    path : pathlib.Path
    where : str
        The source as the user gave it, for messages.
    responses : str, optional
        Column of the responses of a long table.
    columns : sequence of str
        Columns of a wide table that are no units: they are kept as coordinates of presentations.
    delimiter : str, optional
        What stands between cells; a tab in files that end in .tsv, otherwise a comma.
    asked : mapping of str to (str or None)
        Role to the column that the user named.

    Raises
    ------
    DataError
        If a cell is not a number (its row and column are given), two rows give one response, or a row has more or
        fewer cells than the header.
    """
    table = read_cells(path, where, delimiter)
    value = responses or ("response" if "response" in table else None)
    unit = _column(table, "unit", asked)
    if responses is not None and (responses not in table or unit is None):
        missing = f"no column {responses!r}" if responses not in table else "no column of units: name it with unit"
        raise DataError(f"{where}: responses = {responses!r} makes this a table of one row a response, but there is "
                        f"{missing}{_near(responses, table)}")  # fmt: skip
    if value is not None and unit is not None:
        if columns:
            raise BadParameter(f"{where}: columns is for a table with a column a unit; here {unit} names the units")
        return _long(table, value, unit, asked, where)
    return _wide(table, columns, asked, where)


def read_cells(path: Path, where: str, delimiter: str | None) -> pd.DataFrame:
    """All cells of a csv file as text, columns as the header names them.

    Raises
    ------
    DataError
        If it is not UTF-8 text, its header is malformed, or it has no rows or ragged ones.
    """
    between = delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    if len(between) != 1:
        raise BadParameter(f"{where}: delimiter must be one character, got {between!r}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=between, strict=True)
            header = next(rows, [])
            _check_header(header, between, where)
            _check_lengths(rows, header, where)  # pandas would fill short rows up with empty cells
        cells = pd.read_csv(path, sep=between, header=None, dtype=str, na_filter=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError) as error:
        raise DataError(f"{where}: this file is no csv table ({error}): save it as UTF-8 text") from error
    table = cells.iloc[1:].reset_index(drop=True)
    table.columns = pd.Index(header, dtype=object)
    return table


def _check_lengths(rows: Iterable[Sequence[str]], header: Sequence[str], where: str) -> None:
    number = 0
    for row in rows:
        if not row:
            continue  # a blank line, as at the end of many files
        if len(row) != len(header):
            raise DataError(
                f"{where}: row {number} has {len(row)} cells, but the header has {len(header)}: mend this row "
                "(rows are numbered from 0, without the header)"
            )
        number += 1
    if number == 0:
        raise DataError(f"{where}: the table has a header ({listed(header)}) but no rows")


def _check_header(header: Sequence[str], between: str, where: str) -> None:
    if not header:
        raise DataError(f"{where}: the table has no header: its first line must name the columns")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(f"{where}: {len(twice)} names stand over several columns ({listed(twice)}): rename them")
    if "" in header:
        raise DataError(f"{where}: column {header.index('')} has no name in the header: name every column")
    other = next((mark for mark in ("\t", ";", ",") if mark != between and mark in header[0]), None)
    if len(header) == 1 and other:
        raise DataError(f"{where}: the header is one cell, {header[0]!r}: is delimiter = {other!r} meant?")


def typed(cells: pd.Series[Any]) -> NDArray[Any]:
    """Numbers where every cell is one (whole ones as integers, missing ones as NaN), otherwise text."""
    numbers, wrong = _parsed(cells)
    if wrong.any() or np.isnan(numbers).all():
        return cells.to_numpy(dtype=object).astype(np.str_)
    if cells.str.fullmatch(r"[+-]?[0-9]{1,15}").all():
        return numbers.astype(np.int64)
    return numbers


def _parsed(cells: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers, NaN where a cell is empty, and which cells hold something that is no number."""
    missing = cells.isin(MISSING).to_numpy()
    numbers = pd.to_numeric(cells.mask(missing, "nan"), errors="coerce").to_numpy(dtype=np.float64)
    return numbers, np.isnan(numbers) & ~missing


def _numbers(cells: pd.Series[Any], column: str, where: str, hint: str) -> NDArray[np.float64]:
    numbers, wrong = _parsed(cells)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{where}: row {row}, column {column!r} holds {cells.iloc[row]!r}, which is not a number (rows are "
            f"numbered from 0, without the header){hint}"
        )
    return numbers


def _wide(table: pd.DataFrame, columns: Sequence[str], asked: Mapping[str, str | None], where: str) -> Block:
    for name in columns:
        if name not in table:
            raise DataError(f"{where}: no column {name!r}{_near(name, table)}")
    about = {*columns, *_ABOUT_PRESENTATIONS, *(name for name in asked.values() if name)}
    for role in ("stimulus", "category", "repeat", "area", "subject", "session"):
        about |= set(KNOWN[role])
    kept = [str(name) for name in table.columns if name in about]
    units = [str(name) for name in table.columns if name not in about]
    if not units:
        raise DataError(f"{where}: every column is about presentations ({listed(kept)}): there is none for a unit")
    hint = ": if this column is about the presentation and no unit, name it in columns"
    values = np.stack([_numbers(table[name], name, where, hint) for name in units], axis=1)
    found: dict[str, Column] = {
        name: Column(dims=("presentation",), values=_as_typed(table[name], name, asked)) for name in kept
    }
    found["unit"] = Column(dims=("unit",), values=np.array(units, dtype=np.str_))
    note = f"a column a unit: {len(units)} units ({listed(units)}); about presentations: {listed(kept) or 'none'}"
    return Block(values=values, dims=("presentation", "unit"), columns=found, notes=(note,))


def _as_typed(cells: pd.Series[Any], name: str, asked: Mapping[str, str | None]) -> NDArray[Any]:
    """Names stay the text that they are ("007" is no 7); the rest is numbers where it can be."""
    naming = {*KNOWN["stimulus"], *KNOWN["unit"], *KNOWN["category"], asked.get("stimulus"), asked.get("unit")}
    if name in naming or name == asked.get("category"):
        return cells.to_numpy(dtype=object).astype(np.str_)
    return typed(cells)


def _long(table: pd.DataFrame, value: str, unit: str, asked: Mapping[str, str | None], where: str) -> Block:
    stimulus, repeat = _column(table, "stimulus", asked), _column(table, "repeat", asked)
    if stimulus is None:
        raise DataError(
            f"{where}: no column says which stimulus was shown: name it with stimulus; columns are "
            f"{listed(list(map(str, table.columns)))}"
        )
    responses = _numbers(table[value], value, where, "")
    for name in filter(None, (stimulus, unit, repeat)):
        blank = np.flatnonzero(table[name].isin(MISSING).to_numpy())
        if blank.size:
            raise DataError(f"{where}: row {blank[0]}, column {name!r} is empty: which {name} is it?")
    keys = table[stimulus] if repeat is None else pd.MultiIndex.from_frame(table[[stimulus, repeat]])
    row, shown = pd.factorize(keys)
    column, units = pd.factorize(table[unit])
    _refuse_twice(row, column, table, (stimulus, unit, repeat), where)
    values = np.full((len(shown), len(units)), np.nan)
    values[row, column] = responses
    first_shown = np.unique(row, return_index=True)[1]
    first_unit = np.unique(column, return_index=True)[1]
    found: dict[str, Column] = {}
    lost = []
    for name in map(str, table.columns):
        if name == value:
            continue
        cells = table[name]
        of_shown = (cells.to_numpy()[first_shown][row] == cells.to_numpy()).all()
        of_unit = (cells.to_numpy()[first_unit][column] == cells.to_numpy()).all()
        if (
            name == unit
            or (of_unit and name not in (stimulus, repeat) and not of_shown)
            or (of_unit and name in {*KNOWN["area"], *KNOWN["subject"], *KNOWN["session"]})
        ):
            found[name] = Column(dims=("unit",), values=_as_typed(cells.iloc[first_unit], name, asked))
        elif of_shown:
            found[name] = Column(dims=("presentation",), values=_as_typed(cells.iloc[first_shown], name, asked))
        else:
            lost.append(name)
    notes = [f"a row a response: {len(table)} rows, {len(shown)} presentations x {len(units)} units"]
    if lost:
        notes.append(f"columns that were left out, since they change within a presentation and a unit: {listed(lost)}")
    return Block(values=values, dims=("presentation", "unit"), columns=found, notes=tuple(notes))


def _column(table: pd.DataFrame, role: str, asked: Mapping[str, str | None]) -> str | None:
    """The column of a role: the named one if this table has it, or else one of the known names."""
    return next((name for name in (asked.get(role), *KNOWN[role]) if name is not None and name in table), None)


def _refuse_twice(
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    table: pd.DataFrame,
    names: tuple[str, str, str | None],
    where: str,
) -> None:
    cells = pd.Series(row.astype(np.int64) * (int(column.max()) + 1) + column)
    again = np.flatnonzero(cells.duplicated().to_numpy())
    if not again.size:
        return
    second = int(again[0])
    first = int(np.flatnonzero((cells == cells.iloc[second]).to_numpy())[0])
    stimulus, unit, repeat = names
    which = f"stimulus {table[stimulus].iloc[first]!r} and unit {table[unit].iloc[first]!r}"
    if repeat is None:
        raise DataError(
            f"{where}: rows {first} and {second} both hold a response of {which} ({again.size} such rows): if they are "
            "repeats, number them in a column and name it with repeat"
        )
    raise DataError(
        f"{where}: rows {first} and {second} both hold a response of {which} on {repeat} {table[repeat].iloc[first]!r} "
        f"({again.size} such rows): leave one out"
    )


def _near(name: str, table: pd.DataFrame) -> str:
    names = list(map(str, table.columns))
    return f"{did_you_mean(name, names, otherwise='.')} Columns are {listed(names)}"
