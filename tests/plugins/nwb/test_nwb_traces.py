"""Responses from traces: the mean of the samples inside each window, of ROIs and of plain series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb import traces
from spikeproof_nwb.source import NWB
from spikeproof_nwb.timing import Timing, read_timing

WriteFile = Callable[..., Path]
Imaged = Callable[..., Callable[[pynwb.NWBFile], None]]
DATA = np.arange(40.0).reshape(20, 2) ** 1.5
RATE = {"rate": 5.0, "starting_time": 0.1, "unit": "dF/F"}
START, STOP = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])


def refused(path: Path, **options: Any) -> str:
    with pytest.raises((DataError, BadParameter)) as caught:
        NWB(target=str(path), **options).load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def loop(data: Any, times: Any, start: Any = START, stop: Any = STOP) -> list[list[float]]:
    """Means by an obvious loop."""
    inside = [[t for t in range(len(times)) if a <= times[t] < b] for a, b in zip(start, stop, strict=True)]
    return [[sum(data[t][unit] for t in held) / len(held) for unit in range(len(data[0]))] for held in inside]


@pytest.mark.parametrize("stored", [False, True])
def test_responses_are_means_of_the_samples_inside(write_file: WriteFile, imaged: Imaged, stored: bool) -> None:
    times = np.sort(np.concatenate([np.linspace(-0.2, 3.3, 18), [1.0, 2.0]])) if stored else 0.1 + np.arange(20) / 5
    when = {"timestamps": times, "unit": "dF/F"} if stored else RATE
    path = write_file(trains=None, also=imaged({"": {"dff": (DATA, when)}}))
    recording = NWB(target=str(path)).load()
    np.testing.assert_allclose(recording.responses["response"].values, loop(DATA, times), rtol=1e-13)
    assert recording.responses["response"].attrs["units"] == "dF/F"
    assert recording.identity["responses"] == "/processing/ophys/dff"
    assert "units_table" not in recording.identity


@pytest.mark.parametrize("block", [1, 3, 7, 1 << 19])
@pytest.mark.parametrize("rows", [((0.0, 3.5), (0.5, 1.0), (0.4, 3.0)), ((3.0, 3.5), (0.2, 1.7), (1.7, 2.0))])
def test_blocks_of_any_size_give_the_same(
    write_file: WriteFile, imaged: Imaged, monkeypatch: pytest.MonkeyPatch, block: int, rows: Any
) -> None:
    monkeypatch.setattr(traces, "_BLOCK", 2 * block)
    start, stop = zip(*rows, strict=True)
    trials = {"start": start, "stop": stop, "stimulus_id": ("a", "b", "c")}
    path = write_file(trains=None, trials=trials, also=imaged({"": {"dff": (DATA, RATE)}}))
    means = NWB(target=str(path)).load().responses["response"].values
    np.testing.assert_allclose(means, loop(DATA, 0.1 + np.arange(20) / 5, start, stop), rtol=1e-13)


def test_conversion_and_offset_count(write_file: WriteFile, imaged: Imaged) -> None:
    stored = (DATA * 10).astype(np.int16)
    keywords = RATE | {"conversion": 0.25, "offset": -3.0}
    path = write_file(trains=None, also=imaged({"": {"dff": (stored, keywords)}}))
    means = NWB(target=str(path)).load().responses["response"].values
    np.testing.assert_allclose(means, loop(stored * 0.25 - 3.0, 0.1 + np.arange(20) / 5), rtol=1e-12)


def test_rois_bring_their_ids_columns_and_area(write_file: WriteFile, imaged: Imaged) -> None:
    columns = {"iscell": (1, 0, 1), "depth": (5.0, 6.0, 7.0)}
    made = imaged({"": {"dff": (DATA, RATE)}}, rois=(2, 0), columns=columns)
    path = write_file(trains=None, also=made)
    unit = NWB(target=str(path)).load().responses
    assert unit["unit"].values.tolist() == ["12", "10"]
    assert unit["depth"].values.tolist() == [7.0, 5.0]
    assert unit["area"].values.tolist() == ["VISp", "VISp"]
    assert unit["subject"].values.tolist() == ["m1", "m1"]
    kept = NWB(target=str(path), units="depth > 6").load().responses
    assert kept["unit"].values.tolist() == ["12"]
    assert (kept["response"].values[:, 0] == unit["response"].values[:, 0]).all()


def test_an_unknown_area_is_said(write_file: WriteFile, imaged: Imaged) -> None:
    recording = NWB(target=str(write_file(trains=None, also=imaged({"": {"f": (DATA, RATE)}}, location="")))).load()
    assert recording.responses["area"].values.tolist() == ["unknown", "unknown"]
    assert "the file does not say which brain area its ROIs are from: area is 'unknown'" in recording.notes


def test_rois_that_are_the_same_twice_are_told_apart(write_file: WriteFile, imaged: Imaged) -> None:
    recording = NWB(target=str(write_file(trains=None, also=imaged({"": {"f": (DATA, RATE)}}, rois=(1, 1))))).load()
    assert recording.responses["unit"].values.tolist() == ["11 (row 0)", "11 (row 1)"]
    assert any("ROI ids repeat (such as 11)" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("container", "unit", "said"),
    [
        ("DfOverF", "n.a.", "dF/F"),
        ("DfOverF", "percent", "percent"),
        ("Fluorescence", "lumens", "lumens"),
        ("Fluorescence", "n.a.", "a.u."),
        ("", "a.u.", "a.u."),
    ],
)
def test_the_unit_of_response_is_the_files_or_noted(
    write_file: WriteFile, imaged: Imaged, container: str, unit: str, said: str
) -> None:
    path = write_file(trains=None, also=imaged({container: {"f": (DATA, RATE | {"unit": unit})}}))
    recording = NWB(target=str(path)).load()
    assert recording.responses["response"].attrs["units"] == said
    assert any("unit of response" in note for note in recording.notes) == (unit != said)


def test_dff_comes_before_fluorescence_and_this_is_said(write_file: WriteFile, imaged: Imaged) -> None:
    series = {"Fluorescence": {"raw": (DATA, RATE)}, "DfOverF": {"dff": (-DATA, RATE)}}
    path = write_file(trains=None, also=imaged(series))
    recording = NWB(target=str(path)).load()
    assert (recording.responses["response"].values < 0).all()
    assert (
        "no responses were named: /processing/ophys/DfOverF/dff (RoiResponseSeries, 20 x 2) comes before "
        "/processing/ophys/Fluorescence/raw (RoiResponseSeries, 20 x 2), as a DfOverF, and was used"
    ) in recording.notes
    for name in ("raw", "Fluorescence", "/processing/ophys/Fluorescence/raw"):
        named = NWB(target=str(path), responses=name).load()
        assert (named.responses["response"].values > 0).all()
        assert not any("no responses were named" in note for note in named.notes)


def test_several_of_one_kind_must_be_chosen_from(write_file: WriteFile, imaged: Imaged) -> None:
    series = {f"Fluorescence{k}": {"RoiResponseSeries": (DATA + k, RATE)} for k in (1, 2)}
    path = write_file(trains=None, also=imaged(series))
    listed = "/processing/ophys/Fluorescence1/RoiResponseSeries (RoiResponseSeries, 20 x 2), /processing/ophys/Fl"
    assert f"several series could hold the responses; name one as `responses`: {listed}" in refused(path)
    assert f"'RoiResponseSeries' could be {listed}" in refused(path, responses="RoiResponseSeries")
    assert "no responses 'Fluoresence1': did you mean" in refused(path, responses="Fluoresence1")
    named = NWB(target=str(path), responses="Fluorescence2").load()
    assert named.identity["responses"] == "/processing/ophys/Fluorescence2/RoiResponseSeries"


def test_spikes_come_first_and_the_series_is_said(write_file: WriteFile, imaged: Imaged) -> None:
    path = write_file(also=imaged({"": {"dff": (DATA, RATE)}}))
    recording = NWB(target=str(path)).load()
    assert recording.responses["response"].attrs["units"] == "spikes"
    assert any("there is also /processing/ophys/dff (RoiResponseSeries, 20 x 2)" in note for note in recording.notes)
    assert NWB(target=str(path), responses="dff").load().responses["response"].attrs["units"] == "dF/F"
    assert NWB(target=str(path), responses="units").load().responses["response"].attrs["units"] == "spikes"
    assert "units_table = 'units' and responses = 'dff' both say" in refused(path, responses="dff", units_table="units")


def plain(data: Any, **when: Any) -> Callable[[pynwb.NWBFile], None]:
    def add(content: pynwb.NWBFile) -> None:
        content.create_processing_module("ecephys", "d").add(
            pynwb.TimeSeries(name="mua", data=np.asarray(data), unit="V", **when)
        )

    return add


def test_a_plain_series_is_taken_only_if_named(write_file: WriteFile) -> None:
    path = write_file(trains=None, also=plain(DATA, rate=5.0, starting_time=0.1))
    message = refused(path)
    assert "name it as `responses`: /processing/ecephys/mua (TimeSeries, 20 x 2)" in message
    recording = NWB(target=str(path), responses="mua").load()
    np.testing.assert_allclose(recording.responses["response"].values, loop(DATA, 0.1 + np.arange(20) / 5), rtol=1e-13)
    assert recording.responses["unit"].values.tolist() == ["0", "1"]
    assert any("they are called by number, from 0" in note for note in recording.notes)
    assert NWB(target=str(path), responses="mua", units="id == 1").load().responses["unit"].values.tolist() == ["1"]


def test_one_row_of_samples_is_one_unit(write_file: WriteFile) -> None:
    path = write_file(trains=None, also=plain(DATA[:, 0], rate=5.0, starting_time=0.1))
    means = NWB(target=str(path), responses="mua").load().responses["response"].values
    np.testing.assert_allclose(means, loop(DATA[:, :1], 0.1 + np.arange(20) / 5), rtol=1e-13)


def test_samples_without_numbers_are_refused(write_file: WriteFile) -> None:
    path = write_file(trains=None, also=plain(np.zeros((4, 2, 2)), rate=5.0))
    assert "data must be numbers (time x unit), but holds float64 of shape (4, 2, 2)" in refused(path, responses="mua")


def test_a_window_without_a_sample_is_refused(write_file: WriteFile, imaged: Imaged) -> None:
    path = write_file(trains=None, also=imaged({"": {"dff": (DATA[:8], RATE)}}))
    message = refused(path)
    assert "/processing/ophys/dff: no sample was taken in a window of presentations 2 (counted from 0" in message
    assert "its samples run from 0.1 to 1.5 s, 0.2 s apart on average" in message
    assert 'rows = "start_time >= 0.1 and stop_time <= 1.5"' in message
    recording = NWB(target=str(path), rows="start_time < 2").load()
    assert any(note.startswith("1 of 2 windows reach past the samples of") for note in recording.notes)
    assert "in a bin of presentations 0, 1" in refused(path, rows="start_time < 2", bins=8)


def test_a_nan_sample_is_a_response_that_was_not_measured(write_file: WriteFile, imaged: Imaged) -> None:
    data = DATA.copy()
    data[6, 1] = np.nan
    recording = NWB(target=str(write_file(trains=None, also=imaged({"": {"dff": (data, RATE)}})))).load()
    assert np.argwhere(np.isnan(recording.responses["response"].values)).tolist() == [[1, 1]]
    assert any(note.startswith("1 of 6 responses are not measured (NaN)") for note in recording.notes)


def test_an_infinite_sample_is_refused(write_file: WriteFile, imaged: Imaged) -> None:
    data = DATA.copy()
    data[6, 1] = -np.inf
    path = write_file(trains=None, also=imaged({"": {"dff": (data, RATE)}}))
    assert "sample 6 of column 1 is -inf (both counted from 0)" in refused(path)
    assert NWB(target=str(path), units="id == 10").load().responses.sizes["unit"] == 1


TIMES = np.arange(20.0)


@pytest.mark.parametrize(
    ("data", "times", "said"),
    [
        (DATA.T, None, "data is 2 x 20, which is (unit x time), not (time x unit): it was written transposed"),
        (DATA.T, TIMES, "it was written transposed; write the file again with data.T"),
        (DATA, TIMES[:19], "data holds 20 samples but timestamps 19, so no sample's time is sure"),
        (DATA[:, :1], None, "data is 20 x 1 (time x unit) but its `rois` name 2"),
        (
            DATA,
            np.where(TIMES == 5, 3, TIMES),
            "timestamps step back 1 times, first from 4.000000 to 3.000000 s at",
        ),
        (DATA, np.where(TIMES == 5, np.nan, TIMES), "1 of 20 timestamps are not finite (the first is sample 5,"),
    ],
)
def test_samples_that_do_not_fit_are_refused(
    write_file: WriteFile, imaged: Imaged, rewrite: Callable[..., None], data: Any, times: Any, said: str
) -> None:
    def damage(file: h5py.File) -> None:
        rewrite(file, "processing/ophys/dff/data", data)
        if times is not None:
            rewrite(file, "processing/ophys/dff/timestamps", times)

    when = {"unit": "a", "rate": 5.0} if times is None else {"unit": "a", "timestamps": TIMES}
    message = refused(write_file(trains=None, also=imaged({"": {"dff": (DATA, when)}}), spoil=damage))
    assert said in message
    assert "/processing/ophys/dff: " in message


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda series: series["starting_time"].attrs.__setitem__("rate", 0.0),
            "starting_time is 0.1 s at a rate of",
        ),
        (lambda series: series.__delitem__("starting_time"), "either 'timestamps' or 'rate' must be specified"),
        (lambda series: series["data"].attrs.__setitem__("conversion", np.nan), "conversion is nan and offset 0.0"),
        (lambda series: series["rois"].__setitem__(0, 7), "`rois` names row 7 (1 such columns), but /processing/oph"),
    ],
)
def test_damaged_series_are_refused(write_file: WriteFile, imaged: Imaged, spoil: Any, said: str) -> None:
    made = imaged({"": {"dff": (DATA, RATE)}})
    message = refused(write_file(trains=None, also=made, spoil=lambda file: spoil(file["processing/ophys/dff"])))
    assert said in message


@pytest.mark.parametrize("option", ["rate", "sort_spikes"])
def test_options_about_spikes_are_refused(write_file: WriteFile, imaged: Imaged, option: str) -> None:
    path = write_file(trains=None, also=imaged({"": {"dff": (DATA, RATE)}}))
    assert f"{option} = true is about spikes, but the responses of" in refused(path, **{option: True})


def test_samples_without_times_are_refused() -> None:
    with h5py.File("series.h5", "w", driver="core", backing_store=False) as file:
        file["data"] = DATA
        with pytest.raises(DataError, match="neither timestamps nor a starting_time with a rate, so no sample's time"):
            read_timing(file, 20, "here")
        file["starting_time"] = 0.0
        file["starting_time"].attrs["rate"] = 1.0
        with pytest.raises(DataError, match="has a rate but no data, so how many samples it has is not known"):
            read_timing(file, None, "here")


@given(
    st.floats(-100, 100),
    st.floats(0.01, 1e4),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(-3, 63), st.sampled_from([-1, 0, 1, None])), min_size=1),
)
def test_samples_are_found_by_their_own_times(start: float, rate: float, samples: int, near: list[Any]) -> None:
    times = start + np.arange(samples) / rate
    between = 0.5 / rate
    wanted = np.array([start + sample / rate + (between if ulps is None else 0.0) for sample, ulps in near])
    wanted = np.nextafter(wanted, wanted + np.array([ulps or 0 for _, ulps in near]))
    found = Timing(samples, start=start, rate=rate).first(wanted)
    assert found.tolist() == np.searchsorted(times, wanted, side="left").tolist()
