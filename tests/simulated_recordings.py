"""Recordings whose units are known functions of features."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray


def responses_of(values: ArrayLike, units: str = "spikes") -> xr.DataArray:
    """Responses (stimulus, unit) with names."""
    array = np.asarray(values, dtype=np.float64)
    ids = {
        "stimulus": [f"s{row}" for row in range(array.shape[0])],
        "unit": [f"n{column}" for column in range(array.shape[1])],
    }
    return xr.DataArray(array, dims=("stimulus", "unit"), coords=ids, attrs={"units": units})


def folds_of(stimuli: int, number: int = 4) -> NDArray[np.intp]:
    return np.arange(stimuli, dtype=np.intp) % number


def correlation(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Pearson's r of each column."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (a, b))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.asarray((x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0)))
