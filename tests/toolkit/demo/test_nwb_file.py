"""What is written as NWB comes back through the ``nwb:`` source as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pynwb
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from spikeproof.demo.nwb_file import write_nwb
from spikeproof.errors import DataError
from spikeproof.types import Recording, StimulusSet
from spikeproof_nwb.source import NWB


def recording_of(
    counts: Any,
    *,
    start: Any = None,
    stop: Any = None,
    units: str = "spikes",
    stimuli: StimulusSet | None = None,
    names: list[str] | None = None,
    **coords: Any,
) -> Recording:
    counts = np.asarray(counts, dtype=np.float64)
    rows, columns = counts.shape
    start = np.arange(rows) * 0.3 if start is None else np.asarray(start)
    stop = np.append(start[1:], start[-1] + 0.3) if stop is None else np.asarray(stop)
    held = {
        "stimulus_id": ("presentation", [f"s{row % 2}" for row in range(rows)]),
        "repeat": ("presentation", [row // 2 for row in range(rows)]),
        "category": ("presentation", ["ab"[row % 2] for row in range(rows)]),
        "start_time": ("presentation", start),
        "stop_time": ("presentation", stop),
        "unit": ("unit", names or [f"u{column}" for column in range(columns)]),
        "session": ("unit", ["day 1"] * columns),
        "subject": ("unit", ["nobody"] * columns),
        "truth": ("unit", np.arange(columns) / 4),
    }
    responses = xr.Dataset({"response": (("presentation", "unit"), counts, {"units": units})}, coords=held | coords)
    return Recording(responses=responses, stimuli=stimuli, identity={"source": "made", "digest": "0" * 64})


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.int64, (5, 3), elements=st.integers(0, 30)))
def test_counts_and_coordinates_come_back(tmp_path: Path, counts: Any) -> None:
    path = tmp_path / "a.nwb"
    recording = recording_of(counts)
    write_nwb(path, recording, session_description="simulated")
    back = NWB(target=str(path), table="trials", stimulus="stimulus_id", category="category").load().responses
    np.testing.assert_array_equal(back["response"].values, counts)
    for name, values in recording.responses.coords.items():
        np.testing.assert_array_equal(back[name].values, values.values, err_msg=str(name))


def test_pynwb_finds_nothing_wrong_with_the_file(tmp_path: Path) -> None:
    write_nwb(tmp_path / "a.nwb", recording_of([[1, 2], [0, 3]]), session_description="simulated")
    assert pynwb.validate(path=str(tmp_path / "a.nwb")) == []
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as io:
        assert io.read().session_description == "simulated"


def test_the_same_recording_gives_the_same_spikes(tmp_path: Path) -> None:
    times = []
    for name in ("a.nwb", "b.nwb"):
        write_nwb(tmp_path / name, recording_of([[3, 2], [0, 3]]), session_description="d")
        with pynwb.NWBHDF5IO(str(tmp_path / name), "r") as io:
            times.append(io.read().units.spike_times.data[()])
    np.testing.assert_array_equal(*times)


def test_whole_numbers_stay_ids(tmp_path: Path) -> None:
    write_nwb(tmp_path / "a.nwb", recording_of([[1, 2]], names=["7", "12"]), session_description="d")
    assert NWB(target=str(tmp_path / "a.nwb"), stimulus="row").load().responses["unit"].values.tolist() == ["7", "12"]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back(tmp_path: Path, channels: int) -> None:
    pixels = np.random.default_rng(0).random((2, channels, 4, 5)).astype(np.float32)
    table = pd.DataFrame(index=pd.Index(["s0", "s1"], name="stimulus_id"))
    stimuli = StimulusSet(table=table, shape=(channels, 4, 5), read=lambda rows: pixels[list(rows)])
    write_nwb(tmp_path / "a.nwb", recording_of([[1, 2], [3, 4]], stimuli=stimuli), session_description="d")
    back = NWB(target=str(tmp_path / "a.nwb")).load()
    np.testing.assert_array_equal(back.stimuli.images(["s0", "s1"]), pixels)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"units": "Hz"}, "responses are in Hz, and only counts can be written"),
        (
            {"counts": [[0.5, 1.0], [1.0, 2.0]]},
            "response 0.5 of unit 'u0' in presentation 0 (0.0 to 0.3 s) is no count",
        ),
        ({"counts": [[1.0, -1.0], [1.0, 2.0]]}, "response -1.0 of unit 'u1'"),
        ({"start": [0.0, 0.5], "stop": [0.6, 1.0]}, "1 windows overlap, so a spike in one would also count in another"),
        ({"start": [0.0, 1.0], "stop": [0.0, 2.0]}, "presentation 0 (0.0 to 0.0 s) is no count of spikes that fit"),
        ({"session": ("unit", ["x", "y"])}, "units are of 2 sessions (x, y ...), but a file holds one session"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    recording = recording_of(change.pop("counts", [[1, 2], [3, 4]]), **change)
    with pytest.raises(DataError) as caught:
        write_nwb(tmp_path / "a.nwb", recording, session_description="d")
    assert said in str(caught.value)
    assert not (tmp_path / "a.nwb").exists()


def test_windows_are_needed(tmp_path: Path) -> None:
    recording = recording_of([[1, 2]])
    without = Recording(responses=recording.responses.drop_vars(["start_time", "stop_time"]))
    with pytest.raises(DataError, match=r"coordinates 'start_time' and 'stop_time' .* are missing"):
        write_nwb(tmp_path / "a.nwb", without, session_description="d")


def test_names_that_hdf5_cannot_hold_are_refused(tmp_path: Path) -> None:
    table = pd.DataFrame(index=pd.Index(["a/0"], name="stimulus_id"))
    stimuli = StimulusSet(table=table, shape=(1, 2, 2), read=lambda rows: np.zeros((len(rows), 1, 2, 2), np.float32))
    with pytest.raises(DataError, match="stimulus id 'a/0' cannot name an image in HDF5"):
        write_nwb(tmp_path / "a.nwb", recording_of([[1, 2]], stimuli=stimuli), session_description="d")
