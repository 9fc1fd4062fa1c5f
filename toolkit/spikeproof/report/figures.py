"""Draws summary variables as their attributes ask; knows no metric by name."""

from __future__ import annotations

import io
import itertools
import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from spikeproof.wording import number

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["called", "draw", "text_of"]

# Okabe and Ito's palette: told apart with any colour vision, and in grey by line style.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_GREYS = ("0.35", "0.5", "0.65")
_STYLES = ("-", "--", "-.", ":")
_MOST_LINES = 12
_LEGEND_CHARACTERS = 44
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "spikeproof",
    "svg.fonttype": "none",  # texts stay texts: a tenth of the size, and they can be searched
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "figure.dpi": 100,
}


def draw(summary: xr.Dataset, name: str) -> list[tuple[str, str]]:
    """Draw one variable of a summary.

    Parameters
    ----------
    summary : xarray.Dataset
        The metric's summary.
    name : str
        The variable; its attribute ``figure`` says how.

    Returns
    -------
    list of (SVG text, description)
        One figure each; empty where the variable is a plain number.
    """
    variable = summary[name]
    kind = variable.attrs.get("figure", "number")
    if kind == "number" or not np.isfinite(variable.sel(statistic="estimate").values).any():
        return []  # nothing that could be drawn, such as a norm that is never reached: the table says so
    with mpl.rc_context(_STYLE):
        if kind == "matrix":
            return [_matrix(variable)]
        if kind == "curve":
            return [_curve(summary, variable)]
        if kind == "distribution":
            return [_distribution(summary, variable)]
    raise ValueError(f"variable {name!r}: unknown figure {kind!r}")


def text_of(value: object) -> str:
    """Write a coordinate for people."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def called(variable: xr.DataArray, dim: str) -> str:
    """Call a dimension in words: its long name, which its units may say better ("L2 norm" for "norm").

    Examples
    --------
    >>> import xarray as xr
    >>> norms = xr.DataArray([0.5], dims="epsilon", attrs={"long_name": "norm", "units": "L2 norm"})
    >>> array = xr.DataArray([[1.0]], coords={"epsilon": norms, "recorded_unit": ["u"]})
    >>> called(array, "epsilon"), called(array, "recorded_unit")
    ('L2 norm', 'recorded unit')
    """
    attributes = variable[dim].attrs
    name, units = str(attributes.get("long_name", dim)), str(attributes.get("units", ""))
    return units if units.endswith(name) else name.replace("_", " ")


def _matrix(variable: xr.DataArray) -> tuple[str, str]:
    rows, columns = variable.attrs["rows"], variable.attrs["columns"]
    others = [dim for dim in variable.dims if dim not in (rows, columns, "statistic")]
    row_names = [text_of(value) for value in variable[rows].values.tolist()]
    column_names = [textwrap.fill(text_of(value), 15) for value in variable[columns].values.tolist()]
    lines = max(name.count("\n") for name in column_names)
    panels = list(_places(variable, others))
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    width = (1.25 * len(column_names) + 0.085 * max(map(len, row_names)) + 0.3) * across
    figure = Figure(figsize=(width, down * (0.52 * len(row_names) + 0.9 + 0.17 * lines)), layout="constrained")
    finite = variable.sel(statistic="estimate").values
    # One large cell must not darken the others: above this all are the brightest, and the number says the rest.
    top = min(1.5, max(1.0, float(np.nanmax(np.where(np.isfinite(finite), finite, np.nan)))))
    for number_of, place in enumerate(panels, 1):
        axes = figure.add_subplot(down, across, number_of)
        part = variable.sel(place).transpose(rows, columns, "statistic")
        values = part.sel(statistic="estimate").values
        axes.imshow(np.ma.masked_invalid(values), cmap="cividis", vmin=0, vmax=top, aspect="auto")
        for i, j in np.ndindex(values.shape):
            low, high = part.sel(statistic=["low", "high"]).values[i, j].tolist()
            dark = not np.isfinite(values[i, j]) or values[i, j] < 0.55 * top
            label = number(float(values[i, j])) if np.isfinite(values[i, j]) else "–"
            color = "white" if dark and np.isfinite(values[i, j]) else "black"
            axes.text(j, i - 0.1, label, ha="center", va="center", color=color, weight="bold")
            if np.isfinite(low) and np.isfinite(high):
                interval = f"{number(low)} to {number(high)}"
                axes.text(j, i + 0.26, interval, ha="center", va="center", color=color, fontsize=7)
        axes.set_xticks(range(len(column_names)), column_names)
        axes.set_yticks(range(len(row_names)), row_names)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        if "long_name" in variable[columns].attrs and number_of <= across:
            axes.xaxis.set_label_position("top")
            axes.set_xlabel(called(variable, columns), color="0.35")
        if "long_name" in variable[rows].attrs and number_of % across == 1 % across:
            axes.set_ylabel(called(variable, rows), color="0.35")
        axes.spines[:].set_visible(False)
        if place:
            axes.set_title(_title(variable, place), weight="bold")
    return _svg(figure), f"{variable.attrs['long_name']}, {called(variable, rows)} by {called(variable, columns)}"


def _curve(summary: xr.Dataset, variable: xr.DataArray) -> tuple[str, str]:
    x = variable.attrs["x"]
    others = [dim for dim in variable.dims if dim not in (x, "statistic")]
    panel_dim = variable.attrs.get("panels") or (_smallest(variable, others) if len(others) > 1 else None)
    lines = [dim for dim in others if dim != panel_dim]
    panels = list(_places(variable, [panel_dim] if panel_dim else []))
    figure, all_axes = _row_of_axes(len(panels), legend=bool(lines))
    for axes, place in zip(all_axes, panels, strict=True):
        for index, line in enumerate(_places(variable, lines)):
            if index == _MOST_LINES:
                break
            control = [variable[dim].sel({dim: value}) for dim, value in line.items()]
            if any(str(one.coords["control"].item()) for one in control if "control" in one.coords):
                color = _GREYS[index % len(_GREYS)]  # controls stand back
            else:
                color = _COLORS[index % len(_COLORS)]
            style = _STYLES[index % len(_STYLES)]
            part = variable.sel({**place, **line}).transpose(x, "statistic")
            label = ", ".join(text_of(value) for value in line.values()) or variable.attrs["long_name"]
            _band(axes, part, x, color, style, label)
        chance = variable.attrs.get("chance")
        if chance:
            _chance(axes, summary[chance], x, place)
        _reference_lines(axes, variable)
        units = str(variable[x].attrs.get("units", ""))
        axes.set_xlabel(_axis(called(variable, x), "" if units == called(variable, x) else units))
        if place:
            axes.set_title(_title(variable, place))
        if all(isinstance(value, int) for value in variable[x].values.tolist()):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if variable.attrs.get("x_scale") == "log":
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
    all_axes[0].set_ylabel(_axis(variable.attrs["long_name"], variable.attrs["units"]))
    _legend(figure, all_axes[0])
    return _svg(figure), f"{variable.attrs['long_name']} against {called(variable, x)}"


def _distribution(summary: xr.Dataset, variable: xr.DataArray) -> tuple[str, str]:
    x = variable.attrs["x"]
    others = [dim for dim in variable.dims if dim not in (x, "statistic")]
    panels = list(_places(variable, others))[:_MOST_LINES]
    figure, all_axes = _row_of_axes(len(panels), legend=True)
    for axes, place in zip(all_axes, panels, strict=True):
        part = variable.sel(place).transpose(x, "statistic")
        estimate = part.sel(statistic="estimate").values
        order = np.argsort(estimate)
        order = order[np.isfinite(estimate[order])]
        rank = np.arange(1, len(order) + 1)
        low, high = (part.sel(statistic=name).values[order] for name in ("low", "high"))
        # One broken line, not a line each: a tenth of the size.
        bars = np.column_stack([low, high, np.full(len(order), np.nan)]).ravel()
        width = max(0.6, min(3.0, 150 / len(order)))
        axes.plot(np.repeat(rank, 3), bars, color=_COLORS[0], alpha=0.35, lw=width, solid_capstyle="butt")
        axes.plot(
            rank,
            estimate[order],
            ".",
            color=_COLORS[0],
            label=f"{x.replace('_', ' ')}, with 95 % interval",
            markersize=5,
        )
        chance = variable.attrs.get("chance")
        if chance:
            level = summary[chance]
            if x in level.dims:
                sorted_level = level.sel({key: value for key, value in place.items() if key in level.dims})
                sorted_level = sorted_level.transpose(x, "statistic")
                bounds = [sorted_level.sel(statistic=name).values[order] for name in ("low", "high")]
                axes.fill_between(rank, *bounds, color="0.6", alpha=0.4, lw=0, label=level.attrs["long_name"])
            else:
                _chance(axes, level, x, place)
        _reference_lines(axes, variable)
        axes.set_xlabel(f"{_plural(x)}, sorted ({len(order)} of {len(estimate)})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if place:
            axes.set_title(_title(variable, place))
    all_axes[0].set_ylabel(_axis(variable.attrs["long_name"], variable.attrs["units"]))
    _legend(figure, all_axes[0])
    return _svg(figure), f"{variable.attrs['long_name']} over {_plural(x)}"


def _band(axes: Axes, part: xr.DataArray, x: str, color: str, style: str, label: str) -> None:
    at = part[x].values
    values = part.sel(statistic="estimate").values
    keep = np.isfinite(values)
    if not keep.any():
        return
    low, high = (part.sel(statistic=name).values[keep] for name in ("low", "high"))
    axes.fill_between(at[keep], low, high, color=color, alpha=0.18, lw=0)
    axes.plot(at[keep], values[keep], color=color, ls=style, marker="o", markersize=3.5, lw=1.6, label=label)


def _chance(axes: Axes, level: xr.DataArray, x: str, place: dict[Any, Any]) -> None:
    level = level.sel({key: value for key, value in place.items() if key in level.dims})
    name = level.attrs["long_name"]
    if x in level.dims:
        extra = [dim for dim in level.dims if dim not in (x, "statistic")]
        for other in _places(level, extra):
            part = level.sel(other).transpose(x, "statistic")
            label = ", ".join([name, *(text_of(value) for value in other.values())])
            _band(axes, part, x, "0.45", ":", label)
        return
    if [dim for dim in level.dims if dim != "statistic"]:
        return
    low, estimate, high = (float(level.sel(statistic=part)) for part in ("low", "estimate", "high"))
    if np.isfinite(low) and np.isfinite(high):
        axes.axhspan(low, high, color="0.6", alpha=0.3, lw=0)
    axes.axhline(estimate, color="0.35", ls=":", lw=1.4, label=f"{name} ({number(estimate)})")


def _reference_lines(axes: Axes, variable: xr.DataArray) -> None:
    lines = json.loads(variable.attrs.get("reference_lines", "{}")).items()
    for index, (text, level) in enumerate(lines):
        axes.axhline(level, color="0.2", lw=0.9, ls=(0, (6, 3)))
        # On white, below what was measured; every other one on the right, since two may stand at nearly one level.
        left = index % 2 == 0
        axes.annotate(
            text,
            (0.01 if left else 0.99, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="left" if left else "right",
            va="bottom",
            fontsize=8,
            color="0.2",
            bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.5, "linewidth": 0},
            zorder=1.5,
        )


def _row_of_axes(count: int, *, legend: bool) -> tuple[Figure, list[Axes]]:
    across = min(3, count)
    down = -(-count // across)
    figure = Figure(figsize=(max(5.2, 3.4 * across), 3.1 * down + (0.5 if legend else 0)), layout="constrained")
    axes: list[Axes] = []
    for number_of in range(1, count + 1):
        axes.append(figure.add_subplot(down, across, number_of, sharey=axes[0] if axes else None))
    return figure, axes


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        wrapped = [textwrap.fill(label, _LEGEND_CHARACTERS) for label in labels]
        longest = max(len(line) for label in wrapped for line in label.splitlines())
        fit = int(figure.get_figwidth() / (0.075 * longest + 0.6))  # inches that a character and a handle take
        figure.legend(handles, wrapped, loc="outside lower center", ncols=max(1, min(3, fit, len(handles))))


def _places(variable: xr.DataArray, dims: list[Any]) -> Iterator[dict[Any, Any]]:
    for values in itertools.product(*(variable[dim].values.tolist() for dim in dims)):
        place = dict(zip(dims, values, strict=True))
        if np.isfinite(variable.sel({**place, "statistic": "estimate"}).values).any():
            yield place


def _smallest(variable: xr.DataArray, dims: list[Any]) -> Any:  # noqa: ANN401 - xarray names dims with any hashable
    return min(dims, key=lambda dim: variable.sizes[dim])


def _plural(dim: str) -> str:
    return {"stimulus": "stimuli", "category": "categories"}.get(dim, f"{dim.replace('_', ' ')}s")


def _title(variable: xr.DataArray, place: dict[Any, Any]) -> str:
    return ", ".join(f"{called(variable, dim)} {text_of(value)}".strip() for dim, value in place.items())


def _axis(name: str, units: str) -> str:
    return textwrap.fill(f"{name} ({units})" if units and units != "1" else name, 34)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
