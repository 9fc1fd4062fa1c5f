"""Spike times are read in blocks: counts and refusals do not depend on where a block ends, and memory stays small."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from spikeproof.errors import DataError
from spikeproof_nwb import spikes
from spikeproof_nwb.source import NWB

WriteFile = Callable[..., Path]


@pytest.fixture(params=[(1, 1), (2, 3), (3, 2), (4, 4), (5, 100)], ids=str)
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and parts of a few spikes."""
    monkeypatch.setattr(spikes, "_BLOCK", request.param[0])
    monkeypatch.setattr(spikes, "_PART", request.param[1])


TRAINS = ([0.0, 0.5, 1.0, 1.0, 1.5, 2.999], [], [1.0, 2.0, 3.0], [], [0.1, 0.2, 2.5, 2.5])
COUNTS = [[2, 0, 0, 0, 2], [3, 0, 1, 0, 0], [1, 0, 1, 0, 2]]


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_any_size_count_the_same(write_file: WriteFile) -> None:
    path = write_file(trains=TRAINS)
    assert NWB(target=str(path)).load().responses["response"].values.tolist() == COUNTS
    kept = NWB(target=str(path), units="id in [0, 2, 4]").load().responses["response"].values
    assert kept.tolist() == [[row[0], row[2], row[4]] for row in COUNTS]


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_any_size_find_the_same_defects(write_file: WriteFile) -> None:
    path = write_file(trains=([0.5, 0.1, 0.4, 0.2, 0.3], [0.3, 0.3], [1.0, 2.0, 1.5]))
    with pytest.raises(DataError, match=r"in unit '0' \(2 steps back\), unit '2' \(1 steps back\)"):
        NWB(target=str(path)).load()
    counts = NWB(target=str(path), sort_spikes=True).load().responses["response"].values
    assert counts.tolist() == [[5, 2, 0], [0, 0, 2], [0, 0, 1]]
    path = write_file("nan.nwb", trains=([0.5, np.nan, 0.6, np.nan], [np.inf], [0.1, -np.inf]))
    with pytest.raises(DataError, match=r"unit '0' \(2 of them\), unit '1' \(1 of them\), unit '2' \(1 of them\)"):
        NWB(target=str(path), sort_spikes=True).load()


def test_packed_chunks_are_read_whole(write_file: WriteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(file: h5py.File) -> None:
        times = file["units/spike_times"]
        values, held = times[()], dict(times.attrs)
        del file["units/spike_times"]
        packed = file["units"].create_dataset("spike_times", data=values, chunks=(4,), compression="gzip")
        packed.attrs.update(held)
        file["units/spike_times_index"].attrs["target"] = packed.ref

    monkeypatch.setattr(spikes, "_BLOCK", 6)
    read: list[tuple[int, int]] = []
    kept = spikes.SpikeTrains._read

    def reading(trains: spikes.SpikeTrains, start: int, stop: int) -> Any:
        read.append((start, stop))
        return kept(trains, start, stop)

    monkeypatch.setattr(spikes.SpikeTrains, "_read", reading)
    path = write_file(trains=TRAINS, spoil=pack)
    assert NWB(target=str(path)).load().responses["response"].values.tolist() == COUNTS
    assert read == [(0, 4), (4, 8), (8, 12), (12, 13)]


@pytest.mark.parametrize("bins", [None, 4])
def test_no_more_than_twice_what_is_returned_is_held(write_file: WriteFile, bins: int | None) -> None:
    start = np.arange(4_000) * 0.5
    trials = {"start": start, "stop": start + 0.25, "stimulus_id": np.arange(4_000) % 50}
    random = np.random.default_rng(0)
    trains = [np.sort(random.uniform(0, 2_000, 8_000)) for _ in range(400)]
    path = write_file(trains=trains, trials=trials)
    NWB(target=str(path)).load()
    tracemalloc.start()
    recording = NWB(target=str(path), bins=bins).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bins is not None or sum(map(len, trains)) * 8 > 2 * recording.responses.nbytes
    assert peak < 2 * recording.responses.nbytes


def test_an_extension_that_the_file_defines_is_read(write_file: WriteFile) -> None:
    def extend(file: h5py.File) -> None:
        schema = [{"namespace": "core"}, {"source": "ndx-mine.extensions"}]
        namespace = {"name": "ndx-mine", "version": "0.1.0", "doc": "d", "author": ["a"], "contact": ["c"]}
        kinds = [{"neurodata_type_def": "MyUnits", "neurodata_type_inc": "Units", "doc": "d", "default_name": "units"}]
        cached = file.create_group("specifications/ndx-mine/0.1.0")
        cached["namespace"] = json.dumps({"namespaces": [namespace | {"schema": schema}]})
        cached["ndx-mine.extensions"] = json.dumps({"groups": kinds})
        file["units"].attrs.update({"namespace": "ndx-mine", "neurodata_type": "MyUnits"})

    recording = NWB(target=str(write_file(trains=TRAINS, spoil=extend))).load()
    assert recording.responses["response"].values.tolist() == COUNTS
