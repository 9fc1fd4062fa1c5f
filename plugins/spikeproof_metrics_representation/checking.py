"""Checks that every function of this package makes of its input, and what to do where a value is undefined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["CONSTANT", "Undefined", "as_matrix", "same_rows", "undefined_value"]

Undefined: TypeAlias = Literal["refuse", "nan", "zero"]
"""What an undefined value becomes: an error (ours), NaN, or 0 as some reference implementations give."""

CONSTANT = 1e-13
"""A vector varies if its norm after centring exceeds this share of its norm before; less is rounding."""

_LEAST, _MOST = 1e-70, 1e70
"""Sums of squares between which no product of kernels overflows or vanishes."""


def as_matrix(values: ArrayLike, what: str, *, rows: str, columns: str, at_least: int = 1) -> NDArray[np.float64]:
    """Check a matrix of finite numbers.

    Parameters
    ----------
    values : array_like, (row, column)
    what, rows, columns : str
        What messages call the matrix, its rows and its columns.
    at_least : int
        Rows that are needed.

    Returns
    -------
    numpy.ndarray of float64, (row, column)

    Raises
    ------
    DataError
        If it is not two-dimensional, has no columns, or holds a value that is not finite, or values so large or so
        small that their products are not.
    NotEnoughData
        If it has too few rows.

    Examples
    --------
    >>> as_matrix([[1, 2]], "patterns", rows="condition", columns="channel").dtype
    dtype('float64')
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise DataError(f"{what}: needs two dimensions ({rows}, {columns}), got {array.shape}")
    if array.shape[1] == 0:
        raise DataError(f"{what}: there is no {columns}")
    if array.shape[0] < at_least:
        raise NotEnoughData(f"{what}: needs at least {at_least} of {rows}, got {array.shape[0]}")
    # A sum of squares is finite if all of its terms are: only where it is not, the slower look is needed.
    flat = array.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        power = float(np.vdot(flat, flat))
    if not _LEAST <= power <= _MOST:
        refuse_non_finite(array, what, rows=rows, columns=columns)
        _refuse_out_of_range(array, what)
    return array


def _refuse_out_of_range(array: NDArray[np.float64], what: str) -> None:
    """Name numbers whose fourth powers would be infinite, or zero."""
    largest = float(np.abs(array).max())
    if largest > 0:
        raise DataError(
            f"{what}: the largest value is {largest:.3g}, so that products of values leave the range of floating-point "
            "numbers; divide all values by one number"
        )


def refuse_non_finite(array: NDArray[np.float64], what: str, *, rows: str, columns: str) -> None:
    """Name the first value that is not finite, and how many there are."""
    bad = ~np.isfinite(array)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{what}: {int(bad.sum())} values are not finite, the first ({array[row, column]}) in {rows} {row}, "
            f"{columns} {column}; leave those {rows}s or {columns}s out"
        )


def same_rows(first: NDArray[np.float64], second: NDArray[np.float64], what: str, rows: str = "stimulus") -> None:
    """Refuse two matrices of different numbers of rows.

    Raises
    ------
    DataError
    """
    if len(first) != len(second):
        raise DataError(
            f"{what}: the two must describe the same {rows} in the same order, got {len(first)} and {len(second)}"
        )


def undefined_value(undefined: Undefined, message: str, error: type[DataError] = DataError) -> float:
    """Return NaN or 0, or raise, as asked.

    Raises
    ------
    DataError
        If ``undefined`` is ``"refuse"``.
    """
    if undefined == "refuse":
        raise error(message)
    return float("nan") if undefined == "nan" else 0.0
