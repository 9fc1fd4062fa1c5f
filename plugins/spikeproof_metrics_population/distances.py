"""Distributions of distances that may be infinite: medians, shares within a distance, and where to look at them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, bootstrap_fraction, interval, resampling_weights
from spikeproof.summaries import with_bounds

__all__ = ["log_grid", "median_distance", "share_within", "weighted_quantile"]

_HALF = 0.5
_POINTS = 25


def weighted_quantile(
    values: NDArray[np.float64], weights: NDArray[np.float64], quantiles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smallest value at or below which a share of the weight lies (inverse of the empirical distribution function).

    Parameters
    ----------
    values : numpy.ndarray, (value,)
        Infinite values are allowed.
    weights : numpy.ndarray, (draw, value)
    quantiles : numpy.ndarray, (quantile,)

    Returns
    -------
    numpy.ndarray, (draw, quantile)

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, np.inf]), np.ones((1, 3)), np.array([0.5, 1.0])).tolist()
    [[3.0, inf]]
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[:, order], axis=1)
    share /= share[:, -1:]
    # Sums of whole counts over their total: a share that should equal the quantile may be a rounding below it.
    position = np.stack([(share < quantile - 1e-12).sum(axis=1) for quantile in quantiles], axis=1)
    return np.asarray(values[order][position])


def log_grid(distances: NDArray[np.float64], dim: str, units: str) -> xr.DataArray:
    """Distances from half the smallest to four times the largest finite one, even on a log axis.

    Parameters
    ----------
    distances : numpy.ndarray
    dim : str
        What the dimension is called.
    units : str

    Examples
    --------
    >>> grid = log_grid(np.array([1.0, 4.0, np.inf]), "norm", "L2 norm")
    >>> grid.values[[0, -1]].tolist(), grid.attrs["units"]
    ([0.5, 16.0], 'L2 norm')
    """
    finite = distances[np.isfinite(distances) & (distances > 0)]
    low, high = (finite.min() / 2, finite.max() * 4) if finite.size else (0.1, 10.0)
    points = np.geomspace(low, high, _POINTS)
    return xr.DataArray(points, dims=(dim,), coords={dim: points}, attrs={"units": units})


def share_within(cells: xr.DataArray, distance: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    """Share of cells (target, stimulus) within a distance, with its interval."""
    inside = (cells <= distance).astype(np.float64)
    return bootstrap_fraction(inside, ["target", "stimulus"], resampling, name="changed").drop_attrs()


def median_distance(cells: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    """Median of cells (target, stimulus), with its interval: targets crossed with stimuli; infinite values count."""
    cells = cells.transpose("target", "stimulus")
    values, half = cells.values.ravel(), np.array([_HALF])
    target = resampling_weights(cells, "target", resampling)[0]
    stimulus = resampling_weights(cells, "stimulus", resampling)[0]
    estimate = weighted_quantile(values, np.ones((1, values.size)), half)[0, 0]
    if values.size == 1:
        return with_bounds(estimate, np.nan, np.nan)
    # One draw at a time: all weights of many targets x stimuli x draws at once would not fit in memory.
    drawn = [
        weighted_quantile(values, np.outer(target[k], stimulus[k]).reshape(1, -1), half)[0, 0]
        for k in range(resampling.draws)
    ]
    return with_bounds(estimate, *interval(drawn, estimate, resampling.level))
