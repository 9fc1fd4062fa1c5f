"""Columns of HDF5 tables: one value per row, decoded; everything else listed with the reason it was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from h5py._hl.dataset import AsStrView

__all__ = [
    "Columns",
    "as_names",
    "different",
    "is_elements",
    "is_index",
    "read_column",
    "read_columns",
    "read_numbers",
    "read_text",
]

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns with one value per row, and why others were left out.

    Parameters
    ----------
    values : dict of str to numpy.ndarray, (row,)
        Text as str, everything else as stored.
    left_out : dict of str to str
        Column -> the reason.
    """

    values: dict[str, Values]
    left_out: dict[str, str]


def read_columns(table: h5py.Group, rows: int, where: str, *, but: frozenset[str] = frozenset()) -> Columns:
    """Read every column of one value per row.

    Parameters
    ----------
    table : h5py.Group
    rows : int
        Number of rows that every column must have.
    where : str
        File and table, for messages.
    but : frozenset of str
        Columns that are read elsewhere.

    Raises
    ------
    DataError
        If a column has another number of rows, or cannot be read.
    """
    values: dict[str, Values] = {}
    left_out: dict[str, str] = {}
    for name in table:
        column = table.get(name)
        if name in but or not isinstance(column, h5py.Dataset) or is_index(table, name) or is_elements(table, name):
            continue
        if is_index(table, f"{name}_index"):
            index = table[f"{name}_index"]
            if not _one_each(column, index, rows):
                left_out[name] = "several values per row"
                continue
        elif column.ndim != 1:
            left_out[name] = f"{column.ndim} dimensions {column.shape}"
            continue
        elif len(column) != rows:
            raise DataError(
                f"{where}: column {name!r} holds {len(column):,} values for {rows:,} rows: the table is damaged; "
                "write it again with pynwb"
            )
        reason = _unreadable(column)
        if reason:
            left_out[name] = reason
        else:
            values[name] = read_column(column, f"{where}, column {name!r}")
    return Columns(values, left_out)


def is_index(table: h5py.Group, name: str) -> bool:
    """Whether this is no column, but says where each row of another one ends.

    A column of its own may end in ``_index`` too (``image_index`` beside ``image``): its type tells.
    """
    index = table.get(name)
    if not isinstance(index, h5py.Dataset) or not name.endswith("_index") or name.removesuffix("_index") not in table:
        return False
    kind = index.attrs.get("neurodata_type", "VectorIndex")
    return (kind.decode() if isinstance(kind, bytes) else kind) == "VectorIndex"


def is_elements(table: h5py.Group, name: str) -> bool:
    """Whether this is no column, but holds the names that the numbers of another one (``EnumData``) stand for."""
    column = table.get(name.removesuffix("_elements"))
    return name.endswith("_elements") and isinstance(column, h5py.Dataset) and "elements" in column.attrs


def as_names(values: Values) -> NDArray[np.str_]:
    """Text that identifies each value: whole numbers without ``.0``, text as it is.

    Examples
    --------
    >>> as_names(np.array([3.0, -1.0])).tolist()
    ['3', '-1']
    >>> as_names(np.array([0.5, 1.0])).tolist()
    ['0.5', '1.0']
    """
    if values.dtype.kind == "U":
        return values
    if np.issubdtype(values.dtype, np.floating):
        finite = values[np.isfinite(values)]
        if (finite == np.round(finite)).all() and (np.abs(finite) < 2**53).all():
            return np.array(["nan" if np.isnan(value) else f"{value:.0f}" for value in values.tolist()], dtype=np.str_)
    return np.array([str(value) for value in values], dtype=np.str_)


def different(values: Values) -> int:
    """Number of different values, NaN aside.

    Examples
    --------
    >>> different(np.array([1.0, np.nan, 1.0, np.nan])), different(np.array(["a", ""]))
    (1, 2)
    """
    if values.dtype.kind == "f":
        values = values[~np.isnan(values)]
    return len(set(values.tolist()))


def read_text(file: h5py.Group, path: str) -> str:
    """Text of a scalar dataset, stripped; empty where there is none."""
    item = file.get(path)
    if not isinstance(item, h5py.Dataset) or item.shape != ():
        return ""
    value = item[()]
    return (value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)).strip()


def read_numbers(column: h5py.Dataset, where: str) -> NDArray[np.float64]:
    """All numbers of a one-dimensional dataset as float64, in one read.

    Raises
    ------
    DataError
        If it is not one-dimensional, not numeric, or damaged.
    """
    if column.ndim != 1 or not np.issubdtype(column.dtype, np.number):
        raise DataError(
            f"{where} must be one row of numbers, but holds {column.dtype} of shape {column.shape}: "
            "write the file again with pynwb"
        )
    return np.asarray(_read(column, where), dtype=np.float64)


def _one_each(column: h5py.Dataset, index: h5py.Dataset, rows: int) -> bool:
    if column.shape != (rows,) or index.shape != (rows,) or not np.issubdtype(index.dtype, np.integer):
        return False
    return bool(np.array_equal(index[()], np.arange(1, rows + 1)))


def _unreadable(column: h5py.Dataset) -> str:
    if h5py.check_ref_dtype(column.dtype) is not None:
        return "references to other objects"
    if column.dtype.names is not None:
        return f"compound values ({', '.join(column.dtype.names)})"
    if column.dtype.kind == "O" and h5py.check_string_dtype(column.dtype) is None:
        return "values of varying length"
    return ""


def read_column(column: h5py.Dataset, where: str) -> Values:
    """All values of a dataset: text as str, numbers that stand for names (``EnumData``) as those names.

    Raises
    ------
    DataError
        If it is damaged, or a number has no name.
    """
    if h5py.check_string_dtype(column.dtype) is not None:
        values = _read(column.asstr("utf-8", errors="backslashreplace"), where)
        return np.array([str(value) for value in np.ravel(values)], dtype=np.str_)
    values = _read(column, where)
    elements = column.attrs.get("elements")  # EnumData: numbers that index a list of names
    if isinstance(elements, h5py.Reference) and np.issubdtype(values.dtype, np.integer):
        names = read_column(column.file[elements], where)
        if values.size and int(values.max()) >= len(names):
            raise DataError(f"{where}: value {int(values.max())} has no name among its {len(names)} elements")
        return names[values]
    return values


def _read(column: h5py.Dataset | AsStrView, where: str) -> Values:
    try:
        return np.asarray(column[()])
    except OSError as error:
        raise DataError(f"{where} cannot be read: the file is damaged ({error}); get it again") from error
