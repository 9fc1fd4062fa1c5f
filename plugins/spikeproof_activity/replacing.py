"""Responses in which the first k units of an order are replaced by something else."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["even_counts", "replaced"]

_MOST_COUNTS = 64
"""Default numbers of replaced units that are tried: all of them, or this many in even steps."""


def even_counts(most: int) -> NDArray[np.intp]:
    """Numbers of units from 1 to ``most``, in even steps.

    What many units carry is lost among the last of them, where a log axis has no counts.
    """
    return np.unique(np.rint(np.linspace(1, most, min(most, _MOST_COUNTS))).astype(np.intp))


def replaced(
    responses: xr.DataArray,
    counts: NDArray[np.intp],
    order: NDArray[np.intp],
    values: NDArray[np.float64],
    *,
    units: str,
) -> xr.DataArray:
    """Responses with the first ``counts`` units of each stimulus's order replaced.

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
    counts : numpy.ndarray of int, (epsilon,)
    order : numpy.ndarray of int, (stimulus, unit)
        Columns, the first to be replaced first.
    values : numpy.ndarray, (stimulus, unit)
        What replaces them.
    units : str
        What the counts count (``"units silenced"``).

    Returns
    -------
    xarray.DataArray, dims (epsilon, stimulus, unit)
    """
    rank = np.empty(order.shape, dtype=np.intp)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    changed = np.where(rank < counts[:, None, None], values, responses.values)
    doses = xr.DataArray(counts.astype(np.float64), dims=("epsilon",), attrs={"units": units})
    return xr.DataArray(
        changed,
        dims=("epsilon", "stimulus", "unit"),
        coords={"epsilon": doses, "stimulus": responses["stimulus"], "unit": responses["unit"]},
        attrs=dict(responses.attrs),
    )
