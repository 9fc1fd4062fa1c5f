"""What ``inspect`` says of an NWB file: what is in it, what can be done with it, and how."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

import h5py
import numpy as np
import pandas as pd
from spikeproof.errors import DataError
from spikeproof.types import Inspection, InspectionTable

from .bins import bins_of
from .building import validate
from .choosing import choose_table
from .columns import Values, as_names, different
from .inspected_tables import SeenTable, best_table, presentation_tables, see_tables
from .layout import Layout, survey
from .opening import nwb_version
from .pictures import Showing, find_images, image_choice
from .place import Place
from .presentations import Windows
from .reading import Reading
from .responses import Responses, choose_responses, read_responses
from .spikes import SpikeTrains
from .units import Units, read_session, read_units

__all__ = ["inspect_file"]

Facts = list[tuple[str, str]]


def inspect_file(place: Place, options: Reading) -> Inspection:
    """Describe a file, and suggest what to run on it.

    Raises
    ------
    DataError
        If it cannot be opened, or is not NWB 2. Anything else that is wrong is listed under ``cannot``.
    """
    label = place.label
    facts: Facts = []
    can: list[str] = []
    cannot: list[str] = []
    run = ""
    with place.opened() as file:
        facts.append(("NWB version", nwb_version(file, label)))
        warned, built = _warnings(file, label, cannot)
        layout = survey(file)
        session = read_session(file)
        said = (("identifier", session.identifier), ("session", session.session), ("subject", session.subject))
        facts += [(name, value or "not said") for name, value in (*said, ("species", session.species))]
        units, responses = _responses(place, file, layout, options, facts, cannot)
        sound = responses is not None and _sound(place, responses, facts, cannot)
        seen = see_tables(file, label, layout, cannot)
        best = _best(layout, options, seen, label, facts, cannot)
        if best is not None and responses is not None and built and sound and _fits(responses, best, cannot):
            can, run = _suggest(place, options, responses, seen, best)
            names = as_names(best.columns.values[str(best.stimulus)]).tolist()
            times = (best.columns.values["start_time"], best.columns.values["stop_time"])
            showing = Showing(names=names, column=str(best.stimulus), start=times[0], stop=times[1])
            pictured, notes = find_images(file, place, layout, showing, image_choice(options))
            can += notes if pictured is not None else ()
            cannot += notes if pictured is None else ()
    cannot += [f"{path} is a link to {goal}, which cannot be reached" for path, goal in layout.broken]
    tables = [*([] if units is None else [_units_table(units)]), *presentation_tables(seen), *_series_tables(layout)]
    if layout.images:
        tables.append(InspectionTable(title="Images", columns=("path", "type", "size"), rows=tuple(layout.images)))
    if warned:
        tables.append(_table_of("pynwb warns", "warning", warned))
    return Inspection(
        title=f"NWB file {PurePosixPath(label).name}",
        facts=tuple(facts),
        tables=tuple(tables),
        can=tuple(can),
        cannot=tuple(text.removeprefix(f"{label}, ").removeprefix(f"{label}: ") for text in cannot),
        run=run,
    )


def _warnings(file: h5py.File, label: str, cannot: list[str]) -> tuple[tuple[str, ...], bool]:
    """What pynwb warns of, and whether it could read the file at all."""
    try:
        return validate(file, label), True
    except DataError as error:
        cannot.append(str(error))
        return (), False


def _responses(
    place: Place, file: h5py.File, layout: Layout, options: Reading, facts: Facts, cannot: list[str]
) -> tuple[Units | None, Responses | None]:
    """Who responded, if that can be said, and with what, if that can be trusted."""
    units, responses = None, None
    try:
        chosen, notes = choose_responses(layout, options.responses, options.units_table, place.label)
        if isinstance(chosen, str):
            units = read_units(file, chosen, f"{place.label}, {chosen}")
        responses = read_responses(place, file, chosen, place.label)
        units = responses.units
    except DataError as error:
        cannot.append(str(error))
    if units is None:
        return None, None
    also = f" ({'; '.join(notes)})" if len(layout.units) > 1 or len(notes) > 1 else ""
    path = chosen if isinstance(chosen, str) else chosen.path
    facts.append(("units" if isinstance(chosen, str) else "ROIs", f"{len(units):,} in {path}{also}"))
    areas = pd.Series(units.areas).value_counts()
    facts.append(("areas", ", ".join(f"{area} ({amount})" for area, amount in areas.items())))
    return units, responses


def _sound(place: Place, responses: Responses, facts: Facts, cannot: list[str]) -> bool:
    """Whether the responses can be measured, with facts about them."""
    measured = responses.measured
    if not isinstance(measured, SpikeTrains):
        timing = measured.timing
        begin, end = (float(timing.at(np.array(sample))) for sample in (0, timing.samples - 1))
        rate = f" at {(timing.samples - 1) / (end - begin):.4g} Hz" if end > begin else ""
        facts.append(("samples", f"{timing.samples:,}{rate}, {begin:.6g} to {end:.6g} s, in {responses.unit}"))
        return True
    amounts = np.diff(measured.bounds)
    facts.append(("spikes", f"{measured.bounds[-1]:,}"))
    silent = int((amounts == 0).sum())
    facts.append(("spikes per unit", f"{amounts.min():,} to {amounts.max():,}, {silent} without any"))
    if place.far:
        facts.append(("spike times", "not read here: their order is checked when they are counted"))
        return True
    try:
        measured.check(np.arange(len(amounts)))
    except DataError as error:
        cannot.append(str(error))
        return False
    return True


def _fits(responses: Responses, best: SeenTable, cannot: list[str]) -> bool:
    """Whether traces were sampled while the stimuli were shown; spikes always fit."""
    if isinstance(responses.measured, SpikeTrains):
        return True
    try:
        responses.measured.spans(best.edges)
    except DataError as error:
        cannot.append(str(error))
        return False
    return True


def _best(
    layout: Layout, options: Reading, seen: Sequence[SeenTable], label: str, facts: Facts, cannot: list[str]
) -> SeenTable | None:
    """The table that is taken, or else the one that promises most."""
    try:
        table, note = choose_table(layout, options.table, label)
    except DataError as error:
        best = best_table(seen)
        if best is None:
            cannot.append(str(error))
        else:
            facts.append(("presentations", "several tables: one must be named as `table`"))
        return best
    facts.append(("presentations", f"{table.rows:,} in {table.path}" + (", used if no table is named" if note else "")))
    return next((item for item in seen if item.table.path == table.path and item.stimulus), None)


def _series_tables(layout: Layout) -> tuple[InspectionTable, ...]:
    """Series that may hold responses, one by one, and how many others there are."""
    wide = [series for series in layout.series if series.traces and (series.rois or len(series.shape) == 2)]
    rows = [
        (
            series.path,
            series.kind + (f" in a {series.container}" if series.rois and series.container else ""),
            " x ".join(map(str, series.shape)),
            "ROIs" if series.rois else "only if named as `responses`",
        )
        for series in wide
    ]
    others = pd.Series([series.kind for series in layout.series if series not in wide and series.traces])
    rows += [(f"{amount} others", str(kind), "", "") for kind, amount in others.value_counts().items()]
    columns = ("path", "type", "samples x columns", "responses")
    return (InspectionTable(title="Series", columns=columns, rows=tuple(rows)),) if rows else ()


def _units_table(units: Units) -> InspectionTable:
    rows = [(name, f"{different(values):,}", _range(values)) for name, values in units.columns.values.items()]
    rows += [(name, "", reason) for name, reason in units.columns.left_out.items()]
    return InspectionTable(title="Columns of units", columns=("column", "different values", "holds"), rows=tuple(rows))


def _table_of(title: str, column: str, texts: Sequence[str]) -> InspectionTable:
    return InspectionTable(title=title, columns=(column,), rows=tuple((text,) for text in texts))


def _range(values: Values) -> str:
    if values.dtype.kind in "iuf":
        finite = values[np.isfinite(values)]
        return f"{finite.min():.10g} to {finite.max():.10g}" if finite.size else "NaN only"
    counts = pd.Series(values).value_counts()
    return ", ".join(f"{value or 'nothing'} ({amount})" for value, amount in counts.head(4).items()) + (
        " ..." if len(counts) > 4 else ""
    )


def _suggest(
    place: Place, options: Reading, responses: Responses, seen: Sequence[SeenTable], best: SeenTable
) -> tuple[list[str], str]:
    """What the best table allows, and the line that does it."""
    table = best.table.name if [item.table.name for item in seen].count(best.table.name) == 1 else best.table.path
    words = ["spikeproof", "run", "--source", place.source, "--source.table", table]
    words += ["--source.stimulus", str(best.stimulus)]
    for name in ("responses", "units_table"):
        words += [f"--source.{name}".replace("_", "-"), getattr(options, name)] if getattr(options, name) else []
    if best.bad:
        words += ["--source.rows", "start_time < stop_time"]
    rows = f"{best.table.rows - best.bad:,} presentations of {best.stimuli:,} stimuli"
    spikes = isinstance(responses.measured, SpikeTrains)
    what = "spike counts of every unit" if spikes else f"mean of every unit's trace ({responses.unit})"
    can = [f"{what} in {rows} ({best.table.path})"]
    metrics = ["sparseness"]
    if best.categories:
        words += ["--source.category", best.categories[0], "--readout", "logistic", "--attack", "silence"]
        words += ["--attack", "shift"]
        metrics += ["selectivity", "dropping-curve", "silencing", "margin"]
        can.append(f"sparseness; selectivity and decoding of {best.categories[0]}; silenced units, shifted activity")
    else:
        can.append("sparseness (selectivity, decoding and attacks on activity need a category column)")
    can.append(_bins(best))
    shown = pd.Series(as_names(best.columns.values[str(best.stimulus)])).value_counts()
    again = int((shown > 1).sum())
    if again:
        can.append(f"noise and reliability over repeats: {again:,} of {len(shown):,} stimuli were shown more than once")
    for metric in metrics:
        words += ["--metric", metric]
    words += ["--out", f"results/{PurePosixPath(place.label).stem}"]
    return can, shlex.join(words)


def _bins(best: SeenTable) -> str:
    """Whether responses can be cut into time bins as they are."""
    start, stop = best.edges.T
    try:
        bins_of(Windows(start, stop, ()), 2, best.table.path)
    except DataError:
        lengths = stop - start
        return f"time bins (`bins`), with a `window`: these rows last {lengths.min():.4g} to {lengths.max():.4g} s"
    return f"time bins (`bins`) of the {stop[0] - start[0]:.4g} s that each row lasts"
