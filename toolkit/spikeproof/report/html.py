"""Small pieces of HTML, escaped."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Collection, Iterable, Sequence
from html import escape

__all__ = ["definitions", "figure", "items", "svg_url", "table"]


def items(texts: Iterable[str]) -> str:
    """Write a list.

    Examples
    --------
    >>> items(["a < b"])
    '<ul><li>a &lt; b</li></ul>'
    """
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = (), grouped: bool = False
) -> str:
    """Write a table; ``numbers`` are the columns that are set right.

    ``grouped`` writes the first column once for rows that share it. Columns without any text are left out.

    Examples
    --------
    >>> "rowspan=2" in table(("number", "at"), [("d'", "norm 1"), ("d'", "norm 2")], grouped=True)
    True
    >>> "unit" in table(("number", "unit"), [("d'", "")])
    False
    """
    lines = [tuple(row) for row in rows]
    shown = [place for place in range(len(columns)) if not lines or any(line[place] for line in lines)]
    head = "".join(f"<th{_right(place in numbers)}>{escape(columns[place])}</th>" for place in shown)
    body = []
    for name, group in itertools.groupby(enumerate(lines), key=lambda line: line[1][shown[0]] if grouped else line[0]):
        alike = [line for _, line in group]
        for index, line in enumerate(alike):
            cells = [f"<td{_right(place in numbers)}>{escape(line[place])}</td>" for place in shown]
            if grouped and len(alike) > 1:
                cells[0] = "" if index else f"<td rowspan={len(alike)}>{escape(str(name))}</td>"
            body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _right(number: bool) -> str:
    return " class=n" if number else ""


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Write names and what they are."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs) + "</dl>"


def figure(url: str, alternative: str, caption: str = "") -> str:
    """Write a figure with a caption."""
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{url}" alt="{escape(alternative, quote=True)}">{text}</figure>'


def svg_url(svg: str) -> str:
    """Encode a drawing as a data URL, so that ids of several drawings cannot meet."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
