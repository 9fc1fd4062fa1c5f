"""One image file to numbers in [0, 1]."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from spikeproof.errors import DataError
from spikeproof.pictures import decode_image, read_header

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (4, 5), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (4, 5, 3), dtype=np.uint8)


def encoded(pixels: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("stored", [GRAY, COLOUR], ids=["gray", "colour"])
def test_lossless_files_give_their_bytes_over_255(stored: Any, kind: str, tmp_path: Path) -> None:
    content = encoded(stored, kind)
    (tmp_path / "a").write_bytes(content)
    expected = np.atleast_3d(stored).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    for file in (content, tmp_path / "a", io.BytesIO(content)):
        image = decode_image(file, "a", "here")
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, expected)
    header = read_header(content, "a", "here")
    assert (header.size, header.channels, header.turned) == ((4, 5), expected.shape[0], False)


def test_16_bits_are_divided_by_65535() -> None:
    image = decode_image(encoded(GRAY.astype(np.uint16) * 257, "PNG"), "a", "here")
    np.testing.assert_allclose(image[0], GRAY / 255, atol=1e-7)


def test_a_jpeg_is_pillows() -> None:
    content = encoded(COLOUR, "JPEG")
    with Image.open(io.BytesIO(content)) as peer:
        expected = np.moveaxis(np.asarray(peer), -1, 0).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(decode_image(content, "a.jpg", "here"), expected)


def test_what_cannot_be_decoded_is_named() -> None:
    with pytest.raises(DataError, match=r"^here: 'a.png' cannot be read as an image \(.*\): replace or remove"):
        decode_image(b"nothing", "a.png", "here")
    with pytest.raises(DataError, match=r"^here: 'a.png' cannot be read as an image"):
        decode_image(encoded(COLOUR, "PNG")[:-30], "a.png", "here")
    with pytest.raises(DataError, match=r"'a.tiff' leaves \[0, 1\] \(min 0, max 2\)"):
        decode_image(encoded(np.array([[0, 2]], np.float32), "TIFF"), "a.tiff", "here")
    with pytest.raises(DataError, match="stored in Pillow's mode 'I', whose range"):
        decode_image(encoded(np.zeros((2, 2), np.int32), "TIFF"), "a.tiff", "here")
    moving = encoded(GRAY, "GIF", save_all=True, append_images=[Image.fromarray(255 - GRAY)])
    with pytest.raises(DataError, match=r"'a.gif' holds 2 frames"):
        decode_image(moving, "a.gif", "here")
