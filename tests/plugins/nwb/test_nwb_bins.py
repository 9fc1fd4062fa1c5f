"""Time bins: each half-open, all of one length, together the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.bins import bins_of
from spikeproof_nwb.counting import Edges
from spikeproof_nwb.presentations import Windows
from spikeproof_nwb.source import NWB

WriteFile = Callable[..., Path]
TRAIN = np.array([0.0, 0.1, 0.25, 0.25, 0.49, 0.5, 0.9999, 1.0, 1.2, 1.75, 2.0, 2.999, 3.0])


def test_bins_are_counted_as_an_obvious_loop_counts_them(write_file: WriteFile) -> None:
    recording = NWB(target=str(write_file(trains=(TRAIN, [0.3]))), bins=4).load()
    response = recording.responses["response"]
    assert response.dims == ("presentation", "unit", "time_bin")
    slow = [
        [[((t >= s + k / 4) & (t < s + (k + 1) / 4)).sum() for k in range(4)] for t in (TRAIN, np.array([0.3]))]
        for s in (0.0, 1.0, 2.0)
    ]
    assert response.values.tolist() == slow
    assert response["time_bin"].values.tolist() == [0, 1, 2, 3]
    assert response["time_bin_start"].values.tolist() == [0.0, 0.25, 0.5, 0.75]
    assert response["time_bin_stop"].values.tolist() == [0.25, 0.5, 0.75, 1.0]
    whole = NWB(target=recording.identity["source"][4:]).load().responses["response"]
    assert (response.sum("time_bin").values == whole.values).all()


def test_bins_of_a_window_start_at_its_start(write_file: WriteFile) -> None:
    recording = NWB(target=str(write_file(trains=(TRAIN,))), window=(0.25, 0.75), bins=2).load()
    assert recording.responses["response"].values[:, 0].tolist() == [[3, 1], [0, 0], [0, 0]]
    assert recording.responses["start_time"].values.tolist() == [0.25, 1.25, 2.25]
    assert recording.responses["time_bin_start"].values.tolist() == [0.0, 0.25]


def test_one_bin_is_a_dimension_of_one(write_file: WriteFile) -> None:
    response = NWB(target=str(write_file()), bins=1).load().responses["response"]
    assert response.shape == (3, 3, 1)
    assert response.values[:, :, 0].tolist() == [[2, 0, 0], [3, 1, 0], [1, 1, 0]]


def test_rates_are_those_of_the_bin(write_file: WriteFile) -> None:
    response = NWB(target=str(write_file(trains=([0.1, 0.2, 0.6],))), bins=2, rate=True).load().responses["response"]
    assert response.values[0, 0].tolist() == [4.0, 2.0]
    assert response.attrs["units"] == "Hz"


def test_rows_of_unequal_length_need_a_window(write_file: WriteFile) -> None:
    trials = {"start": (0.0, 1.0), "stop": (1.0, 2.5), "stimulus_id": ("a", "b")}
    path = write_file(trials=trials)
    with pytest.raises(DataError) as caught:
        NWB(target=str(path), bins=2).load()
    assert "/intervals/trials: `bins` needs windows of one length, but these last 1 to 1.5 s" in str(caught.value)
    assert "such as window = [0.0, 1]" in str(caught.value)
    assert NWB(target=str(path), bins=2, window=(0.0, 1.0)).load().responses.sizes["time_bin"] == 2


def test_lengths_that_differ_by_rounding_are_one_length() -> None:
    onset = np.arange(1000) * 0.7
    start, stop = 1e4 + onset, 1e4 + (onset + 0.1)
    made = bins_of(Windows(start, stop, ()), 5, "here")
    assert np.ptp(stop - start) > 0
    assert (made.edges[:, -1] == stop).all()
    with pytest.raises(DataError, match=r"but these last 0\.1 to 0\.100001 s"):
        bins_of(Windows(start, start + np.where(start > 1.02e4, 0.100001, 0.1), ()), 5, "here")


def test_bins_too_short_to_tell_apart_are_refused() -> None:
    with pytest.raises(DataError, match=r"1,000 bins of 1\.02318e-12 s are shorter than its times can tell apart"):
        bins_of(Windows(np.array([1e3]), np.array([1e3]) + 1e-12, ()), 1000, "here")


@pytest.mark.parametrize("bins", [0, -3])
def test_there_is_at_least_one_bin(bins: int) -> None:
    with pytest.raises(BadParameter, match=f"bins = {bins}: a window is cut into 1 bin or more"):
        NWB(target="a.nwb", bins=bins)


def test_traces_are_averaged_in_bins(write_file: WriteFile, imaged: Callable[..., Any]) -> None:
    data = np.arange(40.0).reshape(20, 2) ** 1.5
    made = imaged({"": {"dff": (data, {"rate": 5.0, "starting_time": 0.1, "unit": "dF/F"})}})
    response = NWB(target=str(write_file(trains=None, also=made)), bins=2).load().responses["response"]
    times = 0.1 + np.arange(20) / 5
    slow = [
        [[data[(times >= s + k / 2) & (times < s + (k + 1) / 2), u].mean() for k in range(2)] for u in range(2)]
        for s in (0.0, 1.0, 2.0)
    ]
    np.testing.assert_allclose(response.values, slow, rtol=1e-13)


@given(
    st.lists(st.floats(0, 10), max_size=30).map(sorted),
    st.lists(st.floats(0, 9), min_size=1, max_size=6),
    st.integers(1, 7),
    st.floats(0.01, 2),
)
def test_bins_share_out_the_window(train: list[float], start: list[float], bins: int, length: float) -> None:
    windows = Windows(np.array(start), np.array(start) + length, ())
    times = np.array(train, dtype=np.float64)
    cut = Edges.of(bins_of(windows, bins, "here").edges).counts(times)
    whole = Edges.of(bins_of(windows, None, "here").edges).counts(times)
    assert cut.sum(axis=1).tolist() == whole[:, 0].tolist()
