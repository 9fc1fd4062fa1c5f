"""Npz files as stimulus sets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeproof.errors import DataError
from spikeproof.types import Recording
from spikeproof_images.source import Images


def load(path: Path, fields: dict[str, Any] | None = None, **arrays: Any) -> Recording:
    np.savez(path / "s.npz", **arrays)
    return Images(target=str(path / "s.npz"), **(fields or {})).load()


def bytes_(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("layout", ["n y x", "n y x channel", "n channel y x"])
def test_every_layout_gives_channel_y_x(tmp_path: Path, layout: str) -> None:
    x = bytes_(3, 4, 5) if layout == "n y x" else bytes_(3, 4, 5, 3)
    expected = x[:, None] if x.ndim == 3 else np.moveaxis(x, -1, 1)
    stored = expected if layout == "n channel y x" else x
    stimuli = load(tmp_path, x=stored).stimuli
    assert stimuli is not None
    np.testing.assert_array_equal(stimuli.images(), expected.astype(np.float32) / np.float32(255))
    assert stimuli.ids == ("00000", "00001", "00002")
    assert "category" not in stimuli.table


def test_floating_point_images_are_used_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((2, 6, 6))
    stimuli = load(tmp_path, x=x).stimuli
    assert stimuli is not None
    np.testing.assert_array_equal(stimuli.images()[:, 0], x.astype(np.float32))


def test_labels_ids_and_names_are_used(tmp_path: Path) -> None:
    x = bytes_(3, 4, 4)
    recording = load(
        tmp_path, x=x, y=np.array([1, 0, 1]), ids=np.array(["p", "q", "r"]), names=np.array(["cat", "dog"])
    )
    assert recording.stimuli is not None
    assert recording.stimuli.ids == ("p", "q", "r")
    assert recording.stimuli.table["category"].tolist() == ["dog", "cat", "dog"]
    plain = load(tmp_path, x=x, y=np.array([1, 0, 1])).stimuli
    assert plain is not None
    assert plain.table["category"].tolist() == ["1", "0", "1"]
    text = load(tmp_path, x=x, y=np.array([b"a", "ö".encode(), b"a"])).stimuli
    assert text is not None
    assert text.table["category"].tolist() == ["a", "ö", "a"]


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    recording = load(tmp_path, x=bytes_(2, 4, 4))
    assert recording.identity["digest"] == hashlib.sha256((tmp_path / "s.npz").read_bytes()).hexdigest()


def test_limit_takes_from_each_label_in_turn_and_reads_the_right_rows(tmp_path: Path) -> None:
    x = bytes_(6, 4, 4)
    stimuli = load(tmp_path, {"limit": 3}, x=x, y=np.array([0, 0, 0, 1, 1, 2])).stimuli
    assert stimuli is not None
    assert stimuli.ids == ("00000", "00003", "00005")
    np.testing.assert_array_equal(stimuli.images(["00005"])[0, 0], x[5].astype(np.float32) / np.float32(255))


def test_size_resizes_bytes_and_floats_alike(tmp_path: Path) -> None:
    x = bytes_(2, 9, 6, 3)
    pixels = []
    for stored in (x, x / 255):
        stimuli = load(tmp_path, {"size": 3}, x=stored).stimuli
        assert stimuli is not None
        assert stimuli.shape == (3, 3, 3)
        pixels.append(stimuli.images())
    # Pillow rounds 8-bit pixels after each of its two passes.
    np.testing.assert_allclose(pixels[0], pixels[1], atol=1.01 / 255)


def test_unused_arrays_are_noted(tmp_path: Path) -> None:
    recording = load(tmp_path, x=bytes_(2, 4, 4), extra=np.zeros(2))
    assert "arrays of the file that are not used: extra" in recording.notes


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"images": np.zeros((2, 4, 4), np.uint8)}, "no array 'x' .* among images"),
        ({"x": np.zeros((2, 4, 4), np.int64)}, "x holds int64: save images as uint8"),
        ({"x": np.zeros((0, 4, 4), np.uint8)}, "there are no images in it"),
        ({"x": np.zeros((4, 4), np.uint8)}, r"x has shape \(4, 4\); expected"),
        ({"x": np.zeros((2, 3, 5, 3), np.uint8)}, "channels could stand second or last. Say which with layout"),
        ({"x": np.zeros((2, 5, 5, 2), np.uint8)}, "neither the second nor the last axis has 1 or 3 channels"),
        ({"x": np.zeros((2, 4, 4), np.uint8), "y": np.zeros(3, int)}, r"x holds 2 images but y has shape \(3,\)"),
        ({"x": np.zeros((2, 4, 4), np.uint8), "y": np.eye(2)}, r"y has shape \(2, 2\)"),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": np.zeros(2)},
            "y holds float64: labels must be whole numbers or text",
        ),
        ({"x": np.zeros((2, 4, 4), np.uint8), "y": np.array([b"\xff", b"a"])}, "y holds bytes that are not UTF-8"),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "ids": np.array(["a", "a"])},
            "ids must be unique, but 'a' names several",
        ),
        ({"x": np.zeros((2, 4, 4), np.uint8), "ids": np.zeros(2)}, "ids holds float64"),
        ({"x": np.zeros((2, 4, 4), np.uint8), "names": np.array(["a"])}, "names .* is there, but no array y"),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": np.array([0, 2]), "names": np.array(["a", "b"])},
            r"y of image 1 is 2, but names has 2 names \(labels 0 to 1\)",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": np.array(["u", "v"]), "names": np.array(["a", "b"])},
            "names must be one row of text naming labels",
        ),
        ({"x": np.full((2, 4, 4), 255.0)}, r"image '00000' leaves \[0, 1\] \(min 255, max 255\)"),
        (
            {"x": np.array([0.0] * 16 + [np.nan] * 16).reshape(2, 4, 4)},
            "image '00001' has 16 pixel values that are not",
        ),
        ({"x": np.array([0.0] * 31 + [-0.1]).reshape(2, 4, 4)}, r"image '00001' leaves \[0, 1\] \(min -0.1, max 0\)"),
    ],
)
def test_arrays_that_cannot_be_trusted_are_refused_on_load(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        load(tmp_path, **arrays)


def test_layout_settles_what_the_shape_leaves_open(tmp_path: Path) -> None:
    x = bytes_(2, 3, 5, 3)
    first = load(tmp_path, {"layout": "channel-yx"}, x=x).stimuli
    last = load(tmp_path, {"layout": "yx-channel"}, x=x).stimuli
    assert first is not None
    assert last is not None
    assert (first.shape, last.shape) == ((3, 5, 3), (3, 3, 5))
    with pytest.raises(DataError, match="with layout 'channel-yx' it has not 1 or 3 channels"):
        load(tmp_path, {"layout": "channel-yx"}, x=bytes_(2, 4, 5, 3))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("unpickled",))

    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    with pytest.raises(DataError, match="array 'y' holds Python objects, which would have to be unpickled"):
        load(tmp_path, x=bytes_(1, 4, 4), y=trap)


def test_files_that_are_not_npz_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"junk")
    with pytest.raises(DataError, match="not an npz file"):
        Images(target=str(tmp_path / "a.npz")).load()
    np.save(tmp_path / "x.npy", bytes_(2, 4, 4))
    with pytest.raises(DataError, match="neither a folder nor an npz file"):
        Images(target=str(tmp_path / "x.npy")).load()


def test_a_damaged_npz_is_refused_with_the_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=bytes_(20, 16, 16))
    content = bytearray((tmp_path / "s.npz").read_bytes())
    content[2000:2100] = bytes(100)
    (tmp_path / "s.npz").write_bytes(bytes(content))
    with pytest.raises(DataError, match="array 'x' cannot be read"):
        Images(target=str(tmp_path / "s.npz")).load()


def test_the_cifar_images_load(shared: Path) -> None:
    path = shared / "data" / "images" / "cifar10_test_lossless_300.npz"
    recording = Images(target=str(path)).load()
    assert recording.stimuli is not None
    assert len(recording.stimuli) == 300
    assert recording.stimuli.shape == (3, 32, 32)
    assert recording.stimuli.table["category"].nunique() == 10
    with np.load(path) as stored:
        np.testing.assert_array_equal(
            recording.stimuli.images(["00007"])[0],
            np.moveaxis(stored["x"][7], -1, 0).astype(np.float32) / np.float32(255),
        )
        assert recording.stimuli.table["category"].tolist() == [str(value) for value in stored["y"]]
    assert Images(target=str(path)).inspect().tables[1].title == "Categories"
