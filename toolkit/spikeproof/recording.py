"""Recordings: responses with their coordinates, the stimuli, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from ._checks import check_names
from .errors import DataError
from .trials import check_trials

if TYPE_CHECKING:
    import xarray as xr

    from .stimuli import StimulusSet

__all__ = ["Recording"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a source gives: responses, stimuli, trials of a subject, or several of these.

    Parameters
    ----------
    responses : xarray.Dataset, optional
        Variable ``response``, dims (presentation, unit) or (presentation, unit, time_bin), with ``attrs["units"]``
        (``"spikes"``, ``"Hz"``, ``"dF/F"`` ...). NaN means *not measured* (a repeat that a unit missed, a stimulus
        that a session did not show); every presentation and every unit has a value somewhere. Coordinates on
        presentation: ``stimulus_id`` (str), ``repeat`` (int), ``start_time`` and ``stop_time`` (s), the presentation
        table's columns (``category`` ...), ``choice`` and ``correct`` where behaviour was recorded. Coordinates on
        unit: ``unit`` (unique str), ``session``, ``subject``, ``area`` and quality columns. Coordinates on time_bin:
        ``time_bin_start`` and ``time_bin_stop`` (s after ``start_time``), ascending without overlap.
    stimuli : StimulusSet, optional
        The images.
    trials : xarray.Dataset, optional
        What subjects chose, dims (trial,): ``subject``, ``stimulus_id``, ``choice`` (str; empty where none was made),
        and where they are known ``session``, ``condition``, ``category``, ``image_set`` (str), ``rt`` (s) and, of a
        recording's own, ``row`` (the number of the presentation).
    identity : mapping of str to str
        Where it came from: at least ``source`` (the spec as the user gave it) and ``digest`` (sha256 of the content).
    notes : tuple of str
        Choices that were made for the user and facts that they should know, in plain words; printed and reported.

    Raises
    ------
    DataError
        If a coordinate is missing or malformed (named, with what is wrong), a response is infinite, a presentation or
        a unit has no value at all, or none of responses, stimuli and trials is given.
    """

    responses: xr.Dataset | None = None
    stimuli: StimulusSet | None = None
    trials: xr.Dataset | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.responses is None and self.stimuli is None and self.trials is None:
            raise DataError("recording: neither responses nor stimuli were given")
        if isinstance(self.notes, str) or not all(isinstance(note, str) for note in self.notes):
            raise DataError(f"recording: notes must be a tuple of sentences, got {self.notes!r}")
        for key, value in self.identity.items():
            if not isinstance(value, str):
                raise DataError(f"recording: identity[{key!r}] must be text, got {value!r} ({type(value).__name__})")
        if self.responses is not None:
            _check_responses(self.responses)
        if self.trials is not None:
            check_trials(self.trials)


_ON_PRESENTATION = ("stimulus_id", "repeat", "start_time", "stop_time", "category", "choice", "correct")
_ON_UNIT = ("unit", "session", "subject", "area")
_ON_TIME_BIN = ("time_bin_start", "time_bin_stop")

_CHUNK = 4_000_000
"""Values looked at in one go: the check of a large recording needs a few megabytes, not another array of its size."""


def _check_responses(responses: xr.Dataset) -> None:
    import xarray as xr

    if not isinstance(responses, xr.Dataset):
        raise DataError(f"recording: responses must be an xarray.Dataset, got {type(responses).__name__}")
    if "response" not in responses:
        raise DataError(f"recording: no variable 'response' among {sorted(map(str, responses.data_vars))}")
    response = responses["response"]
    if response.dims not in {("presentation", "unit"), ("presentation", "unit", "time_bin")}:
        raise DataError(
            f"recording: response has dims {response.dims}; expected (presentation, unit) or "
            "(presentation, unit, time_bin)"
        )
    if not response.attrs.get("units"):
        raise DataError("recording: response.attrs['units'] must say the unit of response ('spikes', 'Hz', 'dF/F' ...)")
    if 0 in response.shape:
        raise DataError(f"recording: response is empty: {dict(response.sizes)}")
    for name, dim in (("stimulus_id", "presentation"), ("repeat", "presentation"), ("unit", "unit")):
        if name not in responses.coords:
            raise DataError(f"recording: coordinate {name!r} on {dim!r} is missing")
    for dim, names in (
        ("presentation", _ON_PRESENTATION),
        ("unit", _ON_UNIT),
        ("time_bin", _ON_TIME_BIN),
    ):
        for name in names:
            if name in responses.coords and responses[name].dims != (dim,):
                raise DataError(
                    f"recording: coordinate {name!r} must stand on {dim!r}, but has dims {responses[name].dims}"
                )
    check_names("recording", "stimulus_id", responses["stimulus_id"].values.tolist(), unique=False)
    check_names("recording", "unit", responses["unit"].values.tolist(), unique=True)
    _check_repeats(responses)
    _check_times(responses)
    _check_bins(responses)
    _check_values(response)


def _check_repeats(responses: xr.Dataset) -> None:
    import numpy as np

    repeat = responses["repeat"]
    if not np.issubdtype(repeat.dtype, np.integer):
        raise DataError(f"recording: coordinate 'repeat' must be whole numbers, got {repeat.dtype}")
    first: dict[tuple[str, int], int] = {}
    pairs = zip(responses["stimulus_id"].values.tolist(), repeat.values.tolist(), strict=True)
    for presentation, pair in enumerate(pairs):
        if pair in first:
            raise DataError(
                f"recording: coordinate 'repeat' is {pair[1]} on presentations {first[pair]} and {presentation}, both "
                f"of stimulus {pair[0]!r}: number the repeats of a stimulus 0, 1, 2 ..."
            )
        first[pair] = presentation


def _check_times(responses: xr.Dataset) -> None:
    import numpy as np

    given = {"start_time", "stop_time"} & set(map(str, responses.coords))
    if len(given) == 1:
        missing = ({"start_time", "stop_time"} - given).pop()
        raise DataError(
            f"recording: coordinate {given.pop()!r} is there, but {missing!r} is missing: give both or neither"
        )
    if not given:
        return
    for name in ("start_time", "stop_time"):
        if responses[name].dtype.kind not in "iuf":
            raise DataError(f"recording: coordinate {name!r} must be seconds, got {responses[name].dtype}")
    start, stop = responses["start_time"].values, responses["stop_time"].values
    bad = np.flatnonzero(~(np.isfinite(start) & np.isfinite(stop) & (stop >= start)))
    if bad.size:
        raise DataError(
            f"recording: start_time and stop_time (s) of presentation {int(bad[0])} are "
            f"{start[bad[0]]} and {stop[bad[0]]} ({bad.size} such rows): every window must end after it starts"
        )


def _check_bins(responses: xr.Dataset) -> None:
    import numpy as np

    given = [name for name in _ON_TIME_BIN if name in responses.coords]
    if len(given) == 1:
        missing = next(name for name in _ON_TIME_BIN if name not in given)
        raise DataError(
            f"recording: coordinate {given[0]!r} is there, but {missing!r} is missing: give both or neither"
        )
    if not given:
        return
    for name in given:
        if responses[name].dtype.kind not in "iuf":
            raise DataError(f"recording: coordinate {name!r} must be seconds, got {responses[name].dtype}")
    start, stop = (responses[name].values.astype(np.float64) for name in _ON_TIME_BIN)
    bad = ~(np.isfinite(start) & np.isfinite(stop) & (stop > start))
    bad[1:] |= start[1:] < stop[:-1] - 1e-9  # bins that touch may miss each other by a rounding
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"recording: time bin {first} is {start[first]:g} to {stop[first]:g} s ({int(bad.sum())} such bins): bins "
            "must end after they start, ascend, and not overlap"
        )


def _check_values(response: xr.DataArray) -> None:
    """Refuse infinite values, and presentations and units without any; NaN elsewhere means not measured."""
    import numpy as np

    if response.dtype.kind not in "iuf":
        raise DataError(f"recording: response must be numbers, got {response.dtype}")
    if response.dtype.kind != "f":
        return
    values, shown, units = response.values, response["stimulus_id"].values, response["unit"].values
    step = max(1, _CHUNK // values[0].size)
    seen = np.zeros(len(units), dtype=bool)
    empty: list[int] = []
    for first in range(0, len(values), step):
        part = values[first : first + step]
        if np.isinf(part).any():
            _refuse_infinite(response)
        measured = ~np.isnan(part)
        if measured.ndim == 3:
            measured = measured.any(axis=2)
        seen |= measured.any(axis=0)
        empty += (first + np.flatnonzero(~measured.any(axis=1))).tolist()
    if empty:
        raise DataError(
            f"recording: presentation {empty[0]} (stimulus {shown[empty[0]].item()!r}) was measured in no unit: all "
            f"its responses are NaN ({len(empty)} of {len(values)} presentations): leave them out in the source"
        )
    if not seen.all():
        raise DataError(
            f"recording: unit {units[~seen][0].item()!r} was measured on no presentation: all its responses are NaN "
            f"({int((~seen).sum())} of {len(units)} units): leave them out in the source"
        )


def _refuse_infinite(response: xr.DataArray) -> NoReturn:
    import numpy as np

    bad = np.argwhere(np.isinf(response.values))
    presentation, unit = bad[0][:2].tolist()
    unit_name, stimulus = response["unit"].values[unit].item(), response["stimulus_id"].values[presentation].item()
    raise DataError(
        f"recording: response of unit {unit_name!r} on presentation {presentation} (stimulus {stimulus!r}) is "
        f"{response.values[tuple(bad[0])]} ({len(bad)} such values): a response is a number, or NaN where it was not "
        "measured; leave these presentations or units out in the source"
    )
