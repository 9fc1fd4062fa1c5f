"""Which columns name stimuli, units, categories and repeats: by option, or by the words that files use for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikeproof.errors import DataError
from spikeproof.wording import did_you_mean

from .block import Block, Column, listed

__all__ = ["KNOWN", "Roles", "find_roles"]

KNOWN: Mapping[str, tuple[str, ...]] = {
    "stimulus": ("stimulus_id", "image_id", "stimulus", "image", "image_name", "filename"),
    "category": ("category", "object_name", "category_name"),
    "repeat": ("repeat", "repetition"),
    "unit": ("unit", "neuroid_id", "unit_id", "neuroid"),
    "area": ("area", "region"),
    "subject": ("subject", "animal"),
    "session": ("session", "session_id"),
}
"""Names under which files have a column; the first is the one of recordings. Brain-Score's words are among them."""

_CANONICAL = {"stimulus": "stimulus_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of the columns that play a part, where there are such columns.

    Parameters
    ----------
    names : mapping of str to str
        Role (a key of :data:`KNOWN`) to column.
    notes : tuple of str
        Which columns were taken for what without being told.
    """

    names: Mapping[str, str]
    notes: tuple[str, ...]


def find_roles(block: Block, asked: Mapping[str, str | None], where: str) -> Roles:
    """Find the column of each role.

    Parameters
    ----------
    block : Block
    asked : mapping of str to (str or None)
        Role to the column that the user named.
    where : str

    Raises
    ------
    DataError
        If a named column is not there (near names are given), or stands along other axes than its role needs.
    """
    names: dict[str, str] = {}
    notes = []
    for role, known in KNOWN.items():
        wanted = asked.get(role)
        fits = {name: column for name, column in block.columns.items() if _fits(role, column, block)}
        if wanted is not None:
            names[role] = _named(role, wanted, block, fits, where)
            continue
        found = next((name for name in known if name in fits), None)
        if found is None:
            continue
        names[role] = found
        if found not in (known[0], _CANONICAL.get(role, role), *block.dims):
            notes.append(f"{_CANONICAL.get(role, role)} is the file's {found}")
    return Roles(names=names, notes=tuple(notes))


def _axes(role: str, block: Block) -> tuple[tuple[str, ...], ...]:
    """The axes along which a column of that role may stand."""
    if role in ("unit",):
        return (("unit",),)
    if role in ("area", "subject", "session"):
        return (("unit",), ())
    if role == "repeat":
        return (("repeat",),) if "repeat" in block.dims else (("presentation",),)
    return ((block.shown,),)


def _fits(role: str, column: Column, block: Block) -> bool:
    return column.dims in _axes(role, block)


def _named(role: str, wanted: str, block: Block, fits: Mapping[str, Column], where: str) -> str:
    if wanted in fits:
        return wanted
    held = listed(list(fits)) or "none"
    axis = " or ".join(" x ".join(dims) or "no axis" for dims in _axes(role, block))
    if wanted in block.columns:
        dims = " x ".join(block.columns[wanted].dims) or "no axis"
        raise DataError(f"{where}: {role} = {wanted!r} stands along {dims}, not {axis}; columns along it: {held}")
    meant = did_you_mean(wanted, block.columns, otherwise=".")
    raise DataError(f"{where}: {role} = {wanted!r}: there is no such column{meant} Columns along {axis}: {held}")
