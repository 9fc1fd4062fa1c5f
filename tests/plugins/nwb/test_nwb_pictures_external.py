"""Image series whose frames are image files beside the NWB file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from PIL import Image
from pynwb.image import ImageSeries
from spikeproof.errors import DataError
from spikeproof_nwb.source import NWB

FRAMES = np.random.default_rng(3).integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
NAMES = ("pics/cat.png", "pics/dog.png", "pics/cow.png")
TRIALS = {"start": (0.0, 1.0, 2.0), "stop": (1.0, 2.0, 3.0), "image_name": ("dog.png", "cat.png", "dog.png")}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "pics").mkdir()
    for name, frame in zip(NAMES, FRAMES, strict=True):
        Image.fromarray(frame).save(tmp_path / name)
    return tmp_path / "pics"


def outside(files: Sequence[str] = NAMES, starting: Sequence[int] | None = None) -> Callable[[pynwb.NWBFile], None]:
    def add(content: pynwb.NWBFile) -> None:
        content.add_stimulus(
            ImageSeries(
                name="shown",
                external_file=list(files),
                format="external",
                starting_frame=list(range(len(files)) if starting is None else starting),
                timestamps=np.arange(float(starting[-1] + 1 if starting else len(files))),
                unit="n.a.",
            )
        )

    return add


def expected(number: int) -> np.ndarray[Any, Any]:
    return np.moveaxis(FRAMES[number], -1, 0).astype(np.float32) / np.float32(255)


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("names", [("dog.png", "cat.png", "dog.png"), ("pics/dog.png", "pics/cat.png", "pics/dog.png")])
def test_files_are_matched_by_name_and_read_when_asked_for(write_file: Callable[..., Path], names: Any) -> None:
    path = write_file(trials=TRIALS | {"image_name": names}, also=outside())
    recording = NWB(target=str(path)).load()
    assert recording.stimuli.ids == names[:2]
    assert recording.stimuli.shape == (3, 4, 5)
    np.testing.assert_array_equal(recording.stimuli.images(), np.stack([expected(1), expected(0)]))
    (path.parent / "pics" / "cat.png").unlink()
    np.testing.assert_array_equal(recording.stimuli.images([names[0]])[0], expected(1))
    with pytest.raises(
        DataError, match=r"small.nwb, /stimulus/presentation/shown: the external image file 'pics/cat.png'"
    ):
        recording.stimuli.images([names[1]])
    assert any(
        "(ImageSeries, 3 image files), of 4 x 5 pixels; matched by the names" in note for note in recording.notes
    )


@pytest.mark.usefixtures("pictures")
def test_files_are_frames_in_their_order(write_file: Callable[..., Path]) -> None:
    trials = {"start": (0.0, 1.0), "stop": (1.0, 2.0), "frame": (2, 0)}
    windows = [name.replace("/", "\\") for name in NAMES]
    for files in (NAMES, windows):
        recording = NWB(target=str(write_file(trials=trials, also=outside(files)))).load()
        np.testing.assert_array_equal(recording.stimuli.images(["0", "2"]), np.stack([expected(0), expected(2)]))


def test_files_that_are_no_still_images_are_refused_with_the_way_out(
    write_file: Callable[..., Path], pictures: Path
) -> None:
    (pictures / "cow.png").write_bytes(b"no image")
    Image.fromarray(FRAMES[0, :3]).save(pictures / "cat.png")
    cases: list[tuple[Sequence[str], Sequence[int] | None, dict[str, Any], str]] = [
        (["clip.mp4"], None, {}, "clip.mp4 is a video, and videos are not decoded: write its frames as image files"),
        (["stack.dat"], None, {}, "the external file stack.dat is no image file (.bmp, .gif"),
        (["a.tif", "b.tif"], [0, 7], {}, "its 2 external files hold several frames each (starting_frame 0, 7 ...)"),
        (["pics/none.png"], None, {"image_name": ("none", "none", "none")}, "image file 'pics/none.png' is not there"),
        (NAMES, None, {"image_name": ("cow", "cow", "cow")}, "'pics/cow.png' cannot be read as an image"),
        (NAMES, None, {}, "image 'pics/dog.png' is 4 x 5 pixels with 3 channels; image 'pics/cat.png' is 3 x 5 pixels"),
        (NAMES, None, {"image_name": ("hen", "dog", "dog")}, "1 of 2 stimuli have no image of their name ('hen')"),
    ]
    for files, starting, trials, said in cases:
        path = write_file(trials=TRIALS | trials, also=outside(files, starting))
        recording = NWB(target=str(path), stimulus="image_name").load()
        assert recording.stimuli is None
        assert any("that were not read" in note and said in note for note in recording.notes), said
        with pytest.raises(DataError) as caught:
            NWB(target=str(path), stimulus="image_name", images="shown").load()
        assert said in str(caught.value)
