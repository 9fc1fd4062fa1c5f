"""Whether units were observed while stimuli were shown: a count of zero is silence only if they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
from spikeproof.errors import DataError

from .columns import read_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["unobserved"]


def unobserved(table: h5py.Group, chosen: NDArray[np.intp], edges: NDArray[np.float64], where: str) -> str:
    """Say how many counts are of windows in which the unit was not observed all the time.

    Parameters
    ----------
    table : h5py.Group
        The units table; nothing is said of one without ``obs_intervals``, nor of units without any.
    chosen : numpy.ndarray of int, (unit,)
        Rows of the table.
    edges : numpy.ndarray of float64, (presentation, time_bin + 1)
        Seconds.
    where : str
        File and table, for messages.

    Returns
    -------
    str
        What to tell the user; empty if all were observed.

    Raises
    ------
    DataError
        If the intervals are not (start, stop), or their index does not fit them.
    """
    if "obs_intervals" not in table or "obs_intervals_index" not in table:
        return ""
    intervals = table["obs_intervals"]
    ends = read_numbers(table["obs_intervals_index"], f"{where}, obs_intervals_index").astype(np.intp)
    fits = intervals.ndim == 2 and intervals.shape[1] == 2 and len(ends) > chosen.max()
    if not fits or (np.diff(ends, prepend=0) < 0).any() or ends[-1] != len(intervals):
        raise DataError(
            f"{where}: obs_intervals {intervals.shape} and their index do not fit: when each unit was observed is not "
            "known; write the file again with pynwb"
        )
    held = np.asarray(intervals[()], dtype=np.float64)
    bounds = np.concatenate([[0], ends])
    known: dict[bytes, int] = {}
    missed = []
    for unit in chosen.tolist():
        own = held[bounds[unit] : bounds[unit + 1]]
        key = own.tobytes()
        if key not in known:
            known[key] = _outside(own, edges[:, 0], edges[:, -1]) if len(own) else 0
        missed.append(known[key])
    units = sum(amount > 0 for amount in missed)
    if not units:
        return ""
    least = min(amount for amount in missed if amount)
    return (
        f"obs_intervals of {where} say that {units} of {len(chosen)} units were not observed all through "
        f"{least} to {max(missed)} of {len(edges)} windows: a low count there is no silence; leave those units or rows "
        "out"
    )


def _outside(intervals: NDArray[np.float64], start: NDArray[np.float64], stop: NDArray[np.float64]) -> int:
    """Number of windows that no interval holds whole; intervals that touch or overlap count as one."""
    order = np.argsort(intervals[:, 0], kind="stable")
    begin, end = intervals[order, 0], np.maximum.accumulate(intervals[order, 1])
    fresh = np.concatenate([[True], begin[1:] > end[:-1]])
    begin, end = begin[fresh], end[np.append(np.flatnonzero(fresh)[1:] - 1, len(end) - 1)]
    place = np.searchsorted(begin, start, side="right") - 1
    return int((~((place >= 0) & (stop <= end[np.maximum(place, 0)]))).sum())
