"""Stimulus series as presentation tables: each sample a presentation that lasts until the next one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from pynwb.base import Images
from pynwb.image import GrayscaleImage, ImageSeries, IndexSeries
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.source import NWB

WriteFile = Callable[..., Path]
Add = Callable[[pynwb.NWBFile], None]
TRAIN = [0.1, 0.9, 1.0, 1.4, 2.2, 3.7, 4.0]


def refused(path: Path, **options: Any) -> str:
    with pytest.raises((DataError, BadParameter)) as caught:
        NWB(target=str(path), **options).load()
    return str(caught.value)


def series(name: str, data: Any, **when: Any) -> Add:
    def add(content: pynwb.NWBFile) -> None:
        content.add_stimulus(pynwb.TimeSeries(name=name, data=np.asarray(data), unit="n.a.", **when))

    return add


def index_series(content: pynwb.NWBFile) -> None:
    pool = Images(name="pool", description="d", images=[GrayscaleImage(name=f"i{k}", data=np.eye(3)) for k in range(3)])
    content.add_stimulus_template(pool)
    data, times = np.array([2, 0, 2, 1], dtype=np.uint32), np.array([0.0, 1.0, 2.0, 3.5])
    content.add_stimulus(IndexSeries(name="shown", data=data, unit="N/A", indexed_images=pool, timestamps=times))


def test_samples_of_an_index_series_last_until_the_next_one(write_file: WriteFile) -> None:
    recording = NWB(target=str(write_file(trains=(TRAIN,), trials=None, also=index_series)), images="none").load()
    responses = recording.responses
    assert responses["stimulus_id"].values.tolist() == ["2", "0", "2", "1"]
    assert responses["frame"].values.tolist() == [2, 0, 2, 1]
    assert responses["start_time"].values.tolist() == [0.0, 1.0, 2.0, 3.5]
    assert responses["stop_time"].values.tolist() == [1.0, 2.0, 3.5, 4.5]
    assert responses["response"].values[:, 0].tolist() == [2, 2, 1, 2]
    assert recording.identity["table"] == "/stimulus/presentation/shown"
    assert (
        "no table was named: /stimulus/presentation/shown (4 samples) is the only series of stimuli and was used"
    ) in recording.notes
    assert (
        "each sample of /stimulus/presentation/shown was taken to be shown until the next one, 1 to 1.5 s "
        "(median 1 s; `window` makes them equal), the last one for 1 s"
    ) in recording.notes
    assert (
        "no stimulus column was named: the samples of /stimulus/presentation/shown ('frame') say what was shown"
    ) in recording.notes


def test_a_window_says_how_long_samples_last(write_file: WriteFile) -> None:
    path = write_file(trains=(TRAIN,), trials=None, also=index_series)
    recording = NWB(target=str(path), images="none", window=(0.0, 0.5)).load()
    assert recording.responses["response"].values[:, 0].tolist() == [1, 2, 1, 1]
    assert not any("until the next one" in note for note in recording.notes)
    kept = NWB(target=str(path), images="none", rows="frame == 2", window=(0.0, 0.5)).load()
    assert kept.responses["start_time"].values.tolist() == [0.0, 2.0]


def test_text_and_whole_numbers_name_stimuli(write_file: WriteFile) -> None:
    named = write_file(trains=(TRAIN,), trials=None, also=series("names", ["cat", "dog", "cat"], rate=1.0))
    recording = NWB(target=str(named)).load()
    assert recording.responses["stimulus_id"].values.tolist() == ["cat", "dog", "cat"]
    assert recording.responses["response"].values[:, 0].tolist() == [2, 2, 1]
    numbered = write_file(trains=(TRAIN,), trials=None, also=series("ids", [7, 8, 7], rate=1.0, starting_time=1.0))
    recording = NWB(target=str(numbered)).load()
    assert recording.responses["stimulus_id"].values.tolist() == ["7", "8", "7"]
    assert any("until the next one, 1 s, the last one for 1 s" in note for note in recording.notes)


def test_a_table_of_intervals_comes_first_and_the_series_is_said(write_file: WriteFile) -> None:
    path = write_file(trains=(TRAIN,), also=series("ids", [7, 8, 7], rate=1.0))
    recording = NWB(target=str(path)).load()
    assert recording.identity["table"] == "/intervals/trials"
    assert any("there is also /stimulus/presentation/ids" in note for note in recording.notes)
    assert NWB(target=str(path), table="ids").load().responses["stimulus_id"].values.tolist() == ["7", "8", "7"]


def test_a_continuous_signal_is_a_table_only_if_named(write_file: WriteFile) -> None:
    path = write_file(trains=(TRAIN,), trials=None, also=series("contrast", [0.5, 0.25, 0.5], rate=1.0))
    message = refused(path)
    assert "no table of stimulus presentations" in message
    assert "/stimulus/presentation/contrast (3 samples of a TimeSeries: data)" in message
    recording = NWB(target=str(path), table="contrast").load()
    assert recording.responses["stimulus_id"].values.tolist() == ["0.5", "0.25", "0.5"]


def test_a_series_elsewhere_is_a_table_if_named(write_file: WriteFile) -> None:
    def add(content: pynwb.NWBFile) -> None:
        content.add_acquisition(pynwb.TimeSeries(name="ttl", data=np.array([1, 2, 1]), unit="n.a.", rate=1.0))
        content.add_acquisition(pynwb.TimeSeries(name="lfp", data=np.zeros((3, 2)), unit="V", rate=1.0))

    path = write_file(trains=(TRAIN,), trials=None, also=add)
    assert "no table of stimulus presentations" in refused(path)
    assert NWB(target=str(path), table="ttl").load().responses["stimulus_id"].values.tolist() == ["1", "2", "1"]
    assert "/acquisition/lfp (TimeSeries, 3 x 2) cannot be the presentation table: each" in refused(path, table="lfp")


def test_frames_of_a_stack_are_presentations(write_file: WriteFile) -> None:
    def add(content: pynwb.NWBFile) -> None:
        frames = np.zeros((4, 2, 3), dtype=np.uint8)
        content.add_stimulus(ImageSeries(name="movie", data=frames, unit="n.a.", format="raw", rate=2.0))

    recording = NWB(target=str(write_file(trains=(TRAIN,), trials=None, also=add)), images="none").load()
    assert recording.responses["stimulus_id"].values.tolist() == ["0", "1", "2", "3"]
    assert recording.responses["response"].values[:, 0].tolist() == [1, 1, 2, 0]


def test_several_series_must_be_chosen_from(write_file: WriteFile) -> None:
    def add(content: pynwb.NWBFile) -> None:
        series("a", [1, 2], rate=1.0)(content)
        series("b", [1, 2], rate=1.0)(content)

    message = refused(write_file(trials=None, also=add))
    assert (
        "2 tables could hold the presentations; name one as `table`. The file has /stimulus/presentation/a" in message
    )


def test_a_single_row_is_no_set_of_presentations(write_file: WriteFile) -> None:
    once = {"spontaneous": {"start": (5.0,), "stop": (9.0,), "stimulus_name": ("gray",)}}
    recording = NWB(target=str(write_file(tables=once))).load()
    assert (
        "no table was named: /intervals/trials (3 rows) is the only presentation table with more than one row and was "
        "used"
    ) in recording.notes


def test_how_long_a_single_sample_lasts_must_be_said(write_file: WriteFile) -> None:
    path = write_file(trains=(TRAIN,), trials=None, also=series("ids", [7], rate=1.0))
    assert "has a single sample: how long it was shown is not known; say with `window`" in refused(path)
    assert NWB(target=str(path), window=(0.0, 1.0)).load().responses["response"].values.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("times", "said"),
    [([0.0, 2.0, 1.0], "timestamps step back 1 times"), ([0.0, 1.0, 1.0], "row 1 (counted from 0) lasting 0 s")],
)
def test_times_that_do_not_rise_are_refused(
    write_file: WriteFile, rewrite: Callable[..., None], times: list[float], said: str
) -> None:
    def damage(file: h5py.File) -> None:
        rewrite(file, "stimulus/presentation/ids/timestamps", np.array(times))

    made = series("ids", [7, 8, 7], timestamps=[0.0, 1.0, 2.0])
    message = refused(write_file(trains=(TRAIN,), trials=None, also=made, spoil=damage))
    assert f"/stimulus/presentation/ids: {said}" in message
