"""A recording is checked on construction; errors name the coordinate and what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.types import Recording, StimulusSet


def dataset(values: Any = ((1, 2), (3, 4), (5, 6)), units: str = "spikes", **coords: Any) -> xr.Dataset:
    standard: dict[str, Any] = {
        "unit": ["u0", "u1"],
        "stimulus_id": ("presentation", ["a", "b", "a"]),
        "repeat": ("presentation", [0, 0, 1]),
        "start_time": ("presentation", [0.0, 1.0, 2.0]),
        "stop_time": ("presentation", [0.5, 1.5, 2.5]),
    }
    chosen = {name: value for name, value in (standard | coords).items() if value is not None}
    attrs = {"units": units} if units else {}
    return xr.Dataset({"response": (("presentation", "unit"), np.asarray(values), attrs)}, coords=chosen)


def on(*values: Any) -> tuple[str, list[Any]]:
    return "presentation", list(values)


def test_a_good_recording_is_kept_as_it_is() -> None:
    given = dataset(category=on("x", "y", "x"), session=("unit", ["s", "s"]))
    assert Recording(responses=given).responses is given


def test_neither_responses_nor_stimuli_is_refused() -> None:
    with pytest.raises(DataError, match="neither responses nor stimuli"):
        Recording()


def test_images_alone_are_a_recording() -> None:
    table = pd.DataFrame(index=pd.Index(["a"], name="stimulus_id"))
    stimuli = StimulusSet(table=table, shape=(1, 1, 1), read=lambda rows: np.zeros((len(rows), 1, 1, 1), np.float32))
    assert Recording(stimuli=stimuli).responses is None


def test_windows_that_overlap_or_touch_are_kept() -> None:
    given = dataset(start_time=on(0.0, 0.2, 0.7), stop_time=on(0.5, 0.7, 0.9))
    assert Recording(responses=given).responses is given


@pytest.mark.parametrize(
    ("coords", "text"),
    [
        ({"stimulus_id": None}, "coordinate 'stimulus_id' on 'presentation' is missing"),
        ({"repeat": None}, "coordinate 'repeat' on 'presentation' is missing"),
        ({"unit": None}, "coordinate 'unit' on 'unit' is missing"),
        ({"stimulus_id": on(1, 2, 1)}, r"coordinate 'stimulus_id' must hold text, got 1 \(int\) at 0"),
        ({"stimulus_id": on("a", "", "a")}, "coordinate 'stimulus_id' is empty at 1"),
        ({"stimulus_id": ("presentation", np.array(["a", None, "b"], object))}, "must hold text, got (None|nan)"),
        ({"unit": ["u", "u"]}, "coordinate 'unit' must be unique, but 'u' stands twice"),
        ({"unit": [1, 2]}, r"coordinate 'unit' must hold text, got 1 \(int\)"),
        ({"repeat": on(0.0, 0.0, 1.0)}, "coordinate 'repeat' must be whole numbers, got float64"),
        ({"repeat": on(0, 0, 0)}, "coordinate 'repeat' is 0 on presentations 0 and 2, both of stimulus 'a'"),
        ({"start_time": None}, "coordinate 'stop_time' is there, but 'start_time' is missing"),
        ({"stop_time": on(0.5, 0.9, 2.5)}, r"presentation 1 are 1.0 and 0.9 \(1 such rows\)"),
        ({"start_time": on(0.0, np.nan, np.nan)}, r"presentation 1 are nan and 1.5 \(2 such rows\)"),
        ({"stop_time": on(0.5, np.inf, 2.5)}, "presentation 1 are 1.0 and inf"),
        ({"start_time": on("0", "1", "2")}, "coordinate 'start_time' must be seconds, got <U1"),
        (
            {"category": ("unit", ["x", "y"])},
            r"coordinate 'category' must stand on 'presentation', but has dims \('unit',\)",
        ),
        (
            {"session": on("s", "s", "s")},
            r"coordinate 'session' must stand on 'unit', but has dims \('presentation',\)",
        ),
    ],
)
def test_a_bad_coordinate_is_named(coords: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=f"recording: .*{text}"):
        Recording(responses=dataset(**coords))


@pytest.mark.parametrize(
    ("responses", "text"),
    [
        (dataset(units=""), r"attrs\['units'\] must say the unit of response"),
        (
            dataset([[1, 2], [3, np.inf], [-np.inf, 6]]),
            r"unit 'u1' on presentation 1 \(stimulus 'b'\) is inf \(2 such values\): a response is a number, or NaN",
        ),
        (
            dataset([[1, 2], [np.nan, np.nan], [5, 6]]),
            r"presentation 1 \(stimulus 'b'\) was measured in no unit: .* \(1 of 3 presentations\): leave them out",
        ),
        (
            dataset([[1, np.nan], [3, np.nan], [5, np.nan]]),
            r"unit 'u1' was measured on no presentation: .* \(1 of 2 units\): leave them out",
        ),
        (dataset([["1", "2"], ["3", "4"], ["5", "6"]]), "response must be numbers, got <U1"),
        (dataset().rename({"response": "counts"}), r"no variable 'response' among \['counts'\]"),
        (dataset().transpose("unit", "presentation"), r"response has dims \('unit', 'presentation'\)"),
        (dataset().isel(presentation=slice(0, 0)), "response is empty"),
        (dataset()["response"], "must be an xarray.Dataset, got DataArray"),
    ],
)
def test_a_bad_response_is_refused(responses: Any, text: str) -> None:
    with pytest.raises(DataError, match=f"recording: .*{text}"):
        Recording(responses=responses)


def test_a_response_that_was_not_measured_is_nan() -> None:
    given = dataset([[1, 2], [np.nan, 4], [5, np.nan]])
    assert Recording(responses=given).responses is given


def test_large_recordings_are_checked_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof.recording._CHUNK", 2)  # one presentation at a time
    assert Recording(responses=dataset([[1, np.nan], [np.nan, 2], [3, 4]])).responses is not None
    with pytest.raises(DataError, match=r"presentation 2 \(stimulus 'a'\) was measured in no unit"):
        Recording(responses=dataset([[1, 2], [3, 4], [np.nan, np.nan]]))
    with pytest.raises(DataError, match="unit 'u0' on presentation 2 "):
        Recording(responses=dataset([[1, 2], [3, 4], [np.inf, 1]]))


def binned(**coords: Any) -> xr.Dataset:
    whole = dataset().astype(float).expand_dims(time_bin=3).transpose("presentation", "unit", "time_bin")
    return whole.copy(deep=True).assign_coords({name: ("time_bin", values) for name, values in coords.items()})


def test_time_bins_are_a_third_dimension() -> None:
    given = binned(time_bin_start=[0.0, 0.1, 0.2], time_bin_stop=[0.1, 0.2, 0.3])
    assert Recording(responses=given).responses is given
    given["response"][1, 0, 2] = np.nan
    assert Recording(responses=given).responses is given
    given["response"][1, :, :] = np.nan
    with pytest.raises(DataError, match=r"presentation 1 \(stimulus 'b'\) was measured in no unit"):
        Recording(responses=given)
    given["response"][1, 0, 2] = np.inf
    with pytest.raises(DataError, match=r"unit 'u0' on presentation 1 \(stimulus 'b'\) is inf"):
        Recording(responses=given)


@pytest.mark.parametrize(
    ("coords", "text"),
    [
        ({"time_bin_start": [0, 1, 2]}, "'time_bin_start' is there, but 'time_bin_stop' is missing"),
        ({"time_bin_start": list("abc"), "time_bin_stop": [1, 2, 3]}, "'time_bin_start' must be seconds, got <U1"),
        ({"time_bin_start": [0, 1, 2], "time_bin_stop": [1, 2, 2]}, r"time bin 2 is 2 to 2 s \(1 such bins\)"),
        ({"time_bin_start": [0, 0.5, 2], "time_bin_stop": [1, 2, 3]}, "time bin 1 is 0.5 to 2 s .*not overlap"),
        ({"time_bin_start": [0, np.nan, 2], "time_bin_stop": [1, 2, 3]}, "time bin 1 is nan to 2 s"),
    ],
)
def test_bins_that_cannot_be_added_up_are_refused(coords: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=f"recording: .*{text}"):
        Recording(responses=binned(**coords))


def test_bins_that_touch_up_to_rounding_are_kept() -> None:
    edges = np.arange(4) * 0.1
    assert Recording(responses=binned(time_bin_start=edges[:-1] - 1e-12, time_bin_stop=edges[1:])).responses is not None


def test_notes_and_identity_must_be_text() -> None:
    with pytest.raises(DataError, match="notes must be a tuple of sentences, got 'one note'"):
        Recording(responses=dataset(), notes="one note")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"identity\['seed'\] must be text, got 3 \(int\)"):
        Recording(responses=dataset(), identity={"seed": 3})  # type: ignore[dict-item]
