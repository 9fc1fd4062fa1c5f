"""Numbers in sentences."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["joined", "number", "with_interval"]


def number(value: float) -> str:
    """Write a number for people: three significant digits, never more than it needs.

    Examples
    --------
    >>> number(0.01449), number(12.0), number(1234.5), number(float("inf"))
    ('0.0145', '12', '1234', 'infinity')
    """
    if np.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def with_interval(values: xr.DataArray) -> str:
    """Write ``estimate [low, high]`` of an array whose only dimension is ``statistic``.

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"statistic": ["estimate", "low", "high"]}
    >>> with_interval(xr.DataArray([0.5, 0.4, 0.6], dims="statistic", coords=names))
    '0.5 [0.4, 0.6]'
    >>> with_interval(xr.DataArray([0.5, float("nan"), float("nan")], dims="statistic", coords=names))
    '0.5 (no interval)'
    """
    estimate, low, high = (float(values.sel(statistic=name)) for name in ("estimate", "low", "high"))
    if np.isnan(estimate):
        return "undefined"
    if np.isnan(low) or np.isnan(high):
        return f"{number(estimate)} (no interval)"
    return f"{number(estimate)} [{number(low)}, {number(high)}]"


def joined(parts: list[str]) -> str:
    """Join with commas and a final "and".

    Examples
    --------
    >>> joined(["a", "b", "c"]), joined(["a"])
    ('a, b and c', 'a')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
