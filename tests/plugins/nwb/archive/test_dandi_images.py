"""Stimulus images of files in an archive: streamed by their bytes, and image files beside a file fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pynwb
from archive import LocalArchive
from PIL import Image
from pynwb.image import ImageSeries
from spikeproof_nwb.archive.source import DANDI
from spikeproof_nwb.source import NWB

Dandi = Callable[..., DANDI]
TRIALS = {"start": (0.0, 1.0, 2.0), "stop": (1.0, 2.0, 3.0), "frame": (7, 2, 7)}


def test_images_of_a_streamed_file_are_those_of_the_file(
    archive: LocalArchive, dandi: Dandi, write_file: Callable[..., Path]
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (1000, 128, 128), dtype=np.uint8)
    data = pynwb.H5DataIO(frames, chunks=(4, 128, 128))

    def add(content: pynwb.NWBFile) -> None:
        content.add_stimulus_template(ImageSeries(name="scenes", data=data, unit="n.a.", rate=1.0))

    path = write_file(trials=TRIALS, also=add)
    archive.add("000001", "draft", {"sub-1/a.nwb": path})
    there = NWB(target=str(path)).load().stimuli
    here = dandi("000001/sub-1/a.nwb", stream="always").load().stimuli
    before = len(archive.requests)
    np.testing.assert_array_equal(here.images(), there.images())
    np.testing.assert_array_equal(here.images(["2"]), there.images(["2"]))
    assert len(archive.requests) - before < 12
    assert sum(request.sent for request in archive.requests) < frames.size / 2


def test_image_files_beside_a_file_are_fetched(
    archive: LocalArchive, dandi: Dandi, write_file: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = {}
    for number in range(3):
        pictures[f"pics/{number}.png"] = tmp_path / f"{number}.png"
        Image.fromarray(np.full((4, 5), 50 * number, np.uint8)).save(pictures[f"pics/{number}.png"])

    def add(content: pynwb.NWBFile) -> None:
        files = {"external_file": list(pictures), "format": "external", "starting_frame": [0, 1, 2]}
        content.add_stimulus(ImageSeries(name="shown", unit="n.a.", timestamps=[0.0, 1.0, 2.0], **files))

    path = write_file(trials=TRIALS | {"frame": (2, 1, 2)}, also=add)
    archive.add("000001", "draft", {"sub-1/a.nwb": path} | {f"sub-1/{name}": file for name, file in pictures.items()})
    stimuli = dandi("000001/sub-1/a.nwb").load().stimuli
    assert stimuli.ids == ("2", "1")
    assert [image.max() for image in stimuli.images()] == [np.float32(100 / 255), np.float32(50 / 255)]
