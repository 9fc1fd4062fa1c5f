"""A block of responses as presentations: one row for each repeat of each stimulus that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError

from .block import Block, Column

__all__ = ["TimeUnit", "lay_out"]

TimeUnit = Literal["s", "ms"]

_RESERVED = {
    "unit": "unit", "session": "unit", "subject": "unit", "area": "unit",
    "stimulus_id": "presentation", "repeat": "presentation", "start_time": "presentation",
    "stop_time": "presentation", "category": "presentation", "choice": "presentation", "correct": "presentation",
    "time_bin": "time_bin", "time_bin_start": "time_bin", "time_bin_stop": "time_bin",
}  # fmt: skip
"""Coordinates of a recording and the axis along which each must stand."""


def lay_out(
    block: Block,
    stimuli: NDArray[np.str_],
    units: NDArray[np.str_],
    where: str,
    *,
    repeat: str | None,
    response_units: str,
    time_unit: TimeUnit | None,
    extra: Mapping[str, Column],
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Lay responses out as (presentation, unit[, time_bin]) with every coordinate.

    Parameters
    ----------
    block : Block
    stimuli : numpy.ndarray of str, (stimulus,) or (presentation,)
        Stimulus along the axis that the block has.
    units : numpy.ndarray of str, (unit,)
    where : str
        The source as the user gave it, for messages.
    repeat : str, optional
        Column that numbers repeats.
    response_units : str
    time_unit : {"s", "ms"}, optional
        Unit of the edges of time bins; None if the file says it, or else s.
    extra : mapping of str to Column
        Coordinates under their final names (``area``, ``category`` ...), along axes of the block.

    Returns
    -------
    (xarray.Dataset, tuple of str)
        Presentations stand stimulus by stimulus where the block has an axis of repeats, otherwise as in the file.

    Raises
    ------
    DataError
        If a response is infinite, a unit has no value at all, there is no value at all, or repeats are no whole
        numbers.
    """
    values, order = _presentations_first(block)
    repeats = block.size("repeat")
    shown = np.repeat(stimuli, repeats)
    notes = list(_refuse_values(values, shown, units, where))
    measured = ~np.isnan(values).reshape(len(values), -1).all(axis=1)
    if not measured.all():
        lost = int((~measured).sum())
        never = len(set(stimuli.tolist()) - set(shown[measured].tolist()))
        kept = f"{lost} of {len(values)} presentations have no value in any unit and are left out"
        notes.append(kept + (f"; {never} stimuli were never measured" if never else ""))
    coords: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]] = {}
    everything = _with_extra(block.columns, extra)
    for name, column in everything.items():
        dims, spread = _spread(column, block, repeats)
        if "presentation" in dims:
            spread = spread[measured]
        coords[_free_name(name, dims, everything, notes)] = (dims, spread, dict(column.attrs))
    taken = shown[measured]
    given = _file_repeats(block, repeat, where)
    numbers, note = _repeats(taken, None if given is None else given[measured], repeat or "the axis of repeats")
    notes += note
    if repeat is None and given is not None:
        coords["repeat"] = (("presentation",), given[measured], {})
    finals: tuple[tuple[str, str, NDArray[Any]], ...] = (
        ("stimulus_id", "presentation", taken),
        ("repeat", "presentation", numbers),
        ("unit", "unit", units),
    )
    for name, dim, final in finals:
        if name in coords and not np.array_equal(coords[name][1], final):
            coords[f"{name} (file)"] = coords[name]
        coords[name] = ((dim,), final, {})
    if "time_bin" in order:
        _bins(coords, block, time_unit, where, notes)
    response = (order, values if measured.all() else values[measured], {"units": response_units})
    return xr.Dataset({"response": response}, coords=coords), tuple(notes)


def _presentations_first(block: Block) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Values as (presentation, unit[, time_bin]), stimuli before repeats."""
    values = block.values
    first = [block.shown, *(dim for dim in ("repeat",) if dim in block.dims)]
    rest = ["unit", *(dim for dim in ("time_bin",) if dim in block.dims)]
    moved = np.transpose(values, [block.dims.index(dim) for dim in (*first, *rest)])
    together = moved.reshape(-1, *moved.shape[len(first) :])
    return np.ascontiguousarray(together), ("presentation", *rest)


def _refuse_values(
    values: NDArray[Any], shown: Sequence[str] | NDArray[np.str_], units: NDArray[np.str_], where: str
) -> tuple[str, ...]:
    """Refuse infinite values and units without any; count what is missing elsewhere."""
    if values.dtype.kind != "f":
        return ()
    infinite = np.isinf(values)
    if infinite.any():
        place = np.argwhere(infinite)[0]
        raise DataError(
            f"{where}: the response of unit {units[place[1]].item()!r} to stimulus {str(shown[place[0]])!r} is "
            f"{values[tuple(place)]} ({int(infinite.sum())} such values): a response is a number, or NaN where it was "
            "not measured"
        )
    missing = np.isnan(values)
    if missing.all():
        raise DataError(f"{where}: every response is NaN: nothing was measured")
    silent = missing.all(axis=tuple(axis for axis in range(values.ndim) if axis != 1))
    if silent.any():
        raise DataError(
            f"{where}: unit {units[silent][0].item()!r} has no value on any presentation: all its responses are NaN "
            f"({int(silent.sum())} of {len(units)} units): take such units out of the file"
        )
    presented = ~missing.reshape(len(values), -1).all(axis=1)
    holes = int(missing[presented].sum())
    total = int(missing[presented].size)
    return (f"{holes} of {total} responses were not measured (NaN)",) if holes else ()


def _spread(column: Column, block: Block, repeats: int) -> tuple[tuple[str, ...], NDArray[Any]]:
    """A column along the axes of presentations: values of a stimulus are repeated, those of a repeat tiled."""
    if not set(column.dims) & {"stimulus", "repeat", "presentation"} or column.dims == ("presentation",):
        return column.dims, column.values
    others = tuple(dim for dim in ("unit", "time_bin") if dim in column.dims)
    wanted = (block.shown, "repeat", *others)
    have = tuple(dim for dim in wanted if dim in column.dims)
    moved = np.transpose(column.values, [column.dims.index(dim) for dim in have])
    shape = tuple(moved.shape[have.index(dim)] if dim in have else 1 for dim in wanted)
    full = (block.size(block.shown), repeats, *shape[2:])
    spread = np.broadcast_to(moved.reshape(shape), full).reshape(full[0] * full[1], *full[2:])
    return ("presentation", *others), spread


def _free_name(name: str, dims: tuple[str, ...], names: Mapping[str, Column], notes: list[str]) -> str:
    """The name under which a column is kept: another one where a recording uses the name for something else."""
    axis = _RESERVED.get(name, "presentation" if name == "presentation" else None)
    if name != "response" and (axis is None or dims == (axis,)):
        return name
    other = f"{name} ({' x '.join(dims) or 'file'})"
    if other in names:
        raise BadParameter(f"columns {name!r} and {other!r} cannot both be kept: rename one in the file")
    notes.append(f"the file's {name} is kept as {other!r}")
    return other


def _file_repeats(block: Block, repeat: str | None, where: str) -> NDArray[np.int64] | None:
    """Number of the repeat on every presentation, as the file has it."""
    if repeat is None:
        if "repeat" not in block.dims:
            return None
        numbers = np.arange(block.size("repeat"))
    else:
        numbers = block.columns[repeat].values
        whole = numbers.dtype.kind in "iu" or (
            numbers.dtype.kind == "f" and bool(np.isfinite(numbers).all() and (numbers == np.round(numbers)).all())
        )
        if not whole:
            raise DataError(
                f"{where}: {repeat} must number the repeats with whole numbers, but holds {numbers.ravel()[0]!r} ..."
            )
    if "repeat" in block.dims:
        numbers = np.tile(numbers, block.size("stimulus"))
    return numbers.astype(np.int64)


def _repeats(
    stimuli: NDArray[np.str_], given: NDArray[np.int64] | None, column: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Number the repeats of each stimulus 0, 1, 2 ... in the order of the file's numbers, or else of its rows."""
    _, stimulus = np.unique(stimuli, return_inverse=True)
    notes: list[str] = []
    rank: NDArray[np.int64] = np.arange(len(stimuli)) if given is None else given
    if given is not None and len(np.unique(np.stack([stimulus, given]), axis=1).T) < len(stimuli):
        notes.append(f"{column} does not tell the repeats of each stimulus apart: they are numbered as they stand")
        rank = np.arange(len(stimuli))
    order = np.lexsort((rank, stimulus))
    starts = np.flatnonzero(np.diff(stimulus[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    numbers = np.empty(len(stimuli), dtype=np.int64)
    numbers[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    if given is not None and not notes and not np.array_equal(numbers, given):
        notes.append(
            f"repeats of each stimulus are numbered 0, 1, 2 ... in the order of {column}; the file's numbers are kept"
        )
    return numbers, notes


def _with_extra(columns: Mapping[str, Column], extra: Mapping[str, Column]) -> dict[str, Column]:
    """All columns; one of the file that another replaces is kept under another name."""
    kept = {}
    for name, column in columns.items():
        mine = extra.get(name)
        if mine is None:
            kept[name] = column
        elif column.dims and (mine.dims != column.dims or not np.array_equal(mine.values, column.values)):
            # (one value for all units is not kept: it stands there now for each of them)
            kept[f"{name} (file)"] = column
    return {**kept, **extra}


def _bins(
    coords: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]],
    block: Block,
    time_unit: TimeUnit | None,
    where: str,
    notes: list[str],
) -> None:
    """Number the time bins and bring their edges to seconds."""
    if "time_bin" in coords and not np.array_equal(coords["time_bin"][1], np.arange(block.size("time_bin"))):
        coords["time_bin (file)"] = coords.pop("time_bin")
    coords["time_bin"] = (("time_bin",), np.arange(block.size("time_bin")), {})
    stop = next((name for name in ("time_bin_stop", "time_bin_end") if name in coords), None)
    if stop is None or "time_bin_start" not in coords:
        notes.append("the edges of the time bins are not known: the file has no time_bin_start and time_bin_stop")
        return
    edges = {"time_bin_start": coords.pop("time_bin_start"), "time_bin_stop": coords.pop(stop)}
    said = {values[2]["units"] for values in edges.values() if isinstance(values[2].get("units"), str)}
    unit = time_unit or (said.pop() if len(said) == 1 else None)
    if unit is None:
        largest = max(float(np.abs(values[1]).max()) for values in edges.values())
        raise BadParameter(
            f"{where}: time bins run up to {largest:g}, and the file does not say in which unit: say it with "
            "time_unit = 'ms' or 's' (Brain-Score's are in ms)"
        )
    factor = {"s": 1.0, "ms": 1000.0}.get(unit)
    if factor is None:
        raise BadParameter(f"{where}: the edges of time bins are in {unit!r}: say time_unit = 's' or 'ms'")
    for name, (dims, values, _) in edges.items():
        coords[name] = (dims, values / factor, {"units": "s"})
    if factor != 1:
        notes.append(f"edges of time bins were divided by {factor:g}: the file has them in {unit}")
    if stop == "time_bin_end":
        notes.append("time_bin_stop is the file's time_bin_end")
