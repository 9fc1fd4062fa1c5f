"""Images that the presentations number: ordered containers, image series, and the series that say what was on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from hdmf.data_utils import DataChunkIterator
from numpy.typing import NDArray
from pynwb.base import ImageReferences, Images
from pynwb.image import GrayscaleImage, ImageSeries, IndexSeries, OpticalSeries
from spikeproof.errors import DataError
from spikeproof_nwb.pictures.schedule import read_schedule
from spikeproof_nwb.source import NWB

FRAMES = np.random.default_rng(1).integers(0, 256, (5, 3, 4)).astype(np.uint8)
TRIALS = {"start": (0.0, 1.0, 2.0, 3.0), "stop": (1.0, 2.0, 3.0, 4.0), "frame": (3.0, 0.0, -1.0, 3.0)}
Add = Callable[[pynwb.NWBFile], None]


def series(name: str = "scenes", data: Any = FRAMES, kind: type = ImageSeries, **more: Any) -> Any:
    return kind(name=name, data=data, unit="n.a.", rate=1.0, **more)


def template(name: str = "scenes", data: Any = FRAMES, kind: type = ImageSeries, **more: Any) -> Add:
    return lambda content: content.add_stimulus_template(series(name, data, kind, **more))


def ordered(names: Sequence[str] = "ecdab", order: Sequence[int] | None = (4, 2, 0, 1, 3)) -> Images:
    images = [GrayscaleImage(name=name, data=FRAMES[number]) for number, name in enumerate(names)]
    references = None if order is None else ImageReferences(name="order_of_images", data=[images[k] for k in order])
    return Images(name="pool", images=images, description="d", order_of_images=references)


def scheduled(index: Sequence[int], onset: Sequence[float], **more: Any) -> Add:
    def add(content: pynwb.NWBFile) -> None:
        pool = ordered()
        content.add_stimulus_template(pool)
        data = np.asarray(index).astype(np.uint32)  # the schema's type: -1 wraps
        times = list(map(float, onset))
        content.add_stimulus(
            IndexSeries(name="shown", data=data, timestamps=times, unit="N/A", indexed_images=pool, **more)
        )

    return add


def pixels(recording: Any, stimulus: str) -> NDArray[np.float32]:
    return recording.stimuli.images([stimulus])[0, 0]


def as_floats(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return frame.astype(np.float32) / np.float32(255)


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        NWB(target=str(path), **options).load()
    return str(caught.value)


def images_note(recording: Any) -> str:
    assert recording.stimuli is None
    (note,) = [note for note in recording.notes if note.startswith("the file holds images that were not read")]
    return str(note)


@pytest.mark.parametrize("kind", [ImageSeries, OpticalSeries])
def test_frames_of_a_template_are_numbered_from_0(write_file: Callable[..., Path], kind: type) -> None:
    more = {} if kind is ImageSeries else {"distance": 0.1, "field_of_view": [0.1, 0.1], "orientation": "up"}
    path = write_file(trials=TRIALS, also=template(kind=kind, **more))
    recording = NWB(target=str(path)).load()
    assert recording.stimuli.ids == ("3", "0")
    with h5py.File(path) as file:
        raw = file["stimulus/templates/scenes/data"]
        for stimulus in ("0", "3"):
            np.testing.assert_array_equal(pixels(recording, stimulus), as_floats(raw[int(stimulus)]))
    assert recording.responses["stimulus_id"].values.tolist() == ["3", "0", "-1", "3"]
    assert recording.responses.sizes["presentation"] == 4
    assert (
        "'-1' is a blank: its presentations stay, but it has no image, and none was made; leave them out with rows = "
        '"frame >= 0"' in recording.notes
    )
    assert "3 of the 5 images of /stimulus/templates/scenes were not presented in these rows" in recording.notes
    assert any("images of 2 of 3 stimuli stand in" in note and "counted from 0" in note for note in recording.notes)


def test_colour_frames_and_chunks_of_several_frames(write_file: Callable[..., Path]) -> None:
    colour = np.random.default_rng(2).integers(0, 256, (9, 3, 4, 3)).astype(np.uint8)
    data = pynwb.H5DataIO(colour, chunks=(4, 3, 4, 3), compression="gzip")
    trials = {"start": range(9), "stop": range(1, 10), "image_index": (8, 1, 7, 0, 2, 3, 6, 5, 4)}
    recording = NWB(target=str(write_file(trials=trials, also=template(data=data)))).load()
    wanted = ["7", "0", "8", "3", "7"]
    expected = np.moveaxis(colour[[7, 0, 8, 3, 7]], -1, 1).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(recording.stimuli.images(wanted), expected)


def test_frames_may_have_names_by_control(write_file: Callable[..., Path]) -> None:
    names = {"control": np.arange(5, dtype=np.uint8), "control_description": ["im4", "im0", "im2", "im1", "im3"]}
    trials = {"start": (0, 1, 2), "stop": (1, 2, 3), "image_name": ("im0", "im2", "im0")}
    recording = NWB(target=str(write_file(trials=trials, also=template(**names)))).load()
    np.testing.assert_array_equal(pixels(recording, "im0"), as_floats(FRAMES[1]))
    np.testing.assert_array_equal(pixels(recording, "im2"), as_floats(FRAMES[2]))


def test_order_of_images_numbers_a_container(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS, also=lambda content: content.add_stimulus_template(ordered()))
    recording = NWB(target=str(path)).load()
    np.testing.assert_array_equal(pixels(recording, "3"), as_floats(FRAMES[1]))
    np.testing.assert_array_equal(pixels(recording, "0"), as_floats(FRAMES[4]))


def test_without_an_order_there_are_no_numbers(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS, also=lambda content: content.add_stimulus_template(ordered(order=None)))
    assert "pool has no order_of_images, so its images have names but no numbers" in images_note(
        NWB(target=str(path)).load()
    )
    assert "pool has no order_of_images, so its images have names but no numbers" in refusal(path, images="pool")


def test_a_number_past_the_end_is_refused(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS | {"frame": (5, 1, -1, 9)}, also=template())
    said = "2 of 3 image numbers in 'frame' (from 1 to 9) are not among its 5 images, which count from 0"
    assert said in images_note(NWB(target=str(path)).load())
    assert said in refusal(path, images="scenes")


def test_numbers_from_1_must_be_said(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS | {"frame": (5, 1, -1, 5)}, also=template())
    assert "if they count from 1, say first_image = 1" in images_note(NWB(target=str(path)).load())
    recording = NWB(target=str(path), first_image=1).load()
    np.testing.assert_array_equal(pixels(recording, "5"), as_floats(FRAMES[4]))
    assert "-1" not in recording.stimuli.ids


def test_numbers_that_are_not_called_images_are_not_guessed_to_be(write_file: Callable[..., Path]) -> None:
    path = write_file(trials={"start": (0, 1), "stop": (1, 2), "orientation": (0, 3)}, also=template())
    recording = NWB(target=str(path), stimulus="orientation").load()
    assert "nothing says that the numbers in 'orientation' are those of images" in images_note(recording)
    assert NWB(target=str(path), stimulus="orientation", images="scenes").load().stimuli.ids == ("0", "3")


def test_a_camera_s_film_is_not_taken_for_the_stimuli(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS, also=lambda content: content.add_acquisition(series("camera")))
    assert "/acquisition/camera does not stand under /stimulus: name it as `images`" in images_note(
        NWB(target=str(path)).load()
    )
    assert NWB(target=str(path), images="camera").load().stimuli.ids == ("3", "0")


def test_two_templates_that_fit_are_both_named(write_file: Callable[..., Path]) -> None:
    def add(content: pynwb.NWBFile) -> None:
        template("one")(content)
        template("two")(content)

    note = images_note(NWB(target=str(write_file(trials=TRIALS, also=add))).load())
    assert "/stimulus/templates/one (ImageSeries, 5 images) and /stimulus/templates/two (ImageSeries, 5 images)" in note


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((5, 3, 4, 2), np.uint8), "data is 5 x 3 x 4 x 2: its fourth axis is no channel"),
        (np.zeros((0, 3, 4), np.uint8), "/stimulus/templates/scenes holds no frames (0 x 3 x 4)"),
        (np.zeros((5, 3, 0), np.uint8), "the image is empty (3 x 0): it holds no pixel"),
        (np.zeros((5, 3, 4), np.int16), "pixels are int16, and the file does not say which value is white"),
    ],
)
def test_frames_that_are_no_images_are_refused(write_file: Callable[..., Path], data: Any, said: str) -> None:
    assert said in refusal(write_file(trials=TRIALS, also=template(data=data)), images="scenes")


def test_frames_that_stand_last_are_refused(write_file: Callable[..., Path]) -> None:
    def spoil(file: h5py.File) -> None:
        del file["stimulus/templates/scenes/data"]
        file["stimulus/templates/scenes/data"] = np.zeros((4, 3, 5), np.uint8)
        file["stimulus/templates/scenes/data"].attrs["unit"] = "n.a."

    add = lambda content: content.add_stimulus_template(  # noqa: E731
        ImageSeries(name="scenes", data=FRAMES, unit="n.a.", timestamps=np.arange(5.0))
    )
    path = write_file(trials=TRIALS, also=add, spoil=spoil)
    assert "data is 4 x 3 x 5 with 5 timestamps: the frames stand last" in refusal(path, images="scenes")


def test_a_conversion_is_said_and_not_applied(write_file: Callable[..., Path]) -> None:
    recording = NWB(target=str(write_file(trials=TRIALS, also=template(conversion=0.5, offset=3.0)))).load()
    assert "/stimulus/templates/scenes gives conversion 0.5 and offset 3: not used, pixels are taken as stored" in (
        recording.notes
    )


def test_an_index_series_must_agree_with_the_numbers(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS, also=scheduled([3, 0, 3], [0.0, 1.0, 3.0]))
    recording = NWB(target=str(path)).load()
    np.testing.assert_array_equal(pixels(recording, "3"), as_floats(FRAMES[1]))
    assert "/stimulus/presentation/shown says the same of all presentations" in recording.notes
    other = write_file("other.nwb", trials=TRIALS, also=scheduled([3, 1, 3], [0.0, 1.0, 3.0]))
    said = "'frame' and /stimulus/presentation/shown disagree about 1 of 3 stimuli: '0' is image 0 of"
    assert said in images_note(NWB(target=str(other)).load())
    trusted = NWB(target=str(other), images="pool").load()
    np.testing.assert_array_equal(pixels(trusted, "0"), as_floats(FRAMES[4]))
    assert any(said in note and note.endswith("pool was named and was trusted") for note in trusted.notes)
    by_time = NWB(target=str(other), images="shown").load()
    np.testing.assert_array_equal(pixels(by_time, "0"), as_floats(FRAMES[2]))


def test_the_container_that_an_index_series_confirms_is_taken(write_file: Callable[..., Path]) -> None:
    def add(content: pynwb.NWBFile) -> None:
        scheduled([3, 0, 3], [0.0, 1.0, 3.0])(content)
        template("aaa")(content)

    recording = NWB(target=str(write_file(trials=TRIALS, also=add))).load()
    assert any("stand in /stimulus/templates/pool" in note for note in recording.notes)
    assert "no images were named: /stimulus/templates/pool was used; not used: /stimulus/templates/aaa" in (
        recording.notes
    )


NAMED = {"start": (0.0, 1.0, 2.0, 3.0), "stop": (1.0, 2.0, 3.0, 4.0), "stimulus_id": ("cat", "dog", "gray", "cat")}


def test_what_was_on_names_the_image_where_the_table_does_not(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=NAMED, also=scheduled([3, 0, 3], [0.0, 1.0005, 3.0]))
    recording = NWB(target=str(path)).load()
    assert recording.stimuli.ids == ("cat", "dog")
    np.testing.assert_array_equal(pixels(recording, "cat"), as_floats(FRAMES[1]))
    np.testing.assert_array_equal(pixels(recording, "dog"), as_floats(FRAMES[4]))
    assert "1 of 4 presentations start without an image coming on: taken for blanks" in recording.notes
    assert "images came on up to 0.5 ms after start_time, which counts as at start_time" in recording.notes
    assert any("leave them out with rows = \"stimulus_id not in ['gray']\"" in note for note in recording.notes)


def test_an_index_series_may_number_frames_and_say_blanks(
    write_file: Callable[..., Path], rewrite: Callable[..., None]
) -> None:
    def link(file: h5py.File) -> None:
        shown = file["stimulus/presentation/shown"]
        del shown["indexed_images"]
        shown["indexed_timeseries"] = h5py.SoftLink("/stimulus/templates/scenes")

    def signed(file: h5py.File) -> None:
        link(file)
        rewrite(file, "stimulus/presentation/shown/data", np.array([3, 0, -1, 3], np.int32))

    def also(content: pynwb.NWBFile) -> None:
        scheduled([3, 0, -1, 3], [0.0, 1.0, 2.0, 3.0])(content)
        template()(content)

    for spoil in (link, signed):
        recording = NWB(target=str(write_file(trials=NAMED, also=also, spoil=spoil))).load()
        np.testing.assert_array_equal(pixels(recording, "dog"), as_floats(FRAMES[0]))
        assert recording.stimuli.ids == ("cat", "dog")
        wrapped = (
            "/stimulus/presentation/shown: 1 of its numbers is 4294967295, which is -1 in unsigned numbers: a blank"
        )
        assert (wrapped in recording.notes) == (spoil is link)


def test_an_index_at_every_refresh_is_read_by_what_is_on(write_file: Callable[..., Path]) -> None:
    onset = np.arange(0, 4, 0.1) + 0.037
    index = np.repeat([3, 0, -1, 3], 10)
    trials = NAMED | {"start": (0.11, 1.11, 2.11, 3.11)}
    recording = NWB(target=str(write_file(trials=trials, also=scheduled(index.tolist(), onset.tolist())))).load()
    np.testing.assert_array_equal(pixels(recording, "dog"), as_floats(FRAMES[4]))
    assert "images came on up to 0.073 s before the start_time of their presentations" in recording.notes


@pytest.mark.parametrize(
    ("index", "onset", "said"),
    [
        ([3, 0, 1, 2], [0, 1, 2, 3], "stimulus 'cat' was image 3 in row 0 but image 2 in row 3"),
        (
            [3, 0, 1, 3, 4],
            [0, 0.2, 1, 2, 3],
            "row 0 (0 to 1 s) shows several images: another one comes on after 0.2 s (1 ",
        ),
        (
            [3, 0],
            [0.5, 0.6],
            "row 0 starts at 0 s, before its first image (images came on from 0.5 to 0.6 s; 1 such rows)",
        ),
        (
            [3, 0],
            [-0.1, 0.2],
            "row 1 starts at 1 s, after its last image was over (images came on from -0.1 to 0.2 s; 3",
        ),
        (
            [3, 9],
            [0, 1],
            "1 of 2 numbers run past the 5 images of /stimulus/presentation/shown/indexed_images (up to 9;",
        ),
        ([-1, -1, -1, -1], [0, 1, 2, 3], "/stimulus/presentation/shown: all presentations are blank"),
        ([3, 0], [1, 0], "its times fall at number 1"),
        ([3, 0], [0, np.nan], "1 of 2 times are not finite"),
    ],
)
def test_a_series_that_does_not_tell_is_refused(
    write_file: Callable[..., Path], index: list[int], onset: list[float], said: str
) -> None:
    path = write_file(trials=NAMED, also=scheduled(index, onset))
    assert said in images_note(NWB(target=str(path)).load())
    assert said in refusal(path, images="shown")


def test_times_by_rate_and_a_late_second_image(write_file: Callable[..., Path]) -> None:
    def add(content: pynwb.NWBFile) -> None:
        pool = ordered()
        content.add_stimulus_template(pool)
        index = np.array([3, 0, 1, 3], np.uint32)
        content.add_stimulus(
            IndexSeries(name="shown", data=index, unit="N/A", rate=1.0, starting_time=0.0, indexed_images=pool)
        )

    trials = NAMED | {"stop": (1.4, 2.4, 3.4, 4.4)}
    recording = NWB(target=str(write_file(trials=trials, also=add))).load()
    np.testing.assert_array_equal(pixels(recording, "gray"), as_floats(FRAMES[2]))
    assert recording.stimuli.ids == ("cat", "dog", "gray")


def test_a_damaged_order_is_refused(write_file: Callable[..., Path]) -> None:
    def add(content: pynwb.NWBFile) -> None:
        content.add_stimulus_template(ordered())
        content.add_acquisition(
            Images(name="other", images=[GrayscaleImage(name="x", data=FRAMES[0])], description="d")
        )

    def spoil(file: h5py.File) -> None:
        file["stimulus/templates/pool/order_of_images"][1] = file["acquisition/other/x"].ref

    path = write_file(trials=TRIALS, also=add, spoil=spoil)
    said = "order_of_images refers to /acquisition/other/x, which is no image of this container"
    assert said in refusal(path, images="pool")


def test_linked_images_in_another_file(write_file: Callable[..., Path], tmp_path: Path) -> None:
    bank = pynwb.NWBFile(
        session_description="d", identifier="bank", session_start_time=datetime(2020, 1, 1, tzinfo=UTC)
    )
    bank.add_stimulus_template(ordered())
    with pynwb.NWBHDF5IO(str(tmp_path / "bank.nwb"), "w") as io:
        io.write(bank)

    def spoil(file: h5py.File) -> None:
        shown = file["stimulus/presentation/shown"]
        del shown["indexed_images"], file["stimulus/templates/pool"]
        shown["indexed_images"] = h5py.ExternalLink("bank.nwb", "/stimulus/templates/pool")

    path = write_file(trials=NAMED, also=scheduled([3, 0, 2, 3], [0, 1, 2, 3]), spoil=spoil)
    recording = NWB(target=str(path)).load()
    np.testing.assert_array_equal(pixels(recording, "dog"), as_floats(FRAMES[4]))
    np.testing.assert_array_equal(pixels(recording, "gray"), as_floats(FRAMES[0]))
    (tmp_path / "bank.nwb").unlink()
    said = "indexed_images is a link to bank.nwb:/stimulus/templates/pool, which cannot be reached: put that file back"
    with h5py.File(path) as file, pytest.raises(DataError, match=said):
        read_schedule(file, "/stimulus/presentation/shown")


def test_reading_takes_no_more_memory_than_what_is_asked_for(write_file: Callable[..., Path]) -> None:
    import tracemalloc

    many = DataChunkIterator(data=(np.full((64, 64), k % 256, np.uint8) for k in range(2000)), buffer_size=100)
    trials = {"start": range(3), "stop": range(1, 4), "frame": (0, 1999, 1000)}
    stimuli = NWB(target=str(write_file(trials=trials, also=template(data=many)))).load().stimuli
    tracemalloc.start()
    images = stimuli.read([2, 0, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [int(image.max() * 255) for image in images] == [1000 % 256, 0, 1999 % 256]
    assert peak < 64 * 64 * 2000 / 4


def test_the_fixture_s_images_equal_the_raw_ones(shared: Path) -> None:
    path = shared / "data" / "nwb" / "images_indexseries_units.nwb"
    options = {"table": "natural_scenes_presentations", "stimulus": "frame"}
    recordings = [
        NWB(target=str(path), images=name, **options).load()
        for name in (None, "natural_images", "natural_scenes_template", "presented")
    ]
    with h5py.File(path) as file:
        pool = file["stimulus/templates/natural_images"]
        raw = [as_floats(file[reference][()]) for reference in pool["order_of_images"][()]]
        frame = file["intervals/natural_scenes_presentations/frame"][()]
    assert (frame == -1).sum() == 1
    for recording in recordings:
        assert recording.responses["stimulus_id"].values.tolist() == [str(int(number)) for number in frame]
        assert set(recording.stimuli.ids) == {str(int(number)) for number in frame if number >= 0}
        expected = np.stack([raw[int(name)] for name in recording.stimuli.ids])
        np.testing.assert_array_equal(recording.stimuli.images()[:, 0], expected)
    assert "/stimulus/presentation/presented says the same of all presentations" in recordings[0].notes
