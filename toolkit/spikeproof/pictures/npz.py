"""An npz file with ``x`` (images) and, optionally, ``y`` (labels), ``ids`` and ``names``."""

from __future__ import annotations

import hashlib
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikeproof.errors import DataError

from .catalogue import Catalogue, Raw
from .decode import check_range

__all__ = ["Layout", "catalogue_npz"]

Layout = Literal["auto", "yx-channel", "channel-yx"]

_KNOWN = ("x", "y", "ids", "names")


def catalogue_npz(path: Path, where: str, layout: Layout) -> Catalogue:
    """Read and check an npz file; pickled arrays are refused.

    Parameters
    ----------
    path : pathlib.Path
        ``x`` is (n, y, x), (n, y, x, channel) or (n, channel, y, x): uint8, or floating-point numbers in [0, 1].
        ``y`` is (n,): whole numbers or text. ``ids`` is (n,) text. ``names`` is text: the name of label 0, 1, 2 ...
    where : str
        The source as the user gave it, for messages.
    layout : {"auto", "yx-channel", "channel-yx"}
        Where the channels of ``x`` stand; "auto" refuses when the shape leaves it open.

    Raises
    ------
    DataError
        If the file or an array in it cannot be trusted (named, with what is wrong).
    """
    arrays = _arrays(path, where)
    if "x" not in arrays:
        raise DataError(
            f"{where}: no array 'x' (images) among {', '.join(sorted(arrays)) or 'no arrays'}: save the images as x"
        )
    stored = arrays["x"]
    images = _channel_first(stored, where, layout)
    n = len(images)
    ids = _ids(arrays, n, where)
    categories = _categories(arrays, n, where)
    if images.dtype != np.uint8:
        for row in range(n):
            check_range(np.asarray(images[row], dtype=np.float64), ids[row], where)
    unused = sorted(set(arrays) - set(_KNOWN))

    def read(row: int) -> Raw:
        image = np.ascontiguousarray(images[row])
        return image if image.dtype == np.uint8 else image.astype(np.float32)

    def digest(rows: Sequence[int]) -> str:  # noqa: ARG001 -- one file: its digest stands for all its rows
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return Catalogue(
        ids=ids,
        categories=categories,
        sizes=((images.shape[2], images.shape[3]),) * n,
        channels=(images.shape[1],) * n,
        read=read,
        digest=digest,
        notes=(f"arrays of the file that are not used: {', '.join(unused)}",) if unused else (),
        facts=(("kind", "npz"), ("stored as", f"{stored.dtype} {stored.shape}"), ("arrays", ", ".join(sorted(arrays)))),
    )


def _arrays(path: Path, where: str) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{where}: this file is not an npz file (a zip of arrays): save it with numpy.savez(path, x=..., y=...)"
        )
    name = ""
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                arrays[name] = file[name]
    except (ValueError, OSError, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error) as error:
        if "pickle" in str(error).lower():
            raise DataError(
                f"{where}: array {name!r} holds Python objects, which would have to be unpickled (that can run code): "
                "save it as numbers or as text (dtype str)"
            ) from error
        raise DataError(
            f"{where}: array {name!r} cannot be read ({error}): the file is damaged; save it again"
        ) from error
    return arrays


def _channel_first(images: NDArray[Any], where: str, layout: Layout) -> NDArray[Any]:
    """View (n, channel, y, x)."""
    if images.ndim not in {3, 4}:
        raise DataError(
            f"{where}: x has shape {images.shape}; expected (n, y, x), (n, y, x, channel) or (n, channel, y, x)"
        )
    if 0 in images.shape:
        raise DataError(f"{where}: x has shape {images.shape}: there are no images in it")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(
            f"{where}: x holds {images.dtype}: save images as uint8 (0 to 255) or as floating-point numbers in [0, 1]"
        )
    if images.ndim == 3:
        return images[:, np.newaxis]
    first, last = images.shape[1] in {1, 3}, images.shape[3] in {1, 3}
    if layout == "auto":
        if first and last:
            raise DataError(
                f"{where}: x has shape {images.shape}: channels could stand second or last. "
                "Say which with layout = 'channel-yx' or 'yx-channel'"
            )
        if not first and not last:
            raise DataError(
                f"{where}: x has shape {images.shape}: neither the second nor the last axis has 1 or 3 channels. "
                "Save x as (n, y, x), (n, y, x, channel) or (n, channel, y, x)"
            )
        layout = "channel-yx" if first else "yx-channel"
    if not (first if layout == "channel-yx" else last):
        raise DataError(f"{where}: x has shape {images.shape}, so with layout {layout!r} it has not 1 or 3 channels")
    return images if layout == "channel-yx" else np.moveaxis(images, -1, 1)


def _column(arrays: dict[str, NDArray[Any]], name: str, n: int, where: str) -> NDArray[Any] | None:
    if name not in arrays:
        return None
    values = arrays[name]
    if values.shape != (n,):
        raise DataError(
            f"{where}: x holds {n} images but {name} has shape {values.shape}: {name} must be ({n},), one an image"
        )
    if values.dtype.kind == "S":
        try:
            return np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}: {name} holds bytes that are not UTF-8 text ({error}): save it as text"
            ) from error
    return values


def _ids(arrays: dict[str, NDArray[Any]], n: int, where: str) -> tuple[str, ...]:
    ids = _column(arrays, "ids", n, where)
    if ids is None:
        return tuple(f"{row:05d}" for row in range(n))
    if ids.dtype.kind not in "Uiu":
        raise DataError(f"{where}: ids holds {ids.dtype}: stimulus ids must be text or whole numbers")
    names = tuple(str(value) for value in ids.tolist())
    twice, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(f"{where}: ids must be unique, but {twice!r} names several images")
    return names


def _categories(arrays: dict[str, NDArray[Any]], n: int, where: str) -> tuple[str, ...] | None:
    labels = _column(arrays, "y", n, where)
    if labels is None:
        if "names" in arrays:
            raise DataError(f"{where}: names (of labels 0, 1 ...) is there, but no array y with the labels")
        return None
    if labels.dtype.kind not in "Uiub":
        raise DataError(f"{where}: y holds {labels.dtype}: labels must be whole numbers or text, such as y.astype(int)")
    if "names" not in arrays:
        return tuple(str(value) for value in labels.tolist())
    names = arrays["names"]
    if names.ndim != 1 or names.dtype.kind not in "US" or labels.dtype.kind not in "iu":
        raise DataError(
            f"{where}: names must be one row of text naming labels 0, 1, 2 ... of whole-number y; "
            f"got {names.dtype} {names.shape} for y of {labels.dtype}"
        )
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in names.tolist()]
    wrong = np.flatnonzero((labels < 0) | (labels >= len(texts)))
    if wrong.size:
        raise DataError(
            f"{where}: y of image {int(wrong[0])} is {labels[wrong[0]]}, but names has {len(texts)} names (labels 0 to "
            f"{len(texts) - 1})"
        )
    return tuple(texts[value] for value in labels.tolist())
