"""Numbers, intervals and lists in sentences: what every finding and every message is put together from."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["did_you_mean", "dose", "joined", "number", "percent", "some", "with_interval"]


def number(value: float) -> str:
    """Write a number for people: three significant digits, never more than it needs.

    Infinity is a dose or a norm that was never reached.

    Examples
    --------
    >>> number(0.01449), number(12.0), number(1234.5), number(float("inf")), number(float("nan"))
    ('0.0145', '12', '1234', 'not reached', 'undefined')
    """
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "not reached"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def dose(value: float, attributes: Mapping[Any, Any]) -> str:
    """Write one value of a variable; a dose that lies outside those that were tested is given as a bound.

    Parameters
    ----------
    value : float
    attributes : mapping
        The variable's; ``least_tested`` and ``largest_tested`` make it a dose (`spikeproof.summaries.dose_attributes`).
        Below the least there is a straight line from 0, no measurement; 0 itself needs no dose.

    Examples
    --------
    >>> attributes = {"least_tested": 0.5, "largest_tested": 2.0}
    >>> dose(0.21, attributes), dose(0.5, attributes), dose(float("inf"), attributes), dose(0.21, {})
    ('< 0.5', '0.5', '> 2', '0.21')
    """
    least, largest = attributes.get("least_tested"), attributes.get("largest_tested")
    if least is not None and 0 < value < float(least) * (1 - 1e-9):
        return f"< {number(float(least))}"
    if largest is not None and math.isinf(value):
        return f"> {number(float(largest))}"
    return number(value)


def with_interval(values: xr.DataArray, *, scale: float = 1.0) -> str:
    """Write ``estimate [low, high]`` of an array whose only dimension is ``statistic``, doses as `dose` writes them.

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"statistic": ["estimate", "low", "high"]}
    >>> with_interval(xr.DataArray([0.5, 0.4, float("inf")], dims="statistic", coords=names))
    '0.5 [0.4, not reached]'
    >>> with_interval(xr.DataArray([0.5, float("nan"), float("nan")], dims="statistic", coords=names))
    '0.5 (no interval)'
    """
    estimate, low, high = (scale * float(values.sel(statistic=name)) for name in ("estimate", "low", "high"))
    if math.isnan(estimate):
        return "undefined"
    if math.isnan(low) or math.isnan(high):
        return f"{dose(estimate, values.attrs)} (no interval)"
    said, *bounds = (dose(value, values.attrs) for value in (estimate, low, high))
    return said if all(bound == said and said[0] in "<>" for bound in bounds) else f"{said} [{', '.join(bounds)}]"


def percent(values: xr.DataArray) -> str:
    """Write a fraction with its interval in per cent.

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"statistic": ["estimate", "low", "high"]}
    >>> percent(xr.DataArray([0.5, 0.4, 0.6], dims="statistic", coords=names))
    '50 [40, 60] %'
    """
    return f"{with_interval(values, scale=100)} %"


def joined(parts: Sequence[str]) -> str:
    """Join with commas and a final "and".

    Examples
    --------
    >>> joined(["a", "b", "c"]), joined(["a"])
    ('a, b and c', 'a')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def some(names: Iterable[object], most: int = 3) -> str:
    """List the first few, quoted, and say how many more there are.

    Examples
    --------
    >>> some(["a", "b", "c", "d"], most=2)
    "'a', 'b' and 2 more"
    """
    listed = [repr(str(name)) for name in names]
    shown = ", ".join(listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown


def did_you_mean(wrong: str, known: Iterable[str], most: int = 3, *, otherwise: str = "") -> str:
    """Ask for the known names that are near a wrong one, in whatever case it is written.

    Parameters
    ----------
    wrong : str
    known : iterable of str
    most : int
        Names at most.
    otherwise : str
        What to say where none is near.

    Returns
    -------
    str
        It follows the wrong name: ``": did you mean 'a' or 'b'?"``.

    Examples
    --------
    >>> did_you_mean("Sparsness", ["sparseness", "margin"])
    ": did you mean 'sparseness'?"
    >>> did_you_mean("x", ["sparseness"], otherwise=": there is sparseness")
    ': there is sparseness'
    """
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(name.casefold(), name)
    near = difflib.get_close_matches(wrong.casefold(), names, n=most)
    return f": did you mean {' or '.join(repr(names[name]) for name in near)}?" if near else otherwise
