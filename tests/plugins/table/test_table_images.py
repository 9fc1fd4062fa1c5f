"""Images of the stimuli of a table: by name, by order, and refused where neither is sure."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from spikeproof.errors import DataError
from spikeproof.types import Recording
from spikeproof_table.source import Table


def png(value: int, size: tuple[int, int] = (4, 5)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pictures(tmp_path: Path) -> Any:
    """Packs images of given names; the k-th is filled with k."""

    def pack(*names: str, sizes: Any = None) -> str:
        with zipfile.ZipFile(tmp_path / "shown.zip", "w") as file:
            for number, name in enumerate(names):
                file.writestr(name, png(number, *([sizes[number]] if sizes else [])))
        return str(tmp_path / "shown.zip")

    return pack


def named(tmp_path: Path, names: list[str], **more: Any) -> str:
    np.savez(tmp_path / "a.npz", responses=[np.arange(len(names)) * 1.0], stimulus_id=names, **more)
    return str(tmp_path / "a.npz")


def unnamed(tmp_path: Path, count: int) -> str:
    np.save(tmp_path / "a.npy", [np.arange(count) * 1.0])
    return str(tmp_path / "a.npy")


def load(target: str, **fields: Any) -> Recording:
    return Table(target=target, response_units="Hz", dims=("unit", "stimulus"), **fields).load()


def filled(recording: Recording) -> dict[str, int]:
    """Value that each stimulus's image is filled with."""
    assert recording.stimuli is not None
    return {
        name: round(float(image.max()) * 255)
        for name, image in zip(recording.stimuli.ids, recording.stimuli.images(), strict=True)
    }


@pytest.mark.parametrize(
    ("images", "how"),
    [
        (("x.1", "b.png", "a.png"), None),
        (("c/b.png", "d/a.png"), "without folders and endings"),
        (("b.png", "a.png", "z.png"), "without their endings"),
    ],
)
def test_images_are_matched_by_name_where_stimuli_have_names(
    tmp_path: Path, pictures: Any, images: tuple[str, ...], how: str | None
) -> None:
    names = ["a", "b"] if how else ["a.png", "b.png"]
    recording = load(named(tmp_path, names), images=pictures(*images))
    kept = sorted(name for name in images if name.endswith(".png"))  # x.1 is no image
    place = {name.split("/")[-1]: list(images).index(name) for name in kept}
    assert filled(recording) == {name: place[name if how is None else f"{name}.png"] for name in names}
    assert any(how in note for note in recording.notes) if how else not any("matched" in n for n in recording.notes)
    extra = [note for note in recording.notes if "were never shown and are left out" in note]
    assert extra == (
        [f"1 of 3 images in {tmp_path / 'shown.zip'} were never shown and are left out"] if "z.png" in images else []
    )


def test_names_with_their_folders_are_matched_whole(tmp_path: Path, pictures: Any) -> None:
    recording = load(named(tmp_path, ["d/1.png", "c/1.png"]), images=pictures("c/1.png", "d/1.png"))
    assert filled(recording) == {"d/1.png": 1, "c/1.png": 0}
    assert recording.responses is not None
    assert recording.responses["category"].values.tolist() == ["d", "c"]
    assert "categories are those of the images" in recording.notes


def test_a_column_of_file_names_finds_the_images(tmp_path: Path, pictures: Any) -> None:
    (tmp_path / "stimuli.csv").write_text("stimulus_id,filename,object_name\nhash1,b.png,car\nhash0,a.png,face\n")
    recording = load(
        named(tmp_path, ["hash0", "hash1"]), images=pictures("a.png", "b.png"), stimuli=str(tmp_path / "stimuli.csv")
    )
    assert filled(recording) == {"hash0": 0, "hash1": 1}
    assert recording.stimuli is not None
    assert recording.stimuli.table["category"].tolist() == ["face", "car"]
    assert recording.stimuli.table["filename"].tolist() == ["a.png", "b.png"]
    assert "images were matched by column filename" in recording.notes


def test_a_stimulus_without_an_image_is_refused(tmp_path: Path, pictures: Any) -> None:
    with pytest.raises(
        DataError,
        match=r"1 of 3 stimuli have no image of their name among the 2 of .*shown.zip: 'c'; images there are called "
        r"'a.png', 'b.png'\. Rename the images, or name",
    ):
        load(named(tmp_path, ["a", "b", "c"]), images=pictures("a.png", "b.png"))


def test_a_name_of_two_images_is_refused(tmp_path: Path, pictures: Any) -> None:
    with pytest.raises(DataError, match=r"'1' would be 'c/1.png' or 'd/1.png'"):
        load(named(tmp_path, ["1"]), images=pictures("c/1.png", "d/1.png"))


def test_images_are_matched_by_order_where_stimuli_have_no_names(tmp_path: Path, pictures: Any) -> None:
    recording = load(unnamed(tmp_path, 3), images=pictures("i1.png", "i3.png", "i2.png"), prefix="day1/")
    assert filled(recording) == {"day1/i1.png": 0, "day1/i2.png": 2, "day1/i3.png": 1}
    assert recording.responses is not None
    assert recording.responses["stimulus_id"].values.tolist() == ["day1/i1.png", "day1/i2.png", "day1/i3.png"]
    assert any(
        "is stimulus k of the responses: images stand in natural order of their names (natural and sorted order are "
        "the same)" in note
        for note in recording.notes
    )


def test_orders_that_differ_must_be_chosen_between(tmp_path: Path, pictures: Any) -> None:
    images = pictures("i1.png", "i10.png", "i2.png")
    target = unnamed(tmp_path, 3)
    with pytest.raises(
        DataError,
        match=r"two orders: in natural order number 1 is 'i2.png', in sorted order 'i10.png'\. Say which one the "
        r"responses follow: order = 'natural' or 'sorted'",
    ):
        load(target, images=images)
    assert list(filled(load(target, images=images, order="natural")).values()) == [0, 2, 1]
    recording = load(target, images=images, order="sorted")
    assert list(filled(recording).values()) == [0, 1, 2]
    assert any(note.endswith("images stand in sorted order of their names") for note in recording.notes)


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_images_than_stimuli_is_refused(tmp_path: Path, pictures: Any, count: int) -> None:
    with pytest.raises(
        DataError,
        match=rf"the responses have {count} stimuli, but .*shown.zip holds 3 images: .*image k must be stimulus k",
    ):
        load(unnamed(tmp_path, count), images=pictures("1.png", "2.png", "3.png"))


def test_categories_of_folders_and_of_the_responses_must_agree(tmp_path: Path, pictures: Any) -> None:
    images = pictures("c/1.png", "d/2.png")
    load(named(tmp_path, ["1", "2"], category=["c", "d"]), images=images)
    with pytest.raises(
        DataError, match=r"stimulus '2' is of category 'c' by category, but its image is in 'd' \(1 such"
    ):
        load(named(tmp_path, ["1", "2"], category=["c", "c"]), images=images)


def test_sizes_and_colours_are_those_of_images(tmp_path: Path, pictures: Any) -> None:
    images = pictures("1.png", "2.png", sizes=[(4, 5), (8, 6)])
    target = unnamed(tmp_path, 2)
    with pytest.raises(DataError, match=r"images = '.*shown.zip': images have unequal sizes .*Give size = 4"):
        load(target, images=images)
    recording = load(target, images=images, size=4, grayscale=True)
    assert recording.stimuli is not None
    assert recording.stimuli.shape == (1, 4, 4)
    assert any("colours were turned into luma" in note for note in recording.notes)


def test_images_may_stand_in_an_npz_file_and_in_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "shown.npz", x=np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4), ids=["p", "q"])
    recording = load(unnamed(tmp_path, 2), images=str(tmp_path / "shown.npz"))
    assert recording.stimuli is not None
    assert recording.stimuli.ids == ("p", "q")
    assert any(note.endswith("images stand as stored") for note in recording.notes)
    (tmp_path / "shown").mkdir()
    for number in range(2):
        (tmp_path / "shown" / f"{number}.png").write_bytes(png(number))
    assert filled(load(unnamed(tmp_path, 2), images=str(tmp_path / "shown"))) == {"0.png": 0, "1.png": 1}
    with pytest.raises(DataError, match=r"images = '.*show': no such file or folder\. Did you mean '.*shown'"):
        load(unnamed(tmp_path, 2), images=str(tmp_path / "show"))


def test_no_image_is_decoded_before_it_is_asked_for(tmp_path: Path, pictures: Any, monkeypatch: Any) -> None:
    from spikeproof.pictures import files

    decoded: list[str] = []
    real = files.stored_pixels
    monkeypatch.setattr(
        files, "stored_pixels", lambda file, name, where: decoded.append(name) or real(file, name, where)
    )
    recording = load(unnamed(tmp_path, 2), images=pictures("1.png", "2.png"))
    assert decoded == []
    assert recording.stimuli is not None
    recording.stimuli.images(["2.png"])
    assert decoded == ["2.png"]


def test_the_digest_covers_responses_and_images(tmp_path: Path, pictures: Any) -> None:
    target, images = unnamed(tmp_path, 2), pictures("1.png", "2.png")
    first = load(target, images=images).identity["digest"]
    assert load(target).identity["digest"] != first
    assert load(target, images=pictures("1.png", "2.png", sizes=[(3, 3)] * 2)).identity["digest"] != first


def test_presentations_share_the_image_of_their_stimulus(tmp_path: Path, pictures: Any) -> None:
    np.savez(tmp_path / "a.npz", responses=np.ones((3, 1)), stimulus_id=["b", "a", "b"], unit=["u"])
    recording = Table(
        target=str(tmp_path / "a.npz"),
        response_units="Hz",
        dims=("presentation", "unit"),
        images=pictures("a.png", "b.png"),
    ).load()
    assert filled(recording) == {"b": 1, "a": 0}
    assert recording.responses is not None
    assert recording.responses.sizes["presentation"] == 3
