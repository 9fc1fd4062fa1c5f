"""Small recordings to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from spikeproof.types import Recording


def session(
    stimuli: Sequence[str],
    values: Any = None,
    *,
    source: str = "nwb:one.nwb",
    units: Sequence[str] = ("u0", "u1"),
    name: str | None = "one",
    subject: str | None = "m",
    window: float | None = 0.5,
    first: float = 0.0,
    response_units: str = "spikes",
    digest: str | None = None,
    **coords: Any,
) -> Recording:
    """A recording of one session: presentation k starts ``first + k`` s into it; responses are told apart by source."""
    stimuli = list(stimuli)
    shape = (len(stimuli), len(units))
    if values is None:
        start = sum(map(ord, source)) % 97 + 10 * first
        values = start + np.arange(np.prod(shape), dtype=float).reshape(shape)
    start_time = first + np.arange(len(stimuli), dtype=float)
    times = (
        {}
        if window is None
        else {"start_time": ("presentation", start_time), "stop_time": ("presentation", start_time + window)}
    )
    labels = {
        key: ("unit", np.full(len(units), value))
        for key, value in (("session", name), ("subject", subject))
        if value is not None
    }
    response = xr.DataArray(
        np.asarray(values),
        dims=("presentation", "unit"),
        coords={
            "stimulus_id": ("presentation", np.array(stimuli)),
            "repeat": ("presentation", np.array([stimuli[:k].count(one) for k, one in enumerate(stimuli)])),
            "unit": list(units),
            **times,
            **labels,
            **coords,
        },
        attrs={"units": response_units},
    )
    given = f"digest of {source}" if digest is None else digest
    return Recording(
        responses=xr.Dataset({"response": response}),
        identity={"source": source, "digest": given},
        notes=(f"note of {source}",),
    )


def responses_of(recording: Recording) -> xr.Dataset:
    """The responses, which are there."""
    assert recording.responses is not None
    return recording.responses
