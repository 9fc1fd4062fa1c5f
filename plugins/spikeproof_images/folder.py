"""A folder of image files: a folder per category, or flat."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from spikeproof.errors import DataError

from .catalogue import Catalogue, Raw, check_range, natural

__all__ = ["SUFFIXES", "catalogue_folder"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""What Pillow raises on files that it cannot decode."""

_GRAY = {"1", "L", "LA", "I;16", "I;16B", "I;16L", "F"}
_COLOUR = {"RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr"}
_ORIENTATION = 0x0112


def catalogue_folder(folder: Path, where: str) -> Catalogue:
    """List the images of a folder in natural order and read every file's header.

    Parameters
    ----------
    folder : pathlib.Path
    where : str
        The source as the user gave it, for messages.

    Raises
    ------
    DataError
        If there is no image, images stand at several depths, or a header cannot be read (the file is named).
    """
    paths, notes = _find(folder, where)
    ids = tuple(path.relative_to(folder).as_posix() for path in paths)
    sizes, modes, turned = [], [], []
    for path, name in zip(paths, ids, strict=True):
        size, mode, orientation = _header(path, name, where)
        sizes.append(size)
        modes.append(mode)
        if orientation != 1:
            turned.append(name)
    if turned:
        notes.append(
            f"{len(turned)} images carry a camera's orientation tag (first {turned[0]}): pixels are used as stored, "
            "not turned"
        )
    odd = sorted({mode for mode in modes if mode in {"CMYK", "YCbCr", "P", "PA"}})
    if odd:
        notes.append(f"images stored as {', '.join(odd)} were converted to RGB by Pillow, without colour management")
    categories = tuple(path.parent.name for path in paths) if paths[0].parent != folder else None

    def read(row: int) -> Raw:
        return _pixels(paths[row], ids[row], where)

    def digest(rows: Sequence[int]) -> str:
        # The manifest that `sha256sum` would print for these files: easy to check by hand.
        manifest = hashlib.sha256()
        for row in rows:
            manifest.update(f"{_file_digest(paths[row])}  {ids[row]}\n".encode())
        return manifest.hexdigest()

    return Catalogue(
        ids=ids,
        categories=categories,
        sizes=tuple(sizes),
        channels=tuple(1 if mode in _GRAY else 3 for mode in modes),
        read=read,
        digest=digest,
        notes=tuple(notes),
        facts=(("kind", "folder of image files"), ("stored as", ", ".join(sorted(set(modes))))),
    )


def _find(folder: Path, where: str) -> tuple[list[Path], list[str]]:
    """Image files in natural order (category, then name), and what was left out."""
    images: list[Path] = []
    others: list[Path] = []
    for path in folder.rglob("*"):
        if path.is_dir():
            continue
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
        (images if path.suffix.lower() in SUFFIXES and not hidden else others).append(path)
    if not images:
        held = ", which holds no files"
        if others:
            held = f"; it holds {others[0].name!r}" + (f" and {len(others) - 1} more files" if len(others) > 1 else "")
        raise DataError(
            f"{where}: no images in this folder{held}. "
            f"Give a folder with a folder per category, or with image files ({', '.join(sorted(SUFFIXES))})"
        )
    images.sort(key=lambda path: tuple(natural(part) for part in path.relative_to(folder).parts))
    depths = {len(path.relative_to(folder).parts): path.relative_to(folder).as_posix() for path in reversed(images)}
    if max(depths) > 2:
        raise DataError(
            f"{where}: {depths[max(depths)]!r} stands {max(depths) - 1} folders deep; images must stand in a "
            f"folder per category, one level down. Give the folder above the categories, such as "
            f"{(folder / depths[max(depths)]).parent.parent.as_posix()!r}"
        )
    if len(depths) == 2:
        raise DataError(
            f"{where}: {depths[1]!r} stands beside category folders ({depths[2]!r}): which category is it? "
            "Move it into a folder of its category"
        )
    notes = []
    if others:
        first = min(others, key=lambda path: natural(path.relative_to(folder).as_posix()))
        notes.append(
            f"left out, not images: {len(others)} of {len(others) + len(images)} files, "
            f"first {first.relative_to(folder)}"
        )
    if max(depths) == 2:
        filled = {path.parent for path in images}
        empty = sorted(
            (d.name for d in folder.iterdir() if d.is_dir() and d not in filled and not d.name.startswith((".", "__"))),
            key=natural,
        )
        if empty:
            notes.append(f"{len(empty)} folders hold no images and make no category ({', '.join(empty[:5])})")
    return images, notes


def _header(path: Path, name: str, where: str) -> tuple[tuple[int, int], str, int]:
    """Size (y, x), Pillow mode and orientation tag."""
    try:
        with Image.open(path) as image:
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
    return (y, x), mode, orientation


def _pixels(path: Path, name: str, where: str) -> Raw:
    try:
        with Image.open(path) as image:
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


def _broken(name: str, where: str, error: BaseException) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{where}: {name!r} cannot be read as an image ({reason}): replace or remove this file"


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
