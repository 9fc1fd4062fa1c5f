"""Images that stand in the file under the names of the stimuli, and their pixels."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from pynwb.base import Images
from pynwb.image import GrayscaleImage, RGBAImage, RGBImage
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.source import NWB

SMALL = np.arange(6, dtype=np.uint8).reshape(2, 3) * 51


def with_images(images: list[Any], where: str = "templates", name: str = "shown") -> Callable[..., None]:
    def add(content: pynwb.NWBFile) -> None:
        held = Images(name=name, images=images, description="d")
        if where == "templates":
            content.add_stimulus_template(held)
        elif where == "presentation":
            content.add_stimulus(held)
        elif where == "acquisition":
            content.add_acquisition(held)
        else:
            content.create_processing_module(where, "d").add(held)

    return add


def gray(name: str, data: Any = SMALL) -> GrayscaleImage:
    return GrayscaleImage(name=name, data=data)


def test_bytes_become_floats_between_0_and_1(write_file: Callable[..., Path]) -> None:
    path = write_file(also=with_images([gray("b.png", 255 - SMALL), gray("a.png")]))
    recording = NWB(target=str(path)).load()
    assert recording.stimuli.ids == ("a", "b")
    assert recording.stimuli.shape == (1, 2, 3)
    with h5py.File(path) as file:
        raw = file["stimulus/templates/shown/a.png"][()]
    np.testing.assert_array_equal(recording.stimuli.images(["a"])[0, 0], raw.astype(np.float32) / 255)
    np.testing.assert_array_equal(recording.stimuli.images(["b", "a"]).sum(axis=0), np.ones((1, 2, 3), np.float32))
    assert (
        "images of all 2 stimuli stand in /stimulus/templates/shown (Images, 2 images), of 2 x 3 pixels, axes taken as "
        "(y, x); matched by the names in 'stimulus_id'"
    ) in recording.notes
    assert "no images were named: /stimulus/templates/shown was used" in recording.notes


@pytest.mark.parametrize("where", ["templates", "presentation", "acquisition", "behavior"])
def test_images_are_found_wherever_they_stand(write_file: Callable[..., Path], where: str) -> None:
    recording = NWB(target=str(write_file(also=with_images([gray("a"), gray("b")], where)))).load()
    assert recording.stimuli.ids == ("a", "b")


def test_colours_come_first(write_file: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    images = [RGBImage(name=name, data=pixels) for name in "ab"]
    path = write_file(also=with_images(images), trials={"start": (0, 1), "stop": (1, 2), "image": "ab", "kind": "xy"})
    stimuli = NWB(target=str(path), category="kind").load().stimuli
    assert stimuli.shape == (3, 4, 5)
    np.testing.assert_array_equal(stimuli.images(["b"])[0], np.moveaxis(pixels, -1, 0))
    assert stimuli.table["category"].to_dict() == {"a": "x", "b": "y"}


def test_axes_are_turned_where_the_file_keeps_x_first(write_file: Callable[..., Path]) -> None:
    path = write_file(also=with_images([gray("a"), gray("b")]))
    stimuli = NWB(target=str(path), image_axes="xy").load().stimuli
    assert stimuli.shape == (1, 3, 2)
    np.testing.assert_array_equal(stimuli.images(["a"])[0, 0], SMALL.T.astype(np.float32) / 255)


def test_an_opaque_alpha_channel_is_left_out(write_file: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    path = write_file(also=with_images([RGBAImage(name=name, data=pixels) for name in "ab"]))
    stimuli = NWB(target=str(path)).load().stimuli
    np.testing.assert_array_equal(
        stimuli.images(["b"])[0], np.moveaxis(pixels[..., :3], -1, 0).astype(np.float32) / 255
    )


def test_a_transparent_image_is_named_when_it_is_read(write_file: Callable[..., Path]) -> None:
    opaque = np.full((2, 3, 4), 255, np.uint8)
    clear = opaque.copy()
    clear[0, 0, 3] = 7
    path = write_file(also=with_images([RGBAImage(name="a", data=opaque), RGBAImage(name="b", data=clear)]))
    stimuli = NWB(target=str(path)).load().stimuli
    assert stimuli.images(["a"]).shape == (1, 3, 2, 3)
    with pytest.raises(DataError, match=r"shown, image 'b': 1 of 6 pixels are not opaque \(alpha below 255\)"):
        stimuli.images(["b"])


@pytest.mark.parametrize(
    ("dtype", "white", "divisor"),
    [
        (np.uint16, 4095.0, 4095),
        (np.int32, 255.0, 255),
        (np.float64, 5.0, 5),
        (np.bool_, None, 1),
        (np.uint8, 250.0, 250),
    ],
)
def test_the_value_of_white_can_be_said(
    write_file: Callable[..., Path], dtype: type, white: float | None, divisor: float
) -> None:
    values = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    path = write_file(also=with_images([gray("a", values), gray("b", values)]))
    stimuli = NWB(target=str(path), image_white=white).load().stimuli
    np.testing.assert_allclose(stimuli.images(["a"])[0, 0], values.astype(np.float64) / divisor, rtol=1e-7)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([gray("a")], "1 of 2 stimuli have no image of their name ('b'); images are called 'a'"),
        (
            [gray("a", np.zeros((2, 2))), gray("b", np.zeros((2, 3)))],
            "its images are not of one size: image 'a' is 2 x 2 pixels with 1 channel; image 'b' is 2 x 3 pixels",
        ),
        (
            [gray(name, np.zeros((2, 2), np.uint16)) for name in "ab"],
            "image 'a': pixels are uint16, and the file does not say which value is white: give it as image_white",
        ),
        (
            [gray(name, np.full((2, 2), 128.0)) for name in "ab"],
            "image 'a': pixels run from 128 to 128, not from 0 to 1: say which value is white with image_white (255?)",
        ),
        ([gray(name, np.full((2, 2), np.nan)) for name in "ab"], "image 'a': 4 pixels are NaN or infinite"),
        ([RGBAImage(name=name, data=np.zeros((2, 2, 4), np.uint8)) for name in "ab"], "4 of 4 pixels are not opaque"),
    ],
)
def test_images_that_do_not_fit_are_noted_unless_they_were_named(
    write_file: Callable[..., Path], images: list[Any], said: str
) -> None:
    path = str(write_file(also=with_images(images)))
    recording = NWB(target=path).load()
    assert recording.stimuli is None
    (note,) = [note for note in recording.notes if note.startswith("the file holds images that were not read")]
    assert said in note
    with pytest.raises(DataError) as caught:
        NWB(target=path, images="shown").load()
    assert said in str(caught.value)
    assert str(caught.value).startswith(path)


def test_values_above_white_are_refused(write_file: Callable[..., Path]) -> None:
    path = write_file(also=with_images([gray("a"), gray("b")]))
    with pytest.raises(DataError, match=r"pixels run from 0 to 255, outside 0 to image_white = 100"):
        NWB(target=str(path), image_white=100.0, images="shown").load()
    with pytest.raises(BadParameter, match=r"image_white = 0.0: white must be a pixel value above 0"):
        NWB(target=str(path), image_white=0.0)


def test_of_several_containers_one_is_named_by_path_or_name(write_file: Callable[..., Path]) -> None:
    def add(content: pynwb.NWBFile) -> None:
        with_images([gray("a"), gray("b")], "templates", "warped")(content)
        with_images([gray("a", 255 - SMALL), gray("b", 255 - SMALL)], "acquisition", "plain")(content)
        with_images([gray("a"), gray("b")], "acquisition", "warped")(content)

    path = str(write_file(also=add))
    recording = NWB(target=path).load()
    assert recording.stimuli is None
    (note,) = [note for note in recording.notes if "not read" in note]
    assert "/acquisition/plain (Images, 2 images) and /acquisition/warped (Images, 2 images) and " in note
    assert note.endswith("all fit; name one as `images`")
    for name in ("plain", "/acquisition/plain", "acquisition/plain"):
        stimuli = NWB(target=path, images=name).load().stimuli
        np.testing.assert_array_equal(stimuli.images(["a"])[0, 0], (255 - SMALL).astype(np.float32) / 255)
    with pytest.raises(DataError, match="several images are called 'warped': /acquisition/warped, /stimulus/templates"):
        NWB(target=path, images="warped").load()
    with pytest.raises(DataError, match=r"no images 'warpd': did you mean 'warped'"):
        NWB(target=path, images="warpd").load()


def test_images_can_be_left_alone(write_file: Callable[..., Path]) -> None:
    recording = NWB(target=str(write_file(also=with_images([gray("a"), gray("b")]))), images="none").load()
    assert recording.stimuli is None
    assert "images were not read (images = 'none'): the file holds /stimulus/templates/shown (Images, 2 images)" in (
        recording.notes
    )


def test_a_file_without_images_says_so_if_some_were_named(write_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"small.nwb: no images 'shown'. The file holds no images"):
        NWB(target=str(write_file()), images="shown").load()


def test_images_are_read_when_asked_for_by_any_process(write_file: Callable[..., Path]) -> None:
    path = write_file(also=with_images([gray("a"), gray("b")]))
    stimuli = NWB(target=str(path)).load().stimuli
    elsewhere = pickle.loads(pickle.dumps(stimuli.read))  # noqa: S301 - our own
    np.testing.assert_array_equal(elsewhere([1, 0]), stimuli.read([1, 0]))
    with h5py.File(path, "a") as file:  # nothing holds it open
        file["stimulus/templates/shown/a"][...] = 0
    assert stimuli.images(["a"]).max() == 0
    path.unlink()
    with pytest.raises(DataError, match=r"no file .*small\.nwb"):
        stimuli.images(["a"])
