"""Averages over the repeats that were measured, and over time bins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["means_over_repeats", "measured_stimuli", "one_number"]

_CHUNK = 2_000_000
"""Values that are looked at in one go, so that what is computed on the way stays at a few dozen megabytes."""

_ADDED_UP = "spikes"
"""The unit of response that is added up over time bins; anything else is averaged."""


def one_number(response: xr.DataArray) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Responses with one number for each presentation and unit.

    Spike counts are summed over time bins. Any other unit of response is averaged, each bin weighing as long as it
    lasts: of rates that is the rate over all bins. A cell of which a bin was not measured counts as not measured.

    Parameters
    ----------
    response : xarray.DataArray
        Dims (presentation, unit) or (presentation, unit, time_bin); ``time_bin_start`` and ``time_bin_stop`` in s.

    Returns
    -------
    values : numpy.ndarray of float64, (presentation, unit)
        Not copied where there are no bins and the numbers are float64 already.
    notes : tuple of str
        What was done with the bins.

    Examples
    --------
    >>> import xarray as xr
    >>> bins = xr.DataArray([[[1.0, 2.0]]], dims=("presentation", "unit", "time_bin"), attrs={"units": "spikes"})
    >>> one_number(bins)[0].tolist()
    [[3.0]]
    """
    import numpy as np

    if "time_bin" not in response.dims:
        return np.asarray(response.values, dtype=np.float64), ()
    bins = response.sizes["time_bin"]
    start, stop = _edges(response)
    span = f"{bins} time bins" + (f" ({start[0]:g} to {stop[-1]:g} s)" if len(start) else "")
    cells = response.values
    if response.attrs["units"] == _ADDED_UP:
        values = cells.sum(axis=2, dtype=np.float64)
        note = f"responses are in {span}: spikes are summed over them"
    else:
        length = stop - start if len(start) else np.ones(bins)
        values = np.einsum("put,t->pu", cells, length / length.sum(), dtype=np.float64)
        even = np.allclose(length, length[0])
        weighed = "averaged over them" if even else "averaged over them, each bin weighing as long as it lasts"
        note = f"responses are in {span}: {response.attrs['units']} are {weighed}"
    lost = int(sum(np.isnan(part).any(axis=2).sum() - np.isnan(part).all(axis=2).sum() for part in _rows(cells)))
    if lost:
        note += f"; {lost} of {values.size} responses of which a bin was not measured count as not measured"
    return values, (note,)


def measured_stimuli(values: NDArray[np.float64], row: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """In how many units each stimulus was measured at least once.

    Parameters
    ----------
    values : numpy.ndarray of float64, (presentation, unit)
        NaN where not measured.
    row : numpy.ndarray of int, (presentation,)
        Number of each presentation's stimulus, 0 to ``count - 1``; every one occurs.
    count : int
        Number of stimuli.

    Returns
    -------
    numpy.ndarray of int, (stimulus,)
    """
    import numpy as np

    units = np.zeros(count, dtype=np.intp)
    order, starts = _sorted(row, count)
    for columns in _columns(values):
        units += np.logical_or.reduceat(~np.isnan(values[order, columns]), starts, axis=0).sum(axis=1)
    return units


def means_over_repeats(values: NDArray[np.float64], row: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Mean of each stimulus in each unit over the presentations that were measured.

    Parameters
    ----------
    values, row, count
        As for :func:`measured_stimuli`.

    Returns
    -------
    numpy.ndarray of float64, (stimulus, unit)
        NaN where a unit was never measured on a stimulus.

    Examples
    --------
    >>> import numpy as np
    >>> means_over_repeats(np.array([[1.0, 5.0], [3.0, np.nan]]), np.array([0, 0]), 1).tolist()
    [[2.0, 5.0]]
    """
    import numpy as np

    means = np.full((count, values.shape[1]), np.nan)
    order, starts = _sorted(row, count)
    for columns in _columns(values):
        part = values[order, columns]
        missing = np.isnan(part)
        part[missing] = 0
        sums = np.add.reduceat(part, starts, axis=0)
        measured = np.add.reduceat(~missing, starts, axis=0, dtype=np.intp)
        np.divide(sums, measured, out=means[:, columns], where=measured > 0)
    return means


def _edges(response: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    if "time_bin_start" not in response.coords:
        return np.empty(0), np.empty(0)
    return response["time_bin_start"].values.astype(np.float64), response["time_bin_stop"].values.astype(np.float64)


def _sorted(row: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Presentations, stimulus by stimulus, and where each stimulus starts among them."""
    import numpy as np

    shown = np.bincount(row, minlength=count)
    return np.argsort(row, kind="stable"), np.concatenate([[0], np.cumsum(shown)[:-1]]).astype(np.intp)


def _columns(values: NDArray[np.float64]) -> Iterator[slice]:
    step = max(1, _CHUNK // len(values))
    return (slice(first, first + step) for first in range(0, values.shape[1], step))


def _rows(cells: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    step = max(1, _CHUNK // cells[0].size)
    return (cells[first : first + step] for first in range(0, len(cells), step))
