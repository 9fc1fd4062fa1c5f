"""Everything that cannot be trusted is refused: what, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.source import NWB


def refused(path: Path, **options: Any) -> str:
    with pytest.raises((DataError, BadParameter)) as caught:
        NWB(target=str(path), **options).load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_file_names_near_files(write_file: Callable[..., Path]) -> None:
    path = write_file("session-4.nwb")
    assert refused(path.with_name("sesion-4.nwb")).endswith(f"near names in {path.parent}: session-4.nwb")
    assert "there is no folder" in refused(path.parent / "nowhere" / "a.nwb")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert "is a folder: name one .nwb file in it" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes): the download failed"),
        (b"<html>404</html>", "is not HDF5, so not an NWB file: it begins with b'<html>404</html>' (a web page"),
        (b"hello", "is not HDF5"),
    ],
)
def test_what_is_not_hdf5_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.nwb"
    path.write_bytes(content)
    assert said in refused(path)


def test_a_truncated_file_says_how_much_is_there(write_file: Callable[..., Path]) -> None:
    path = write_file()
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    assert f"is truncated: it holds {size // 2:,} of {size:,} bytes" in refused(path)


def test_hdf5_without_a_version_is_not_nwb(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file["numbers"] = [1, 2]
    assert "says no nwb_version, so it is not an NWB file (it holds: numbers)" in refused(tmp_path / "a.nwb")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.0.6", "NWB 1.x files are laid out differently"),
        ("NWB-1.0.5", "NWB 1.x files are laid out differently"),
        ("2.0b", "a pre-release of NWB 2.0.0"),
        ("two", "says nwb_version 'two', which is not a version"),
    ],
)
def test_other_versions_are_refused(write_file: Callable[..., Path], version: str, said: str) -> None:
    path = write_file(spoil=lambda file: file.attrs.__setitem__("nwb_version", version))
    assert said in refused(path)


def test_an_extension_that_is_nowhere_defined_is_named(write_file: Callable[..., Path]) -> None:
    def spoil(file: h5py.File) -> None:
        group = file["acquisition"].create_group("odd")
        group.attrs.update({"namespace": "ndx-odd", "neurodata_type": "Odd", "object_id": "1"})

    message = refused(write_file(spoil=spoil))
    assert "uses the extension ndx-odd, whose definition is neither in the file nor installed" in message
    assert "`pip install ndx-odd`" in message


def test_a_file_that_pynwb_cannot_build_is_refused(write_file: Callable[..., Path]) -> None:
    def spoil(file: h5py.File) -> None:
        del file["session_start_time"]

    assert re.search(r"pynwb [\d.]+ cannot read it \(.*\); validate it", refused(write_file(spoil=spoil)))


def test_no_units_says_what_is_there_instead(write_file: Callable[..., Path]) -> None:
    assert "no units, so no spike times: it holds no responses" in refused(write_file(trains=None))


def test_no_presentations_are_refused(write_file: Callable[..., Path]) -> None:
    assert "no table of stimulus presentations (no table with start_time" in refused(write_file(trials=None))


def test_epochs_are_not_taken_for_presentations(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=None, also=lambda content: content.add_epoch(0.0, 3.0, ["all"]))
    assert "no table of stimulus presentations. The file has /intervals/epochs (1 rows: tags)" in refused(path)


def test_several_tables_must_be_chosen_from(write_file: Callable[..., Path]) -> None:
    other = {"flashes": {"start": (0.0, 1.0), "stop": (1.0, 2.0), "color": (1, 2)}}
    message = refused(write_file(tables=other))
    assert "2 tables could hold the presentations; name one as `table`" in message
    assert "/intervals/flashes (2 rows: color); /intervals/trials (3 rows: stimulus_id)" in message


def test_an_unknown_table_names_near_ones(write_file: Callable[..., Path]) -> None:
    assert "no presentation table 'trails': did you mean 'trials'?" in refused(write_file(), table="trails")


def test_a_table_name_that_stands_twice_needs_its_path(write_file: Callable[..., Path]) -> None:
    def twice(file: h5py.File) -> None:
        file.copy("intervals/trials", file["acquisition"])

    path = write_file(spoil=twice)
    assert "several tables are called 'trials': /acquisition/trials, /intervals/trials" in refused(path, table="trials")
    recording = NWB(target=str(path), table="acquisition/trials").load()
    assert recording.identity["table"] == "/acquisition/trials"


def test_an_unknown_column_names_near_ones(write_file: Callable[..., Path]) -> None:
    message = refused(write_file(), stimulus="stimulusid")
    assert "no column 'stimulusid' for `stimulus`: did you mean 'stimulus_id'?" in message
    assert "stimulus_id (2 values)" in message
    assert "no column 'kind' for `category`" in refused(write_file(), category="kind")


def test_a_stimulus_is_never_guessed_from_nothing(write_file: Callable[..., Path]) -> None:
    path = write_file(trials={"start": (0.0, 1.0), "stop": (1.0, 2.0), "stimulus_name": ("same", "same")})
    message = refused(path)
    assert "no column says by its name which stimulus was shown" in message
    assert 'stimulus = "row"' in message


def test_missing_stimuli_and_categories_are_refused(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1, 2), "stop": (1, 2, 3), "frame": (1.0, np.nan, 2.0), "kind": ("a", "", "")}
    path = write_file(trials=trials)
    assert "column 'frame' is empty in row 1 (counted from 0): `stimulus` needs" in refused(path, stimulus="frame")
    assert "column 'kind' is empty in rows 1, 2" in refused(path, stimulus="row", category="kind")


def test_an_index_that_runs_past_the_data_counts_the_silent_units(
    write_file: Callable[..., Path], rewrite: Callable[..., None]
) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/spike_times_index", np.array([20, 30, 30])))
    message = refused(path)
    assert "/units: spike_times_index ends at 30 but spike_times holds 9 numbers" in message
    assert "1 of 3 units would have read as silent and 1 as cut short" in message


def test_an_index_that_falls_is_refused(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/spike_times_index", np.array([6, 3, 9])))
    assert "spike_times_index falls from 6 to 3 at unit '1' (1 such units)" in refused(path)


def test_spikes_of_no_unit_are_refused(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/spike_times_index", np.array([4, 7, 7])))
    assert "2 spikes belong to no unit" in refused(path)


def test_nan_spike_times_name_the_unit_and_how_to_leave_it_out(write_file: Callable[..., Path]) -> None:
    path = write_file(trains=([0.1, np.nan, np.nan], [0.5], [np.inf]))
    message = refused(path)
    assert "not finite (NaN or infinite) in unit '0' (2 of them), unit '2' (1 of them)" in message
    assert '`units` = "id not in [0, 2]"' in message
    kept = NWB(target=str(path), units="id not in [0, 2]").load()
    assert kept.responses["unit"].values.tolist() == ["1"]


def test_unsorted_spike_times_are_refused(write_file: Callable[..., Path]) -> None:
    path = write_file(trains=([0.5, 0.1, 0.4, 0.2], [0.3, 0.3], [5.0]))
    message = refused(path)
    assert "not in order of time in unit '0' (2 steps back)" in message
    assert "sort_spikes = true" in message


def test_a_unit_that_starts_earlier_than_the_last_ended_is_not_unsorted(write_file: Callable[..., Path]) -> None:
    assert NWB(target=str(write_file(trains=([], [5.0], [], [0.5], [0.1], [])))).load().responses["response"].sum() == 2


def test_bad_intervals_name_their_rows(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0.0, np.nan, 2.0), "stop": (1.0, 2.0, 1.5), "stimulus_id": ("a", "b", "c")}
    path = write_file(trials=trials)
    message = refused(path)
    assert "row 1 (counted from 0) without a time to start or stop at" in message
    assert "row 2 (counted from 0) ending before the start" in message
    kept = NWB(target=str(path), stimulus="stimulus_id", rows="start_time < stop_time").load()
    assert kept.responses["stimulus_id"].values.tolist() == ["a"]
    assert any("1 of 3 rows of /intervals/trials were kept" in note for note in kept.notes)


def test_rows_that_last_no_time_need_a_window(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0.0, 1.0), "stop": (0.0, 1.0), "stimulus_id": ("a", "b")}
    path = write_file(trials=trials)
    assert "rows 0, 1 (counted from 0) lasting 0 s: no spike can fall there. Say with `window`" in refused(path)
    assert NWB(target=str(path), window=(0.0, 0.6)).load().responses["response"].values[:, 0].tolist() == [2, 3]


def test_a_missing_stop_time_is_no_matter_with_a_window(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0.0, 1.0), "stop": (1.0, np.nan), "stimulus_id": ("a", "b")}
    recording = NWB(target=str(write_file(trials=trials)), window=(0.0, 0.6)).load()
    assert any(note.startswith("stop_time is missing in 1 rows; it is not used") for note in recording.notes)


@pytest.mark.parametrize("window", [(0.2, 0.1), (0.1, 0.1), (0.0, float("nan"))])
def test_a_window_must_end_after_it_starts(window: tuple[float, float]) -> None:
    with pytest.raises(BadParameter, match="it must end after it starts, such as"):
        NWB(target="a.nwb", window=window)


def test_a_column_of_another_length_is_damage(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/id", np.arange(2)))
    assert re.search(r"spike_times_index has 3 rows for 2 units|cannot read it", refused(path))


def test_a_table_behind_a_broken_link_is_named(write_file: Callable[..., Path]) -> None:
    def link(file: h5py.File) -> None:
        file["intervals/more"] = h5py.ExternalLink("gone.nwb", "/intervals/more")

    path = write_file(spoil=link)
    assert "the table /intervals/more is a link to gone.nwb:/intervals/more" in refused(path, table="more")
    recording = NWB(target=str(path)).load()
    assert any(note.startswith("/intervals/more is a link to gone.nwb") for note in recording.notes)


def test_several_units_tables_must_be_chosen_from(
    write_file: Callable[..., Path], units_table: Callable[..., Any]
) -> None:
    def sort_twice(content: pynwb.NWBFile) -> None:
        module = content.create_processing_module("sorted", "d")
        module.add(units_table("units", [[0.5], [1.5]]))
        module.add(units_table("noise", [[2.5]]))

    path = write_file(trains=None, also=sort_twice)
    message = refused(path)
    assert (
        "several units tables: /processing/sorted/noise, /processing/sorted/units; name one as `units_table`" in message
    )
    assert "no units table 'x'" in refused(path, units_table="x")
    recording = NWB(target=str(path), units_table="noise").load()
    assert recording.identity["units_table"] == "/processing/sorted/noise"
    assert recording.responses["response"].values.tolist() == [[0.0], [0.0], [1.0]]
