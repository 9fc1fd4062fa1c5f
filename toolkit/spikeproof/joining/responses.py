"""Responses of several recordings as one array: presentations side by side, units one after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.compose import Join
from spikeproof.errors import DataError
from spikeproof.wording import joined, some

from .alike import check_alike
from .categories import join_categories
from .columns import Places, join_columns
from .part import Part
from .rows import Rows, join_rows
from .sessions import name_sessions, name_units

__all__ = ["Contribution", "join_responses"]

_JOINED_HERE = (
    "response", "stimulus_id", "repeat", "unit", "session", "subject", "category",
    "time_bin", "time_bin_start", "time_bin_stop",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one recording gave to a joined one.

    Parameters
    ----------
    source : str
        As the user gave it.
    units, presentations, stimuli : int
        How many it holds.
    joined_presentations, joined_stimuli : int
        How many of them are in the joined recording.
    sessions, subjects : tuple of str
        As they are called there.
    """

    source: str
    units: int
    presentations: int
    stimuli: int
    joined_presentations: int
    joined_stimuli: int
    sessions: tuple[str, ...]
    subjects: tuple[str, ...]

    def to_mapping(self) -> dict[str, str | int | list[str]]:
        """Return it as a provenance holds it."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }


def join_responses(parts: Sequence[Part], join: Join) -> tuple[xr.Dataset, list[Contribution], list[str]]:
    """Join the responses of two recordings or more.

    A presentation of the joined recording is the k-th showing of one stimulus in each recording that showed it so
    often; where one did not, its units are NaN. It holds presentations x units numbers of 8 bytes, and nothing of that
    size is made on the way: 20 sessions of 5,000 presentations and 100 units that all showed the same stimuli make
    5,000 x 2,000 numbers (80 MB), and with ``"union"`` at worst, sharing next to nothing, 100,000 x 2,000 (1.6 GB).

    Parameters
    ----------
    parts : sequence of Part
    join : {"shared", "union"}
        Stimuli that all parts showed, or that any did.

    Returns
    -------
    responses : xarray.Dataset
        As in a ``Recording``. Columns that parts disagree on stand as ``NAME (LABEL)``; ``row (LABEL)`` is the number
        of the presentation in a part (-1: none), unless all parts show the same presentations in the same order.
    contributions : list of Contribution
        One for each part.
    notes : list of str
        What was left out, named anew, put in order or could not be checked.

    Raises
    ------
    DataError
        If the parts did not measure the same thing, share no stimulus, hold one session twice, or give a stimulus
        different categories.
    """
    notes = check_alike(parts)
    rows = join_rows(parts, join)
    keys, named = name_sessions(parts, rows)
    units, renamed = name_units(parts, keys)
    shape = len(rows.stimuli), sum(map(len, units))
    places = _places(rows, units, shape)
    coordinates, variables, apart = join_columns(parts, places, _JOINED_HERE)
    category, categories = join_categories(parts, rows)
    dims = parts[0].response.dims
    coordinates |= {
        "stimulus_id": xr.Variable("presentation", rows.stimuli),
        "repeat": xr.Variable("presentation", rows.repeat),
        **_bins(parts[0]),
        **_own_rows(parts, rows, places),
        "unit": xr.Variable("unit", np.concatenate(units)),
        "subject": xr.Variable("unit", np.array([subject for of_units in keys for subject, _ in of_units])),
        "session": xr.Variable("unit", np.array([session for of_units in keys for _, session in of_units])),
    }
    if category is not None:
        coordinates["category"] = xr.Variable("presentation", category)
    attrs = _attributes([part.response.attrs for part in parts], parts)
    response = xr.Variable(dims, _values(parts, places, shape), attrs)
    dataset = xr.Dataset(
        {"response": response, **variables},
        coords=coordinates,
        attrs=_attributes([part.responses.attrs for part in parts], parts),
    )
    given = [
        Contribution(
            source=part.name,
            units=part.responses.sizes["unit"],
            presentations=part.responses.sizes["presentation"],
            stimuli=shown,
            joined_presentations=len(taken),
            joined_stimuli=kept,
            sessions=tuple(dict.fromkeys(session for _, session in of_units)),
            subjects=tuple(dict.fromkeys(subject for subject, _ in of_units)),
        )
        for part, of_units, shown, kept, taken in zip(parts, keys, rows.shown, rows.kept, rows.taken, strict=True)
    ]
    return dataset, given, [*_said(given, rows, join, keys), *named, *renamed, *categories, *apart, *notes]


def _places(rows: Rows, units: Sequence[NDArray[np.str_]], shape: tuple[int, int]) -> list[Places]:
    ends = np.cumsum([len(names) for names in units]).tolist()
    return [
        Places(taken=taken, rows=where, units=slice(end - len(names), end), sizes=shape)
        for taken, where, names, end in zip(rows.taken, rows.places, units, ends, strict=True)
    ]


def _values(parts: Sequence[Part], places: Sequence[Places], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the joined responses; whole numbers stay whole where nothing is missing."""
    complete = all(len(place.rows) == shape[0] for place in places)
    common = np.result_type(*(part.response.dtype for part in parts))
    dtype = common if complete or common.kind == "f" else np.dtype(np.float64)
    out = np.empty((*shape, *parts[0].response.shape[2:]), dtype=dtype)
    for part, place in zip(parts, places, strict=True):
        block = out[:, place.units]
        if len(place.rows) < shape[0]:
            block[...] = np.nan
        block[place.rows] = part.response.values[place.taken]
        lost = np.flatnonzero(np.isnan(block).reshape(shape[0], block.shape[1], -1).all(axis=(0, 2)))
        if lost.size:
            raise DataError(
                f"sources: {len(lost)} of {block.shape[1]} units of {part.name} were measured on none of the "
                f"{len(place.rows)} presentations that are kept ({some(part.units[lost])}): leave these units "
                "out in the source, or join = 'union'"
            )
    return out


def _bins(part: Part) -> dict[str, xr.Variable]:
    names = ("time_bin", "time_bin_start", "time_bin_stop")
    return {name: part.responses.variables[name] for name in names if name in part.responses.coords}


def _own_rows(parts: Sequence[Part], rows: Rows, places: Sequence[Places]) -> dict[str, xr.Variable]:
    """Number of each presentation in its own recording, and its own ``repeat`` where that is another."""
    out = {}
    for part, place in zip(parts, places, strict=True):
        if not rows.in_order or len(place.taken) < part.responses.sizes["presentation"]:
            number = np.full(place.sizes[0], -1, dtype=np.int64)
            number[place.rows] = place.taken
            out[f"row ({part.label})"] = xr.Variable("presentation", number)
        repeat = part.responses["repeat"].values[place.taken]
        if not np.array_equal(repeat, rows.repeat[place.rows]):
            own = np.full(place.sizes[0], -1, dtype=np.int64)
            own[place.rows] = repeat
            out[f"repeat ({part.label})"] = xr.Variable("presentation", own)
    return out


def _attributes(found: Sequence[dict[str, object]], parts: Sequence[Part]) -> dict[str, object]:
    out: dict[str, object] = {}
    for name in dict.fromkeys(name for attrs in found for name in attrs):
        values = {part.label: attrs[name] for part, attrs in zip(parts, found, strict=True) if name in attrs}
        one = next(iter(values.values()))
        if all(np.array_equal(np.asarray(value), np.asarray(one)) for value in values.values()):
            out[name] = one
        else:
            out |= {f"{name} ({label})": value for label, value in values.items()}
    return out


def _said(
    given: Sequence[Contribution], rows: Rows, join: Join, keys: Sequence[Sequence[tuple[str, str]]]
) -> list[str]:
    notes = [
        f"{part.source} gave {part.units} units and {_of(part.joined_stimuli, part.stimuli)} stimuli "
        f"({_of(part.joined_presentations, part.presentations)} presentations; session {', '.join(part.sessions)}; "
        f"subject {', '.join(part.subjects)})"
        for part in given
    ]
    stimuli = len(np.unique(rows.stimuli))
    everyone = "both" if len(given) == 2 else f"all {len(given)}"
    if join == "shared":
        left = [
            f"{part.stimuli - part.joined_stimuli} of {part.source}"
            for part in given
            if part.joined_stimuli < part.stimuli
        ]
        out = f"; {joined(left)} were not and are left out (join = 'union' keeps them)" if left else ""
        notes.append(f"{rows.in_all} stimuli were shown in {everyone} recordings and are kept{out}")
    elif rows.in_all < stimuli:
        notes.append(
            f"{stimuli} stimuli are kept, of which {rows.in_all} were shown in {everyone} recordings: where a "
            "recording did not show a stimulus, its units are not measured"
        )
    if len({key for of_units in keys for key in of_units}) > 1:
        notes.append(
            "a presentation is the k-th showing of its stimulus in every recording: units of different sessions were "
            "not recorded together, and share no noise"
        )
    if not rows.in_order:
        notes.append("presentations stand in the order of stimulus and repeat, since the recordings' orders differ")
    return notes


def _of(kept: int, total: int) -> str:
    return f"{kept}" if kept == total else f"{kept} of {total}"
