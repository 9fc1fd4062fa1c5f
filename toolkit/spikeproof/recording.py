"""Recordings: responses with their coordinates, the stimuli, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from .stimuli import StimulusSet

__all__ = ["Recording"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a source gives: responses, stimuli, or both.

    Parameters
    ----------
    responses : xarray.Dataset, optional
        Variable ``response``, dims (presentation, unit) or (presentation, unit, time_bin), with ``attrs["units"]``
        (``"spikes"``, ``"Hz"``, ``"dF/F"`` ...). Coordinates on presentation: ``stimulus_id`` (str), ``repeat``
        (int), ``start_time`` and ``stop_time`` (s), the presentation table's columns (``category`` ...), ``choice``
        and ``correct`` where behaviour was recorded. Coordinates on unit: ``unit`` (unique str), ``session``,
        ``subject``, ``area`` and quality columns.
    stimuli : StimulusSet, optional
        The images.
    identity : mapping of str to str
        Where it came from: at least ``source`` (the spec as the user gave it) and ``digest`` (sha256 of the content).
    notes : tuple of str
        Choices that were made for the user and facts that they should know, in plain words; printed and reported.

    Raises
    ------
    DataError
        If a coordinate is missing or malformed (named, with what is wrong), or neither responses nor stimuli are given.
    """

    responses: xr.Dataset | None = None
    stimuli: StimulusSet | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.responses is None and self.stimuli is None:
            raise DataError("recording: neither responses nor stimuli were given")
        if self.responses is not None:
            _check_responses(self.responses)


def _check_responses(responses: xr.Dataset) -> None:
    import numpy as np

    if "response" not in responses:
        raise DataError(f"recording: no variable 'response' among {sorted(map(str, responses.data_vars))}")
    response = responses["response"]
    if response.dims not in {("presentation", "unit"), ("presentation", "unit", "time_bin")}:
        raise DataError(
            f"recording: response has dims {response.dims}; expected (presentation, unit) or (presentation, unit, time_bin)"
        )
    if not response.attrs.get("units"):
        raise DataError("recording: response.attrs['units'] must say the unit of response ('spikes', 'Hz', 'dF/F' ...)")
    if 0 in response.shape:
        raise DataError(f"recording: response is empty: {dict(response.sizes)}")
    for name, dim in (("stimulus_id", "presentation"), ("repeat", "presentation"), ("unit", "unit")):
        if name not in responses.coords or responses[name].dims != (dim,):
            raise DataError(f"recording: coordinate {name!r} on {dim!r} is missing")
    for name in ("stimulus_id", "unit"):
        values = responses[name].values
        wrong = [value for value in values.tolist() if not isinstance(value, str)]
        if wrong:
            raise DataError(
                f"recording: coordinate {name!r} must hold text, got {wrong[0]!r} ({type(wrong[0]).__name__})"
            )
    units = responses["unit"].to_index()
    if not units.is_unique:
        raise DataError(
            f"recording: coordinate 'unit' must be unique, but {units[units.duplicated()][0]!r} stands twice"
        )
    if not np.issubdtype(responses["repeat"].dtype, np.integer):
        raise DataError(f"recording: coordinate 'repeat' must be whole numbers, got {responses['repeat'].dtype}")
    if {"start_time", "stop_time"} <= set(responses.coords):
        start, stop = responses["start_time"].values, responses["stop_time"].values
        bad = np.flatnonzero(~(stop >= start))
        if bad.size:
            raise DataError(
                f"recording: start_time and stop_time (s) of presentation {int(bad[0])} are "
                f"{start[bad[0]]} and {stop[bad[0]]} ({bad.size} such rows): every window must end after it starts"
            )
