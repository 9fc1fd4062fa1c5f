"""Responses, tables beside them and images, put together as a recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.pictures import Catalogue, open_pictures, stimulus_set
from spikeproof.types import Recording, StimulusSet

from .block import Block, Column, as_text, check_numbers, listed
from .delimited import read_delimited
from .files import Kind, digest_of, file_digest, kind_of
from .labelled import read_labelled
from .matching import Matched, match_by_name, match_by_order
from .plain import read_plain
from .presentations import lay_out
from .roles import find_roles
from .side_tables import SideTable, attach, read_side_table

if TYPE_CHECKING:
    from .source import Table

__all__ = ["assemble"]

_FILENAMES = ("filename", "image_file_name", "image_file")
"""Columns that name a stimulus's image file, as Brain-Score's stimulus sets have them."""


def assemble(source: Table) -> Recording:
    """Read everything that a source names.

    Raises
    ------
    DataError, BadParameter
        See :class:`~spikeproof_table.source.Table`.
    """
    where, path = source.where, source.path
    kind = kind_of(path, where)
    _refuse_options(source, kind)
    asked = {role: getattr(source, role) for role in ("stimulus", "category", "repeat", "unit")}
    beside = _side_tables(source, asked)
    block = _read(source, path, kind, asked)
    check_numbers(block, where)
    notes = list(block.notes)
    units, block = _names(block, "unit", beside.get("unit"), asked, where, notes)
    stimuli, block = _names(block, block.shown, beside.get("stimulus"), asked, where, notes)
    soft = {name for table in beside.values() for name in (table.named_by, *table.columns)}
    roles = find_roles(
        block,
        {role: name for role, name in asked.items() if name in block.columns or name not in soft},
        where,
    )
    notes += roles.notes
    if units is None:
        units = _made_up("unit", block.size("unit"), 3)
        notes.append(f"the responses do not name their units: they are called {units[0]} to {units[-1]}")
    _refuse_twice(units, "unit", where)
    catalogue, matched = _images(source, block, stimuli)
    if stimuli is None:
        stimuli = _unnamed(block, catalogue, notes, where)
    if block.shown == "stimulus":
        _refuse_twice(stimuli, "stimulus", where)
    extra = _of_units(source, block, roles.names)
    extra |= _categories(block, roles.names.get("category"), stimuli, catalogue, matched, where, notes)
    called = np.array([f"{source.prefix}{name}" for name in stimuli.tolist()], dtype=np.str_)
    responses, said = lay_out(
        block,
        called,
        units,
        where,
        repeat=roles.names.get("repeat"),
        response_units=_response_units(source, block),
        time_unit=source.time_unit,
        extra=extra,
    )
    notes += said
    pictures: StimulusSet | None = None
    parts = [("responses", file_digest(path))]
    parts += [(table.option, file_digest(table.path)) for table in beside.values()]
    if catalogue is not None and matched is not None:
        of_stimuli = beside["stimulus"].columns if "stimulus" in beside else ()
        pictures, changed = _stimulus_set(source, block, called, catalogue, matched, extra.get("category"), of_stimuli)
        notes += (*catalogue.notes, *matched.notes, *changed)
        parts.append(("images", catalogue.digest(matched.rows)))
    return Recording(
        responses=responses,
        stimuli=pictures,
        identity={"source": where, "digest": digest_of(parts)},
        notes=tuple(dict.fromkeys(notes)),
    )


def _refuse_options(source: Table, kind: Kind) -> None:
    """Options that say nothing about a file of this kind."""
    labelled = kind in ("netCDF", "Zarr")
    for name, given, fits, about in (
        ("group", source.group, labelled, "netCDF and Zarr files"),
        ("columns", source.columns, kind == "csv", "csv tables"),
        ("delimiter", source.delimiter, kind == "csv", "csv tables"),
        ("dims", source.dims, kind != "csv", "arrays (a csv table has named columns instead)"),
        ("time_unit", source.time_unit, kind != "csv", "arrays with an axis time_bin"),
    ):
        if given and not fits:
            raise BadParameter(f"{source.where}: {name} is for {about}; this is a {kind} file")


def _side_tables(source: Table, asked: Mapping[str, str | None]) -> dict[str, SideTable]:
    return {
        role: read_side_table(Path(named).expanduser(), option, role, asked.get(role), source.where)
        for role, option, named in (
            ("unit", "units_table", source.units_table),
            ("stimulus", "stimuli", source.stimuli),
        )
        if named is not None
    }


def _read(source: Table, path: Path, kind: Kind, asked: Mapping[str, str | None]) -> Block:
    where = source.where
    if kind == "csv":
        return read_delimited(
            path,
            where,
            responses=source.responses,
            columns=source.columns,
            delimiter=source.delimiter,
            asked=asked,
        )
    if kind in ("npy", "npz"):
        return read_plain(path, kind, where, responses=source.responses, dims=source.dims, asked=asked)
    return read_labelled(path, kind, where, group=source.group, responses=source.responses, dims=source.dims)


def _names(
    block: Block,
    axis: str,
    table: SideTable | None,
    asked: Mapping[str, str | None],
    where: str,
    notes: list[str],
) -> tuple[NDArray[np.str_] | None, Block]:
    """Names along an axis, and the block with the columns of the table beside it."""
    role = "unit" if axis == "unit" else "stimulus"
    named = asked.get(role)
    if named is not None and named not in block.columns and table is not None and named == table.named_by:
        named = None  # it names a column of the table, which is matched by order or by a known name
    found = find_roles(block, {role: named}, where).names.get(role)
    names = None if found is None else as_text(block.columns[found].values, f"{role} ({found})", where)
    if table is None:
        return names, block
    more, names, said = attach(table, names, block.size(axis), axis, block.columns, where)
    notes += said
    return names, replace(block, columns={**block.columns, **more})


def _made_up(word: str, count: int, digits: int) -> NDArray[np.str_]:
    width = max(digits, len(str(count - 1)))
    return np.array([f"{word}{number:0{width}d}" for number in range(count)], dtype=np.str_)


def _refuse_twice(names: NDArray[np.str_], role: str, where: str) -> None:
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        places = np.flatnonzero(names == values[counts > 1][0]).tolist()
        raise DataError(
            f"{where}: {role} {values[counts > 1][0].item()!r} stands at {' and '.join(map(str, places[:2]))} "
            f"({int((counts > 1).sum())} names stand more than once): each {role} needs a name of its own; choose "
            f"another column as {role}"
        )


def _images(source: Table, block: Block, stimuli: NDArray[np.str_] | None) -> tuple[Catalogue | None, Matched | None]:
    """The images, and which of them each different stimulus is."""
    if source.images is None:
        return None, None
    where = source.where
    catalogue = open_pictures(
        Path(source.images).expanduser(),
        f"{where}: images = {source.images!r}",
        order=source.order or "natural",
        layout=source.layout,
    )
    if stimuli is None:
        chosen = source.order is not None
        return catalogue, match_by_order(catalogue, block.size(block.shown), source.images, where, chosen=chosen)
    first = _first_of_each(stimuli)
    column = next(
        (name for name in _FILENAMES if name in block.columns and block.columns[name].dims == (block.shown,)), None
    )
    wanted = stimuli[first] if column is None else as_text(block.columns[column].values, column, where)[first]
    return catalogue, match_by_name(catalogue, wanted.tolist(), source.images, where, said=column or "")


def _first_of_each(stimuli: NDArray[np.str_]) -> NDArray[np.intp]:
    """Where each different stimulus stands first, in the order of the axis."""
    return np.sort(np.unique(stimuli, return_index=True)[1])


def _unnamed(block: Block, catalogue: Catalogue | None, notes: list[str], where: str) -> NDArray[np.str_]:
    """Names for stimuli that nothing names: those of their images, or numbers."""
    if block.shown == "presentation":
        held = [name for name, column in block.columns.items() if column.dims == ("presentation",)]
        raise DataError(
            f"{where}: nothing says which stimulus each presentation showed: name that column with stimulus (columns "
            f"of presentations: {listed(held) or 'none'}), or name the axis stimulus if no stimulus is shown twice"
        )
    if catalogue is not None:
        return np.array(catalogue.ids, dtype=np.str_)
    names = _made_up("", block.size("stimulus"), 5)
    notes.append(
        f"the responses do not name their stimuli: they are called {names[0]} to {names[-1]}, by their place. Another "
        "source has the same stimulus under a number only if its stimuli stand in the same order"
    )
    return names


def _of_units(source: Table, block: Block, roles: Mapping[str, str]) -> dict[str, Column]:
    """Area, subject and session of every unit, from the file or from the options."""
    found: dict[str, Column] = {}
    for role in ("area", "subject", "session"):
        said: str | None = getattr(source, role)
        held = roles.get(role)
        if held is not None:
            column = block.columns[held]
            texts = np.broadcast_to(as_text(column.values, held, source.where), (block.size("unit"),))
            if said is not None and (texts != said).any():
                raise DataError(
                    f"{source.where}: {role} = {said!r}, but the file says {listed(sorted(set(texts.tolist())), 3)} "
                    f"({held}): leave the option out"
                )
        elif said is not None:
            texts = np.full(block.size("unit"), said)
        else:
            continue
        found[role] = Column(dims=("unit",), values=texts.astype(np.str_))
    return found


def _categories(
    block: Block,
    held: str | None,
    stimuli: NDArray[np.str_],
    catalogue: Catalogue | None,
    matched: Matched | None,
    where: str,
    notes: list[str],
) -> dict[str, Column]:
    """Category along the axis of stimuli: the file's, or that of the images' folders; both must agree."""
    given = None if held is None else as_text(block.columns[held].values, f"category ({held})", where)
    if catalogue is None or matched is None or catalogue.categories is None:
        return {} if given is None else {"category": Column(dims=(block.shown,), values=given)}
    names = stimuli[_first_of_each(stimuli)].tolist()
    of_stimulus = {name: catalogue.categories[row] for name, row in zip(names, matched.rows, strict=True)}
    of_image = np.array([of_stimulus[name] for name in stimuli.tolist()], dtype=np.str_)
    if given is None:
        notes.append("categories are those of the images")
        return {"category": Column(dims=(block.shown,), values=of_image)}
    wrong = np.flatnonzero(given != of_image)
    if wrong.size:
        place = int(wrong[0])
        raise DataError(
            f"{where}: stimulus {stimuli[place].item()!r} is of category {given[place].item()!r} by {held}, but its "
            f"image is in {of_image[place].item()!r} ({wrong.size} such): choose another column as category, or put "
            "the images into one folder"
        )
    return {"category": Column(dims=(block.shown,), values=given)}


def _response_units(source: Table, block: Block) -> str:
    if source.response_units is None:
        if not block.units:
            raise BadParameter(
                f"{source.where}: the file does not say the unit of the responses: say it with response_units, such as "
                "'spikes' (counts), 'Hz' or 'dF/F'"
            )
        return block.units
    if block.units and block.units != source.response_units:
        raise DataError(
            f"{source.where}: response_units = {source.response_units!r}, but the file says {block.units!r}: leave the "
            "option out, or mend the file"
        )
    return source.response_units


def _stimulus_set(
    source: Table,
    block: Block,
    called: NDArray[np.str_],
    catalogue: Catalogue,
    matched: Matched,
    category: Column | None,
    of_stimuli: Collection[str],
) -> tuple[StimulusSet, tuple[str, ...]]:
    """Images under the stimuli's names, with the columns that are properties of stimuli."""
    first = _first_of_each(called)
    columns = {}
    for name, column in block.columns.items():
        # What stands along presentations may be of the showing; what a table of stimuli says is of the stimulus.
        if column.dims == (block.shown,) and (block.shown == "stimulus" or name in of_stimuli):
            columns[name] = column.values[first]
    if category is not None:
        columns["category"] = category.values[first]
    table = pd.DataFrame(columns, index=pd.Index(called[first].tolist(), name="stimulus_id", dtype=str))
    where = f"{source.where}: images = {source.images!r}"
    return stimulus_set(catalogue, matched.rows, table, where, size=source.size, grayscale=source.grayscale)
