"""How results are set: tables and sentences on stdout, everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["cell", "console", "facts", "heading", "plain_table", "say", "sentences", "table_or_records"]

_WIDE = 1000


def console(*, framed: bool = False) -> Console:
    """Return the console of stdout: nothing in a name, a path or an error is read as markup.

    What goes to a file or a program has a line for each row, as wide as it needs (unless ``COLUMNS`` says how wide), so
    that it can be searched. What is ``framed`` keeps the usual width.
    """
    wide = not framed and not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(markup=False, highlight=False, emoji=False, width=_WIDE if wide else None)


def heading(out: Console, text: str) -> None:
    """Print a heading with a blank line before it."""
    out.print()
    out.print(Text(text, style="bold"))


def say(out: Console, text: str, *, indent: int = 0, style: str = "") -> None:
    """Print a sentence: wrapped on a terminal, in one line elsewhere, so that it can be searched."""
    if out.is_terminal:
        out.print(Padding(Text(text, style=style), (0, 0, 0, indent)))
    else:
        out.print(Text(" " * indent + text, style=style), soft_wrap=True)


def sentences(out: Console, texts: Iterable[str]) -> None:
    """Print sentences as a list."""
    for text in texts:
        if out.is_terminal:
            grid = Table.grid(padding=(0, 1))
            grid.add_row(Text("-"), Text(text))
            out.print(Padding(grid, (0, 0, 0, 1)))
        else:
            out.print(Text(f"  - {text}"), soft_wrap=True)


def plain_table(columns: Sequence[str], *, right: Sequence[str] = ()) -> Table:
    """Return an empty table without vertical lines; what doesn't fit is wrapped, never cut."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def table_or_records(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; where it is far wider than the screen, print each row as names and values instead."""
    widths = [max(len(text) for text in texts) for texts in zip(columns, *rows, strict=True)]
    if len(columns) > 2 and sum(widths) + 2 * len(widths) > 2 * out.width:
        for row in rows:
            out.print(cell(row[0], "bold"))
            out.print(Padding(facts(zip(columns[1:], row[1:], strict=True)), (0, 0, 0, 2)))
        return
    table = plain_table(columns)
    for row in rows:
        table.add_row(*map(cell, row))
    out.print(table)


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return names and values as a table without a header."""
    table = plain_table(("", ""))
    table.show_header = False
    for key, value in pairs:
        table.add_row(cell(key, "dim"), cell(value))
    return table


def cell(text: object, style: str = "") -> Text:
    """Return one cell of a table."""
    return Text(str(text), style=style)
