"""Windows in which a unit was not observed are said: their low counts are no silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.errors import DataError
from spikeproof_nwb.observed import _outside
from spikeproof_nwb.source import NWB

TIMES = st.integers(0, 12)
SPANS = st.tuples(TIMES, TIMES).map(sorted).filter(lambda span: span[0] < span[1])


def observed(*units: Sequence[tuple[float, float]]) -> Callable[[pynwb.NWBFile], None]:
    def add(content: pynwb.NWBFile) -> None:
        for spans in units:
            content.add_unit(spike_times=[0.5, 2.5], obs_intervals=np.array(spans, dtype=np.float64))

    return add


def said(path: Path, **options: Any) -> list[str]:
    return [note for note in NWB(target=str(path), **options).load().notes if note.startswith("obs_intervals")]


def test_units_that_were_not_observed_are_said(write_file: Callable[..., Path]) -> None:
    path = write_file(trains=None, also=observed([(0, 3)], [(0.0, 1.5)], [(0, 1), (1, 2), (2, 3)], [(1, 2)]))
    (note,) = said(path)
    assert "/units say that 2 of 4 units were not observed all through 2 to 2 of 3 windows" in note
    assert said(path, units="id in [0, 2]") == []
    assert said(path, units="id == 1", rows="start_time < 1", stimulus="stimulus_id") == []


def test_intervals_that_do_not_fit_are_refused(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    def damage(file: h5py.File) -> None:
        rewrite(file, "units/obs_intervals_index", np.array([1, 5]))

    path = write_file(trains=None, also=observed([(0, 3)], [(0, 3)]), spoil=damage)
    with pytest.raises(DataError, match=r"obs_intervals \(2, 2\) and their index do not fit"):
        NWB(target=str(path)).load()


@given(st.lists(SPANS, min_size=1, max_size=5), st.lists(SPANS, min_size=1, max_size=5))
def test_a_window_is_observed_if_every_moment_is(intervals: list[Any], windows: list[Any]) -> None:
    slow = sum(
        not all(any(a <= moment and moment + 1 <= b for a, b in intervals) for moment in range(start, stop))
        for start, stop in windows
    )
    start, stop = np.array(windows, dtype=np.float64).T
    assert _outside(np.array(intervals, dtype=np.float64), start, stop) == slow
