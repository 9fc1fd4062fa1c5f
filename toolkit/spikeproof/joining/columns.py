"""What recordings say of their presentations and units, side by side: every column is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .part import Part

__all__ = ["Places", "join_columns"]

_Held: TypeAlias = "tuple[Places, xr.Variable]"

_TIMES = ("start_time", "stop_time")
_COMPLETE = (*_TIMES, "presentation")
"""Columns that keep their name only where every presentation has them."""

_EXACT = 2**53
"""Whole numbers up to this are exact as floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where one part's presentations and units stand in the joined recording.

    Parameters
    ----------
    taken : numpy.ndarray of int
        Its presentations that are kept.
    rows : numpy.ndarray of int
        Where they stand.
    units : slice
        Where its units stand.
    sizes : tuple of (int, int)
        Presentations and units of the joined recording.
    """

    taken: NDArray[np.intp]
    rows: NDArray[np.intp]
    units: slice
    sizes: tuple[int, int]


def join_columns(
    parts: Sequence[Part], places: Sequence[Places], but: Sequence[str]
) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable], list[str]]:
    """Join coordinates and further variables.

    A column that the parts agree on, wherever several have it, is one column; one that they disagree on is kept for
    each part as ``NAME (LABEL)``. Where a part has no value stands NaN (whole and logical numbers become floats; text,
    where that would not be exact), empty text, or NaT.

    Parameters
    ----------
    parts : sequence of Part
    places : sequence of Places
    but : sequence of str
        Names that are joined elsewhere.

    Returns
    -------
    coordinates, variables : dict of str to xarray.Variable
    notes : list of str
        Which columns are kept for each part.
    """
    datasets = [_own_dimensions(part, parts) for part in parts]
    is_coordinate: dict[str, bool] = {}
    for dataset in datasets:
        for name in map(str, dataset.variables):
            is_coordinate[name] = is_coordinate.get(name, False) or name in dataset.coords
    held = {
        name: [
            (number, (place, dataset.variables[name]))
            for number, (place, dataset) in enumerate(zip(places, datasets, strict=True))
            if name in dataset.variables
        ]
        for name in is_coordinate
        if name not in but
    }
    joined = {name: _joined([one for _, one in found], name in _COMPLETE) for name, found in held.items()}
    if any(joined.get(name) is None for name in _TIMES):
        joined |= dict.fromkeys((name for name in _TIMES if name in held), None)  # a window needs both of its ends
    coordinates: dict[str, xr.Variable] = {}
    variables: dict[str, xr.Variable] = {}
    for name, found in held.items():
        out = coordinates if is_coordinate[name] else variables
        one = joined[name]
        if one is not None:
            out[name] = one
            continue
        for number, (place, variable) in found:
            out[f"{name} ({parts[number].label})"] = _placed(place, variable)
    apart = ", ".join(name for name, one in joined.items() if one is None)
    notes = (
        [f"columns that recordings disagree on are kept for each of them, as NAME (SOURCE): {apart}"] if apart else []
    )
    return coordinates, variables, notes


def _own_dimensions(part: Part, parts: Sequence[Part]) -> xr.Dataset:
    """Rename dimensions that mean something else in another part (waveform samples of another rate, say)."""
    own = part.responses
    renamed = {}
    for dim in own.dims:
        if dim in ("presentation", "unit", "time_bin"):
            continue
        for other in parts:
            if dim in other.responses.dims and not _same_dimension(own, other.responses, str(dim)):
                renamed[dim] = f"{dim} ({part.label})"
    return own.rename(renamed)


def _same_dimension(one: xr.Dataset, other: xr.Dataset, dim: str) -> bool:
    if one.sizes[dim] != other.sizes[dim] or (dim in one.coords) != (dim in other.coords):
        return False
    return dim not in one.coords or _equal(one[dim].values, other[dim].values)


def _joined(held: Sequence[_Held], complete: bool) -> xr.Variable | None:
    """Return one variable for all parts that hold it, or None if they disagree."""
    first = held[0][1]
    if any(variable.dims != first.dims for _, variable in held):
        return None
    dtype = _common_dtype([variable for _, variable in held])
    if dtype is None:
        return None
    values, filled = _blank(held[0], dtype)
    for place, variable in held:
        taken, index = variable.values[_index(variable, place.taken, slice(None))], _where(place, variable)
        before = np.asarray(filled[index])
        if before.any() and not _equal(np.asarray(values[index])[before], np.asarray(taken)[before]):
            return None
        values[index], filled[index] = taken, True
    if complete and not filled.all():
        return None
    attrs = {
        key: value
        for key, value in first.attrs.items()
        if all(key in other.attrs and _equal(other.attrs[key], value) for _, other in held)
    }
    values = _without(values, filled)
    if values.dtype == object and all(isinstance(value, str) for value in values.flat):
        values = values.astype(np.str_)
    return xr.Variable(first.dims, values, attrs)


def _placed(place: Places, variable: xr.Variable) -> xr.Variable:
    """Return a variable of one part among the joined presentations and units."""
    dtype = _common_dtype([variable])
    values, filled = _blank((place, variable), np.dtype(object) if dtype is None else dtype)
    index = _where(place, variable)
    values[index], filled[index] = variable.values[_index(variable, place.taken, slice(None))], True
    values = _without(values, filled)
    if values.dtype == object and "presentation" not in variable.dims:
        # Text of presentations stays as objects: many parts share few texts, and fixed widths would multiply them.
        values = values.astype(np.str_) if all(isinstance(value, str) for value in values.flat) else values
    return xr.Variable(variable.dims, values, variable.attrs)


def _blank(held: _Held, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    place, variable = held
    sizes = dict(zip(("presentation", "unit"), place.sizes, strict=True))
    shape = tuple(sizes.get(str(dim), size) for dim, size in variable.sizes.items())
    return np.zeros(shape, dtype=dtype), np.zeros(shape, dtype=bool)


def _where(place: Places, variable: xr.Variable) -> tuple[NDArray[np.intp] | slice, ...]:
    return _index(variable, place.rows, place.units)


def _index(
    variable: xr.Variable, presentations: NDArray[np.intp], units: slice
) -> tuple[NDArray[np.intp] | slice, ...]:
    index: dict[str, NDArray[np.intp] | slice] = {"presentation": presentations, "unit": units}
    return tuple(index.get(str(dim), slice(None)) for dim in variable.dims)


def _common_dtype(variables: Sequence[xr.Variable]) -> np.dtype[Any] | None:
    """Return the type that holds all values exactly, or None if there is none."""
    kinds = {variable.dtype.kind for variable in variables}
    if kinds <= set("US") or "O" in kinds:
        mixed = len(kinds) > 1 and not kinds <= set("USO")
        return None if mixed else np.dtype(object)
    if kinds <= set("iuf"):
        found = np.result_type(*(variable.dtype for variable in variables))
        whole = [variable.values for variable in variables if variable.dtype.kind != "f"]
        return None if found.kind == "f" and any(_too_large(values) for values in whole) else found
    return np.result_type(*(variable.dtype for variable in variables)) if len(kinds) == 1 else None


def _without(values: NDArray[Any], filled: NDArray[np.bool_]) -> NDArray[Any]:
    """Say that values are missing, in the way of their type."""
    if filled.all():
        return values
    kind = values.dtype.kind
    if kind in "iu" and _too_large(values):
        values, kind = values.astype(np.str_).astype(object), "O"
    elif kind in "iub":
        values, kind = values.astype(np.float64), "f"
    if kind == "O":
        known = values[filled]
        values[~filled] = "" if all(isinstance(value, str) for value in known.flat) else None
    elif kind in "mM":
        values[~filled] = np.array("NaT", dtype=values.dtype)
    else:
        values[~filled] = np.nan
    return values


def _too_large(values: NDArray[Any]) -> bool:
    return bool(values.size) and max(abs(int(values.max())), abs(int(values.min()))) > _EXACT


def _equal(one: object, other: object) -> bool:
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return False
    numbers = a.dtype.kind in "fcmM" and b.dtype.kind in "fcmMiu"
    return bool(np.array_equal(a, b, equal_nan=numbers))
