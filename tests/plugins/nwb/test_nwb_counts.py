"""Counts are exact: half-open windows, every row, whatever the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from spikeproof_nwb.counting import Edges
from spikeproof_nwb.presentations import overlapping, repeats
from spikeproof_nwb.source import NWB

TIMES = st.integers(0, 40).map(lambda k: k / 4)  # a coarse grid: spikes on edges and equal spikes are common
TRAINS = st.lists(st.lists(TIMES, max_size=12).map(sorted), min_size=1, max_size=4)
WINDOWS = st.lists(st.tuples(TIMES, TIMES).map(sorted), min_size=1, max_size=8)


def counted(lists: list[list[float]], windows: list[Any]) -> NDArray[np.int64]:
    """Counts (presentation, unit)."""
    edges = Edges.of(np.array(windows, dtype=np.float64))
    return np.stack([edges.counts(np.array(train, dtype=np.float64))[:, 0] for train in lists], axis=1)


@given(TRAINS, WINDOWS)
def test_counts_are_those_of_an_obvious_loop(lists: list[list[float]], windows: list[Any]) -> None:
    slow = [[sum(a <= t < b for t in train) for train in lists] for a, b in windows]
    assert counted(lists, windows).tolist() == slow


@given(TRAINS, WINDOWS)
def test_a_search_counts_what_the_grid_counts(lists: list[list[float]], windows: list[Any]) -> None:
    edges = Edges.of(np.array(windows, dtype=np.float64))
    assert edges._grid is not None or np.ptp(windows) == 0
    searched = replace(edges, _grid=None)
    for train in lists:
        times = np.array(train, dtype=np.float64)
        assert edges.counts(times).tolist() == searched.counts(times).tolist()


@given(TRAINS, st.lists(TIMES, min_size=2, max_size=9, unique=True).map(sorted))
def test_windows_that_touch_share_out_the_spikes_of_the_span(lists: list[list[float]], edges: list[float]) -> None:
    parts = counted(lists, list(pairwise(edges))).sum(axis=0)
    assert parts.tolist() == counted(lists, [(edges[0], edges[-1])])[0].tolist()


@given(TRAINS, WINDOWS, st.randoms(use_true_random=False))
def test_row_order_only_orders_the_rows(lists: list[list[float]], windows: list[Any], random: Random) -> None:
    order = list(range(len(windows)))
    random.shuffle(order)
    shuffled = counted(lists, [windows[row] for row in order])
    assert (shuffled == counted(lists, windows)[order]).all()


@given(TRAINS, WINDOWS, st.integers(-8, 8))
def test_moving_everything_in_time_changes_nothing(lists: list[list[float]], windows: list[Any], shift: int) -> None:
    moved = counted([[t + shift for t in train] for train in lists], [(a + shift, b + shift) for a, b in windows])
    assert (moved == counted(lists, windows)).all()


@given(arrays(np.float64, 6, elements=TIMES), arrays(np.float64, 6, elements=st.sampled_from([0.25, 0.5, 1.0])))
def test_overlap_counts_the_rows_that_start_inside_an_earlier_one(start: Any, length: NDArray[np.float64]) -> None:
    stop = start + length
    order = np.argsort(start, kind="stable")
    slow = sum(any(start[i] < stop[j] for j in order[:place]) for place, i in enumerate(order))
    assert overlapping(start, stop) == slow


@given(st.lists(st.tuples(st.sampled_from("ab"), TIMES), min_size=1, max_size=8, unique_by=lambda row: row[1]))
def test_repeat_is_the_number_of_earlier_showings(rows: list[Any]) -> None:
    names, start = np.array([name for name, _ in rows]), np.array([time for _, time in rows])
    slow = [sum(n == name and t < time for n, t in rows) for name, time in rows]
    assert repeats(names, start).tolist() == slow


def test_a_spike_on_a_shared_edge_counts_once(write_file: Callable[..., Path]) -> None:
    recording = NWB(target=str(write_file())).load()
    assert recording.responses["response"].values.tolist() == [[2, 0, 0], [3, 1, 0], [1, 1, 0]]
    assert recording.responses["response"].dtype == np.int32
    assert recording.responses["response"].attrs["units"] == "spikes"


def test_every_row_is_kept_in_file_order_overlapping_ones_too(write_file: Callable[..., Path]) -> None:
    trials = {"start": (2.0, 0.0, 0.5), "stop": (3.0, 1.1, 1.6), "stimulus_id": ("x", "y", "z")}
    recording = NWB(target=str(write_file(trials=trials))).load()
    assert recording.responses["response"].values[:, 0].tolist() == [1, 4, 4]
    assert recording.responses["stimulus_id"].values.tolist() == ["x", "y", "z"]
    assert any(note.startswith("1 of 3 windows start before an earlier one has ended") for note in recording.notes)


@pytest.mark.parametrize("window", [(0.0, 0.5), (0.5, 1.5), (-1.0, 0.0), (0.25, 3.0)])
def test_a_window_counts_from_the_start_of_each_row(
    write_file: Callable[..., Path], window: tuple[float, float]
) -> None:
    recording = NWB(target=str(write_file()), window=window).load()
    start = np.array([0.0, 1.0, 2.0])
    spikes = np.array([0.0, 0.5, 1.0, 1.0, 1.5, 2.999])
    slow = [((spikes >= s + window[0]) & (spikes < s + window[1])).sum() for s in start]
    assert recording.responses["response"].values[:, 0].tolist() == slow
    assert recording.responses["start_time"].values.tolist() == (start + window[0]).tolist()
    assert recording.responses["stop_time"].values.tolist() == (start + window[1]).tolist()


def test_rate_divides_by_the_length_of_the_window(write_file: Callable[..., Path]) -> None:
    recording = NWB(target=str(write_file()), window=(0.0, 0.5), rate=True).load()
    assert recording.responses["response"].values[:, 0].tolist() == [2.0, 4.0, 0.0]
    assert recording.responses["response"].attrs["units"] == "Hz"


def test_unsorted_units_count_right_once_sorted(write_file: Callable[..., Path]) -> None:
    path = write_file(trains=([2.5, 0.5, 1.0], [0.1]))
    recording = NWB(target=str(path), sort_spikes=True).load()
    assert recording.responses["response"].values.tolist() == [[1, 1], [1, 0], [1, 0]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint64"])
def test_unsigned_indexes_do_not_wrap(
    write_file: Callable[..., Path], rewrite: Callable[..., None], dtype: str
) -> None:
    def narrow(file: h5py.File) -> None:
        rewrite(file, "units/spike_times_index", file["units/spike_times_index"][()].astype(dtype))

    recording = NWB(target=str(write_file(spoil=narrow))).load()
    assert recording.responses["response"].sum() == 8
