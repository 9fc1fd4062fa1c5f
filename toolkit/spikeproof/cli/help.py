"""The help of a command whose options are composed: no name is cut, whatever the components call their fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .options import LineArgument, LineOption, help_option

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
    command : str
    summary : str
        Its line in the root help.
    text : str
        Further sentences, a line each.
    arguments : sequence of LineArgument
    options : sequence of LineOption
    panel : str
        Heading under which ``--help`` stands.
    examples : tuple of str
        Two lines that work.
    """

    command: str
    summary: str
    text: str
    arguments: Sequence[LineArgument] = ()
    options: Sequence[LineOption] = ()
    panel: str = "Options"
    examples: tuple[str, str]

    @property
    def usage(self) -> str:
        """The shape of the line."""
        words = [item.metavar if item.required else f"[{item.metavar}]" for item in self.arguments]
        return " ".join(["spikeproof", self.command, *words, "[OPTIONS]"])


def show_help(page: HelpPage) -> None:
    """Print a help page: a panel for each group of options, in their order."""
    from rich.text import Text

    from .screen import console

    out = console(framed=True)
    out.print()
    out.print(Text.assemble((" Usage: ", "yellow"), (page.usage, "bold")))
    out.print()
    out.print(Text(f" {page.summary}"))
    out.print()
    for line in page.text.splitlines():
        _indented(out, line, style="dim")
    out.print()
    for title in dict.fromkeys(argument.panel for argument in page.arguments):
        _panel(
            out,
            title,
            [
                (Text(argument.metavar, style="bold cyan"), Text(argument.help))
                for argument in page.arguments
                if argument.panel == title
            ],
        )
    # --help stands at the end of its panel, and the panels of components come after it.
    rows = {title: [_row(item) for item in page.options if item.panel == title] for title in _panels(page)}
    rows[page.panel].append(_row(help_option(page.panel)))
    for title, lines in rows.items():
        _panel(out, title, lines)
    out.print(" Examples:")
    for example in page.examples:
        out.print(Text(f"   {example}"), soft_wrap=True)
    out.print()


def _panels(page: HelpPage) -> list[str]:
    titles = list(dict.fromkeys(option.panel for option in page.options))
    return titles if page.panel in titles else [*titles, page.panel]


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
