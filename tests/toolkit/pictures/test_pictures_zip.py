"""Zip files of images: the same pixels, names and categories as the folder that they were made of, read in place."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from spikeproof.errors import DataError
from spikeproof.pictures import Catalogue, open_pictures


def png(value: int = 0, size: tuple[int, int] = (4, 5)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def opened(path: Path, **options: Any) -> Catalogue:
    return open_pictures(path, f"images:{path.name}", **options)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_a_zip_file_gives_what_its_folder_gives(tmp_path: Path, method: int) -> None:
    members = {"dog/img10.png": png(10), "dog/img9.png": png(9), "cat/a.png": png(50)}
    for name, content in members.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(content)
    folder = opened(tmp_path / "set")
    zipped = opened(packed(tmp_path / "set.ZIP", members, method))
    assert zipped.ids == folder.ids == ("cat/a.png", "dog/img9.png", "dog/img10.png")
    assert zipped.categories == folder.categories == ("cat", "dog", "dog")
    assert (zipped.sizes, zipped.channels, zipped.notes) == (folder.sizes, folder.channels, folder.notes)
    for row in (2, 0, 1, 0):
        np.testing.assert_array_equal(zipped.read(row), folder.read(row))
    assert zipped.read(2)[0, 0, 0] == 10


def test_the_digest_is_that_of_the_zip_file(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": png()})
    assert opened(path).digest([0]) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_is_extracted_and_pixels_are_read_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": png(1), "b.png": png(2)})
    catalogue = opened(path)
    names: list[str] = []
    real = zipfile.ZipFile.open

    def spy(self: zipfile.ZipFile, name: Any, *rest: Any, **options: Any) -> Any:
        names.append(name.filename)
        return real(self, name, *rest, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", spy)
    assert catalogue.read(1)[0, 0, 0] == 2
    assert names == ["b.png"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_the_folder_that_zip_programs_add_is_taken_off_and_noted(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.zip",
        {
            "set/": b"",
            "set/cat/": b"",
            "set/cat/1.png": png(1),
            "set/dog/2.png": png(2),
            "__MACOSX/set/cat/._1.png": b"x",
            "set/.DS_Store": b"x",
            "set/LICENSE": b"x",
            "set/notes.txt": b"x",
            "set/eel/": b"",
        },
    )
    catalogue = opened(path)
    assert catalogue.ids == ("cat/1.png", "dog/2.png")
    assert catalogue.categories == ("cat", "dog")
    assert catalogue.notes == (
        "all images stand in the folder 'set/' of the zip file: it is no part of their names",
        "left out, not images: 4 of 6 files, first .DS_Store (2 hidden or of macOS, 1 LICENSE, 1 .txt)",
        "1 folders hold no images and make no category (eel)",
    )


def test_a_folder_inside_a_zip_file_can_be_named(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.zip",
        {"train/cat/1.png": png(1), "train/dog/2.png": png(2), "test/cat/3.png": png(3), "test/dog/4.png": png(4)},
    )
    with pytest.raises(DataError, match=r"'test/cat/3.png' stands 2 folders deep.*such as '.*/a.zip/test'"):
        opened(path)
    catalogue = opened(path / "train")
    assert (catalogue.ids, catalogue.categories) == (("cat/1.png", "dog/2.png"), ("cat", "dog"))
    with pytest.raises(DataError, match=r"holds no folder 'tran'; there are train/"):
        opened(path / "tran")


@pytest.mark.parametrize(("order", "ids"), [("natural", ("i2.png", "i10.png")), ("sorted", ("i10.png", "i2.png"))])
def test_the_order_is_chosen_and_said_where_orders_differ(tmp_path: Path, order: Any, ids: tuple[str, ...]) -> None:
    path = packed(tmp_path / "a.zip", {name: png() for name in ("i10.png", "i2.png")})
    catalogue = opened(path, order=order)
    assert catalogue.ids == ids
    differ = "in natural order number 0 is 'i2.png', in sorted order 'i10.png'"
    assert catalogue.orders_differ == differ
    assert catalogue.notes == (f"images stand in {order} order; {differ}",)
    same = opened(packed(tmp_path / "b.zip", {name: png() for name in ("i10.png", "i02.png")}), order=order)
    assert (same.orders_differ, same.notes) == ("", ())


def test_sorted_order_compares_whole_paths_and_natural_order_folder_by_folder(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a b/1.png": png(), "a/1.png": png()})
    assert opened(path).ids == ("a/1.png", "a b/1.png")
    assert opened(path, order="sorted").ids == ("a b/1.png", "a/1.png")


def test_backslashes_of_old_zip_programs_are_folders(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"cat\\1.png": png(1), "dog\\2.png": png(2)})
    catalogue = opened(path)
    assert catalogue.ids == ("cat/1.png", "dog/2.png")
    assert catalogue.notes == ("2 names in the zip file have backslashes: they were read as folders",)
    assert catalogue.read(1)[0, 0, 0] == 2


def test_a_zip_file_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in this zip file, which holds no files"):
        opened(packed(tmp_path / "a.zip", {}))
    with pytest.raises(DataError, match=r"no images in this zip file; it holds 'x.txt' and 1 more files\. Give a zip"):
        opened(packed(tmp_path / "a.zip", {"x.txt": b"", "y": b""}))


def test_something_else_under_that_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"images:a.zip: this file cannot be read as a zip file \(.*\): it is damaged"):
        opened(tmp_path / "a.zip")


def test_a_missing_zip_file_names_what_is_near(tmp_path: Path) -> None:
    packed(tmp_path / "pictures.zip", {"a.png": png()})
    with pytest.raises(DataError, match=r"no such file or folder\. Did you mean '.*pictures.zip'"):
        opened(tmp_path / "picture.zip")


def test_an_encrypted_image_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": png()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[6] |= 1  # general purpose flags in the local header, and in the central directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"'a.png' is encrypted in the zip file: make a zip file without a password"):
        opened(path)


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": png()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[8] = 9  # deflate64
    content[content.index(b"PK\x01\x02") + 10] = 9
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"'a.png' is compressed by method 9, which Python cannot read"):
        opened(path)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.png", png(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("a.png", png(2))
    with pytest.raises(DataError, match=r"holds 'a.png' twice: which one was shown\?"):
        opened(tmp_path / "a.zip")


def test_damaged_content_is_named_when_it_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "BMP")
    path = packed(tmp_path / "a.zip", {"a.bmp": buffer.getvalue()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[9000] ^= 255
    path.write_bytes(content)
    catalogue = opened(path)
    with pytest.raises(DataError, match=r"'a.bmp' cannot be read as an image \(Bad CRC-32"):
        catalogue.read(0)
    content[:4] = b"XXXX"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"'a.bmp' cannot be opened \(Bad magic number.*is the file damaged"):
        opened(path)


def test_the_v4_images_are_pillows(shared: Path) -> None:
    for session, count, wrapped in (("190923", 1200, "images_190923/"), ("210325", 640, "")):
        path = shared / "data" / "v4" / f"images_{session}.zip"
        catalogue = opened(path)
        assert catalogue.ids == tuple(f"image{number:04d}.jpg" for number in range(1, count + 1))
        assert (set(catalogue.sizes), set(catalogue.channels)) == ({(112, 112)}, {3})
        assert (catalogue.orders_differ, catalogue.categories) == ("", None)
        with zipfile.ZipFile(path) as file:
            for row in (0, 7, count - 1):
                with file.open(f"{wrapped}image{row + 1:04d}.jpg") as member, Image.open(member) as image:
                    np.testing.assert_array_equal(catalogue.read(row), np.moveaxis(np.asarray(image), -1, 0))
