"""Traces, such as fluorescence: what each unit's samples inside a window are on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h5py
import numpy as np
from spikeproof.errors import DataError

from .timing import Timing, read_timing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Traces", "find_traces"]

_BLOCK = 1 << 19
"""Samples (of all units together) that are held at once."""


@dataclass(frozen=True, slots=True)
class Traces:
    """A series of samples of every unit.

    Parameters
    ----------
    data : h5py.Dataset, (sample, unit) or (sample,)
    timing : Timing
    factor, offset : float
        A sample is ``stored * factor + offset``, in ``unit``.
    unit : str
        Unit of response.
    where : str
        File and series, for messages.
    """

    data: h5py.Dataset
    timing: Timing
    factor: float
    offset: float
    unit: str
    where: str

    @property
    def width(self) -> int:
        """Number of units."""
        return 1 if self.data.ndim == 1 else int(self.data.shape[1])

    def mean(self, chosen: NDArray[np.intp], edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the samples taken inside each bin [edge, next edge).

        A mean over samples of which one is NaN is NaN: the response was not measured.

        Parameters
        ----------
        chosen : numpy.ndarray of int, (unit,)
            Columns of the data.
        edges : numpy.ndarray of float64, (presentation, time_bin + 1)
            Seconds, rising along each row.

        Returns
        -------
        numpy.ndarray of float64, (presentation, unit, time_bin)

        Raises
        ------
        DataError
            If a bin holds no sample (the presentations are named), or a sample is infinite.
        """
        rows, cut = edges.shape
        begin, end = self.spans(edges)
        sums = np.zeros((len(begin), len(chosen)), dtype=np.float64)
        rows_at_once = self._rows_at_once()
        for low in self._blocks(begin, end, rows_at_once):
            high = min(low + rows_at_once, self.timing.samples)
            touched = np.flatnonzero((begin < high) & (end > low))
            block = self._read(low, high, chosen)
            # Pairs of (first, past the last) row: every second sum is that of a bin. The last row stands for the end.
            for part in np.array_split(touched, max(1, len(touched) * 4 // rows_at_once)):
                pairs = np.stack([np.maximum(begin[part], low), np.minimum(end[part], high)], axis=1) - low
                sums[part] += np.add.reduceat(block, pairs.ravel(), axis=0)[::2]
        sums /= (end - begin)[:, np.newaxis]
        sums *= self.factor
        sums += self.offset
        return sums.reshape(rows, cut - 1, len(chosen)).transpose(0, 2, 1)

    def spans(self, edges: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First sample of every bin, and the first one past it, (presentation x time_bin,).

        Raises
        ------
        DataError
            If a bin holds no sample; the presentations are named.
        """
        first = self.timing.first(edges)
        begin, end = first[:, :-1].ravel(), first[:, 1:].ravel()
        self._refuse_empty(begin == end, edges)
        return begin, end

    def notes(self, means: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[str, ...]:
        """What to tell the user about the means of :meth:`mean`: missing ones, and windows past the samples."""
        notes = []
        missing = int(np.isnan(means).sum())
        if missing:
            notes.append(
                f"{missing:,} of {means.size:,} responses are not measured (NaN): a sample of {self.where} in their "
                "window is NaN"
            )
        begin, end = (float(self.timing.at(np.array(sample))) for sample in (0, self.timing.samples - 1))
        step = (end - begin) / max(self.timing.samples - 1, 1)
        past = int(((edges[:, 0] < begin - step) | (edges[:, -1] > end + 2 * step)).sum())
        if past:
            notes.append(
                f"{past} of {len(edges)} windows reach past the samples of {self.where} ({begin:.6g} to {end:.6g} s): "
                "their responses are means of the samples that there are"
            )
        return tuple(notes)

    def _rows_at_once(self) -> int:
        """Whole chunks where they are packed, so that none is unpacked twice."""
        chunk = self.data.chunks[0] if self.data.chunks and self.data.compression else 1
        return int(chunk * max(1, _BLOCK // (self.width * chunk)))

    def _blocks(self, begin: NDArray[np.intp], end: NDArray[np.intp], size: int) -> list[int]:
        """First rows of the blocks that hold a sample of any bin."""
        used = np.zeros(-(-self.timing.samples // size) + 1, dtype=np.int64)
        np.add.at(used, begin // size, 1)
        np.add.at(used, (end - 1) // size + 1, -1)
        return (np.flatnonzero(np.cumsum(used)[:-1] > 0) * size).tolist()

    def _read(self, low: int, high: int, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        """Rows [low, high) of the chosen columns, and a row of zeros."""
        try:
            stored = self.data[low:high]
        except OSError as error:
            raise DataError(
                f"{self.where}: data cannot be read, the file is damaged ({error}); get it again"
            ) from error
        block = np.zeros((high - low + 1, len(chosen)), dtype=np.float64)
        block[:-1] = stored[:, np.newaxis] if stored.ndim == 1 else stored[:, chosen]
        infinite = np.argwhere(np.isinf(block))
        if len(infinite):
            sample, column = infinite[0].tolist()
            raise DataError(
                f"{self.where}: sample {low + sample:,} of column {int(chosen[column])} is {block[sample, column]} "
                "(both counted from 0): mend the file, or leave that column out with `units`"
            )
        return block

    def _refuse_empty(self, empty: NDArray[np.bool_], edges: NDArray[np.float64]) -> None:
        if not empty.any():
            return
        bins = edges.shape[1] - 1
        rows = np.unique(np.flatnonzero(empty) // bins)
        listed = ", ".join(map(str, rows[:5].tolist())) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
        piece = "window" if bins == 1 else "bin"
        begin, end = (float(self.timing.at(np.array(sample))) for sample in (0, self.timing.samples - 1))
        step = (end - begin) / max(self.timing.samples - 1, 1)
        raise DataError(
            f"{self.where}: no sample was taken in a {piece} of presentations {listed} (counted from 0, as kept): its "
            f"samples run from {begin:.6g} to {end:.6g} s, {step:.3g} s apart on average. Ask for a longer `window` or "
            "fewer `bins`, or leave those presentations out with "
            f'rows = "start_time >= {begin:.6g} and stop_time <= {end:.6g}"'
        )


def find_traces(series: h5py.Group, where: str, *, columns: int | None) -> Traces:
    """Find the samples of a series, after checking that their number fits its times and its units.

    Parameters
    ----------
    series : h5py.Group
    where : str
        File and series, for messages.
    columns : int, optional
        How many units it must have, where the file says.

    Raises
    ------
    DataError
        If the data are no numbers, not (time x unit), stored the other way round, or do not fit the times.
    """
    data = series.get("data")
    if not isinstance(data, h5py.Dataset) or data.ndim not in (1, 2) or data.dtype.kind not in "iuf" or 0 in data.shape:
        held = f"{data.dtype} of shape {data.shape}" if isinstance(data, h5py.Dataset) else "nothing"
        raise DataError(
            f"{where}: data must be numbers (time x unit), but holds {held}; name another series as `responses`"
        )
    _refuse_transposed(series, data, columns, where)
    timing = read_timing(series, int(data.shape[0]), where)
    factor, offset = float(data.attrs.get("conversion", 1.0)), float(data.attrs.get("offset", 0.0))
    if not (np.isfinite(factor) and np.isfinite(offset)) or factor == 0:
        raise DataError(f"{where}: conversion is {factor} and offset {offset}: no responses can be had from that")
    unit = data.attrs.get("unit", "")
    return Traces(data, timing, factor, offset, unit.decode() if isinstance(unit, bytes) else str(unit), where)


def _refuse_transposed(series: h5py.Group, data: h5py.Dataset, columns: int | None, where: str) -> None:
    """NWB wants (time x unit): refuse what fits only the other way round."""
    times = series.get("timestamps")
    samples = int(times.shape[0]) if isinstance(times, h5py.Dataset) and times.ndim == 1 else None
    rows, width = int(data.shape[0]), 1 if data.ndim == 1 else int(data.shape[1])
    fits = (samples is None or rows == samples) and (columns is None or width == columns)
    if fits:
        return
    turned = (samples is None or width == samples) and (columns is None or rows == columns)
    shape = " x ".join(map(str, data.shape))
    if turned:
        raise DataError(
            f"{where}: data is {shape}, which is (unit x time), not (time x unit): it was written transposed; "
            "write the file again with data.T"
        )
    if columns is not None and width != columns:
        raise DataError(
            f"{where}: data is {shape} (time x unit) but its `rois` name {columns}: which column is which ROI is not "
            "sure; write the file again with pynwb"
        )
