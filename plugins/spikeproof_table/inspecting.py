"""What ``inspect`` says of a table: what the file holds, what was made of it, and how to run it."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, SpikeproofError
from spikeproof.pictures import natural
from spikeproof.types import Inspection, InspectionTable, Recording, source_options

from .delimited import read_cells, typed
from .files import Kind, kind_of
from .labelled import describe_labelled
from .plain import load_npy, read_arrays

if TYPE_CHECKING:
    from .source import Table

__all__ = ["inspect_table"]

_MOST = 20
"""Rows of a table that a person is shown."""


def inspect_table(source: Table) -> Inspection:
    """Describe a file of responses; what an option must still say stands under ``cannot``.

    Raises
    ------
    DataError
        If the file is missing or is nothing that is read here. Anything else that is wrong is listed.
    """
    kind = kind_of(source.path, source.where)
    tables = [_contents(source, kind)]
    shown, missing = source, ""
    try:
        recording = source.load()
    except SpikeproofError as error:
        missing = str(error).removeprefix(f"{source.where}: ")
        recording = None
        if isinstance(error, BadParameter) and source.response_units is None and "response_units" in missing:
            shown = dataclasses.replace(source, response_units="UNIT")  # all else can be said without it
            with contextlib.suppress(SpikeproofError):
                recording = shown.load()
    if recording is None:
        return Inspection(title=source.where, facts=(("kind", kind),), tables=tuple(tables), cannot=(missing,), run="")
    found = _described(shown, kind, recording, tables)
    return dataclasses.replace(found, cannot=(missing, *found.cannot)) if missing else found


def _contents(source: Table, kind: Kind) -> InspectionTable:
    """Arrays, variables or columns of the file."""
    where, path = source.where, source.path
    if kind == "csv":
        cells = read_cells(path, where, source.delimiter)
        return InspectionTable(
            title=f"Columns ({len(cells):,} rows)",
            columns=("column", "different values", "holds"),
            rows=tuple((str(name), f"{cells[name].nunique():,}", _range(typed(cells[name]))) for name in cells),
            most=_MOST,
        )
    if kind in ("netCDF", "Zarr"):
        rows = describe_labelled(path, kind, source.group, where)
        return InspectionTable(title="Variables", columns=("variable", "axes", "type"), rows=tuple(rows), most=_MOST)
    arrays = read_arrays(path, where) if kind == "npz" else {"": load_npy(path, where)}
    return InspectionTable(
        title="Arrays",
        columns=("array", "shape", "type", "holds"),
        rows=tuple(
            [
                (name or "the array", " x ".join(map(str, a.shape)), str(a.dtype), _range(a))
                for name, a in arrays.items()
            ]
        ),
        most=_MOST,
    )


def _described(source: Table, kind: Kind, recording: Recording, tables: list[InspectionTable]) -> Inspection:
    responses = recording.responses
    if responses is None:
        raise TypeError("a table gives responses")
    response = responses["response"]
    repeats = np.unique(responses["stimulus_id"].values, return_counts=True)[1]
    facts = [
        ("kind", kind),
        ("unit of response", "not said" if source.response_units == "UNIT" else response.attrs["units"]),
    ]
    facts += [(name, _counted(responses, name)) for name in ("subject", "session", "area")]
    facts += [
        ("units", f"{responses.sizes['unit']:,} ({_ends(responses['unit'].values.tolist())})"),
        ("presentations", f"{responses.sizes['presentation']:,}"),
        ("stimuli", f"{len(repeats):,} ({_ends(list(dict.fromkeys(responses['stimulus_id'].values.tolist())))})"),
        ("repeats", f"{repeats.min()} to {repeats.max()} of each stimulus" if repeats.max() > 1 else "none"),
    ]
    if "time_bin" in response.dims:
        facts.append(("time bins", _bins(responses)))
    values = np.asarray(response.values, dtype=np.float64)
    missing = int(np.isnan(values).sum())
    facts += [
        ("responses", f"{np.nanmin(values):.4g} to {np.nanmax(values):.4g}, mean {np.nanmean(values):.4g}"),
        ("not measured", f"{missing:,} of {values.size:,} (NaN)" if missing else "none"),
    ]
    if recording.stimuli is not None:
        channels, y, x = recording.stimuli.shape
        facts.append(("images", f"{len(recording.stimuli):,} of {y} x {x} pixels, {channels} channels"))
    facts += [("note", note) for note in recording.notes]
    if "category" in responses.coords:
        tables.append(_categories(responses))
    can, cannot, words = _possible(recording, responses, int(repeats.max()))
    return Inspection(
        title=source.where,
        facts=tuple(facts),
        tables=tuple(tables),
        can=tuple(can),
        cannot=tuple(cannot),
        run=shlex.join(["spikeproof", "run", "--source", source.where, *source_options(source), *words]),
    )


def _possible(recording: Recording, responses: xr.Dataset, repeats: int) -> tuple[list[str], list[str], list[str]]:
    """What can be computed from it, what cannot, and the words of a line that runs it."""
    can = ["sparseness and selectivity for images of every unit"]
    cannot = []
    metrics = ["sparseness"]
    words: list[str] = []
    if "category" in responses.coords:
        can.append("selectivity, decoding of category, silenced units, shifted activity")
        words += ["--readout", "logistic", "--attack", "silence", "--attack", "shift"]
        metrics += ["selectivity", "dropping-curve", "silencing", "margin"]
    else:
        cannot.append("decoding, and attacks on activity: there are no categories; name a column with category")
    if repeats > 1:
        can.append(f"what needs repeats (up to {repeats} of a stimulus): noise between presentations")
    else:
        cannot.append("noise between presentations: no stimulus is repeated")
    if recording.stimuli is not None:
        can.append("attacks on a network that sees the same images")
    else:
        cannot.append("attacks on images: there are none; name a folder or a zip file with images")
    for metric in metrics:
        words += ["--metric", metric]
    return can, cannot, [*words, "--out", "results"]


def _categories(responses: xr.Dataset) -> InspectionTable:
    pairs = dict(zip(responses["stimulus_id"].values.tolist(), responses["category"].values.tolist(), strict=True))
    stimuli = Counter(pairs.values())
    shown = Counter(responses["category"].values.tolist())
    rows = [(name, str(stimuli[name]), str(shown[name])) for name in sorted(shown, key=natural)]
    return InspectionTable(
        title="Categories", columns=("category", "stimuli", "presentations"), rows=tuple(rows), most=_MOST
    )


def _counted(responses: xr.Dataset, name: str) -> str:
    if name not in responses.coords:
        return "not said"
    counts = Counter(map(str, responses[name].values.tolist()))
    said = ", ".join(f"{value} ({count} units)" for value, count in counts.most_common(5))
    return f"{said} and {len(counts) - 5} more" if len(counts) > 5 else said


def _bins(responses: xr.Dataset) -> str:
    count = f"{responses.sizes['time_bin']}"
    if "time_bin_start" not in responses.coords:
        return f"{count}, edges not known"
    return f"{count}, {responses['time_bin_start'].values[0]:g} to {responses['time_bin_stop'].values[-1]:g} s"


def _ends(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _range(values: NDArray[Any]) -> str:
    if values.dtype.kind in "iuf":
        finite = values[np.isfinite(values)]
        if not finite.size:
            return "NaN only"
        missing = values.size - finite.size
        return f"{finite.min():.6g} to {finite.max():.6g}" + (f", {missing:,} not finite" if missing else "")
    counts = Counter(map(str, values.ravel().tolist()))
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common(3)) + (
        " ..." if len(counts) > 3 else ""
    )
