"""A stimulus series as a table: each sample is a presentation that lasts until the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
from spikeproof.errors import DataError

from .columns import Columns, read_column
from .timing import read_timing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .layout import Table

__all__ = ["read_series_table"]

_UNEVEN = 1.01


def read_series_table(file: h5py.File, table: Table, where: str, *, timed: bool) -> tuple[Columns, str]:
    """Read the samples of a series as rows with ``start_time``, ``stop_time`` and what was shown.

    Parameters
    ----------
    file : h5py.File
    table : Table
    where : str
        File and series, for messages.
    timed : bool
        Whether a `window` says how long a presentation lasts. Otherwise each lasts until the next sample, and the
        last one as long as the others do (their median).

    Returns
    -------
    (Columns, str)
        The rows, and what to tell the user about how long they last.

    Raises
    ------
    DataError
        If the times are missing or cannot be trusted, or how long a single sample lasts is not known.
    """
    series = file[table.path]
    column = table.columns[0]
    data = series.get("data")
    valued = isinstance(data, h5py.Dataset) and data.ndim == 1 and 0 not in data.shape
    outside = "external_file" in series  # then data is empty, or holds something else
    sized = not outside and isinstance(data, h5py.Dataset) and 0 not in data.shape and data.ndim > 0
    timing = read_timing(series, int(data.shape[0]) if sized else None, where)
    start = timing.all()
    values = read_column(data, f"{where}, data") if valued else np.arange(timing.samples)
    note = ""
    if len(start) > 1:
        lengths = np.diff(start)
        usual = float(np.median(lengths))
        stop = np.append(start[1:], start[-1] + usual)
        if not timed:
            note = f"each sample of {table.path} was taken to be shown until the next one, {_spread(lengths, usual)}"
            note += f", the last one for {usual:.6g} s"
    elif timed:
        stop = start.copy()
    else:
        raise DataError(
            f"{where} has a single sample: how long it was shown is not known; say with `window` which seconds after "
            "it to measure, such as window = [0.0, 0.2]"
        )
    return Columns({"start_time": start, "stop_time": stop, column: values}, {}), note


def _spread(lengths: NDArray[np.float64], usual: float) -> str:
    shortest, longest = float(lengths.min()), float(lengths.max())
    if longest <= shortest * _UNEVEN:
        return f"{usual:.6g} s"
    return f"{shortest:.6g} to {longest:.6g} s (median {usual:.6g} s; `window` makes them equal)"
