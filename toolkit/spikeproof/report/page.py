"""Puts the report together and writes it."""

from __future__ import annotations

from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from .sections import (
    findings,
    metric_sections,
    picture_section,
    provenance_section,
    refusals,
    side_by_side,
    systems_section,
)

if TYPE_CHECKING:
    from spikeproof.result import Result

__all__ = ["write_report"]


def write_report(result: Result) -> Path:
    """Write ``report.html`` into the result folder.

    Parameters
    ----------
    result : Result
        A finished result.

    Returns
    -------
    Path
        Where it stands.
    """
    sections = [
        ("short", "In short", side_by_side(result)),
        ("found", "What was found", findings(result)),
        ("refused", "What could not be computed", refusals(result)),
        *metric_sections(result),
        ("pictures", "What the perturbations look like", picture_section(result)),
        ("systems", "What was studied", systems_section(result)),
        ("provenance", "Where the numbers come from", provenance_section(result)),
    ]
    shown = [(anchor, title, body) for anchor, title, body in sections if body]
    named = tuple(map(result.label, result.systems))
    title = f"Robustness of {_listed(named)}" if named else "What subjects chose"
    style = resources.files("spikeproof.report").joinpath("style.css").read_text(encoding="utf-8")
    links = " ".join(f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name, _ in shown)
    body = "".join(f'<section id="{anchor}"><h2>{escape(name)}</h2>{text}</section>' for anchor, name, text in shown)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f'<p class="lead">spikeproof {escape(result.provenance["environment"]["versions"]["spikeproof"])}, '
        f"{escape(result.provenance['finished'])}. Every number stands with its 95 % interval in brackets.</p>"
        f"{_described(result)}<nav>{links}</nav>{body}</body></html>\n"
    )
    partial = result.report.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    return partial.replace(result.report)


def _described(result: Result) -> str:
    paragraphs = str(result.study.get("description", "")).split("\n\n")
    return "".join(f"<p>{escape(text)}</p>" for text in paragraphs if text)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
