"""Spike times: read in blocks, refused where they or their index cannot be trusted, counted exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from spikeproof.errors import DataError

from .columns import read_numbers
from .counting import Edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .place import Place

__all__ = ["SpikeTrains", "find_trains"]

_PART = 1 << 16
"""Spike times that are counted at once."""
_BLOCK = 1 << 17
"""Spike times that are held at once; a place far away has fetched them all before (``prepare``)."""


@dataclass(frozen=True, slots=True)
class SpikeTrains:
    """Where the spike times of each unit stand in the file.

    Parameters
    ----------
    place : Place
    times : h5py.Dataset, (spike,)
        Seconds, unit after unit.
    bounds : numpy.ndarray of int64, (unit + 1,)
        The times of unit k are ``times[bounds[k]:bounds[k + 1]]``.
    names : tuple of str, (unit,)
    where : str
        File and table, for messages.
    """

    place: Place
    times: h5py.Dataset
    bounds: NDArray[np.int64]
    names: tuple[str, ...]
    where: str

    def count(self, chosen: NDArray[np.intp], edges: NDArray[np.float64], *, sort: bool) -> NDArray[np.int32]:
        """Spikes of each chosen unit in each bin [edge, next edge): a spike at an edge belongs to what comes next.

        Windows may overlap and stand in any order; each is counted in full.

        Parameters
        ----------
        chosen : numpy.ndarray of int, (unit,)
            Rising row numbers of units; others are not read.
        edges : numpy.ndarray of float64, (presentation, time_bin + 1)
            Seconds, rising along each row.
        sort : bool
            Whether to sort units that are out of order instead of refusing them.

        Returns
        -------
        numpy.ndarray of int32, (presentation, unit, time_bin)
            The memory behind it is ordered by unit, so that no second copy is ever made.

        Raises
        ------
        DataError
            If a chosen unit has spike times that are not finite, or unsorted ones and ``sort`` is False.
        """
        found = Edges.of(edges)
        counts = np.zeros((len(chosen), edges.shape[0], edges.shape[1] - 1), dtype=np.int32)
        row = {unit: number for number, unit in enumerate(chosen.tolist())}
        defects = _Defects()
        for unit, times in self._checked(chosen, defects):
            found.add(times, counts[row[unit]])
        defects.refuse(self, sort=sort)
        return counts.transpose(1, 0, 2)

    def check(self, chosen: NDArray[np.intp]) -> None:
        """Read the chosen units and refuse what could not be counted.

        Raises
        ------
        DataError
            As :meth:`count` without ``sort``.
        """
        defects = _Defects()
        for _ in self._checked(chosen, defects):
            pass
        defects.refuse(self, sort=False)

    def _checked(self, chosen: NDArray[np.intp], defects: _Defects) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Times of each chosen unit, a part at a time, finite and in order; those of defective units are sorted."""
        last: dict[int, float] = {}
        for unit, times in self._parts(chosen):
            rising = times[1:] >= times[:-1]
            whole = bool(rising.all()) and np.isfinite(times[0]) and np.isfinite(times[-1])
            if not whole or times[0] < last.get(unit, times[0]):
                bad = int((~np.isfinite(times)).sum())
                if bad:
                    defects.add(defects.not_finite, unit, bad)
                    continue
                steps = np.diff(times, prepend=last.get(unit, times[0])) < 0
                defects.add(defects.unsorted, unit, int(steps.sum()))
                last[unit] = float(times[-1])
                times = np.sort(times)
            else:
                last[unit] = float(times[-1])
            yield unit, times

    def _parts(self, chosen: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Times of each chosen unit, a part at a time, never more than a block at once."""
        size, runs = self._block(), list(_runs(chosen.tolist()))
        self.place.prepare(self.times, [(int(self.bounds[first]), int(self.bounds[stop])) for first, stop in runs])
        for first, stop in runs:
            begin, end = int(self.bounds[first]), int(self.bounds[stop])
            unit = first
            for low in range(begin - begin % size, end, size):
                low, high = max(low, begin), min(low + size, end)
                block = self._read(low, high)
                while unit < stop and self.bounds[unit] < high:
                    a, b = max(int(self.bounds[unit]), low), min(int(self.bounds[unit + 1]), high)
                    for part in range(a, b, _PART):
                        yield unit, block[part - low : min(part + _PART, b) - low]
                    if self.bounds[unit + 1] > high:
                        break
                    unit += 1

    def _block(self) -> int:
        """How many times are read at once: whole chunks where they are packed, so that none is unpacked twice."""
        chunk = self.times.chunks[0] if self.times.chunks and self.times.compression else 1
        return int(chunk * max(1, _BLOCK // chunk))

    def _read(self, start: int, stop: int) -> NDArray[np.float64]:
        try:
            return np.asarray(self.place.read(self.times, start, stop), dtype=np.float64)
        except OSError as error:
            raise DataError(
                f"{self.where}, spike_times cannot be read: the file is damaged ({error}); get it again"
            ) from error


@dataclass(slots=True)
class _Defects:
    """Units whose spike times cannot be counted, with how often."""

    not_finite: dict[int, int] = field(default_factory=dict)
    unsorted: dict[int, int] = field(default_factory=dict)

    @staticmethod
    def add(kind: dict[int, int], unit: int, amount: int) -> None:
        """Count ``amount`` more of one kind in a unit."""
        kind[unit] = kind.get(unit, 0) + amount

    def refuse(self, trains: SpikeTrains, *, sort: bool) -> None:
        """Raise if there are any; unsorted times pass if they were to be sorted."""
        names = trains.names
        if self.not_finite:
            raise DataError(
                f"{trains.where}: spike times that are not finite (NaN or infinite) in "
                f"{_units(self.not_finite, names, 'of them')}: mend the file, or leave these units out with `units`"
                f"{_leaving_out([names[unit] for unit in self.not_finite])}"
            )
        if self.unsorted and not sort:
            raise DataError(
                f"{trains.where}: spike times are not in order of time in "
                f"{_units(self.unsorted, names, 'steps back')}: if the times themselves are right, "
                "set sort_spikes = true to sort them within each unit"
            )


def _runs(chosen: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring units [first, stop) among rising row numbers."""
    first, stop = chosen[0], chosen[0] + 1
    for unit in chosen[1:]:
        if unit != stop:
            yield first, stop
            first = unit
        stop = unit + 1
    yield first, stop


def find_trains(place: Place, table: h5py.Group, names: Sequence[str], where: str) -> SpikeTrains:
    """Find the spike times of a units table, after checking that the index fits them.

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
    if len(index) != len(names):
        raise DataError(
            f"{where}: spike_times_index has {len(index)} rows for {len(names)} units: the table is damaged"
        )
    times = table["spike_times"]
    if times.ndim != 1 or not np.issubdtype(times.dtype, np.number):
        raise DataError(
            f"{where}, spike_times must be one row of numbers, but holds {times.dtype} of shape {times.shape}: "
            "write the file again with pynwb"
        )
    bounds = np.concatenate([[0], index]).astype(np.int64)
    _check_index(bounds, int(times.shape[0]), names, where)
    return SpikeTrains(place, times, bounds, tuple(names), where)


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
