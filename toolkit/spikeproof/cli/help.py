"""The help of a command whose options are composed: no name is cut, whatever the components call their fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .options import LineOption

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["HelpPage", "show_help"]

_WIDEST = 36
"""Columns that names and types may take; longer ones are folded."""


@dataclass(frozen=True, kw_only=True)
class HelpPage:
    """All that the help of a command says.

    Parameters
    ----------
    usage : str
    summary : str
    text : str
        Further sentences, a line each.
    argument : tuple of (heading, name, help)
    options : sequence of LineOption
    epilog : str
    """

    usage: str
    summary: str
    text: str
    argument: tuple[str, str, str]
    options: Sequence[LineOption]
    epilog: str


def show_help(page: HelpPage) -> None:
    """Print a help page: a panel for each group of options, in their order."""
    from rich.text import Text

    from .screen import console

    out = console()
    out.print()
    out.print(Text.assemble((" Usage: ", "yellow"), (page.usage, "bold")))
    out.print()
    out.print(Text(f" {page.summary}"))
    out.print()
    for line in page.text.splitlines():
        _indented(out, line, style="dim")
    out.print()
    heading, name, help_text = page.argument
    _panel(out, heading, [(Text(name, style="bold cyan"), Text(help_text))])
    for title in dict.fromkeys(option.panel for option in page.options):
        _panel(out, title, [_row(option) for option in page.options if option.panel == title])
    for line in page.epilog.splitlines():
        out.print(Text(f" {line}"), soft_wrap=True)
    out.print()


def _row(option: LineOption) -> tuple[Text, Text]:
    from rich.text import Text

    name = Text(option.flag, style="bold cyan")
    for short in option.shown_too:
        name.append(f" / {short}", style="bold magenta" if short.startswith("--no-") else "bold cyan")
    if option.type_shown:
        name.append(f" {option.type_shown}", style="yellow")
    text = Text(option.help)
    if option.default_shown:
        text.append(f" [default: {option.default_shown}]", style="dim")
    return name, text


def _panel(out: Console, title: str, rows: Iterable[tuple[Text, Text]]) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    grid = Table.grid(padding=(0, 2), expand=True)
    widest = min(max(len(name) for name, _ in rows), _WIDEST, out.width // 2)
    grid.add_column(width=widest, overflow="fold")
    grid.add_column(overflow="fold", ratio=1)
    for row in rows:
        grid.add_row(*row)
    out.print(Panel(grid, title=Text(title), title_align="left", border_style="dim"))


def _indented(out: Console, line: str, style: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    out.print(Padding(Text(line, style=style), (0, 1)))
