"""What ``inspect`` says of an NWB file: what is in it, what can be done with it, and how."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import h5py
import numpy as np
import pandas as pd
from spikeproof.errors import DataError
from spikeproof.types import Inspection, InspectionTable

from .building import validate
from .columns import Columns, Values, as_names, read_columns, read_numbers
from .layout import Layout, Table, survey
from .opening import nwb_version
from .pictures import find_images
from .place import Place
from .presentations import guess_stimulus, missing, overlapping
from .reading import Reading
from .spikes import read_trains
from .units import Units, choose_units, read_session, read_units

__all__ = ["inspect_file"]

_CATEGORIES = 50
"""A column of more different values than this is no category."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """A presentation table with the columns that its stimuli and categories most likely stand in."""

    table: Table
    columns: Columns
    overlaps: int
    bad: int
    stimulus: str | None
    stimuli: int
    categories: tuple[str, ...]

    @property
    def merit(self) -> tuple[bool, bool, float, int]:
        """Rank among the tables: categories, then repeated stimuli, then rows."""
        showings = self.table.rows / self.stimuli if self.stimuli else 0.0
        return bool(self.categories), self.stimulus is not None, showings, self.table.rows


def inspect_file(place: Place, options: Reading) -> Inspection:
    """Describe a file, and suggest what to run on it.

    Raises
    ------
    DataError
        If it cannot be opened, or is not NWB 2. Anything else that is wrong is listed under ``cannot``.
    """
    target = place.label
    facts: list[tuple[str, str]] = []
    can: list[str] = []
    cannot: list[str] = []
    run = ""
    with place.opened() as file:
        facts.append(("NWB version", nwb_version(file, target)))
        warned, built = _warnings(file, target, cannot)
        layout = survey(file)
        session = read_session(file)
        said = (("identifier", session.identifier), ("session", session.session), ("subject", session.subject))
        facts += [(name, value or "not said") for name, value in (*said, ("species", session.species))]
        units, countable = _units(file, place.label, options.units_table, layout, facts, cannot)
        guesses = _guesses(file, target, layout, cannot)
        best = _best(guesses)
        if best is not None and built and countable:
            can, run = _suggest(place, guesses, best)
            names = as_names(best.columns.values[str(best.stimulus)]).tolist()
            pictured, notes = find_images(file, place, layout, names, None)
            can += notes if pictured is not None else ()
            cannot += notes if pictured is None else ()
    if not any(guess.table.presentations for guess in guesses):
        cannot.append("no table of stimulus presentations: counting spikes needs to know when stimuli were shown")
    cannot += [f"{place} is a link to {goal}, which cannot be reached" for place, goal in layout.broken]
    if units is not None:
        cannot += [f"{place}: responses from RoiResponseSeries are not read yet" for place, _ in layout.rois]
    tables = [] if units is None else [_units_table(units)]
    tables += [_presentation_table(guesses)] if guesses else []
    if layout.images:
        tables.append(InspectionTable(title="Images", columns=("path", "type", "size"), rows=tuple(layout.images)))
    if warned:
        tables.append(_table_of("pynwb warns", "warning", warned))
    return Inspection(
        title=f"NWB file {PurePosixPath(target).name}",
        facts=tuple(facts),
        tables=tuple(tables),
        can=tuple(can),
        cannot=tuple(cannot),
        run=run,
    )


def _warnings(file: h5py.File, label: str, cannot: list[str]) -> tuple[tuple[str, ...], bool]:
    """What pynwb warns of, and whether it could read the file at all."""
    try:
        return validate(file, label), True
    except DataError as error:
        cannot.append(str(error))
        return (), False


def _units(
    file: h5py.File, target: str, named: str | None, layout: Layout, facts: list[tuple[str, str]], cannot: list[str]
) -> tuple[Units | None, bool]:
    """The units table, and whether its spikes can be counted."""
    try:
        path, notes = choose_units(layout, named, target)
        units = read_units(file, path, f"{target}, {path}")
    except DataError as error:
        cannot.append(str(error))
        return None, False
    facts.append(("units", f"{len(units):,} in {path}" + (f" ({notes[0]})" if len(layout.units) > 1 else "")))
    areas = pd.Series(units.areas).value_counts()
    facts.append(("areas", ", ".join(f"{area} ({amount})" for area, amount in areas.items())))
    try:
        trains = read_trains(file[path], len(units), units.names, f"{target}, {path}")
        facts.append(("spikes", f"{len(trains.times):,}"))
        amounts = np.diff(trains.bounds)
        silent = int((amounts == 0).sum())
        facts.append(("spikes per unit", f"{amounts.min():,} to {amounts.max():,}, {silent} without any"))
        trains.ready(np.arange(len(units)), units.names, sort=False)
    except DataError as error:
        cannot.append(str(error))
        return units, False
    return units, True


def _guesses(file: h5py.File, target: str, layout: Layout, cannot: list[str]) -> list[_Guess]:
    found = []
    for table in layout.tables:
        where = f"{target}, {table.path}"
        try:
            columns = read_columns(file[table.path], table.rows, where)
            start = read_numbers(file[table.path]["start_time"], f"{where}, start_time")
            stop = read_numbers(file[table.path]["stop_time"], f"{where}, stop_time")
        except DataError as error:
            cannot.append(str(error))
            continue
        good = stop > start
        bad = int((~good).sum())
        if bad:
            cannot.append(
                f"{where}: {bad} of {table.rows} rows have NaN, inverted or empty times: they cannot be counted"
            )
        overlaps = overlapping(start[good], stop[good])
        try:
            stimulus: str | None = guess_stimulus(columns, where)[0]
        except DataError:
            stimulus = None
        categories = () if stimulus is None else _category_columns(columns, stimulus)
        stimuli = 0 if stimulus is None else _different(columns.values[stimulus])
        found.append(_Guess(table, columns, overlaps, bad, stimulus, stimuli, categories))
    return found


def _category_columns(columns: Columns, stimulus: str) -> tuple[str, ...]:
    """Columns that say what kind of stimulus it is: one value a stimulus, several stimuli a value; best name first."""
    names = as_names(columns.values[stimulus])
    stimuli = _different(names)
    found = []
    for name, values in columns.values.items():
        if name in {stimulus, "id", "start_time", "stop_time"} or missing(values).any():
            continue
        texts = as_names(values)
        kinds = _different(texts)
        if 2 <= kinds <= min(_CATEGORIES, stimuli // 2) and (pd.Series(texts).groupby(names).nunique() == 1).all():
            found.append(name)
    return tuple(sorted(found, key=_category_merit, reverse=True))


def _category_merit(name: str) -> int:
    plain = name.lower()
    said = 3 * ("categ" in plain) + 2 * any(word in plain for word in ("type", "class", "label", "object"))
    return said + any(word in plain for word in ("stim", "image"))


def _different(values: Values) -> int:
    return int(pd.Series(values).nunique())


def _presentation_table(guesses: Sequence[_Guess]) -> InspectionTable:
    rows = tuple(
        (
            guess.table.path,
            f"{guess.table.rows:,}",
            f"{guess.overlaps:,}",
            f"{guess.stimulus} ({guess.stimuli:,} different)" if guess.stimulus else "none by name",
            ", ".join(f"{name} ({_different(guess.columns.values[name])})" for name in guess.categories) or "none",
            _listed(guess.columns),
        )
        for guess in guesses
    )
    columns = ("path", "rows", "overlapping rows", "stimulus column", "category columns", "columns (different values)")
    return InspectionTable(title="Presentation tables", columns=columns, rows=rows)


def _listed(columns: Columns) -> str:
    hidden = {"id", "start_time", "stop_time"}
    said = [f"{name} ({_different(values):,})" for name, values in columns.values.items() if name not in hidden]
    return ", ".join(said + [f"{name} [{reason}]" for name, reason in columns.left_out.items()])


def _units_table(units: Units) -> InspectionTable:
    rows = [(name, f"{_different(values):,}", _range(values)) for name, values in units.columns.values.items()]
    rows += [(name, "", reason) for name, reason in units.columns.left_out.items()]
    return InspectionTable(title="Columns of units", columns=("column", "different values", "holds"), rows=tuple(rows))


def _table_of(title: str, column: str, texts: Sequence[str]) -> InspectionTable:
    return InspectionTable(title=title, columns=(column,), rows=tuple((text,) for text in texts))


def _range(values: Values) -> str:
    if values.dtype.kind in "iuf":
        finite = values[np.isfinite(values)]
        return f"{finite.min():.10g} to {finite.max():.10g}" if finite.size else "NaN only"
    counts = pd.Series(values).value_counts()
    return ", ".join(f"{value} ({amount})" for value, amount in counts.head(4).items()) + (
        " ..." if len(counts) > 4 else ""
    )


def _best(guesses: Sequence[_Guess]) -> _Guess | None:
    usable = [
        guess for guess in guesses if guess.table.presentations and guess.stimulus and guess.table.rows - guess.bad > 1
    ]
    return max(usable, key=lambda guess: guess.merit, default=None)


def _suggest(place: Place, guesses: Sequence[_Guess], best: _Guess) -> tuple[list[str], str]:
    """What the best table allows, and the line that does it."""
    table = best.table.name if [guess.table.name for guess in guesses].count(best.table.name) == 1 else best.table.path
    words = ["spikeproof", "run", "--source", place.source, "--source.table", table]
    words += ["--source.stimulus", str(best.stimulus)]
    if best.bad:
        words += ["--source.rows", "start_time < stop_time"]
    rows = f"{best.table.rows - best.bad:,} presentations of {best.stimuli:,} stimuli"
    can = [f"spike counts of every unit in {rows} ({best.table.path})"]
    metrics = ["sparseness"]
    if best.categories:
        words += ["--source.category", best.categories[0], "--readout", "logistic", "--attack", "silence"]
        words += ["--attack", "shift"]
        metrics += ["selectivity", "dropping-curve", "silencing", "margin"]
        can.append(f"sparseness; selectivity and decoding of {best.categories[0]}; silenced units, shifted activity")
    else:
        can.append("sparseness (selectivity, decoding and attacks on activity need a category column)")
    for metric in metrics:
        words += ["--metric", metric]
    words += ["--out", f"results/{PurePosixPath(place.label).stem}"]
    return can, shlex.join(words)
