"""Images as PNG files at the display's size, and back without loss."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from spikeproof.errors import BadParameter, DataError
from spikeproof.pictures import decode_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spikeproof.stimuli import StimulusSet

    from .manifest import Manifest

__all__ = ["display_factor", "manifest_images", "png_bytes", "smaller"]


def display_factor(shape: tuple[int, int, int], size: int | None) -> int:
    """Return how many display pixels a side each pixel of an image becomes.

    Only whole numbers are lossless: any other size would mix neighbouring pixels, and 8 bits could not hold the
    perturbation that was found.

    Parameters
    ----------
    shape : (channel, y, x)
        Of the images that the model sees.
    size : int, optional
        Pixels of the shorter side on the display; by default those of the images.

    Raises
    ------
    BadParameter
        If the size is no multiple of the images', or they have neither one channel nor three.

    Examples
    --------
    >>> display_factor((3, 64, 64), 256), display_factor((3, 64, 64), None)
    (4, 1)
    """
    channels, y, x = shape
    if channels not in (1, 3):
        raise BadParameter(f"stimuli: images have {channels} channels, and a PNG file has 1 (gray) or 3 (colours)")
    short = min(y, x)
    if size is None:
        return 1
    if size < short or size % short:
        near = max(1, round(size / short))
        raise BadParameter(
            f"--size: {size} is no multiple of {short}, the shorter side of the images that the model sees: only whole "
            f"multiples show a perturbation as it was found, such as {short * near} or {short * (near + 1)} (each "
            f"pixel {near} x {near} or {near + 1} x {near + 1})"
        )
    return size // short


def png_bytes(image: NDArray[np.uint8], factor: int) -> bytes:
    """Encode an image (channel, y, x) in grey levels as a PNG file, each pixel ``factor`` x ``factor``."""
    large = image.repeat(factor, axis=1).repeat(factor, axis=2)
    out = io.BytesIO()
    Image.fromarray(large[0] if len(large) == 1 else np.ascontiguousarray(np.moveaxis(large, 0, -1))).save(
        out, "PNG", compress_level=6
    )
    return out.getvalue()


def smaller(image: NDArray[np.float32], factor: int, name: str) -> NDArray[np.float32]:
    """Take one pixel out of each ``factor`` x ``factor`` that were made of it.

    Raises
    ------
    DataError
        If they are not all the same: the file is not one that was written.
    """
    if factor == 1:
        return image
    one = np.ascontiguousarray(image[:, ::factor, ::factor])
    if not np.array_equal(one.repeat(factor, axis=1).repeat(factor, axis=2), image):
        raise DataError(
            f"{name}: pixels are not shown as {factor} x {factor} each: this is not the image that was made"
        )
    return one


def manifest_images(manifest: Manifest, images: Sequence[str]) -> StimulusSet:
    """Images of a manifest at the model's size, read lazily, under the names that responses have.

    Clean images are called as the stimulus that they are; perturbed ones keep their own names. The table has
    ``clean_stimulus_id`` and, where the manifest has them, ``category``.

    Parameters
    ----------
    manifest : Manifest
    images : sequence of str
        Names in the manifest.
    """
    import pandas as pd

    from spikeproof.stimuli import StimulusSet

    rows = [manifest.by_image[name] for name in images]
    channels, y, x = (int(length) for length in manifest.about["shape"])
    factor = int(manifest.about["factor"])
    columns = {"clean_stimulus_id": [row["clean_stimulus_id"] for row in rows]}
    if rows and all(row["category"] for row in rows):
        columns["category"] = [row["category"] for row in rows]
    index = pd.Index(
        [row["clean_stimulus_id"] if row["kind"] == "clean" else row["image"] for row in rows], name="stimulus_id"
    )

    def read(wanted: Sequence[int]) -> NDArray[np.float32]:
        out = np.empty((len(wanted), channels, y, x), dtype=np.float32)
        for place, number in enumerate(wanted):
            file = manifest.file(images[number])
            shown = decode_image(file, file.name, str(manifest.folder))
            if shown.shape != (channels, y * factor, x * factor):
                raise DataError(
                    f"{file}: it is {shown.shape} (channel, y, x), the manifest says "
                    f"{(channels, y * factor, x * factor)}"
                )
            out[place] = smaller(shown, factor, str(file))
        return out

    return StimulusSet(table=pd.DataFrame(columns, index=index), shape=(channels, y, x), read=read)
