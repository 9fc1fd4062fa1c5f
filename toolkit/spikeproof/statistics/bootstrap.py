"""Means and fractions with intervals from the crossed, nested bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError

from .intervals import proportion_interval, reported
from .resampling import Resampling
from .weights import resampling_weights

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = ["bootstrap_draws", "bootstrap_fraction", "bootstrap_mean", "narrowed"]

_CHUNK = 1_000_000
"""Numbers of one chunk of draws (8 MB): larger arrays are given back and faulted in again every time."""
_TOGETHER, _MOST = 8, 8_000_000
"""Draws of large arrays that are still made together, as long as they hold no more numbers than that (64 MB)."""


def bootstrap_draws(
    values: xr.DataArray,
    over: Sequence[str],
    resampling: Resampling,
    *,
    nested_in: Mapping[str, Sequence[str]] | None = None,
) -> xr.DataArray:
    """Draws of the mean over crossed dimensions.

    A draw is ``sum w_a w_b v_ab / sum w_a w_b`` over the cells that exist: NaN marks a cell that does not (a target
    that has no such stimulus), which weighs nothing. So a group with more cells weighs more, in the estimate too. Draws
    of several dimensions are then :func:`narrowed`, since they hold an interaction three times.

    Parameters
    ----------
    values : xarray.DataArray
        Cells; NaN where there is none.
    over : sequence of str
        Dimensions to average and resample, each independently.
    resampling : Resampling
    nested_in : mapping of str to sequence of str, optional
        For a dimension of ``over``, the coordinates that nest it, the widest first.

    Returns
    -------
    xarray.DataArray, dims (draw, ...)
        With the remaining dimensions of ``values``. NaN where a draw holds no cell at all, and everywhere if no
        dimension has two members to draw from. ``attrs["not_resampled"]`` (text, where something was not) names what
        the draws are conditional on: see :func:`resampling_weights`.

    Raises
    ------
    DataError
        If a dimension or coordinate does not exist, or a value is infinite.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> cells = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("target", "stimulus"))
    >>> bootstrap_draws(cells, ["target", "stimulus"], Resampling(draws=5)).dims
    ('draw',)
    """
    import numpy as np
    import xarray as xr

    nested = dict(nested_in or {})
    for dim in (*over, *nested):
        if dim not in values.dims or dim not in over:
            raise DataError(f"bootstrap: cannot resample {dim!r} of an array with dimensions {tuple(values.dims)}")
    if np.isinf(values.values).any():
        raise DataError("bootstrap: a mean of infinite values is not defined; summarise them by a median or a fraction")
    kept = [dim for dim in values.dims if dim not in over]
    longest_first = sorted(over, key=lambda dim: -values.sizes[dim])  # so that what is in between stays small
    not_resampled: list[str] = []
    weights = []
    for dim in longest_first:
        drawn, fixed = resampling_weights(values, dim, resampling, within=nested.get(dim, ()))
        weights.append(drawn)
        not_resampled += fixed
    cells = values.transpose(*longest_first, *kept).values.astype(np.float64)
    present = ~np.isnan(cells)
    sums = _contract(np.where(present, cells, 0.0), weights)
    if present.all():
        total = np.prod([drawn.sum(axis=1) for drawn in weights], axis=0).reshape(-1, *[1] * len(kept))
    else:
        total = _contract(present.astype(np.float64), weights)
    means = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    if sum(values.sizes[dim] > 1 for dim in over) > 1:
        axes = tuple(range(len(over)))
        whole = np.where(present, cells, 0.0), present.astype(np.float64)
        alone = [_alone(whole, place, drawn, axes) for place, drawn in enumerate(weights)]
        many = present.sum(axis=axes)
        centre = np.divide(whole[0].sum(axis=axes), many, out=np.full(many.shape, np.nan), where=many > 0)
        means = narrowed(
            centre, means, [part for part, dim in zip(alone, longest_first, strict=True) if values.sizes[dim] > 1]
        )
    if all(values.sizes[dim] == 1 for dim in over):
        means[...] = np.nan
    coords = {name: c for name, c in values.coords.items() if set(c.dims) <= set(kept)}
    out = xr.DataArray(means, dims=("draw", *kept), coords=coords)
    if not_resampled:
        out.attrs["not_resampled"] = ", ".join(sorted(set(not_resampled)))
    return out


def _alone(
    whole: tuple[NDArray[np.float64], NDArray[np.float64]],
    place: int,
    weights: NDArray[np.float64],
    axes: tuple[int, ...],
) -> NDArray[np.float64]:
    """Draws (draw, ...) of the mean with one dimension drawn and the others as they are."""
    import numpy as np

    others = tuple(axis for axis in axes if axis != place)
    sums, total = (np.tensordot(weights, part.sum(axis=others), axes=(1, 0)) for part in whole)
    return np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)


def narrowed(estimate: ArrayLike, together: ArrayLike, alone: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Draws of crossed dimensions, brought to the variance of the statistic.

    With two dimensions drawn together the variance of the draws holds what belongs to a member of each (how one unit
    answers one stimulus) three times, and with one of them drawn, once (Owen 2007, doi:10.1214/07-AOAS122). So the
    statistic's own variance is twice the sum of the variances of each dimension drawn alone, less that of both: the
    draws are moved towards the estimate until they have it. It is never taken below that of one dimension alone, nor
    above that of the draws.

    Parameters
    ----------
    estimate : array_like, (...)
        The statistic on the data.
    together : array_like, (draw, ...)
        Its draws, all dimensions drawn.
    alone : sequence of array_like, (draw, ...)
        For each dimension, its draws with no other drawn; NaN, as in ``together``, where a draw is undefined.

    Returns
    -------
    numpy.ndarray of float64, (draw, ...)
        As they are where fewer than two dimensions are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, b, both = rng.normal(size=(3, 100_000))
    >>> float(narrowed(0.0, a + b + np.sqrt(3) * both, [a + both, b + both]).var().round(1))
    3.0
    """
    import numpy as np

    draws, centre = np.asarray(together, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if len(alone) < 2:
        return draws
    single = np.stack([_variance(np.asarray(part, dtype=np.float64)) for part in alone])
    given = _variance(draws)
    own = np.clip(2 * single.sum(axis=0) - given, np.minimum(single.max(axis=0), given), given)
    share = np.sqrt(np.divide(own, given, out=np.ones_like(given), where=given > 0))
    return np.asarray(centre + share * (draws - centre))


def _variance(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance over the draws that are defined; 0 where fewer than two are."""
    import numpy as np

    there = ~np.isnan(draws)
    count = there.sum(axis=0)
    mean = np.where(there, draws, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(there, (draws - mean) ** 2, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 1, squares / np.maximum(count - 1, 1), 0.0))


def _contract(cells: NDArray[np.float64], weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Weighted sums (draw, ...) over the leading axes of ``cells``, one per array of weights (draw, member)."""
    import numpy as np

    draws = len(weights[0])
    rest = cells.shape[len(weights) :]
    inner = cells.size // cells.shape[0]
    step = max(1, _CHUNK // max(inner, 1), min(_TOGETHER, _MOST // max(inner, 1)))
    flat = cells.reshape(cells.shape[0], inner)
    parts = []
    for start in range(0, draws, step):
        part = weights[0][start : start + step] @ flat
        for drawn in weights[1:]:
            chunk = drawn[start : start + step]
            part = np.matmul(chunk[:, None, :], part.reshape(len(chunk), chunk.shape[1], -1))[:, 0]
        parts.append(part)
    return np.concatenate(parts).reshape(draws, *rest)


def bootstrap_mean(
    values: xr.DataArray,
    over: Sequence[str],
    resampling: Resampling,
    *,
    nested_in: Mapping[str, Sequence[str]] | None = None,
    name: str,
) -> xr.DataArray:
    """Mean over crossed dimensions with its percentile interval.

    With fewer than about twenty members of a dimension, percentile intervals are too narrow.

    Parameters
    ----------
    values, over, resampling, nested_in
        As for :func:`bootstrap_draws`.
    name : str
        Name of the result.

    Returns
    -------
    xarray.DataArray, dims (statistic, ...)
        ``statistic`` is ``estimate``, ``low``, ``high``. The bounds are NaN if nothing could be resampled.
        ``attrs["not_resampled"]`` as for :func:`bootstrap_draws`; ``attrs["undefined_draws"]``: the largest number of
        draws that held no cell and were left out, where there were any.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> cells = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("target", "stimulus"))
    >>> float(bootstrap_mean(cells, ["target", "stimulus"], Resampling(), name="shift").sel(statistic="estimate"))
    5.5
    """
    draws = bootstrap_draws(values, over, resampling, nested_in=nested_in)
    estimate = values.mean(dim=list(over), skipna=True)
    out = reported(draws.values, estimate, resampling).rename(name)
    out.attrs = {**draws.attrs, **out.attrs}
    return out


def bootstrap_fraction(
    values: xr.DataArray,
    over: Sequence[str],
    resampling: Resampling,
    *,
    nested_in: Mapping[str, Sequence[str]] | None = None,
    name: str,
) -> xr.DataArray:
    """Mean of cells that are 0 or 1, with an interval that stays honest where all are alike.

    As :func:`bootstrap_mean`, except where every cell is 0 or every cell is 1. There no draw differs from the data,
    and the bound is that of Clopper & Pearson for as many independent trials as the shortest resampled dimension has
    members: none of 20 units is at most 17 % of all units.

    Parameters
    ----------
    values : xarray.DataArray
        0 or 1; NaN where there is no cell.
    over, resampling, nested_in, name
        As for :func:`bootstrap_mean`.

    Returns
    -------
    xarray.DataArray, dims (statistic, ...)

    Examples
    --------
    >>> import xarray as xr
    >>> none = xr.DataArray([0.0] * 20, dims="unit")
    >>> bootstrap_fraction(none, ["unit"], Resampling(), name="flipped").round(3).values.tolist()
    [0.0, 0.0, 0.168]
    """
    import numpy as np

    out = bootstrap_mean(values, over, resampling, nested_in=nested_in, name=name)
    sizes = [values.sizes[dim] for dim in over if values.sizes[dim] > 1]
    if not sizes:
        return out
    estimate, low, high = out.values
    floor, _ = proportion_interval(min(sizes), min(sizes), resampling.level)
    _, ceiling = proportion_interval(0, min(sizes), resampling.level)
    low = np.where(estimate == 1, floor, low)
    high = np.where(estimate == 0, ceiling, high)
    return out.copy(data=np.stack([estimate, low, high]))
