"""Intervals out of draws and out of counts, and the dimension ``statistic``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from spikeproof.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from .resampling import Resampling

__all__ = ["interval", "proportion_interval", "reported", "stack_statistic"]


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


def reported(
    draws: NDArray[np.float64], estimate: xr.DataArray, resampling: Resampling, not_resampled: Sequence[str] = ()
) -> xr.DataArray:
    """Stack an estimate with the percentile interval of its draws, and count the draws that were undefined.

    Parameters
    ----------
    draws : numpy.ndarray of float64, (draw, ...)
    estimate : xarray.DataArray, dims (...)
    resampling : Resampling
    not_resampled : sequence of str
        What the draws are conditional on, as the bootstrap says it.

    Returns
    -------
    xarray.DataArray, dims (statistic, ...)
        Attributes ``not_resampled`` and ``undefined_draws`` where there is something to say; ``spikeproof.summaries``
        makes sentences of them (``annotated``).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from spikeproof.statistics import Resampling
    >>> draws = np.append(np.linspace(0.0, 1.0, 101), np.nan)
    >>> out = reported(draws, xr.DataArray(0.5), Resampling(level=0.9), ["subject"])
    >>> out.values.round(2).tolist(), out.attrs
    ([0.5, 0.05, 0.95], {'not_resampled': 'subject', 'undefined_draws': 1})
    """
    import numpy as np

    low, high = interval(draws, estimate.values, resampling.level, undefined="exclude")
    out = stack_statistic(estimate, estimate.copy(data=low), estimate.copy(data=high))
    if not_resampled:
        out.attrs["not_resampled"] = ", ".join(sorted(set(not_resampled)))
    undefined = (np.isnan(draws) & ~np.isnan(estimate.values)).sum(axis=0)
    lost = int(undefined[undefined < len(draws)].max(initial=0))
    if lost:
        out.attrs["undefined_draws"] = lost
    return out


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
