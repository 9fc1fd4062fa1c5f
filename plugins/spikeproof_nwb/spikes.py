"""Spike times: one flat read, an index that must fit it, and exact counts in half-open windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .columns import read_numbers

__all__ = ["SpikeTrains", "count", "read_trains"]


@dataclass(frozen=True, slots=True)
class SpikeTrains:
    """The spike times of all units in one array.

    Parameters
    ----------
    times : numpy.ndarray of float64, (spike,)
        Seconds, unit after unit.
    bounds : numpy.ndarray of int64, (unit + 1,)
        The times of unit k are ``times[bounds[k]:bounds[k + 1]]``.
    where : str
        File and table, for messages.
    """

    times: NDArray[np.float64]
    bounds: NDArray[np.int64]
    where: str

    def ready(self, chosen: NDArray[np.intp], names: Sequence[str], *, sort: bool) -> SpikeTrains:
        """Return trains whose chosen units are finite and in order of time.

        Parameters
        ----------
        chosen : numpy.ndarray of int
            The units that will be counted; others are not looked at.
        names : sequence of str
            Names of all units, for messages.
        sort : bool
            Whether to sort unsorted units instead of refusing them.

        Raises
        ------
        DataError
            If a chosen unit has spike times that are not finite, or unsorted ones and ``sort`` is False: a search in
            them would count wrongly without any sign of it.
        """
        bad = self._by_unit(np.flatnonzero(~np.isfinite(self.times)))
        bad = {unit: amount for unit, amount in bad.items() if unit in set(chosen.tolist())}
        if bad:
            raise DataError(
                f"{self.where}: spike times that are not finite (NaN or infinite) in {_units(bad, names, 'of them')}: "
                f"mend the file, or leave these units out with `units`{_leaving_out([names[unit] for unit in bad])}"
            )
        falls = self.times[1:] < self.times[:-1]
        starts = self.bounds[1:-1]
        falls[starts[(starts > 0) & (starts < len(self.times))] - 1] = False
        unsorted = self._by_unit(np.flatnonzero(falls))
        unsorted = {unit: amount for unit, amount in unsorted.items() if unit in set(chosen.tolist())}
        if not unsorted:
            return self
        if not sort:
            raise DataError(
                f"{self.where}: spike times are not in order of time in {_units(unsorted, names, 'steps back')}: "
                "if the times themselves are right, set sort_spikes = true to sort them within each unit"
            )
        times = self.times.copy()
        for unit in unsorted:
            times[self.bounds[unit] : self.bounds[unit + 1]].sort()
        return SpikeTrains(times, self.bounds, self.where)

    def _by_unit(self, spikes: NDArray[np.intp]) -> dict[int, int]:
        units, amounts = np.unique(np.searchsorted(self.bounds[1:], spikes, side="right"), return_counts=True)
        return dict(zip(units.tolist(), amounts.tolist(), strict=True))


def read_trains(table: h5py.Group, units: int, names: Sequence[str], where: str) -> SpikeTrains:
    """Read all spike times at once, after checking that the index fits them.

    Raises
    ------
    DataError
        If there are no spike times or no index, the index is not one rising row of whole numbers a unit, runs past
        the data (how many units would have read as silent is said), or leaves spikes that belong to no unit.
    """
    if "spike_times" not in table:
        raise DataError(
            f"{where} has no spike_times: these units cannot be counted; name another table as `units_table`"
        )
    if "spike_times_index" not in table:
        raise DataError(
            f"{where} has spike_times but no spike_times_index, so no spike belongs to a unit: write the file again"
        )
    index: NDArray[Any] = read_numbers(table["spike_times_index"], f"{where}, spike_times_index").astype(np.int64)
    if len(index) != units:
        raise DataError(f"{where}: spike_times_index has {len(index)} rows for {units} units: the table is damaged")
    total = int(table["spike_times"].shape[0]) if table["spike_times"].shape else 0
    bounds = np.concatenate([[0], index]).astype(np.int64)
    _check_index(bounds, total, names, where)
    return SpikeTrains(read_numbers(table["spike_times"], f"{where}, spike_times"), bounds, where)


def count(
    trains: SpikeTrains, chosen: NDArray[np.intp], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spikes of each chosen unit in each window [start, stop): a spike at ``stop`` belongs to what comes next.

    Windows may overlap and stand in any order; each is counted in full. Start and stop are searched from the left
    on both sides, which is what makes the window half-open.

    Parameters
    ----------
    trains : SpikeTrains
        In order of time within each unit.
    chosen : numpy.ndarray of int, (unit,)
    start, stop : numpy.ndarray of float64, (presentation,)
        Seconds.

    Returns
    -------
    numpy.ndarray of float64, (presentation, unit)
        Whole numbers.

    Examples
    --------
    >>> trains = SpikeTrains(np.array([0.5, 1.0, 1.5]), np.array([0, 3]), "a.nwb")
    >>> count(trains, np.array([0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])).ravel().tolist()
    [1.0, 2.0]
    """
    # Windows that touch share edges: each different edge is searched once a unit, in rising order.
    edges, place = np.unique(np.concatenate([start, stop]), return_inverse=True)
    first, last = place[: len(start)], place[len(start) :]
    counts = np.empty((len(chosen), len(start)), dtype=np.float64)
    for row, unit in enumerate(chosen.tolist()):
        before = np.searchsorted(trains.times[trains.bounds[unit] : trains.bounds[unit + 1]], edges, side="left")
        np.subtract(before[last], before[first], out=counts[row])
    return np.ascontiguousarray(counts.T)


def _check_index(bounds: NDArray[np.int64], total: int, names: Sequence[str], where: str) -> None:
    falls = np.flatnonzero(np.diff(bounds) < 0)
    if falls.size:
        unit = int(falls[0])
        raise DataError(
            f"{where}: spike_times_index falls from {bounds[unit]:,} to {bounds[unit + 1]:,} at unit {names[unit]!r} "
            f"({falls.size} such units), but it may only rise: it was written damaged or in too small an integer type; "
            "write the file again"
        )
    end = int(bounds[-1])
    if end > total:
        clipped = np.minimum(bounds, total)
        declared, left = np.diff(bounds), np.diff(clipped)
        silent = int(((left == 0) & (declared > 0)).sum())
        short = int(((left > 0) & (left < declared)).sum())
        raise DataError(
            f"{where}: spike_times_index ends at {end:,} but spike_times holds {total:,} numbers: {silent} of "
            f"{len(names)} units would have read as silent and {short} as cut short: the file was cut; get it whole"
        )
    if end < total:
        raise DataError(
            f"{where}: spike_times holds {total:,} numbers but spike_times_index ends at {end:,}: "
            f"{total - end:,} spikes belong to no unit; write the file again"
        )


def _leaving_out(names: Sequence[str]) -> str:
    return f' = "id not in [{", ".join(names)}]"' if len(names) <= 20 and all(map(str.isdecimal, names)) else ""


def _units(amounts: dict[int, int], names: Sequence[str], what: str) -> str:
    first = ", ".join(f"unit {names[unit]!r} ({amount:,} {what})" for unit, amount in list(amounts.items())[:3])
    more = f" and {len(amounts) - 3} more units" if len(amounts) > 3 else ""
    return first + more
