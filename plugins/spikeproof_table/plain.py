"""npy and npz files: arrays whose axes have no names until they are told."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

from .block import Block, Column, check_dims, column_values, listed
from .files import Kind
from .roles import KNOWN

__all__ = ["load_npy", "read_arrays", "read_plain"]

_PREFERRED = ("responses", "response")

_BROKEN = (ValueError, OSError, EOFError, SyntaxError, tokenize.TokenError)
"""What NumPy raises on damaged files; their header is Python text."""


def read_plain(
    path: Path,
    kind: Kind,
    where: str,
    *,
    responses: str | None,
    dims: Sequence[str],
    asked: Mapping[str, str | None],
) -> Block:
    """Read an npy or npz file; nothing is unpickled.

    Parameters
    ----------
    path : pathlib.Path
    kind : {"npy", "npz"}
    where : str
        The source as the user gave it, for messages.
    responses : str, optional
        Name of the array in an npz file; needed if several could be meant.
    dims : sequence of str
        Names of its axes, in their order.
    asked : mapping of str to (str or None)
        Role to the array that the user named, such as ``{"unit": "neurons"}``.

    Raises
    ------
    DataError
        If the file is damaged, an array holds Python objects, or there is no such array.
    BadParameter
        If the axes are not named and the other arrays do not say which is which.
    """
    if kind == "npy":
        if responses is not None:
            raise BadParameter(f"{where}: responses = {responses!r} names an array, but an npy file holds one only")
        array, notes, others = load_npy(path, where), list[str](), dict[str, NDArray[Any]]()
    else:
        arrays = read_arrays(path, where)
        name, notes = _choose(arrays, responses, where)
        array = arrays[name]
        others = {key: value for key, value in arrays.items() if key != name}
    called = check_dims(dims or _guess_dims(array.shape, others, asked, where, notes), array.shape, where)
    columns, unused = _columns(others, called, array.shape, asked, where)
    if unused:
        notes.append("arrays of the file that are not used: " + ", ".join(unused))
    return Block(values=array, dims=called, columns=columns, notes=tuple(notes))


def read_arrays(path: Path, where: str) -> dict[str, NDArray[Any]]:
    """Every array of an npz file.

    Raises
    ------
    DataError
        If it is damaged, or an array holds Python objects.
    """
    name = ""
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            if not file.files:
                raise DataError(f"{where}: this npz file holds no arrays")
            for name in file.files:
                arrays[name] = _checked(file[name], f"array {name!r}", where)
    except (*_BROKEN, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if "pickle" in str(error).lower():
            raise DataError(_pickled(f"array {name!r}", where)) from error
        raise DataError(
            f"{where}: array {name!r} cannot be read ({error}): the file is damaged or no npz file; get it again"
        ) from error
    return arrays


def load_npy(path: Path, where: str) -> NDArray[Any]:
    """The array of an npy file.

    Raises
    ------
    DataError
        If it is damaged or holds Python objects.
    """
    try:
        return _checked(np.load(path, allow_pickle=False), "the array", where)
    except _BROKEN as error:
        if "pickle" in str(error).lower():
            raise DataError(_pickled("the array", where)) from error
        raise DataError(f"{where}: the array cannot be read ({error}): the file is damaged; get it again") from error


def _checked(array: object, what: str, where: str) -> NDArray[Any]:
    if not isinstance(array, np.ndarray):
        raise DataError(f"{where}: {what} is no array: a zip file of something else?")
    if array.dtype.names is not None:
        raise DataError(
            f"{where}: {what} holds records ({', '.join(array.dtype.names)}): save each field as an array of its own"
        )
    return array


def _pickled(what: str, where: str) -> str:
    return (
        f"{where}: {what} holds Python objects, which would have to be unpickled (that can run code): "
        "save it as numbers or as text (dtype str), missing repeats as NaN"
    )


def _choose(arrays: Mapping[str, NDArray[Any]], responses: str | None, where: str) -> tuple[str, list[str]]:
    shapes = [f"{name} {array.shape} {array.dtype}" for name, array in arrays.items()]
    if responses is not None:
        if responses in arrays:
            return responses, []
        meant = did_you_mean(responses, arrays, otherwise=".")
        raise DataError(
            f"{where}: responses = {responses!r}: there is no such array{meant} Arrays are {listed(shapes)}"
        )
    for name in _PREFERRED:
        if name in arrays:
            return name, []
    able = [name for name, array in arrays.items() if array.ndim >= 2 and array.dtype.kind in "iuf"]
    if len(able) != 1:
        raise DataError(
            f"{where}: which array holds the responses? Name it with responses; arrays are {listed(shapes)}"
        )
    return able[0], [f"responses are the array {able[0]!r}, the only one of numbers along several axes"]


def _guess_dims(
    shape: tuple[int, ...],
    others: Mapping[str, NDArray[Any]],
    asked: Mapping[str, str | None],
    where: str,
    notes: list[str],
) -> tuple[str, ...]:
    """Name the axes by the lengths of the arrays that name units and stimuli, where only one way fits."""
    unit, stimulus = (_name_array(role, others, asked) for role in ("unit", "stimulus"))
    if len(shape) == 2 and unit is not None and stimulus is not None:
        units, stimuli = len(others[unit]), len(others[stimulus])
        if units != stimuli and shape in {(units, stimuli), (stimuli, units)}:
            shown = "stimulus" if len(np.unique(others[stimulus])) == stimuli else "presentation"
            dims = ("unit", shown) if shape == (units, stimuli) else (shown, "unit")
            notes.append(f"axes are {' x '.join(dims)}: so many names are in {unit} and {stimulus}")
            return dims
    example = {1: '["stimulus"]', 2: '["unit", "stimulus"]', 3: '["unit", "stimulus", "repeat"]'}.get(
        len(shape), '["unit", "stimulus", "repeat", "time_bin"]'
    )
    raise BadParameter(
        f"{where}: the responses have shape {shape}, and nothing says which axis is which: name them in this order, "
        f"such as dims = {example}; axes are unit, stimulus (or presentation), repeat, time_bin"
    )


def _name_array(role: str, others: Mapping[str, NDArray[Any]], asked: Mapping[str, str | None]) -> str | None:
    """The array that names units or stimuli, where there is one."""
    named = (asked.get(role), *KNOWN[role])
    return next((name for name in named if name is not None and name in others and others[name].ndim == 1), None)


def _columns(
    others: Mapping[str, NDArray[Any]],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    asked: Mapping[str, str | None],
    where: str,
) -> tuple[dict[str, Column], list[str]]:
    """Arrays of one value per unit, stimulus, ... as columns; names and why of those that are none."""
    shown = "stimulus" if "stimulus" in dims else "presentation"
    sizes = dict(zip(dims, shape, strict=True))
    axis_of = {name: role for role, names in KNOWN.items() for name in names}
    axis_of |= {name: role for role, name in asked.items() if name}
    columns: dict[str, Column] = {}
    unused = []
    for name, array in others.items():
        values = column_values(array)
        role = axis_of.get(name)
        if values is None or array.ndim > 1:
            unused.append(f"{name} {array.shape}")
            continue
        if array.ndim == 0:
            columns[name] = Column(dims=(), values=values)
            continue
        if role is not None:
            axis = "unit" if role in ("unit", "area", "subject", "session") else shown
            if role == "repeat" and "repeat" in dims:
                axis = "repeat"
            if len(array) != sizes[axis]:
                raise DataError(
                    f"{where}: {name} has {len(array)} values, but the responses have {sizes[axis]} along {axis} "
                    f"(shape {shape}, dims {', '.join(dims)}): are the axes named in the right order?"
                )
        else:
            fitting = [dim for dim, size in sizes.items() if size == len(array)]
            if len(fitting) != 1:
                why = "as long as several axes" if fitting else "as long as no axis"
                unused.append(f"{name} ({len(array)} values, {why})")
                continue
            axis = fitting[0]
        columns[name] = Column(dims=(axis,), values=values)
    return columns, unused
