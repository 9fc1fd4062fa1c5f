"""Draws of a resampled dimension, as rows of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError
from spikeproof.noise import generator

from .resampling import Resampling

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["resampling_weights"]


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
