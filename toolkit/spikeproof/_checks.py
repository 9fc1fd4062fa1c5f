"""What every part of the data model asks of coordinates and values; messages name the coordinate and the place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_finite", "check_names", "check_same"]


def check_names(where: str, coordinate: str, values: Iterable[object], *, unique: bool) -> None:
    """Refuse names that are not text, are empty, or (if ``unique``) stand twice."""
    seen: set[str] = set()
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(
                f"{where}: coordinate {coordinate!r} must hold text, got {value!r} ({type(value).__name__}) at {number}"
            )
        if not value:
            raise DataError(f"{where}: coordinate {coordinate!r} is empty at {number}: every entry needs a name")
        if unique and value in seen:
            raise DataError(f"{where}: coordinate {coordinate!r} must be unique, but {value!r} stands twice")
        seen.add(value)


def check_finite(where: str, what: str, array: xr.DataArray) -> None:
    """Refuse values that are not finite numbers; the first is named by its coordinates."""
    import numpy as np

    if array.dtype.kind not in "iufb":
        raise DataError(f"{where}: {what} must be numbers, got {array.dtype}")
    bad = np.argwhere(~np.isfinite(array.values))
    if not len(bad):
        return
    place = []
    for dim, position in zip(array.dims, bad[0].tolist(), strict=True):
        name = array[dim].values[position] if dim in array.coords else position
        place.append(f"{dim} {name!s}")
    raise DataError(
        f"{where}: {what} at {', '.join(place)} is {array.values[tuple(bad[0])]} ({len(bad)} of {array.size} values "
        "are not finite numbers)"
    )


def check_same(where: str, what: str, dim: str, got: Iterable[object], expected: Iterable[object]) -> None:
    """Refuse names along a dimension that are not the expected ones in their order."""
    left, right = list(got), list(expected)
    if left == right:
        return
    if len(left) != len(right):
        raise DataError(f"{where}: {what} has {len(left)} along {dim!r}, expected {len(right)}")
    first = next(number for number, (a, b) in enumerate(zip(left, right, strict=True)) if a != b)
    order = " (the same names in another order)" if set(left) == set(right) else ""
    raise DataError(
        f"{where}: {what} must have the {dim} names of the code in their order{order}: {dim} {first} is "
        f"{left[first]!r}, expected {right[first]!r}"
    )
