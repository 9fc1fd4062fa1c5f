"""The real V4 sessions: every response and every image where it belongs, and both sessions in one population."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import spikeproof
from PIL import Image
from spikeproof.compose import compose
from spikeproof.errors import DataError
from spikeproof.types import Recording
from spikeproof_table.source import Table


def session_190923(v4: Path, **fields: str) -> Recording:
    return Table(
        target=str(v4 / "responses_avg_190923.npy"),
        dims=("unit", "stimulus"),
        response_units="spikes",
        images=str(v4 / "images_190923.zip"),
        session="190923",
        **fields,  # type: ignore[arg-type]
    ).load()


def session_210325(v4: Path, **fields: str) -> Recording:
    return Table(
        target=str(v4 / "responses_raw_210325.npy"),
        dims=("unit", "stimulus", "repeat"),
        response_units="spikes",
        images=str(v4 / "images_210325.zip"),
        session="210325",
        **fields,  # type: ignore[arg-type]
    ).load()


@pytest.fixture
def v4(shared: Path) -> Path:
    return shared / "data" / "v4"


def check_pixels(recording: Recording, path: Path, folder: str, prefix: str = "") -> None:
    assert recording.stimuli is not None
    numbers = (1, 2, 500, len(recording.stimuli))
    names = [f"image{number:04d}.jpg" for number in numbers]
    images = recording.stimuli.images([prefix + name for name in names])
    with zipfile.ZipFile(path) as file:
        for image, name in zip(images, names, strict=True):
            with file.open(folder + name) as member, Image.open(member) as peer:
                np.testing.assert_array_equal(
                    image, np.moveaxis(np.asarray(peer), -1, 0).astype(np.float32) / np.float32(255)
                )


def test_session_190923_cell_by_cell(v4: Path) -> None:
    recording = session_190923(v4)
    found = recording.responses
    assert found is not None
    raw = np.load(v4 / "responses_avg_190923.npy")
    assert found.sizes == {"presentation": 1200, "unit": 33}
    np.testing.assert_array_equal(found["response"].values, raw.T)
    assert found["stimulus_id"].values.tolist() == [f"image{number:04d}.jpg" for number in range(1, 1201)]
    assert (found["repeat"].values == 0).all()
    assert recording.stimuli is not None
    assert recording.stimuli.shape == (3, 112, 112)
    check_pixels(recording, v4 / "images_190923.zip", "images_190923/")
    listing = "".join(
        f"{hashlib.sha256((v4 / name).read_bytes()).hexdigest()}  {role}\n"
        for role, name in (("responses", "responses_avg_190923.npy"), ("images", "images_190923.zip"))
    )
    assert recording.identity["digest"] == hashlib.sha256(listing.encode()).hexdigest()


def test_session_210325_cell_by_cell_with_its_repeats(v4: Path) -> None:
    recording = session_210325(v4)
    found = recording.responses
    assert found is not None
    raw = np.load(v4 / "responses_raw_210325.npy")
    expected, stimuli, repeats = [], [], []
    for stimulus in range(640):
        for repeat in range(10):
            if not np.isnan(raw[:, stimulus, repeat]).all():
                expected.append(raw[:, stimulus, repeat])
                stimuli.append(f"image{stimulus + 1:04d}.jpg")
                repeats.append(repeat)
    assert len(expected) == 4840
    np.testing.assert_array_equal(found["response"].values, expected)
    assert found["stimulus_id"].values.tolist() == stimuli
    assert found["repeat"].values.tolist() == repeats
    shown = np.unique(stimuli, return_counts=True)[1]
    assert (shown.min(), shown.max()) == (6, 10)
    assert "1560 of 6400 presentations have no value in any unit and are left out" in recording.notes
    check_pixels(recording, v4 / "images_210325.zip", "")


def test_both_sessions_join_with_both_subjects_and_all_units(v4: Path) -> None:
    common = {"response_units": "spikes"}
    joined = spikeproof.load_source(
        [
            {
                **common,
                "use": f"table:{v4 / 'responses_avg_190923.npy'}",
                "dims": ["unit", "stimulus"],
                "images": str(v4 / "images_190923.zip"),
                "session": "190923",
                "subject": "first",
                "prefix": "190923/",
            },
            {
                **common,
                "use": f"table:{v4 / 'responses_raw_210325.npy'}",
                "dims": ["unit", "stimulus", "repeat"],
                "images": str(v4 / "images_210325.zip"),
                "session": "210325",
                "subject": "second",
                "prefix": "210325/",
            },
        ],
        join="union",
    )
    found = joined.responses
    assert found is not None
    assert found.sizes == {"presentation": 1200 + 4840, "unit": 33 + 50}
    assert len(set(found["unit"].values.tolist())) == 83
    assert found["session"].values.tolist() == ["190923"] * 33 + ["210325"] * 50
    assert found["subject"].values.tolist() == ["first"] * 33 + ["second"] * 50
    raw = np.load(v4 / "responses_avg_190923.npy")
    ids = found["stimulus_id"].values
    for stimulus, unit in ((0, 0), (7, 32), (1199, 5)):
        cell = found["response"].values[ids == f"190923/image{stimulus + 1:04d}.jpg", unit]
        assert cell.tolist() == [raw[unit, stimulus]]
    other = found["response"].values[ids == "210325/image0001.jpg"]
    assert np.isnan(other[:, :33]).all()
    np.testing.assert_array_equal(other[:, 33:], np.load(v4 / "responses_raw_210325.npy")[:, 0, :7].T)
    assert joined.stimuli is not None
    assert len(joined.stimuli) == 1840


def test_sessions_that_call_different_images_alike_are_not_joined(v4: Path) -> None:
    with pytest.raises(DataError, match=r"'image0001.jpg' names one image in .*190923.* and another in .*210325"):
        compose([session_190923(v4), session_210325(v4)], join="shared")
