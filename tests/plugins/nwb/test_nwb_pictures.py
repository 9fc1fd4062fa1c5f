"""Images that stand in the file under the names of the stimuli."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from pynwb.base import Images
from pynwb.image import GrayscaleImage, RGBImage
from spikeproof_nwb.source import NWB


def with_images(images: list[Any]) -> Callable[..., None]:
    def add(content: pynwb.NWBFile) -> None:
        content.add_stimulus_template(Images(name="shown", images=images, description="d"))

    return add


def test_bytes_become_floats_between_0_and_1(write_file: Callable[..., Path]) -> None:
    gray = np.arange(6, dtype=np.uint8).reshape(2, 3) * 51
    images = [GrayscaleImage(name="b.png", data=255 - gray), GrayscaleImage(name="a.png", data=gray)]
    recording = NWB(target=str(write_file(also=with_images(images)))).load()
    assert recording.stimuli.ids == ("a", "b")
    assert recording.stimuli.shape == (1, 2, 3)
    np.testing.assert_array_equal(recording.stimuli.images(["a"])[0, 0], gray.astype(np.float32) / 255)
    np.testing.assert_array_equal(recording.stimuli.images(["b", "a"]).sum(axis=0), np.ones((1, 2, 3), np.float32))
    assert "images of all 2 stimuli stand in /stimulus/templates/shown" in recording.notes


def test_colours_come_first(write_file: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    images = [RGBImage(name=name, data=pixels) for name in "ab"]
    path = write_file(also=with_images(images), trials={"start": (0, 1), "stop": (1, 2), "image": "ab", "kind": "xy"})
    stimuli = NWB(target=str(path), category="kind").load().stimuli
    assert stimuli.shape == (3, 4, 5)
    np.testing.assert_array_equal(stimuli.images(["b"])[0], np.moveaxis(pixels, -1, 0))
    assert stimuli.table["category"].to_dict() == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([GrayscaleImage(name="a", data=np.zeros((2, 2)))], "none holds one image under each stimulus's name"),
        (
            [GrayscaleImage(name=name, data=np.zeros((2, size))) for name, size in (("a", 2), ("b", 3))],
            "they must be of one size, bytes or floats, but are (2, 2) float64; (2, 3) float64",
        ),
        ([GrayscaleImage(name=name, data=np.zeros((2, 2), np.uint16)) for name in "ab"], "but are (2, 2) uint16"),
    ],
)
def test_images_that_do_not_fit_are_noted_not_used(
    write_file: Callable[..., Path], images: list[Any], said: str
) -> None:
    recording = NWB(target=str(write_file(also=with_images(images)))).load()
    assert recording.stimuli is None
    assert any(said in note for note in recording.notes)
