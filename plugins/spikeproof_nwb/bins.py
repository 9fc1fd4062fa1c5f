"""Edges of the bins that responses are measured in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .presentations import Windows

__all__ = ["Bins", "bins_of"]


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of every window.

    Parameters
    ----------
    edges : numpy.ndarray of float64, (presentation, time_bin + 1)
        Seconds; the first and last of a row are the window's own start and stop.
    offsets : numpy.ndarray of float64, (time_bin + 1,), optional
        Seconds after ``start_time``; None where each window is one piece.
    """

    edges: NDArray[np.float64]
    offsets: NDArray[np.float64] | None


def bins_of(windows: Windows, bins: int | None, where: str) -> Bins:
    """Cut every window into equal bins [edge, next edge), or leave each in one piece.

    Parameters
    ----------
    windows : Windows
    bins : int, optional
        How many; None for windows in one piece, which may then differ in length.
    where : str
        File and table, for messages.

    Raises
    ------
    DataError
        If windows differ in length by more than rounding, or bins are shorter than the times can tell apart.

    Examples
    --------
    >>> from spikeproof_nwb.presentations import Windows
    >>> shown = Windows(np.array([0.0, 2.0]), np.array([1.0, 3.0]), ())
    >>> bins_of(shown, 2, "a.nwb, trials").edges.tolist()
    [[0.0, 0.5, 1.0], [2.0, 2.5, 3.0]]
    """
    start, stop = windows.start, windows.stop
    if bins is None:
        return Bins(np.stack([start, stop], axis=1), None)
    lengths = stop - start
    length = float(np.median(lengths))
    rounding = 8 * float(np.spacing(np.abs([start, stop]).max()))
    if np.abs(lengths - length).max() > rounding:
        raise DataError(
            f"{where}: `bins` needs windows of one length, but these last {lengths.min():.6g} to "
            f"{lengths.max():.6g} s: "
            f"say with `window` which seconds after start_time to cut up, such as window = [0.0, {lengths.min():.3g}]"
        )
    offsets = length * np.arange(bins + 1) / bins
    edges = start[:, np.newaxis] + offsets
    edges[:, -1] = stop
    if (np.diff(edges, axis=1) <= 0).any():
        raise DataError(
            f"{where}: {bins:,} bins of {length:.6g} s are shorter than its times can tell apart; ask for fewer `bins`"
        )
    return Bins(edges, offsets)
