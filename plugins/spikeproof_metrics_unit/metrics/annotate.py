"""What every variable of a summary says of itself, and numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from spikeproof.types import Code

__all__ = ["against", "annotated", "joined", "levels", "number", "overlap", "percent", "unit_word", "with_interval"]


def annotated(
    variable: xr.DataArray, *, long_name: str, units: str, definition: str, **attributes: str | int | float
) -> xr.DataArray:
    """Give a variable its attributes; the definition also says what the interval is conditional on.

    Parameters
    ----------
    variable : xarray.DataArray
        As the bootstrap gave it.
    long_name, units, definition : str
        What every variable of a summary needs.
    **attributes
        How to draw it: ``docs/architecture.md``, "Figures".
    """
    notes = [definition]
    if fixed := variable.attrs.get("not_resampled"):
        notes.append(f"There is one {fixed.replace(', ', ', one ')} only: the interval does not reach beyond it.")
    if lost := variable.attrs.get("undefined_draws"):
        notes.append(f"Up to {lost} bootstrap draws were undefined and left out.")
    attrs = {**variable.attrs, "long_name": long_name, "units": units, "definition": " ".join(notes), **attributes}
    return variable.assign_attrs(attrs)


def levels(values: xr.DataArray | xr.Dataset, dim: str = "unit") -> dict[str, list[str]]:
    """Coordinates that nest units, the widest first, as the bootstrap wants them."""
    present = [name for name in ("subject", "session") if name in values.coords and values[name].dims == (dim,)]
    return {dim: present}


def unit_word(code: Code) -> str:
    """What one unit of the code is to be called: what is computed on a fitted encoder is labelled so."""
    return "in-silico unit" if code.facts.get("in_silico") == "yes" else "unit"


def number(value: float) -> str:
    """Write a number for people.

    Examples
    --------
    >>> number(0.01449), number(1234.5), number(float("inf"))
    ('0.0145', '1234', 'not reached')
    """
    if np.isinf(value):
        return "not reached"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def with_interval(values: xr.DataArray, *, scale: float = 1.0) -> str:
    """Write ``estimate [low, high]`` of an array whose only dimension is ``statistic``.

    Examples
    --------
    >>> names = {"statistic": ["estimate", "low", "high"]}
    >>> with_interval(xr.DataArray([0.5, 0.4, float("inf")], dims="statistic", coords=names))
    '0.5 [0.4, not reached]'
    """
    estimate, low, high = (scale * float(values.sel(statistic=name)) for name in ("estimate", "low", "high"))
    if np.isnan(estimate):
        return "undefined"
    if np.isnan(low) or np.isnan(high):
        return f"{number(estimate)} (no interval)"
    return f"{number(estimate)} [{number(low)}, {number(high)}]"


def percent(values: xr.DataArray) -> str:
    """Write a fraction with its interval in per cent.

    Examples
    --------
    >>> names = {"statistic": ["estimate", "low", "high"]}
    >>> percent(xr.DataArray([0.5, 0.4, 0.6], dims="statistic", coords=names))
    '50 [40, 60] %'
    """
    return f"{with_interval(values, scale=100)} %"


def overlap(a: xr.DataArray, b: xr.DataArray) -> bool:
    """Whether two intervals overlap; an interval that does not exist overlaps with all."""
    bounds = [float(x.sel(statistic=name)) for x in (a, b) for name in ("low", "high")]
    if np.isnan(bounds).any():
        return True
    return bounds[0] <= bounds[3] and bounds[2] <= bounds[1]


def against(value: xr.DataArray, chance: xr.DataArray) -> str:
    """Where an estimate stands to the central range of its chance level: ``above``, ``below`` or ``within``.

    The chance level keeps the units and stimuli of the data, so it is the estimate that is compared with it: the
    estimate's own interval speaks of other units and stimuli.
    """
    estimate = float(value.sel(statistic="estimate"))
    if estimate > float(chance.sel(statistic="high")):
        return "above"
    return "below" if estimate < float(chance.sel(statistic="low")) else "within"


def joined(parts: Sequence[str]) -> str:
    """Join with commas and a final "and".

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
