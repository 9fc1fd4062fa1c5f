"""Stored values into pixels: float32 (channel, y, x), black 0 and white 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .choosing import Axes

__all__ = ["check_dtype", "image_shape", "planes"]

_CHANNELS = (1, 3, 4)


def image_shape(shape: tuple[int, ...], axes: Axes, where: str) -> tuple[int, int, int]:
    """Shape (channel, y, x) that an image of a stored shape has; a fourth channel is alpha and is not counted.

    Raises
    ------
    DataError
        If it is not (y, x) or (y, x, channel) of 1, 3 or 4 channels, or holds no pixel.

    Examples
    --------
    >>> image_shape((112, 96, 4), "yx", "a.png")
    (3, 112, 96)
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in _CHANNELS):
        raise DataError(
            f"{where}: an image is (y, x) or (y, x, channel) with 1 (gray), 3 (RGB) or 4 (RGBA) channels, but this one "
            f"is {_sizes(shape)}: write it again in that order"
        )
    if 0 in shape:
        raise DataError(f"{where}: the image is empty ({_sizes(shape)}): it holds no pixel")
    y, x = shape[:2] if axes == "yx" else (shape[1], shape[0])
    return (3 if len(shape) == 3 and shape[2] > 1 else 1), y, x


def check_dtype(dtype: np.dtype[Any], white: float | None, where: str) -> None:
    """Refuse values of which nobody can tell which one is white.

    Bytes run from 0 to 255, truth values and floating-point numbers from 0 to 1; anything else has to be said.

    Raises
    ------
    DataError
        If the values are no numbers, or whole numbers other than bytes and ``white`` is not given.
    """
    if dtype.kind not in "buif":
        raise DataError(f"{where}: pixels must be numbers, but are {dtype}: write the images again")
    if white is None and dtype.kind in "ui" and dtype != np.uint8:
        raise DataError(
            f"{where}: pixels are {dtype}, and the file does not say which value is white: give it as image_white "
            "(such as 255, 4095 or 65535)"
        )


def planes(values: NDArray[Any], axes: Axes, white: float | None, where: str) -> NDArray[np.float32]:
    """One image as float32 (channel, y, x).

    Bytes are divided by 255; everything else by ``white`` if that is given, and is otherwise as stored. An alpha
    channel that is opaque everywhere is left out.

    Raises
    ------
    DataError
        If the alpha channel is not opaque everywhere, or a value that is no byte leaves [0, 1].

    Examples
    --------
    >>> planes(np.array([[0, 51], [102, 255]], np.uint8), "yx", None, "a").tolist()
    [[[0.0, 0.20000000298023224], [0.4000000059604645, 1.0]]]
    >>> planes(np.array([[0, 1], [2, 4]], np.uint16), "xy", 4, "a").tolist()
    [[[0.0, 0.5], [0.25, 1.0]]]
    """
    divisor = 255.0 if white is None and values.dtype == np.uint8 else white
    if values.ndim == 3 and values.shape[2] == 4:
        values = _opaque(values, divisor or 1.0, where)
    scaled = np.asarray(values, dtype=np.float32)
    if divisor is not None:
        scaled = scaled / np.float32(divisor)
    _check_range(scaled, white, where)
    if axes == "xy":
        scaled = np.swapaxes(scaled, 0, 1)
    stacked = scaled[np.newaxis] if scaled.ndim == 2 else np.moveaxis(scaled, -1, 0)
    return np.ascontiguousarray(stacked)


def _opaque(values: NDArray[Any], full: float, where: str) -> NDArray[Any]:
    alpha = values[..., 3]
    if not (alpha == full).all():
        see_through = int((alpha != full).sum())
        raise DataError(
            f"{where}: {see_through:,} of {alpha.size:,} pixels are not opaque (alpha below {full:g}): their colour "
            "depends on the background, which the file does not hold; write the images without alpha, as shown"
        )
    return values[..., :3]


def _check_range(scaled: NDArray[np.float32], white: float | None, where: str) -> None:
    if not np.isfinite(scaled).all():
        bad = int((~np.isfinite(scaled)).sum())
        raise DataError(f"{where}: {bad:,} pixels are NaN or infinite: leave this stimulus out with `rows`")
    low, high = float(scaled.min()), float(scaled.max())
    if low < 0 or high > 1:
        unit = 1.0 if white is None else white
        said = f"{where}: pixels run from {low * unit:.6g} to {high * unit:.6g}"
        if white is None:
            raise DataError(f"{said}, not from 0 to 1: say which value is white with image_white (255?)")
        raise DataError(f"{said}, outside 0 to image_white = {white:g}")


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single value"
