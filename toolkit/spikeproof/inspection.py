"""What ``inspect`` shows of a file or a source."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Inspection", "InspectionTable"]


@dataclass(frozen=True, kw_only=True)
class InspectionTable:
    """One table of facts: a title, column names and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is in a source.

    Parameters
    ----------
    title : str
        The source, as a person would name it.
    facts : tuple of (str, str)
        Name and value: format version, subject, session, number of units ...
    tables : tuple of InspectionTable
        Units, presentation tables with their columns and counts, images.
    can : tuple of str
        What can be computed from it.
    cannot : tuple of str
        What cannot, each with the reason.
    run : str
        A ready ``spikeproof run`` line, or empty if nothing can be run.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[InspectionTable, ...] = ()
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    run: str = ""
