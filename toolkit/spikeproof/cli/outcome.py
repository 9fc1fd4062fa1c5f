"""What a finished run says on stdout: findings, headline numbers, refusals, and where the report is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .screen import cell, console, heading, plain_table, say, sentences

if TYPE_CHECKING:
    from rich.console import Console

    from spikeproof.result import Result

__all__ = ["headlines", "interval", "show_result"]


def show_result(result: Result) -> None:
    """Say what was found."""
    out = console()
    several = len(result.systems) > 1
    for system in result.systems:
        found = [item["text"] for item in result.findings if item["system"] == system]
        if found:
            heading(out, f"Found in {system}" if several or system != "recording" else "Found")
            sentences(out, found)
    _numbers(result, out)
    if result.refused:
        heading(out, "Refused")
        sentences(out, [f"{item['what']}: {item['reason']}" for item in result.refused])
    out.print()
    say(out, f"Result: {result.path}")
    if result.report.is_file():
        say(out, f"Report: {result.report}")


def _numbers(result: Result, out: Console) -> None:
    rows = headlines(result)
    if not rows:
        return
    several = len({row["system"] for row in rows}) > 1
    columns = (*(("system",) if several else ()), "number", "where", "estimate", "95 % interval", "unit")
    table = plain_table(columns, right=("estimate", "95 % interval"))
    for row in rows:
        cells = [row["number"], row["where"], row["estimate"], row["interval"], row["units"]]
        table.add_row(*map(cell, [*([row["system"]] if several else []), *cells]))
    heading(out, "Numbers")
    out.print(table)


def headlines(result: Result) -> list[dict[str, str]]:
    """Return the numbers that belong at the top, as text: the variables that a metric marks as ``headline``.

    Returns
    -------
    list of dict
        ``system``, ``number``, ``where``, ``estimate``, ``interval``, ``units``.
    """
    rows: list[dict[str, str]] = []
    marked: dict[tuple[str, str, str], str] = {}
    for metric in result.metrics:
        for system in result.systems:
            if result.has(metric, system):
                for name, variable in result.summary(metric, system).data_vars.items():
                    if int(variable.attrs.get("headline", 0)):
                        marked[system, metric, str(name)] = str(variable.attrs.get("long_name", name))
    for line in result.table().to_dict("records"):
        number = marked.get((line["system"], line["metric"], line["variable"]))
        if number is not None:
            rows.append(
                {
                    "system": line["system"],
                    "number": number,
                    "where": line["where"],
                    "estimate": _figure(line["estimate"]),
                    "interval": interval(line["low"], line["high"]),
                    "units": line["units"],
                }
            )
    return rows


def interval(low: float, high: float) -> str:
    """Return an interval as text.

    Examples
    --------
    >>> interval(0.51234, 1.2), interval(float("nan"), float("nan"))
    ('[0.512, 1.2]', 'none')
    """
    return "none" if math.isnan(low) or math.isnan(high) else f"[{_figure(low)}, {_figure(high)}]"


def _figure(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3g}"
