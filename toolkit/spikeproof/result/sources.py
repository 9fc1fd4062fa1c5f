"""What each source of a study gave, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["SOURCE_HEAD", "joined_over", "source_rows"]

SOURCE_HEAD = ("source", "subject", "session", "units", "stimuli", "presentations", "images", "trials")


def source_rows(provenance: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row of texts for each source, under ``SOURCE_HEAD``; none where a study has one source only.

    Examples
    --------
    >>> one = {"source": "nwb:a.nwb", "units": 35, "stimuli": 180, "joined_stimuli": 120, "sessions": ["s1"]}
    >>> source_rows({"sources": [one, {"source": "images:f", "images": 180}]})[0][2:5]
    ('s1', '35', '120 of 180')
    """
    sources = provenance.get("sources", ())
    if len(sources) < 2:
        return []
    return [
        (
            str(source["source"]),
            ", ".join(source.get("subjects", ())) or "–",
            ", ".join(source.get("sessions", ())) or "–",
            str(source.get("units", "–")),
            _kept(source, "stimuli"),
            _kept(source, "presentations"),
            str(source.get("images", "–")),
            str(source.get("trials", "–")),
        )
        for source in sources
    ]


def joined_over(provenance: Mapping[str, Any]) -> str:
    """Say which stimuli several recordings are joined over; nothing where there is one recording.

    Examples
    --------
    >>> joined_over({"data": {"join": "union"}})
    'The recordings are joined over the stimuli that any of them showed (union).'
    """
    join = provenance["data"].get("join")
    if join is None:
        return ""
    if join == "rounds":
        return "The recordings are rounds of the same units: their presentations stand one round after another."
    whose = "all" if join == "shared" else "any"
    return f"The recordings are joined over the stimuli that {whose} of them showed ({join})."


def _kept(source: Mapping[str, Any], what: str) -> str:
    if what not in source:
        return "–"
    total = source[what]
    kept = source.get(f"joined_{what}", total)
    return str(total) if kept == total else f"{kept} of {total}"
