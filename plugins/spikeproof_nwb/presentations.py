"""A presentation table: which rows, which stimulus, which category, and the window that is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError
from spikeproof.wording import did_you_mean

from .columns import Columns, as_names, different

__all__ = ["Windows", "guess_stimulus", "missing", "names_of", "overlapping", "repeats", "windows"]

# In the order in which they are tried; compared without case and underscores.
_STIMULUS_COLUMNS = (
    "stimulusid",
    "stimulusname",
    "stimulus",
    "stimid",
    "stimname",
    "imageid",
    "imagename",
    "imageindex",
    "imagefile",
    "image",
    "framename",
    "frameid",
    "frame",
    "picturename",
    "pictureid",
    "picture",
    "clipname",
    "filename",
)


@dataclass(frozen=True, slots=True)
class Windows:
    """Half-open windows [start, stop) in seconds, (presentation,), and what to tell the user about them."""

    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    notes: tuple[str, ...]


def windows(
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    rows: NDArray[np.intp],
    window: tuple[float, float] | None,
    where: str,
) -> Windows:
    """Windows to count in, checked.

    Parameters
    ----------
    start, stop : numpy.ndarray of float64, (presentation,)
        As the table says, in seconds.
    rows : numpy.ndarray of int, (presentation,)
        Their row numbers in the file, for messages.
    window : (float, float), optional
        Seconds relative to ``start``; [start, stop) by default.
    where : str
        File and table, for messages.

    Raises
    ------
    DataError
        If a time is not finite, a row stops before it starts, or lasts no time at all although it is what is
        counted: all the rows are named.
    """
    needed = (start,) if window is not None else (start, stop)
    invalid = ~np.isfinite(needed).all(axis=0)
    inverted = stop < start
    empty = stop == start if window is None else np.zeros(len(start), dtype=np.bool_)
    kinds = (
        (invalid, "without a time to start or stop at"),
        (inverted, "ending before the start"),
        (empty, "lasting 0 s"),
    )
    said = " and ".join(f"{_rows(rows[bad])} {what}" for bad, what in kinds if bad.any())
    if invalid.any() or inverted.any():
        raise DataError(
            f"{where}: {said}: spikes cannot be counted there. Mend the file, or keep only the rows that can be "
            'counted with rows = "start_time < stop_time"'
        )
    if empty.any():
        raise DataError(
            f"{where}: {said}: no spike can fall there. Say with `window` which seconds after start_time to count, "
            'such as window = [0.0, 0.2], or leave these rows out with rows = "start_time < stop_time"'
        )
    if window is None:
        return Windows(start, stop, ())
    unknown = int((~np.isfinite(stop)).sum())
    note = f"stop_time is missing in {unknown} rows; it is not used, as `window` counts from start_time"
    return Windows(start + window[0], start + window[1], (note,) if unknown else ())


def overlapping(start: NDArray[np.float64], stop: NDArray[np.float64]) -> int:
    """Number of windows that start before one that began earlier has stopped; shared edges do not overlap.

    Examples
    --------
    >>> overlapping(np.array([0.0, 1.0, 1.5]), np.array([1.0, 2.0, 2.5]))
    1
    """
    order = np.argsort(start, kind="stable")
    latest = np.maximum.accumulate(stop[order])
    return int((start[order][1:] < latest[:-1]).sum())


def repeats(names: NDArray[np.str_], start: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many times each presentation's stimulus had been shown before, by start time (ties: by row).

    Examples
    --------
    >>> repeats(np.array(["a", "b", "a"]), np.array([2.0, 1.0, 0.0])).tolist()
    [1, 0, 0]
    """
    order = np.argsort(start, kind="stable")
    counted = np.empty(len(names), dtype=np.int64)
    _, stimulus, shown = np.unique(names[order], return_inverse=True, return_counts=True)
    together = np.argsort(stimulus, kind="stable")
    counted[order[together]] = np.arange(len(names)) - np.repeat(np.cumsum(shown) - shown, shown)
    return counted


def guess_stimulus(columns: Columns, where: str) -> tuple[str, str]:
    """Column that most likely identifies the stimulus, and what to tell the user about the guess.

    Raises
    ------
    DataError
        If no column has a name that says so and more than one value.
    """
    plain = {name.lower().replace("_", ""): name for name in reversed(list(columns.values))}
    for candidate in _STIMULUS_COLUMNS:
        name = plain.get(candidate)
        if name is not None and (amount := different(columns.values[name])) > 1:
            return name, f"no stimulus column was named: {name!r} ({amount:,} different values) was used"
    raise DataError(
        f"{where}: no column says by its name which stimulus was shown; name one as `stimulus` "
        f'({described(columns)}), or take each row as a stimulus of its own with stimulus = "row"'
    )


def names_of(columns: Columns, name: str, rows: NDArray[np.intp], *, option: str, where: str) -> NDArray[np.str_]:
    """Read a column as names.

    Raises
    ------
    DataError
        If there is no such column (near names are given), it has several values per row, or values are missing.
    """
    if name in columns.left_out:
        raise DataError(f"{where}: column {name!r} holds {columns.left_out[name]}: `{option}` needs one value per row")
    if name not in columns.values:
        hint = did_you_mean(name, columns.values, otherwise=";")
        raise DataError(f"{where}: no column {name!r} for `{option}`{hint} there are {described(columns)}")
    values = columns.values[name]
    empty = missing(values)
    if empty.any():
        raise DataError(
            f"{where}: column {name!r} is empty in {_rows(rows[empty])}: `{option}` needs a value in every row; "
            "choose another column, or keep the rows that have one with `rows`"
        )
    return as_names(values)


def described(columns: Columns) -> str:
    """Columns with their numbers of different values, for messages."""
    return ", ".join(f"{name} ({different(values):,} values)" for name, values in columns.values.items())


def missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value is NaN or empty text."""
    if values.dtype.kind == "U":
        return np.asarray(values == "", dtype=np.bool_)
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values), dtype=np.bool_)
    return np.zeros(len(values), dtype=np.bool_)


def several_categories(names: Sequence[str], categories: Sequence[str]) -> Mapping[str, int]:
    """Stimuli that were shown under more than one category -> how many."""
    held: dict[str, set[str]] = {}
    for name, category in zip(names, categories, strict=True):
        held.setdefault(name, set()).add(category)
    return {name: len(kinds) for name, kinds in held.items() if len(kinds) > 1}


def _rows(rows: NDArray[np.intp]) -> str:
    listed = ", ".join(map(str, rows[:5].tolist())) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    return f"{'row' if len(rows) == 1 else 'rows'} {listed} (counted from 0)"
