"""One image file: its header, and its pixels."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spikeproof.errors import DataError

from .catalogue import Raw

__all__ = ["SUFFIXES", "Header", "check_range", "decode_image", "read_header", "stored_pixels"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
"""Endings, in lower case, of the files that are taken for images."""

ImageFile = Path | bytes | IO[bytes]
"""A path, a file's content, or an open binary file that can seek."""

_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, zipfile.BadZipFile,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow, and a zip file below it, raise on files that they cannot decode."""

_GRAY = {"1", "L", "LA", "I;16", "I;16B", "I;16L", "F"}
_COLOUR = {"RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr"}
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says of its image before any pixel is decoded.

    Parameters
    ----------
    size : (int, int)
        (y, x), in pixels.
    mode : str
        How Pillow calls the stored format (``"L"``, ``"RGB"``, ``"P"`` ...).
    turned : bool
        Whether a camera's orientation tag asks for another orientation than the stored one, which is kept.
    """

    size: tuple[int, int]
    mode: str
    turned: bool = False

    @property
    def channels(self) -> int:
        """Channels that decoding gives: 1 or 3."""
        return 1 if self.mode in _GRAY else 3


def read_header(file: ImageFile, name: str, where: str) -> Header:
    """Read an image file's size and format without decoding its pixels.

    Parameters
    ----------
    file : pathlib.Path, bytes or binary file
    name : str
        The image, for messages.
    where : str
        What holds it, for messages.

    Raises
    ------
    DataError
        If it is no readable image, holds several frames, or is stored in a mode whose range of values is not known.
    """
    try:
        with _opened(file) as stream, Image.open(stream) as image:
            (x, y), mode, frames = image.size, image.mode, int(getattr(image, "n_frames", 1))
            # Pillow decodes all of a PNG file to reach its tags; cameras write none.
            orientation = 1 if image.format == "PNG" else int(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN as error:
        raise DataError(_broken(name, where, error)) from error
    if frames > 1:
        raise DataError(f"{where}: {name!r} holds {frames} frames: a stimulus is one still image; export one frame")
    if mode not in _GRAY | _COLOUR:
        raise DataError(
            f"{where}: {name!r} is stored in Pillow's mode {mode!r}, whose range of values is not known: "
            "save it with 8 or 16 bits a channel"
        )
    return Header(size=(y, x), mode=mode, turned=orientation != 1)


def decode_image(file: ImageFile, name: str, where: str) -> NDArray[np.float32]:
    """Decode one image file.

    Bytes are divided by 255 and 16-bit values by 65535; floating-point pixels must lie in [0, 1] already. One channel
    where the file is gray, three where it has colours (palettes, CMYK and YCbCr become RGB without colour management);
    a camera's orientation tag is not applied.

    Parameters
    ----------
    file : pathlib.Path, bytes or binary file
    name : str
        The image, for messages.
    where : str
        What holds it, for messages.

    Returns
    -------
    numpy.ndarray of float32, (channel, y, x), in [0, 1]

    Raises
    ------
    DataError
        Naming the image, if it cannot be decoded, is animated, has transparent pixels, or leaves [0, 1].

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.fromarray(np.array([[0, 51], [102, 255]], np.uint8)).save(buffer, "PNG")
    >>> decode_image(buffer.getvalue(), "gray.png", "a note").tolist()
    [[[0.0, 0.20000000298023224], [0.4000000059604645, 1.0]]]
    """
    content = file if isinstance(file, (Path, bytes)) else file.read()
    read_header(content, name, where)
    raw = stored_pixels(content, name, where)
    return raw.astype(np.float32) / np.float32(255) if raw.dtype == np.uint8 else raw.astype(np.float32)


def stored_pixels(file: ImageFile, name: str, where: str) -> Raw:
    """Decode one image file whose header was read, as stored: uint8, or float32 in [0, 1]."""
    try:
        with _opened(file) as stream, Image.open(stream) as image:
            image.load()
            if image.mode in {"LA", "PA", "RGBA"} or "transparency" in image.info:
                opaque = image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
                if not opaque:
                    raise DataError(
                        f"{where}: {name!r} has transparent pixels: their colour depends on the background. "
                        "Flatten it onto the background that was shown"
                    )
            if image.mode.startswith("I;16"):
                deep: Raw = (np.asarray(image, dtype=np.float64) / 65535).astype(np.float32)[np.newaxis]
                return deep
            if image.mode == "F":
                real: Raw = np.array(image, dtype=np.float32)[np.newaxis]
                check_range(real, name, where)
                return real
            if image.mode in _GRAY:
                return np.array(image.convert("L"), dtype=np.uint8)[np.newaxis]
            return np.ascontiguousarray(np.moveaxis(np.array(image.convert("RGB"), dtype=np.uint8), -1, 0))
    except _BROKEN as error:
        raise DataError(_broken(name, where, error)) from error


def check_range(image: NDArray[Any], name: str, where: str) -> None:
    """Refuse floating-point pixels that are not finite or leave [0, 1].

    Raises
    ------
    DataError
        Naming the image.
    """
    if image.dtype == np.uint8:
        return
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise DataError(
            f"{where}: image {name!r} has {bad} pixel values that are not finite: mend or remove this image"
        )
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{where}: image {name!r} leaves [0, 1] (min {low:.7g}, max {high:.7g}): store images as uint8, "
            "or scale them to [0, 1] (divide by 255?) before they are saved as floating-point numbers"
        )


def _opened(file: ImageFile) -> AbstractContextManager[IO[bytes]]:
    if isinstance(file, Path):
        return file.open("rb")
    return io.BytesIO(file) if isinstance(file, bytes) else nullcontext(file)


def _broken(name: str, where: str, error: BaseException) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{where}: {name!r} cannot be read as an image ({reason}): replace or remove this file"
