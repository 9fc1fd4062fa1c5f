"""Intervals that respect how neural data are nested: subjects > sessions > units, and stimuli across them.

The bootstrap draws members of a dimension with replacement. Several dimensions are *crossed*: each is drawn
independently, as in the pigeonhole bootstrap (Owen 2007, doi:10.1214/07-AOAS122), which is exact for the variance
of the members' effects and conservative for their interaction. A dimension may be *nested*: subjects are drawn, then
sessions of each drawn subject, then units of each drawn session. A draw is a row of counts, so that a thousand
draws of a mean are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import DataError
from .noise import generator

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Resampling",
    "benjamini_hochberg",
    "bootstrap_draws",
    "bootstrap_fraction",
    "bootstrap_mean",
    "crossing",
    "interval",
    "permutation_p",
    "proportion_interval",
    "resampling_weights",
    "stack_statistic",
]

_CHUNK = 8_000_000
"""Numbers that one chunk of draws may hold in memory (64 MB)."""


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How intervals are made.

    Parameters
    ----------
    seed : int
        Seed of the draws.
    draws : int
        Number of bootstrap draws.
    level : float
        Coverage of the interval.
    """

    seed: int = 0
    draws: int = 1000
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.draws < 2:
            raise ValueError(f"resampling: draws must be at least 2, got {self.draws}")
        if not 0 < self.level < 1:
            raise ValueError(f"resampling: level must lie between 0 and 1, such as 0.95, got {self.level}")


def interval(
    draws: ArrayLike,
    estimate: ArrayLike,
    level: float = 0.95,
    axis: int = 0,
    *,
    undefined: Literal["raise", "exclude"] = "raise",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of bootstrap draws (Efron & Tibshirani 1993, chapter 13).

    Infinite draws are legal: a dose that is never reached is ``inf``. Where a bound falls between two draws of which
    one is infinite it takes the outer one, otherwise it interpolates linearly, as :func:`numpy.quantile` does. Where
    resampling biases a statistic so much that its value on the data lies outside (sparseness of a unit that one
    stimulus drives: most draws miss it or hold it twice), the interval is widened to hold that value.

    Parameters
    ----------
    draws : array_like, (..., draw, ...)
        Draws along ``axis``.
    estimate : array_like, (...)
        The value on the data themselves, without ``axis``, which the interval always holds. Where it is NaN, so is
        the interval.
    level : float
        Coverage.
    axis : int
        The axis of draws.
    undefined : {"raise", "exclude"}
        What to do with a NaN draw of a defined estimate: refuse, or leave it out; a caller that leaves draws out must
        report how many. Where every draw is NaN nothing could be resampled, and the interval is NaN.

    Returns
    -------
    low, high : numpy.ndarray of float64, (...)

    Raises
    ------
    DataError
        If some draws of a defined estimate are NaN and ``undefined`` is ``"raise"``.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = interval(np.arange(101.0), 50.0, level=0.9)
    >>> float(low), float(high)
    (5.0, 95.0)
    """
    import numpy as np

    values = np.moveaxis(np.asarray(draws, dtype=np.float64), axis, 0)
    centre = np.broadcast_to(np.asarray(estimate, dtype=np.float64), values.shape[1:])
    absent = np.isnan(values)
    missing = absent.sum(axis=0)
    partial = (missing > 0) & (missing < len(values)) & ~np.isnan(centre)
    if partial.any() and undefined == "raise":
        raise DataError(
            f"interval: {int(missing[partial].max())} of {len(values)} bootstrap draws are undefined (NaN): there is "
            "too little data behind some draws; attack more stimuli or units, or leave the draws out and report them"
        )
    ordered = np.sort(values, axis=0)  # NaN sorts last
    count = len(values) - missing
    tail = (1 - level) / 2
    low = _order_statistic(ordered, count, tail, outward=-1)
    high = _order_statistic(ordered, count, 1 - tail, outward=1)
    gone = np.isnan(centre) | (count == 0)
    return np.where(gone, np.nan, np.minimum(low, centre)), np.where(gone, np.nan, np.maximum(high, centre))


def _order_statistic(
    ordered: NDArray[np.float64], count: NDArray[np.intp], quantile: float, *, outward: int
) -> NDArray[np.float64]:
    import numpy as np

    position = quantile * np.maximum(count - 1, 0)
    # Rounding may put a position that is whole a hair off: it must not reach past an infinite neighbour.
    position = np.where(np.isclose(position, np.round(position), rtol=0, atol=1e-9), np.round(position), position)
    below = np.floor(position).astype(np.intp)
    above = np.ceil(position).astype(np.intp)
    a = np.take_along_axis(ordered, below[None], axis=0)[0]
    b = np.take_along_axis(ordered, above[None], axis=0)[0]
    finite = np.isfinite(a) & np.isfinite(b)
    gap = np.subtract(b, a, out=np.zeros_like(a), where=finite)
    value: NDArray[np.float64] = np.where(finite, a + (position - below) * gap, a if outward < 0 else b)
    return value


def resampling_weights(
    values: xr.DataArray | xr.Dataset, dim: str, resampling: Resampling, *, within: Sequence[str] = ()
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """How often each draw holds each member of a dimension.

    The counts depend on the seed, the name of the dimension and its members, not on their order nor on the values:
    two arrays with the same members get the same draws, so that differences and ratios of their draws are paired.

    Parameters
    ----------
    values : xarray.DataArray or xarray.Dataset
        Has the dimension and, along it, the coordinates named in ``within``.
    dim : str
        The dimension to resample.
    resampling : Resampling
    within : sequence of str
        Coordinates on ``dim`` that nest its members, the widest first (``["subject", "session"]``). Groups are drawn
        with replacement, then the groups in each, then the members.

    Returns
    -------
    weights : numpy.ndarray of float64, (draw, member)
    not_resampled : tuple of str
        ``dim`` itself if it has a single member, and every coordinate of ``within`` that names a single group:
        nothing is known of how another subject, say, would differ. Coordinates that are empty text everywhere
        (``""``) do not count as levels.

    Raises
    ------
    DataError
        If ``within`` names something that is not a coordinate on ``dim``.

    Examples
    --------
    >>> import xarray as xr
    >>> a = xr.DataArray([1.0, 2.0, 3.0], dims="unit", coords={"unit": ["a", "b", "c"]})
    >>> resampling_weights(a, "unit", Resampling(draws=10))[0].sum(axis=1).tolist()
    [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    """
    import numpy as np

    for name in within:
        if name not in values.coords or values[name].dims != (dim,):
            raise DataError(f"bootstrap: {name!r} is not a coordinate on {dim!r}, so members cannot be nested in it")
    size = values.sizes[dim]
    labels = [values[name].values.astype(str).tolist() for name in within]
    own = values[dim].values.astype(str).tolist() if dim in values.coords else [f"{i:09d}" for i in range(size)]
    not_resampled = [name for name, column in zip(within, labels, strict=True) if len(set(column)) == 1 and any(column)]
    if size == 1:
        return np.ones((resampling.draws, 1)), (*not_resampled, dim)
    levels = [column for column in labels if len(set(column)) > 1]
    order = np.array(sorted(range(size), key=lambda i: (*(column[i] for column in levels), own[i])), dtype=np.intp)
    rng = generator(resampling.seed, "bootstrap", dim)
    weights = np.empty((resampling.draws, size))
    once = np.ones(resampling.draws, dtype=np.int64)
    _spread(weights, once, order, [np.array(column) for column in levels], rng)
    return weights, tuple(not_resampled)


def _spread(
    weights: NDArray[np.float64],
    counts: NDArray[np.int64],
    members: NDArray[np.intp],
    levels: Sequence[NDArray[np.str_]],
    rng: np.random.Generator,
) -> None:
    """Draw the groups of the widest level as often as ``counts`` says, and go down into each."""
    import numpy as np

    if not levels:
        weights[:, members] = rng.multinomial(counts * len(members), np.full(len(members), 1 / len(members)))
        return
    groups = list(dict.fromkeys(levels[0][members].tolist()))
    drawn = rng.multinomial(counts * len(groups), np.full(len(groups), 1 / len(groups)))
    for column, group in enumerate(groups):
        _spread(weights, drawn[:, column], members[levels[0][members] == group], levels[1:], rng)


def bootstrap_draws(
    values: xr.DataArray,
    over: Sequence[str],
    resampling: Resampling,
    *,
    nested_in: Mapping[str, Sequence[str]] | None = None,
) -> xr.DataArray:
    """Draws of the mean over crossed dimensions.

    A draw is ``sum w_a w_b v_ab / sum w_a w_b`` over the cells that exist: NaN marks a cell that does not (a target
    that has no such stimulus), which weighs nothing. So a group with more cells weighs more, in the estimate too.

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
    if all(values.sizes[dim] == 1 for dim in over):
        means[...] = np.nan
    coords = {name: c for name, c in values.coords.items() if set(c.dims) <= set(kept)}
    out = xr.DataArray(means, dims=("draw", *kept), coords=coords)
    if not_resampled:
        out.attrs["not_resampled"] = ", ".join(sorted(set(not_resampled)))
    return out


def _contract(cells: NDArray[np.float64], weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Weighted sums (draw, ...) over the leading axes of ``cells``, one per array of weights (draw, member)."""
    import numpy as np

    draws = len(weights[0])
    rest = cells.shape[len(weights) :]
    inner = cells.size // cells.shape[0]
    step = max(1, _CHUNK // max(inner, 1))
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

    With fewer than about twenty members of a dimension, percentile intervals are too narrow; with strong
    interaction of crossed dimensions they are too wide (see the module's text).

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
    import numpy as np

    draws = bootstrap_draws(values, over, resampling, nested_in=nested_in)
    estimate = values.mean(dim=list(over), skipna=True)
    low, high = interval(draws.values, estimate.values, resampling.level, undefined="exclude")
    out = stack_statistic(estimate, estimate.copy(data=low), estimate.copy(data=high)).rename(name)
    out.attrs = dict(draws.attrs)
    undefined = np.isnan(draws.values).sum(axis=0)
    lost = int(undefined[undefined < resampling.draws].max(initial=0))
    if lost:
        out.attrs["undefined_draws"] = lost
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


def stack_statistic(estimate: xr.DataArray, low: xr.DataArray, high: xr.DataArray) -> xr.DataArray:
    """Join a value and its bounds along a leading dimension ``statistic``.

    Parameters
    ----------
    estimate, low, high : xarray.DataArray
        Of the same dimensions.

    Returns
    -------
    xarray.DataArray, dims (statistic, ...)
        With coordinate ``statistic``: ``estimate``, ``low``, ``high``; attributes are those of ``estimate``.
    """
    import numpy as np
    import xarray as xr

    dims = estimate.dims
    values = np.stack([part.transpose(*dims).values.astype(np.float64) for part in (estimate, low, high)])
    coords = {name: c.variable for name, c in estimate.coords.items()}
    return xr.DataArray(
        values, dims=("statistic", *dims), coords={"statistic": ["estimate", "low", "high"], **coords}
    ).assign_attrs(estimate.attrs)


def crossing(doses: ArrayLike, curve: ArrayLike, level: float, *, start: ArrayLike = 0.0) -> NDArray[np.float64]:
    """First dose at which a curve reaches a level, by linear interpolation.

    Parameters
    ----------
    doses : array_like, (dose,)
        Ascending, not negative.
    curve : array_like, (..., dose)
        Dose-response curves.
    level : float
        What is to be reached.
    start : array_like, (...)
        Value at dose 0, which the first segment starts from; not used if the first dose is 0.

    Returns
    -------
    numpy.ndarray of float64, (...)
        ``inf`` where the curve never reaches the level within the doses, NaN where the curve holds a NaN.

    Raises
    ------
    ValueError
        If the doses are not ascending or negative, or their number is not that of the curve.

    Examples
    --------
    >>> crossing([1.0, 2.0], [[0.2, 0.8], [0.1, 0.3]], 0.5).tolist()
    [1.5, inf]
    """
    import numpy as np

    x = np.asarray(doses, dtype=np.float64)
    y = np.asarray(curve, dtype=np.float64)
    if x.ndim != 1 or x.size == 0 or y.shape[-1:] != x.shape:
        raise ValueError(f"crossing: {x.shape} doses do not fit a curve of shape {y.shape}")
    if x[0] < 0 or (np.diff(x) <= 0).any():
        raise ValueError(f"crossing: doses must ascend and not be negative, got {x.tolist()}")
    if x[0] > 0:
        first = np.broadcast_to(np.asarray(start, dtype=np.float64), y.shape[:-1])[..., None]
        x, y = np.concatenate([[0.0], x]), np.concatenate([first, y], axis=-1)
    reached = y >= level
    index = np.where(reached.any(axis=-1), reached.argmax(axis=-1), len(x) - 1)
    before = np.maximum(index - 1, 0)
    y0 = np.take_along_axis(y, before[..., None], axis=-1)[..., 0]
    y1 = np.take_along_axis(y, index[..., None], axis=-1)[..., 0]
    share = np.divide(level - y0, y1 - y0, out=np.zeros_like(y0), where=(y1 - y0) > 0)
    dose = np.where(index == 0, x[0], x[before] + np.clip(share, 0.0, 1.0) * (x[index] - x[before]))
    dose = np.where(reached.any(axis=-1), dose, np.inf)
    return np.where(np.isnan(y).any(axis=-1), np.nan, dose)


def proportion_interval(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95, *, method: Literal["exact", "wilson"] = "exact"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a proportion of independent trials.

    Parameters
    ----------
    successes, trials : array_like of int
        Counts.
    level : float
        Coverage.
    method : {"exact", "wilson"}
        ``exact``: Clopper & Pearson (1934), never covers less than ``level``; ``wilson``: the score interval (1927).

    Returns
    -------
    low, high : numpy.ndarray of float64
        NaN where there were no trials.

    Raises
    ------
    ValueError
        If successes are negative or exceed the trials.

    Examples
    --------
    >>> low, high = proportion_interval(0, 10)
    >>> float(low), round(float(high), 4)
    (0.0, 0.3085)
    """
    import numpy as np
    from scipy import stats

    k, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    if (k < 0).any() or (k > n).any():
        raise ValueError("proportion: successes must lie between 0 and the number of trials")
    tail = (1 - level) / 2
    if method == "exact":
        low = np.where(k == 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 0.5), n - k + 1))
        high = np.where(k == n, 1.0, stats.beta.ppf(1 - tail, k + 1, np.maximum(n - k, 0.5)))
    else:
        z = stats.norm.ppf(1 - tail)
        trials_safe = np.maximum(n, 1)
        p = k / trials_safe
        centre = (p + z**2 / (2 * trials_safe)) / (1 + z**2 / trials_safe)
        half = z / (1 + z**2 / trials_safe) * np.sqrt(p * (1 - p) / trials_safe + z**2 / (4 * trials_safe**2))
        low, high = np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)
    none = n == 0
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def permutation_p(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """One-sided p of a permutation test: (1 + #(null >= observed)) / (1 + permutations).

    Never zero (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

    Parameters
    ----------
    observed : array_like, (...)
        The statistic on the data.
    null : array_like, (permutation, ...)
        The statistic under permutations.

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where ``observed`` is.

    Examples
    --------
    >>> float(permutation_p(3.0, [1.0, 2.0, 3.0]))
    0.5
    """
    import numpy as np

    value = np.asarray(observed, dtype=np.float64)
    draws = np.asarray(null, dtype=np.float64)
    # Rounding must not decide between equal statistics: equal within 1e-12 counts as reached.
    slack = 1e-12 * np.maximum(1.0, np.abs(value))
    p = (1 + (draws >= value - slack).sum(axis=0)) / (1 + len(draws))
    return np.where(np.isnan(value), np.nan, p)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p that controls the false discovery rate (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p : array_like, (test,)
        Values of p; NaN for a test that was not made, which is left out of the count and stays NaN.

    Returns
    -------
    numpy.ndarray of float64, (test,)
        Smallest false discovery rate at which each test is rejected.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    import numpy as np

    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    made = np.flatnonzero(~np.isnan(values))
    if made.size:
        order = made[np.argsort(values[made], kind="stable")]
        scaled = values[order] * made.size / np.arange(1, made.size + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
