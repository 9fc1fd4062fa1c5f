"""What a recording says of its presentations and units."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from numpy.typing import NDArray
from spikeproof_nwb.columns import as_names
from spikeproof_nwb.source import NWB


def test_identity_names_the_file_and_its_content(write_file: Callable[..., Path]) -> None:
    path = write_file()
    assert dict(NWB(target=str(path)).load().identity) == {
        "source": f"nwb:{path}",
        "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
        "nwb_version": NWB(target=str(path)).inspect().facts[0][1],
        "identifier": "file-1",
        "table": "/intervals/trials",
        "units_table": "/units",
    }


def test_choices_made_for_the_user_are_noted(write_file: Callable[..., Path]) -> None:
    notes = NWB(target=str(write_file())).load().notes
    assert "no table was named: /intervals/trials (3 rows) is the only presentation table and was used" in notes
    assert "no stimulus column was named: 'stimulus_id' (2 different values) was used" in notes
    assert "no category column was named: there are no labels" in notes
    asked = NWB(target=str(write_file()), table="trials", stimulus="stimulus_id").load().notes
    assert not any("was used" in note for note in asked)


def test_whole_numbers_name_stimuli_without_a_point(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1, 2, 3), "stop": (1, 2, 3, 4), "frame": (7.0, -1.0, 7.0, 8.0)}
    recording = NWB(target=str(write_file(trials=trials))).load()
    assert recording.responses["stimulus_id"].values.tolist() == ["7", "-1", "7", "8"]
    assert recording.responses["repeat"].values.tolist() == [0, 0, 1, 0]
    assert any('leave them out with rows = "frame >= 0"' in note for note in recording.notes)
    kept = NWB(target=recording.identity["source"][4:], rows="frame >= 0").load()
    assert kept.responses["stimulus_id"].values.tolist() == ["7", "7", "8"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.array([1, 2], dtype=np.uint8), ["1", "2"]),
        (np.array([2.0, -0.0]), ["2", "-0"]),
        (np.array([0.5, 2.0]), ["0.5", "2.0"]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["ä", "1.0"]), ["ä", "1.0"]),
        (np.array([2.0**60, 1.0]), ["1.152921504606847e+18", "1.0"]),
    ],
)
def test_names_of_values(values: NDArray[Any], names: list[str]) -> None:
    assert as_names(values).tolist() == names


def test_a_guess_needs_more_than_one_stimulus(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1), "stop": (1, 2), "stimulus_name": ("scenes", "scenes"), "frame": (3.0, 4.0)}
    recording = NWB(target=str(write_file(trials=trials))).load()
    assert recording.responses["stimulus_id"].values.tolist() == ["3", "4"]


def test_rows_are_stimuli_only_if_asked(write_file: Callable[..., Path]) -> None:
    recording = NWB(target=str(write_file()), stimulus="row").load()
    assert recording.responses["stimulus_id"].values.tolist() == ["0", "1", "2"]
    assert "each row was taken as a stimulus of its own: no stimulus is repeated" in recording.notes


def test_a_category_is_text_and_its_column_stays_as_it_is(write_file: Callable[..., Path]) -> None:
    path = write_file(trials={"start": (0, 1, 2), "stop": (1, 2, 3), "image": ("a", "b", "a"), "kind": (0, 1, 1)})
    recording = NWB(target=str(path), category="kind").load()
    assert recording.responses["category"].values.tolist() == ["0", "1", "1"]
    assert recording.responses["kind"].values.tolist() == [0, 1, 1]
    assert "1 stimuli were shown under several categories, such as 'a'" in recording.notes


def test_a_column_called_category_is_used_and_noted(write_file: Callable[..., Path]) -> None:
    path = write_file(trials={"start": (0, 1), "stop": (1, 2), "image": ("a", "b"), "category": ("x", "y")})
    recording = NWB(target=str(path)).load()
    assert recording.responses["category"].values.tolist() == ["x", "y"]
    assert "no category column was named: the column 'category' was used" in recording.notes


def test_columns_are_kept_and_those_that_cannot_be_are_listed(write_file: Callable[..., Path]) -> None:
    def more(content: pynwb.NWBFile) -> None:
        content.trials.add_column("accuracy", "d", data=[0.5, np.nan, 1.0])
        content.trials.add_column("correct", "d", data=[True, False, True])
        content.trials.add_column("choices", "d", data=[1, 2, 3, 4], index=[1, 2, 4])
        content.trials.add_column("tag", "d", data=["x", "y", "z"], index=[1, 2, 3])
        content.trials.add_column("position", "d", data=np.zeros((3, 2)))

    recording = NWB(target=str(write_file(also=more))).load()
    coords = recording.responses.coords
    np.testing.assert_array_equal(coords["accuracy"].values, [0.5, np.nan, 1.0])
    assert coords["correct"].values.tolist() == [True, False, True]
    assert coords["tag"].values.tolist() == ["x", "y", "z"]
    assert coords["presentation_id"].values.tolist() == [0, 1, 2]
    listed = [note for note in recording.notes if note.startswith("columns of /intervals/trials")]
    assert listed == [
        "columns of /intervals/trials that are not among the coordinates: "
        "choices (several values per row), position (2 dimensions (3, 2))"
    ]


def test_missing_times_in_other_columns_stay_missing(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1), "stop": (1, 2), "image": ("a", "b"), "boundary1_time": (0.5, np.nan)}
    responses = NWB(target=str(write_file(trials=trials))).load().responses
    np.testing.assert_array_equal(responses["boundary1_time"].values, [0.5, np.nan])
    assert responses["response"].values.tolist() == [[2, 0, 0], [3, 1, 0]]


@pytest.mark.filterwarnings("ignore:EnumData is experimental")
def test_numbers_that_stand_for_names_are_named(write_file: Callable[..., Path]) -> None:
    def more(content: pynwb.NWBFile) -> None:
        content.trials.add_column("kind", "d", data=[1, 0, 1], enum=["face", "house"])

    assert NWB(target=str(write_file(also=more))).load().responses["kind"].values.tolist() == ["house", "face", "house"]


def test_a_column_may_end_in_index_beside_one_of_its_name(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1), "stop": (1, 2), "image": ("a", "b"), "image_index": (5, 6)}
    recording = NWB(target=str(write_file(trials=trials))).load()
    assert recording.responses["image_index"].values.tolist() == [5, 6]
    assert recording.responses["image"].values.tolist() == ["a", "b"]


def test_names_that_are_taken_are_moved_and_noted(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0, 1), "stop": (1, 2), "image": ("a", "b"), "repeat": (7, 8), "session": ("x", "y")}
    path = write_file(trials=trials, unit_columns={"image": ("p", "q", "r")})
    recording = NWB(target=str(path), window=(0.0, 0.5)).load()
    coords = recording.responses.coords
    assert coords["repeat"].values.tolist() == [0, 0]
    assert coords["repeat_in_table"].values.tolist() == [7, 8]
    assert coords["session_in_table"].values.tolist() == ["x", "y"]
    assert coords["session"].values.tolist() == ["s1"] * 3
    assert coords["stop_time"].values.tolist() == [0.5, 1.5]
    assert coords["stop_time_in_table"].values.tolist() == [1.0, 2.0]
    assert coords["image_in_units"].values.tolist() == ["p", "q", "r"]
    assert "the table's column 'repeat' is the coordinate 'repeat_in_table'" in recording.notes
    assert not any("stop_time_in_table" in note for note in recording.notes)
    assert "the units' column 'image' is the coordinate 'image_in_units'" in recording.notes


def test_bytes_are_decoded(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    def to_bytes(file: h5py.File) -> None:
        rewrite(file, "intervals/trials/stimulus_id", np.array(["ä.png".encode(), b"b.png", b"\xff"], dtype="S6"))

    recording = NWB(target=str(write_file(spoil=to_bytes))).load()
    assert recording.responses["stimulus_id"].values.tolist() == ["ä.png", "b.png", "\\xff"]


def test_units_say_who_they_are(write_file: Callable[..., Path]) -> None:
    path = write_file(unit_columns={"quality": ("good", "noise", "good"), "snr": (3.0, 1.0, 2.0)})
    unit = NWB(target=str(path)).load().responses
    assert unit["unit"].values.tolist() == ["0", "1", "2"]
    assert unit["session"].values.tolist() == ["s1"] * 3
    assert unit["subject"].values.tolist() == ["m1"] * 3
    assert unit["quality"].values.tolist() == ["good", "noise", "good"]
    assert unit["snr"].values.tolist() == [3.0, 1.0, 2.0]
    assert unit["area"].values.tolist() == ["unknown"] * 3


def test_unit_names_are_used_where_they_are_unique(write_file: Callable[..., Path]) -> None:
    named = NWB(target=str(write_file(unit_columns={"unit_name": ("u", "v", "w")}))).load()
    assert named.responses["unit"].values.tolist() == ["u", "v", "w"]
    assert "units are called as their column unit_name says" in named.notes
    same = NWB(target=str(write_file(unit_columns={"unit_name": ("u", "u", "w")}))).load()
    assert same.responses["unit"].values.tolist() == ["0", "1", "2"]


def test_ids_that_repeat_get_their_row(write_file: Callable[..., Path], rewrite: Callable[..., None]) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/id", np.array([4, 4, 5])))
    recording = NWB(target=str(path)).load()
    assert recording.responses["unit"].values.tolist() == ["4 (row 0)", "4 (row 1)", "5 (row 2)"]
    assert any("unit ids repeat (such as 4)" in note for note in recording.notes)


@pytest.mark.parametrize(("electrodes", "areas"), [(([0], [1], [2]), ["V1", "V4", "V4"]), (([0, 1], [1, 2], []), None)])
def test_areas_are_the_locations_of_the_electrodes(
    write_file: Callable[..., Path], electrodes: Sequence[list[int]], areas: list[str] | None
) -> None:
    def record(content: pynwb.NWBFile) -> None:
        group = content.create_electrode_group("g", "d", "head", content.create_device("probe"))
        for location in ("V1", "V4", "V4"):
            content.add_electrode(location=location, group=group)
        for train, held in zip(([0.1], [0.2], [0.3]), electrodes, strict=True):
            content.add_unit(spike_times=train, electrodes=held)

    recording = NWB(target=str(write_file(trains=None, also=record))).load()
    assert recording.responses["area"].values.tolist() == (areas or ["V1/V4", "V4", "unknown"])


def test_areas_come_from_a_column_or_the_electrode_group(write_file: Callable[..., Path]) -> None:
    column = write_file(unit_columns={"brain_area": ("IT", "", "V4")})
    assert NWB(target=str(column)).load().responses["area"].values.tolist() == ["IT", "unknown", "V4"]

    def record(content: pynwb.NWBFile) -> None:
        group = content.create_electrode_group("g", "d", "amygdala", content.create_device("probe"))
        content.add_unit(spike_times=[0.1], electrode_group=group)

    grouped = write_file("group.nwb", trains=None, also=record)
    assert NWB(target=str(grouped)).load().responses["area"].values.tolist() == ["amygdala"]


def test_areas_of_the_allen_institute_come_from_the_peak_channel(write_file: Callable[..., Path]) -> None:
    def record(content: pynwb.NWBFile) -> None:
        group = content.create_electrode_group("g", "d", "head", content.create_device("probe"))
        for number, location in ((850, "VISp"), (851, "LGd")):
            content.add_electrode(location=location, group=group, id=number)

    path = write_file(also=record, unit_columns={"peak_channel_id": (851, 850, 851)})
    assert NWB(target=str(path)).load().responses["area"].values.tolist() == ["LGd", "VISp", "LGd"]


def test_a_table_in_a_linked_file_is_read_and_said(write_file: Callable[..., Path]) -> None:
    other = write_file("other.nwb")

    def link(file: h5py.File) -> None:
        del file["intervals/trials"]
        file["intervals/trials"] = h5py.ExternalLink(other.name, "/intervals/trials")

    recording = NWB(target=str(write_file("main.nwb", spoil=link))).load()
    assert recording.responses["response"].values.tolist() == [[2, 0, 0], [3, 1, 0], [1, 1, 0]]
    assert "/intervals/trials is read from the linked file other.nwb" in recording.notes
