"""A single number with its bounds."""

from __future__ import annotations

import xarray as xr
from numpy.typing import ArrayLike
from spikeproof.statistics import stack_statistic

__all__ = ["with_bounds"]


def with_bounds(estimate: ArrayLike, low: ArrayLike, high: ArrayLike) -> xr.DataArray:
    """Join a number and its bounds along ``statistic``.

    Examples
    --------
    >>> with_bounds(0.5, 0.4, 0.6).sel(statistic="low").item()
    0.4
    """
    return stack_statistic(xr.DataArray(estimate), xr.DataArray(low), xr.DataArray(high))
