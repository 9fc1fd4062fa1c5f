"""Maps averaged over the cells of grids, and weights of cells as weights of the map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Grids", "averaging"]


def averaging(size: int, cells: int) -> NDArray[np.float64]:
    """Matrix (cell, position) that averages positions over cells, as ``adaptive_avg_pool`` does.

    Cell k has the positions from ``floor(k size / cells)`` to below ``ceil((k + 1) size / cells)``, so that cells
    share positions where their number does not divide the size.

    Examples
    --------
    >>> averaging(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    out = np.zeros((cells, size))
    for cell in range(cells):
        first, last = cell * size // cells, -(-(cell + 1) * size // cells)
        out[cell, first:last] = 1 / (last - first)
    return out


class Grids:
    """Features of one layer on several grids, side by side.

    Parameters
    ----------
    shape : tuple of int
        Shape of one stimulus's features: (channel, y, x) or (feature,).
    cells : sequence of int
        Cells along each side of every grid; a grid finer than the map is the map. None takes features as they are, and
        so do features that are no map.

    Examples
    --------
    >>> grids = Grids((1, 2, 2), (2, 1))
    >>> [part.tolist() for part in grids.read(np.array([[[[0.0, 2.0], [4.0, 6.0]]]]))]
    [[[0.0, 2.0, 4.0, 6.0]], [[3.0]]]
    """

    def __init__(self, shape: tuple[int, ...], cells: Sequence[int]) -> None:
        self.shape = shape
        self._matrices: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        if len(shape) == 3:
            sizes = dict.fromkeys((min(number, shape[1]), min(number, shape[2])) for number in cells)
            self._matrices = [(averaging(shape[1], rows), averaging(shape[2], columns)) for rows, columns in sizes]

    def read(self, features: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Features (stimulus, feature) on each grid."""
        if not self._matrices:
            return [features.reshape(len(features), -1)]
        out = []
        for rows, columns in self._matrices:
            if rows.shape[0] == rows.shape[1] and columns.shape[0] == columns.shape[1]:
                cells = features
            else:
                cells = rows.astype(features.dtype) @ features @ columns.T.astype(features.dtype)
            out.append(cells.reshape(len(features), -1))
        return out

    def weights(self, parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Weights (feature, unit) of the features as they were given, from those (cell feature, unit) of each grid."""
        if not self._matrices:
            return parts[0]
        channels, units = self.shape[0], parts[0].shape[1]
        total = np.zeros((*self.shape, units))
        for (rows, columns), part in zip(self._matrices, parts, strict=True):
            cells = part.reshape(channels, len(rows), len(columns), units)
            total += np.einsum("gy,cghu,hx->cyxu", rows, cells, columns, optimize=True)
        return total.reshape(-1, units)
