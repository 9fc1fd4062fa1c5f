"""What a summary is put together with: bounds, what a number says of itself, and where it stands to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike

    from .code import Code

__all__ = ["against", "annotated", "dose_attributes", "levels", "overlap", "unit_word", "with_bounds"]


def with_bounds(estimate: ArrayLike, low: ArrayLike, high: ArrayLike) -> xr.DataArray:
    """Join a number and its bounds along ``statistic``.

    Examples
    --------
    >>> with_bounds(0.5, 0.4, 0.6).sel(statistic="low").item()
    0.4
    """
    import xarray as xr

    from .statistics import stack_statistic

    return stack_statistic(xr.DataArray(estimate), xr.DataArray(low), xr.DataArray(high))


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

    Examples
    --------
    >>> annotated(with_bounds(0.5, 0.4, 0.6), long_name="accuracy", units="share", definition="Right.").attrs["units"]
    'share'
    """
    notes = [definition]
    if fixed := variable.attrs.get("not_resampled"):
        notes.append(f"There is one {fixed.replace(', ', ', one ')} only: the interval does not reach beyond it.")
    if lost := variable.attrs.get("undefined_draws"):
        notes.append(f"Up to {lost} bootstrap draws were undefined and left out.")
    attrs = {**variable.attrs, "long_name": long_name, "units": units, "definition": " ".join(notes), **attributes}
    return variable.assign_attrs(attrs)


def dose_attributes(doses: ArrayLike) -> dict[str, float]:
    """Return the attributes of a dose that is read off a curve: the least and the largest that were tested.

    Tables and sentences then give what lies outside as a bound: ``< 0.5``, ``> 2``.

    Parameters
    ----------
    doses : array_like, (dose,)
        Those of the curve; 0 is no test.

    Examples
    --------
    >>> dose_attributes([0.0, 0.5, 2.0])
    {'least_tested': 0.5, 'largest_tested': 2.0}
    """
    import numpy as np

    values = np.asarray(doses, dtype=np.float64)
    values = values[values > 0]
    return {"least_tested": float(values.min()), "largest_tested": float(values.max())} if values.size else {}


def levels(values: xr.DataArray | xr.Dataset, dim: str = "unit") -> dict[str, list[str]]:
    """Coordinates that nest units, the widest first, as the bootstrap wants them.

    Examples
    --------
    >>> import xarray as xr
    >>> levels(xr.DataArray([1.0], dims="unit", coords={"subject": ("unit", ["monkey"])}))
    {'unit': ['subject']}
    """
    present = [name for name in ("subject", "session") if name in values.coords and values[name].dims == (dim,)]
    return {dim: present}


def unit_word(code: Code) -> str:
    """What one unit of the code is to be called: what is computed on a fitted encoder is labelled so."""
    return "in-silico unit" if code.facts.get("in_silico") == "yes" else "unit"


def overlap(a: xr.DataArray, b: xr.DataArray) -> bool:
    """Whether two intervals overlap; an interval that does not exist overlaps with all.

    Examples
    --------
    >>> overlap(with_bounds(0.5, 0.4, 0.6), with_bounds(0.8, 0.7, 0.9))
    False
    """
    import numpy as np

    bounds = [float(x.sel(statistic=name)) for x in (a, b) for name in ("low", "high")]
    if np.isnan(bounds).any():
        return True
    return bounds[0] <= bounds[3] and bounds[2] <= bounds[1]


def against(value: xr.DataArray, chance: xr.DataArray) -> str:
    """Where an estimate stands to the central range of its chance level: ``above``, ``below`` or ``within``.

    The chance level keeps the units and stimuli of the data, so it is the estimate that is compared with it: the
    estimate's own interval speaks of other units and stimuli.

    Examples
    --------
    >>> against(with_bounds(0.5, 0.4, 0.6), with_bounds(0.3, 0.2, 0.4))
    'above'
    """
    estimate = float(value.sel(statistic="estimate"))
    if estimate > float(chance.sel(statistic="high")):
        return "above"
    return "below" if estimate < float(chance.sel(statistic="low")) else "within"
