"""What a finished run says on stdout: findings, headline numbers, refusals, and where the report is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spikeproof.wording import dose

from .screen import cell, console, heading, plain_table, say, sentences, table_or_records

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from spikeproof.result import Result

__all__ = ["headlines", "interval", "show_result"]

_VALUE = "estimate [95 % interval]"


def show_result(result: Result) -> None:
    """Say what each of several sources gave, and what was found, system by system."""
    from spikeproof.result import SOURCE_HEAD, joined_over, source_rows

    out = console()
    about = result.study.get("description")
    if isinstance(about, str) and about:
        for paragraph in about.split("\n\n"):
            say(out, " ".join(paragraph.split()))
    rows = source_rows(result.provenance)
    if rows:
        heading(out, "Sources")
        if said := joined_over(result.provenance):
            say(out, said)
        table_or_records(out, SOURCE_HEAD, rows)
    for system in result.scopes:
        heading(out, f"Found in {result.label(system) if system != 'recording' else 'the recording'}")
        sentences(out, [item["text"] for item in result.findings if item["system"] == system])
        _numbers(result, system, out)
    if result.refused:
        heading(out, "Refused")
        sentences(out, [f"{item['what']}: {item['reason']}" for item in result.refused])
    out.print()
    say(out, f"Result: {result.path}")
    if result.report.is_file():
        say(out, f"Report: {result.report}")


def headlines(result: Result, system: str) -> Iterator[xr.DataArray]:
    """Yield the numbers of one system that belong at the top: what its metrics mark as ``headline``."""
    for metric in result.metrics:
        if result.has(metric, system):
            for variable in result.summary(metric, system).data_vars.values():
                if int(variable.attrs.get("headline", 0)):
                    yield variable


def _numbers(result: Result, system: str, out: Console) -> None:
    singles = plain_table(("number", "where", f"{_VALUE} unit"))
    for variable in headlines(result, system):
        dims = [str(dim) for dim in variable.dims if dim != "statistic"]
        name, unit = str(variable.attrs.get("long_name", variable.name)), str(variable.attrs.get("units", ""))
        if len(dims) == 2:
            out.print()
            say(out, f"{name} ({unit}), {_VALUE}", style="bold")
            out.print(_matrix(variable, dims[0], dims[1]))
            continue
        for place in itertools.product(*(range(variable.sizes[dim]) for dim in dims)):
            one = variable.isel(dict(zip(dims, place, strict=True)))
            where = ", ".join(f"{dim} {_label(one[dim].item())}" for dim in dims if dim in one.coords)
            singles.add_row(*map(cell, (name, where, f"{_value(one)} {'' if unit == '1' else unit}")))
            name = ""  # it stands above
    if singles.row_count:
        out.print()
        out.print(singles)


def _matrix(variable: xr.DataArray, rows: str, columns: str) -> object:
    labels = variable[columns].values.tolist()
    table = plain_table(
        (rows, *(label if isinstance(label, str) else f"{columns} {_label(label)}" for label in labels))
    )
    for row in range(variable.sizes[rows]):
        line = variable.isel({rows: row})
        values = [_value(line.isel({columns: column})) for column in range(variable.sizes[columns])]
        table.add_row(cell(_label(variable[rows].values.tolist()[row])), *map(cell, values))
    return table


def _value(one: xr.DataArray) -> str:
    estimate, low, high = (float(one.sel(statistic=name)) for name in ("estimate", "low", "high"))
    return f"{_figure(estimate, one.attrs)} {interval(low, high, one.attrs)}"


def interval(low: float, high: float, attributes: Mapping[Any, Any] = MappingProxyType({})) -> str:
    """Return an interval as text; ``attributes`` are the number's.

    Examples
    --------
    >>> interval(0.51234, 1.2), interval(float("nan"), float("nan"))
    ('[0.512, 1.2]', '[none]')
    """
    return (
        "[none]"
        if math.isnan(low) or math.isnan(high)
        else f"[{_figure(low, attributes)}, {_figure(high, attributes)}]"
    )


def _figure(value: float, attributes: Mapping[Any, Any]) -> str:
    return "none" if math.isnan(value) else dose(value, attributes)


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
