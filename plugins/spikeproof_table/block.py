"""Responses as a file lays them out: an array whose axes have names, and columns along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

__all__ = ["AXES", "Block", "Column", "as_text", "check_dims", "check_numbers", "column_values", "listed"]

AXES = ("presentation", "unit", "stimulus", "repeat", "time_bin")
"""Names that an axis may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Values along some axes of a block.

    Parameters
    ----------
    dims : tuple of str
        Names of axes; empty for one value that holds for all.
    values : numpy.ndarray
        Numbers, times, truth values or text.
    attrs : mapping
        What the file says of them.
    """

    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Responses and the columns that a file has along their axes.

    Parameters
    ----------
    values : numpy.ndarray
        Real numbers, axes as in ``dims``.
    dims : tuple of str
        Unit, and either presentation or stimulus, with repeat or without; time_bin.
    columns : mapping of str to Column
        Under the names of the file.
    units : str
        Unit of the responses as the file says it; empty if it does not.
    notes : tuple of str
        Choices that were made for the user.
    """

    values: NDArray[Any]
    dims: tuple[str, ...]
    columns: Mapping[str, Column]
    units: str = ""
    notes: tuple[str, ...] = ()

    def size(self, dim: str) -> int:
        """Length of an axis; 1 where there is none."""
        return self.values.shape[self.dims.index(dim)] if dim in self.dims else 1

    @property
    def shown(self) -> str:
        """The axis along which stimuli are shown: ``"stimulus"`` or ``"presentation"``."""
        return "stimulus" if "stimulus" in self.dims else "presentation"


def check_numbers(block: Block, where: str) -> None:
    """Refuse responses that are no real numbers, or of which there are none.

    Raises
    ------
    DataError
        With their type or shape.
    """
    if block.values.dtype.kind not in "iuf":
        raise DataError(f"{where}: responses must be real numbers, but are {block.values.dtype}")
    if 0 in block.values.shape:
        raise DataError(f"{where}: the responses are empty: shape {block.values.shape} ({', '.join(block.dims)})")


def check_dims(dims: Sequence[str], shape: tuple[int, ...], where: str) -> tuple[str, ...]:
    """Refuse names of axes that do not describe responses.

    Raises
    ------
    BadParameter
        If a name is unknown or stands twice, unit is missing, or not exactly one of stimulus and presentation is there.
    DataError
        If there are not as many names as axes.
    """
    example = 'such as dims = ["unit", "stimulus", "repeat"]'
    for dim in dims:
        if dim not in AXES:
            meant = did_you_mean(dim, AXES, 1, otherwise=";")
            raise BadParameter(f"{where}: dims names an axis {dim!r}{meant} axes are {', '.join(AXES)}")
    if len(set(dims)) < len(dims):
        raise BadParameter(f"{where}: dims names an axis twice: {', '.join(dims)}")
    if len(dims) != len(shape):
        raise DataError(
            f"{where}: dims names {len(dims)} axes ({', '.join(dims)}), but the responses have {len(shape)}, of shape "
            f"{shape}: name each axis once"
        )
    if "unit" not in dims or ("stimulus" in dims) == ("presentation" in dims):
        raise BadParameter(
            f"{where}: dims must name unit, and either stimulus or presentation, {example}; got {', '.join(dims)}"
        )
    if "repeat" in dims and "presentation" in dims:
        raise BadParameter(
            f"{where}: dims names repeat and presentation: a presentation is one repeat of one stimulus; name the axis "
            f"of stimuli stimulus, {example}"
        )
    return tuple(dims)


def as_text(values: NDArray[Any], what: str, where: str) -> NDArray[np.str_]:
    """Names as text: whole numbers without ``.0``, bytes as UTF-8.

    Raises
    ------
    DataError
        If a name is missing, empty, or not text or a number; its position is given.

    Examples
    --------
    >>> as_text(np.array([3.0, 10.0]), "unit", "table:x.npz").tolist()
    ['3', '10']
    """
    texts = []
    for position, value in enumerate(values.ravel().tolist()):
        missing = value is None or value in ("", b"") or (isinstance(value, float) and value != value)
        if missing:
            raise DataError(f"{where}: {what} has no name at {position}: every one needs a name")
        if isinstance(value, bytes):
            try:
                texts.append(value.decode())
            except UnicodeDecodeError as error:
                raise DataError(f"{where}: {what} at {position} is not UTF-8 text ({error})") from error
        elif isinstance(value, float) and value.is_integer():
            texts.append(f"{value:.0f}")
        elif isinstance(value, (str, int, float)):
            texts.append(str(value))
        else:
            raise DataError(f"{where}: {what} at {position} is {value!r} ({type(value).__name__}): names must be text")
    return np.array(texts, dtype=np.str_).reshape(values.shape)


def column_values(values: NDArray[Any]) -> NDArray[Any] | None:
    """Values as a coordinate holds them: text as str with "" where it is missing; None if they are something else."""
    if values.dtype.kind in "iufbUmM":
        return values
    if values.dtype.kind not in "SO":
        return None
    out = []
    for value in values.ravel().tolist():
        if isinstance(value, bytes):
            out.append(value.decode("utf-8", "backslashreplace"))
        elif isinstance(value, str):
            out.append(value)
        elif value is None or (isinstance(value, float) and value != value):
            out.append("")
        else:
            return None
    return np.array(out, dtype=np.str_).reshape(values.shape)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, cut after some.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
