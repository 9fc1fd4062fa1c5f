"""Small pieces of HTML, escaped."""

from __future__ import annotations

import base64
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
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = (), caption: str = ""
) -> str:
    """Write a table; ``numbers`` are the columns that are set right."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if place in numbers else ''}>{escape(cell)}</td>" for place, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


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
