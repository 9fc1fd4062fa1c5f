"""How many times fall between edges: exact, half-open, and about as fast as the times can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Edges"]

_MOST_CELLS = 1 << 22
_MOST_EDGES_A_CELL = 4
_CELLS_PER_EDGE = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Equal cells over the span of the edges, so fine that few edges share one: a times's cell leads to its edge.

    The cell of a time is ``trunc((time - low) * scale)``, which never falls as the time rises, rounding included. So
    all edges of earlier cells are at or before the time and all of later cells after it, and only those of its own
    cell are left to compare: the answer is exactly that of a search.
    """

    low: float
    scale: float
    before: NDArray[np.intp]
    """(cell + 1,): edges in earlier cells."""
    most: int
    """Edges in the fullest cell."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of windows: different ones once, in rising order.

    Parameters
    ----------
    values : numpy.ndarray of float64, (edge,)
        Seconds, rising.
    place : numpy.ndarray of int, (presentation, time_bin + 1)
        Where the edges of each window stand in ``values``.

    Examples
    --------
    >>> edges = Edges.of(np.array([[0.0, 1.0], [1.0, 2.0]]))
    >>> edges.counts(np.array([0.5, 1.0, 1.5])).tolist()
    [[1], [2]]
    """

    values: NDArray[np.float64]
    place: NDArray[np.intp]
    _padded: NDArray[np.float64]
    _slots: NDArray[np.intp] | slice | None
    """(presentation, time_bin): how many edges stand at or before each bin; None where other edges cut bins."""
    _grid: _Grid | None

    @classmethod
    def of(cls, edges: NDArray[np.float64]) -> Edges:
        """Edges (presentation, time_bin + 1) in s, finite and rising along each row."""
        values, place = np.unique(edges, return_inverse=True)
        place = place.reshape(edges.shape)
        # Where no other edge cuts a bin, its count is what falls behind its first edge: nothing has to be added up.
        slots: NDArray[np.intp] | slice | None = None
        if (np.diff(place, axis=1) == 1).all():
            slots = place[:, :-1] + 1
            if edges.shape[1] == 2 and np.array_equal(place, np.arange(place.size).reshape(place.shape)):
                slots = slice(1, None, 2)
        return cls(values, place, np.append(values, np.inf), slots, _grid(values))

    def counts(self, times: NDArray[np.float64]) -> NDArray[np.int32]:
        """How many times fall in each bin [edge, next edge), (presentation, time_bin); see :meth:`add`."""
        counts = np.zeros((self.place.shape[0], self.place.shape[1] - 1), dtype=np.int32)
        self.add(times, counts)
        return counts

    def add(self, times: NDArray[np.float64], counts: NDArray[np.int32]) -> None:
        """Add how many times fall in each bin [edge, next edge).

        Parameters
        ----------
        times : numpy.ndarray of float64, (time,)
            Finite and in rising order.
        counts : numpy.ndarray of int32, (presentation, time_bin)
            Changed in place.
        """
        if self._grid is None:
            counts += np.diff(np.searchsorted(times, self.values, side="left")[self.place], axis=1)
            return
        first, last = np.searchsorted(times, self.values[[0, -1]], side="left")
        behind = np.bincount(self._edges_before(times[first:last], self._grid), minlength=len(self.values) + 1)
        if self._slots is None:
            counts += np.diff(np.cumsum(behind)[self.place], axis=1)
        elif isinstance(self._slots, slice):
            counts[:, 0] += behind[self._slots]
        else:
            counts += behind.astype(np.int32).take(self._slots, mode="clip")

    def _edges_before(self, times: NDArray[np.float64], grid: _Grid) -> NDArray[np.intp]:
        """Number of edges at or before each time; all times lie between the first edge and the last."""
        scaled = times - grid.low
        scaled *= grid.scale
        before = grid.before.take(scaled.astype(np.intp), mode="clip")
        for _ in range(grid.most):
            before += times >= self._padded.take(before, mode="clip")
        return before


def _grid(values: NDArray[np.float64]) -> _Grid | None:
    """The coarsest grid with few edges a cell; None where edges cluster too much for one."""
    low, span = float(values[0]), float(values[-1] - values[0])
    best = None
    for factor in _CELLS_PER_EDGE:
        cells = factor * len(values)
        scale = cells / span if span > 0 else np.inf
        if cells > _MOST_CELLS or not np.isfinite(scale):
            break
        held = np.bincount(((values - low) * scale).astype(np.intp), minlength=cells + 1)
        most = int(held.max())
        if best is None or most < best.most:
            best = _Grid(low, scale, np.concatenate([[0], np.cumsum(held)]).astype(np.intp)[:-1], most)
        if most == 1:
            break
    return best if best is not None and best.most <= _MOST_EDGES_A_CELL else None
