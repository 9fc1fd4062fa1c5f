"""What ``inspect`` shows of a file or a source."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Inspection", "InspectionTable", "source_options"]


@dataclass(frozen=True, kw_only=True)
class InspectionTable:
    """One table of facts.

    Parameters
    ----------
    title : str
    columns : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        All rows.
    most : int, optional
        How many of them a person is shown (``--json`` has them all); by default all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    most: int | None = None


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


def source_options(source: DataclassInstance) -> tuple[str, ...]:
    """Return a source's parameters as the words of a line, those that are not at their defaults.

    Parameters
    ----------
    source : dataclass
        A source; its ``target`` is no option.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Toy:
    ...     target: str = ""
    ...     first_row: int | None = None
    ...     dims: tuple[str, ...] = ()
    ...     gray: bool = False
    >>> source_options(Toy(target="x", first_row=3, dims=("unit", "stimulus"), gray=True))
    ('--source.first-row', '3', '--source.dims', 'unit,stimulus', '--source.gray')
    """
    words: list[str] = []
    for field in dataclasses.fields(source):
        value = getattr(source, field.name)
        if field.name == "target" or value == field.default:
            continue
        word = field.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--source.{word}" if value else f"--no-source.{word}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--source.{word}", text]
    return tuple(words)
