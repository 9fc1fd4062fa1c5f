"""Folders of image files as stimulus sets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from spikeproof.errors import BadParameter, DataError
from spikeproof.pictures import files as files_module
from spikeproof.types import StimulusSet
from spikeproof_images.source import Images


def save(path: Path, pixels: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def colour(value: int = 0, size: tuple[int, int] = (4, 5)) -> np.ndarray:
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = value, value + 1, value + 2
    return pixels


def stimuli(target: Path, **fields: Any) -> StimulusSet:
    loaded = Images(target=str(target), **fields).load().stimuli
    assert loaded is not None
    return loaded


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """dog/img10 is filled with 10, dog/img9 with 9, cat/a with 50 (and + 1, + 2 in green and blue)."""
    save(tmp_path / "dog" / "img10.png", colour(10))
    save(tmp_path / "dog" / "img9.png", colour(9))
    save(tmp_path / "cat" / "a.png", colour(50))
    return tmp_path


def test_folders_are_categories_and_names_sort_naturally(animals: Path) -> None:
    loaded = stimuli(animals)
    assert loaded.ids == ("cat/a.png", "dog/img9.png", "dog/img10.png")
    assert loaded.table["category"].tolist() == ["cat", "dog", "dog"]
    assert loaded.shape == (3, 4, 5)
    pixels = loaded.images(["dog/img10.png", "cat/a.png"])
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0, :, 3, 4], np.array([10, 11, 12], np.float32) / np.float32(255))
    np.testing.assert_array_equal(pixels[1, :, 0, 0], np.array([50, 51, 52], np.float32) / np.float32(255))


def test_a_flat_folder_has_no_categories(tmp_path: Path) -> None:
    save(tmp_path / "b.png", colour(1))
    save(tmp_path / "a.png", colour(2))
    loaded = stimuli(tmp_path)
    assert loaded.ids == ("a.png", "b.png")
    assert "category" not in loaded.table


def test_files_are_read_one_at_a_time_and_only_when_asked(animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = files_module.stored_pixels

    def spy(path: Any, name: str, where: str) -> Any:
        opened.append(name)
        return real(path, name, where)

    monkeypatch.setattr(files_module, "stored_pixels", spy)
    loaded = stimuli(animals)
    assert opened == []
    loaded.images(["dog/img9.png"])
    assert opened == ["dog/img9.png"]


def test_the_digest_is_that_of_a_sha256sum_listing(animals: Path) -> None:
    recording = Images(target=str(animals)).load()
    names = ("cat/a.png", "dog/img9.png", "dog/img10.png")
    listing = "".join(f"{hashlib.sha256((animals / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    assert recording.identity == {
        "source": f"images:{animals}",
        "digest": hashlib.sha256(listing.encode()).hexdigest(),
    }
    save(animals / "cat" / "a.png", colour(51))
    assert Images(target=str(animals)).load().identity["digest"] != recording.identity["digest"]


def test_limit_takes_from_each_category_in_turn(tmp_path: Path) -> None:
    for category in "abc":
        for number in range(3):
            save(tmp_path / category / f"{number}.png", colour())
    recording = Images(target=str(tmp_path), limit=4).load()
    assert recording.stimuli is not None
    assert recording.stimuli.ids == ("a/0.png", "a/1.png", "b/0.png", "c/0.png")
    assert "limit: the first 4 of 9 images, taken in turn from each category" in recording.notes
    assert len(stimuli(tmp_path, limit=99)) == 9


def test_jpeg_gray_palette_and_16_bit_files_are_read(tmp_path: Path) -> None:
    gray = np.arange(20, dtype=np.uint8).reshape(4, 5) * 10
    save(tmp_path / "8.png", gray)
    save(tmp_path / "16.png", gray.astype(np.uint16) * 257)
    loaded = stimuli(tmp_path)
    assert loaded.shape == (1, 4, 5)
    np.testing.assert_allclose(loaded.images(["8.png"]), loaded.images(["16.png"]), atol=1e-6)
    np.testing.assert_array_equal(loaded.images(["8.png"])[0, 0], gray.astype(np.float32) / np.float32(255))
    Image.fromarray(colour(100)).quantize().save(tmp_path / "palette.png")
    save(tmp_path / "photo.jpg", colour(100), quality=95)
    recording = Images(target=str(tmp_path)).load()
    assert recording.stimuli is not None
    pixels = recording.stimuli.images(["palette.png", "photo.jpg", "8.png"])
    np.testing.assert_allclose(pixels[0] * 255, np.moveaxis(colour(100), -1, 0), atol=1e-4)
    np.testing.assert_allclose(pixels[1] * 255, np.moveaxis(colour(100), -1, 0), atol=3)
    assert (pixels[2] == pixels[2, :1]).all()
    assert any("2 of 4 images have one channel: it was repeated" in note for note in recording.notes)
    assert any("images stored as P were converted to RGB" in note for note in recording.notes)


def test_grayscale_is_the_luma_of_bt601(animals: Path) -> None:
    recording = Images(target=str(animals), grayscale=True).load()
    assert recording.stimuli is not None
    assert recording.stimuli.shape == (1, 4, 5)
    expected = (0.299 * 50 + 0.587 * 51 + 0.114 * 52) / 255
    np.testing.assert_allclose(recording.stimuli.images(["cat/a.png"]), expected, rtol=1e-6)
    peer = np.asarray(Image.open(animals / "cat" / "a.png").convert("L")) / 255
    np.testing.assert_allclose(recording.stimuli.images(["cat/a.png"])[0, 0], peer, atol=0.6 / 255)
    assert any("luma" in note for note in recording.notes)


def test_white_stays_white_in_grayscale(tmp_path: Path) -> None:
    save(tmp_path / "w.png", np.full((3, 3, 3), 255, np.uint8))
    assert stimuli(tmp_path, grayscale=True).images().max() == 1.0


def test_unequal_sizes_are_refused_with_the_files_and_what_to_do(tmp_path: Path) -> None:
    save(tmp_path / "a.png", colour(size=(4, 5)))
    save(tmp_path / "b.png", colour(size=(4, 5)))
    save(tmp_path / "c.png", colour(size=(8, 3)))
    with pytest.raises(
        DataError, match=r"4 x 5: 2 images, first 'a.png'; 8 x 3: 1 images, first 'c.png'. Give size = 3"
    ):
        Images(target=str(tmp_path)).load()


def test_size_scales_the_short_side_and_cuts_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200  # the central square
    save(tmp_path / "wide.png", wide)
    save(tmp_path / "small.png", colour(7, size=(2, 2)))
    recording = Images(target=str(tmp_path), size=4).load()
    assert recording.stimuli is not None
    np.testing.assert_allclose(recording.stimuli.images(["wide.png"]) * 255, 200, atol=1e-4)
    np.testing.assert_allclose(recording.stimuli.images(["small.png"])[0, 0] * 255, 7, atol=1e-4)
    assert any(
        "2 of 2 images were scaled to a short side of 4 pixels (Pillow, antialiased bilinear) and cut to the central "
        "4 x 4; 1 of them were enlarged" in note
        for note in recording.notes
    )


def test_scaling_averages_over_the_pixels_that_vanish(tmp_path: Path) -> None:
    """Antialiased: a fine checkerboard becomes its mean; nearest or plain bilinear would give 0 or 255."""
    board = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)
    save(tmp_path / "board.png", board)
    np.testing.assert_allclose(stimuli(tmp_path, size=4).images() * 255, 127.5, atol=1.5)


def test_images_of_the_wanted_size_are_not_touched(animals: Path) -> None:
    save(animals / "cat" / "a.png", colour(50, size=(5, 4)))
    save(animals / "dog" / "img9.png", np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    loaded = stimuli(animals, size=4)
    stored = np.moveaxis(np.asarray(Image.open(animals / "dog" / "img9.png")), -1, 0)
    np.testing.assert_array_equal(loaded.images(["dog/img9.png"])[0], stored.astype(np.float32) / np.float32(255))


def test_a_missing_folder_names_what_is_near(animals: Path) -> None:
    with pytest.raises(DataError, match=r"no such file or folder\. Did you mean '.*/dog'\?"):
        Images(target=str(animals / "dogs")).load()
    with pytest.raises(DataError, match="Beside it stand cat, dog"):
        Images(target=str(animals / "zebra")).load()
    with pytest.raises(DataError, match=r"the folder '.*/no' does not exist either"):
        Images(target=str(animals / "no" / "such")).load()


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in this folder, which holds no files"):
        Images(target=str(tmp_path)).load()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no images in this folder; it holds 'notes.txt'\. Give a folder"):
        Images(target=str(tmp_path)).load()


def test_files_that_are_not_images_and_empty_folders_are_noted(animals: Path) -> None:
    (animals / "LICENSE").write_text("x")
    (animals / ".hidden.png").write_bytes(b"x")
    (animals / "eel").mkdir()
    notes = Images(target=str(animals)).load().notes
    assert any("left out, not images: 2 of 5 files" in note for note in notes)
    assert any("1 folders hold no images and make no category (eel)" in note for note in notes)


def test_images_too_deep_are_refused_with_the_folder_to_give(tmp_path: Path) -> None:
    save(tmp_path / "train" / "eel" / "1.png", colour())
    with pytest.raises(
        DataError, match=r"'train/eel/1.png' stands 2 folders deep.*Give the folder.*such as '.*/train'"
    ):
        Images(target=str(tmp_path)).load()


def test_images_beside_category_folders_are_refused(animals: Path) -> None:
    save(animals / "stray.png", colour())
    with pytest.raises(DataError, match=r"'stray.png' stands beside category folders \('cat/a.png'\)"):
        Images(target=str(animals)).load()


def test_a_corrupt_file_is_named(animals: Path) -> None:
    (animals / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"'cat/broken.png' cannot be read as an image \(.*\): replace or remove"):
        Images(target=str(animals)).load()


def test_a_truncated_file_is_named_when_it_is_read(animals: Path) -> None:
    path = save(animals / "cat" / "cut.png", np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-40])
    loaded = stimuli(animals)
    with pytest.raises(DataError, match=r"'cat/cut.png' cannot be read as an image"):
        loaded.images()


def test_transparent_pixels_are_refused_and_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    alpha = np.full((3, 3, 4), 255, np.uint8)
    alpha[..., 0] = 9
    save(tmp_path / "opaque.png", alpha)
    np.testing.assert_allclose(stimuli(tmp_path).images()[0, :, 0, 0] * 255, [9, 255, 255], atol=1e-4)
    alpha[0, 0, 3] = 0
    save(tmp_path / "opaque.png", alpha)
    with pytest.raises(DataError, match=r"'opaque.png' has transparent pixels"):
        stimuli(tmp_path).images()


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "1 pixel values that are not finite"), (2.0, "leaves \\[0, 1\\]")]
)
def test_floating_point_files_are_checked_when_read(tmp_path: Path, value: float, text: str) -> None:
    pixels = np.full((3, 3), 0.25, np.float32)
    save(tmp_path / "good.tiff", pixels)
    pixels[1, 1] = value
    save(tmp_path / "real.tiff", pixels)
    loaded = stimuli(tmp_path)
    assert loaded.images(["good.tiff"]).max() == 0.25
    with pytest.raises(DataError, match=f"'real.tiff'.*{text}"):
        loaded.images()


def test_32_bit_integers_and_animations_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "deep.tiff", np.zeros((3, 3), np.int32))
    with pytest.raises(DataError, match=r"'deep.tiff' is stored in Pillow's mode 'I', whose range"):
        Images(target=str(tmp_path)).load()
    (tmp_path / "deep.tiff").unlink()
    frames = [Image.fromarray(np.full((3, 3), value, np.uint8)) for value in (0, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"'moving.gif' holds 2 frames"):
        Images(target=str(tmp_path)).load()


def test_a_camera_orientation_is_noted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "turned.jpg", colour(), exif=exif)
    recording = Images(target=str(tmp_path)).load()
    assert any("1 images carry a camera's orientation tag (first turned.jpg)" in note for note in recording.notes)


def test_a_file_that_changed_size_since_it_was_listed_is_refused(animals: Path) -> None:
    loaded = stimuli(animals)
    save(animals / "cat" / "a.png", colour(size=(9, 9)))
    with pytest.raises(DataError, match=r"'cat/a.png' is now \(3, 9, 9\).*not \(3, 4, 5\).*changed since"):
        loaded.images()


@pytest.mark.parametrize("name", ["size", "limit"])
def test_sizes_and_limits_below_one_are_refused(name: str) -> None:
    with pytest.raises(BadParameter, match=f"images: {name} must be at least 1, got 0"):
        Images(target="x", **{name: 0})


def test_no_path_is_refused() -> None:
    with pytest.raises(BadParameter, match="say where the images are"):
        Images().load()


def test_inspect_says_what_is_there_and_what_to_run(animals: Path) -> None:
    seen = Images(target=str(animals)).inspect()
    assert ("images", "3") in seen.facts
    assert ("names", "cat/a.png to dog/img10.png") in seen.facts
    assert ("order", "natural; sorted order differs") in seen.facts
    assert ("categories", "2") in seen.facts
    assert {table.title: table.rows for table in seen.tables} == {
        "Sizes": (("4", "5", "3"),),
        "Categories": (("cat", "1"), ("dog", "2")),
    }
    assert seen.run.startswith(f"spikeproof run --source images:{animals} --model")
    limited = Images(target=str(animals), limit=2, grayscale=True).inspect()
    assert ("images", "2 of 3") in limited.facts
    assert f"--source images:{animals} --source.grayscale --source.limit 2 --model" in limited.run
    save(animals / "dog" / "large.png", colour(size=(9, 9)))
    seen = Images(target=str(animals)).inspect()
    assert any("give size = 4" in reason for reason in seen.cannot)
    assert "--source.size 4" in seen.run


def test_the_samples_load_once_a_size_is_given(shared: Path) -> None:
    samples = shared / "data" / "images" / "samples"
    with pytest.raises(DataError, match=r"32 x 32: 40 images.*512 x 512: 19 images"):
        Images(target=str(samples)).load()
    recording = Images(target=str(samples), size=32).load()
    assert recording.stimuli is not None
    assert len(recording.stimuli) == 100
    assert recording.stimuli.shape == (3, 32, 32)
    some = recording.stimuli.images(["imagenet_10_541.jpg", recording.stimuli.ids[-1]])
    assert 0 <= some.min() < some.max() <= 1
