"""Writing a recording as an NWB file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeproof.errors import DataError
from spikeproof.types import Recording, StimulusSet, generator

if TYPE_CHECKING:
    import numpy as np
    import pynwb
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["write_nwb"]

_IMAGES = "stimulus_images"
_UNSAID = "unknown"


def write_nwb(path: str | Path, recording: Recording, *, session_description: str) -> None:
    """Write spike counts as an NWB file whose spikes, counted in its trials, are these counts.

    Each count becomes as many spike times, drawn uniformly in its window [start_time, stop_time): only the counts are
    data, the times within a window are made up, with a fixed seed. Trials get ``stimulus_id`` and every other
    coordinate on presentation; units every coordinate on unit (``unit_name`` if names are not whole numbers). Images,
    if there are any, stand under their ids in ``/stimulus/templates/stimulus_images``.

    Parameters
    ----------
    path : str or pathlib.Path
        An existing file is written over.
    recording : Recording
        Responses (presentation, unit) in spikes, with ``start_time`` and ``stop_time`` (s) of windows that do not
        overlap, from one session.
    session_description : str
        What the file says of itself; say here that the recording is simulated, if it is.

    Raises
    ------
    DataError
        If responses are not counts, windows are missing or overlap, there are several sessions or subjects, or a
        stimulus's id cannot name an image in HDF5.
    """
    import pynwb

    responses = _responses(recording)
    counts, start, stop = _counts(responses)
    session = _one(responses, "session")
    subject = _one(responses, "subject")
    content = pynwb.NWBFile(
        session_description=session_description,
        identifier=recording.identity.get("digest", "") or session or session_description,
        session_start_time=datetime(1970, 1, 1, tzinfo=UTC),
        session_id=session,
        subject=None if subject is None else pynwb.file.Subject(subject_id=subject),
        units=_units(responses, counts, start, stop),
        trials=_trials(responses, start, stop),
    )
    if recording.stimuli is not None:
        content.add_stimulus_template(_images(recording.stimuli))
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(content)


def _responses(recording: Recording) -> xr.Dataset:
    if recording.responses is None:
        raise DataError("write_nwb: the recording has images but no responses: there are no spikes to write")
    response = recording.responses["response"]
    if response.dims != ("presentation", "unit"):
        raise DataError(f"write_nwb: responses have dims {response.dims}: sum over time bins first")
    if response.attrs["units"] != "spikes":
        raise DataError(f"write_nwb: responses are in {response.attrs['units']}, and only counts can be written")
    return recording.responses


def _counts(responses: xr.Dataset) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    if "start_time" not in responses.coords:
        raise DataError("write_nwb: coordinates 'start_time' and 'stop_time' (s) are missing: when was each shown?")
    start = np.asarray(responses["start_time"].values, dtype=np.float64)
    stop = np.asarray(responses["stop_time"].values, dtype=np.float64)
    order = np.argsort(start, kind="stable")
    overlaps = int((start[order][1:] < stop[order][:-1]).sum())
    if overlaps:
        raise DataError(f"write_nwb: {overlaps} windows overlap, so a spike in one would also count in another")
    values = responses["response"].values
    wrong = ~(np.isfinite(values) & (values >= 0) & (values == np.round(values)))
    wrong |= ((stop <= start)[:, None]) & (values > 0)
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        unit = str(responses["unit"].values[column])
        raise DataError(
            f"write_nwb: response {values[row, column]} of unit {unit!r} in presentation {row} ({start[row]} to "
            f"{stop[row]} s) is no count of spikes that fit there ({wrong.sum()} such values)"
        )
    return values.astype(np.int64), start, stop


def _one(responses: xr.Dataset, name: str) -> str | None:
    """Value that all units share; None if it is not said."""
    if name not in responses.coords:
        return None
    different = sorted(set(responses[name].values.tolist()))
    if len(different) > 1:
        raise DataError(
            f"write_nwb: units are of {len(different)} {name}s ({', '.join(map(str, different[:3]))} ...), "
            f"but a file holds one {name}: write one file for each"
        )
    return None if different == [_UNSAID] else str(different[0])


def _units(
    responses: xr.Dataset, counts: NDArray[np.int64], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> pynwb.misc.Units:
    import numpy as np
    import pynwb
    from hdmf.common import ElementIdentifiers, VectorData, VectorIndex

    names = responses["unit"].values.tolist()
    trains = [_spike_times(counts[:, column], start, stop, name) for column, name in enumerate(names)]
    times = VectorData(name="spike_times", description="spike times (s)", data=np.concatenate(trains))
    ends = np.cumsum([len(train) for train in trains])
    columns = [times, VectorIndex(name="spike_times_index", data=ends, target=times)]
    numbered = all(name.isdecimal() and str(int(name)) == name for name in names)
    if not numbered:
        columns.append(VectorData(name="unit_name", description="name of the unit", data=names))
    columns += _columns(responses, "unit", but={"unit", "session", "subject"})
    ids = [int(name) for name in names] if numbered else list(range(len(names)))
    return pynwb.misc.Units(
        name="units", description="recorded units", columns=columns, id=ElementIdentifiers(name="id", data=ids)
    )


def _spike_times(
    counts: NDArray[np.int64], start: NDArray[np.float64], stop: NDArray[np.float64], name: str
) -> NDArray[np.float64]:
    import numpy as np

    low, high = np.repeat(start, counts), np.repeat(stop, counts)
    times = low + generator(0, "spike times", name).random(len(low)) * (high - low)
    # Rounding may carry a time up to the end of its window, which belongs to the next one.
    return np.sort(np.clip(times, low, np.nextafter(high, -np.inf)))


def _trials(responses: xr.Dataset, start: NDArray[np.float64], stop: NDArray[np.float64]) -> pynwb.epoch.TimeIntervals:
    import pynwb
    from hdmf.common import ElementIdentifiers, VectorData

    columns = [
        VectorData(name="start_time", description="start of the presentation (s)", data=start),
        VectorData(name="stop_time", description="end of the presentation (s)", data=stop),
        *_columns(responses, "presentation", but={"start_time", "stop_time", "repeat", "presentation"}),
    ]
    return pynwb.epoch.TimeIntervals(
        name="trials",
        description="stimulus presentations",
        columns=columns,
        id=ElementIdentifiers(name="id", data=list(range(len(start)))),
    )


def _columns(responses: xr.Dataset, dim: str, *, but: set[str]) -> Iterator[Any]:
    from hdmf.common import VectorData

    for name, values in responses.coords.items():
        if values.dims == (dim,) and name not in but:
            said = str(values.attrs.get("long_name", name))
            yield VectorData(name=str(name), description=said, data=values.values.tolist())


def _images(stimuli: StimulusSet) -> pynwb.base.Images:
    import numpy as np
    import pynwb

    bad = [name for name in stimuli.ids if "/" in name or ":" in name or name == "order_of_images"]
    if bad:
        raise DataError(f"write_nwb: stimulus id {bad[0]!r} cannot name an image in HDF5: use ids without '/' and ':'")
    if stimuli.shape[0] not in (1, 3):
        raise DataError(f"write_nwb: images have {stimuli.shape[0]} channels: NWB holds gray (1) or RGB (3) images")
    made = []
    for name, image in zip(stimuli.ids, stimuli.images(), strict=True):
        kind = pynwb.image.GrayscaleImage if len(image) == 1 else pynwb.image.RGBImage
        made.append(kind(name=name, data=image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)))
    return pynwb.base.Images(name=_IMAGES, description="stimuli, in [0, 1]", images=made)
