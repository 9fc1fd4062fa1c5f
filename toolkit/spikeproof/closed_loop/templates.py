"""The images and their manifest as an NWB file of stimulus templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hdmf.data_utils import AbstractDataChunkIterator, DataChunk

from spikeproof.pictures import decode_image

from .manifest import FIELDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .manifest import Manifest

__all__ = ["write_templates"]

_NUMBERS = (
    "epsilon", "achieved", "predicted_response", "predicted_effect", "unrounded_effect", "other_unit_effect"
)  # fmt: skip


def write_templates(path: Path, manifest: Manifest, order: NDArray[np.str_]) -> None:
    """Write every image under its name in ``/stimulus/templates/images``, and the manifest and order beside them.

    ``/scratch/manifest`` is the manifest row by row, in the order of the images; ``/scratch/presentation_order`` names
    the image of each presentation, with its block.

    Parameters
    ----------
    path : Path
        Written over if it exists.
    manifest : Manifest
    order : numpy.ndarray of str, (block, position)
        Image at each position.
    """
    import pynwb
    from hdmf.common import DynamicTable, VectorData
    from pynwb.base import Images
    from pynwb.image import GrayscaleImage, RGBImage

    made = str(manifest.about.get("made", ""))
    content = pynwb.NWBFile(
        session_description="Images made by spikeproof for an experiment, before it. No responses.",
        identifier=f"spikeproof stimuli {manifest.tag}",
        session_start_time=datetime.fromisoformat(made) if made else datetime(1970, 1, 1, tzinfo=UTC),
    )
    channels, y, x = (int(length) for length in manifest.about["shape"])
    factor = int(manifest.about["factor"])
    kind, last = (GrayscaleImage, ()) if channels == 1 else (RGBImage, (3,))
    pictures = [
        kind(
            name=row["image"],
            data=_Picture(manifest.file(row["image"]), (y * factor, x * factor, *last)),
            description=row["clean_stimulus_id"],
        )
        for row in manifest.rows
    ]
    content.add_stimulus_template(
        Images(name="images", images=pictures, description="Images of the manifest, as they are shown.")
    )
    content.add_scratch(
        DynamicTable(
            name="manifest",
            description="What each image is.",
            columns=[
                VectorData(name=field.name, description=field.about, data=_column(field.name, manifest.rows))
                for field in FIELDS
            ],
        )
    )
    blocks, positions = order.shape
    content.add_scratch(
        DynamicTable(
            name="presentation_order",
            description="Which image is shown when: blocks of all images.",
            columns=[
                VectorData(
                    name="block", description="Number of the block.", data=np.repeat(np.arange(blocks), positions)
                ),
                VectorData(name="image", description="Name of the image.", data=order.ravel().tolist()),
            ],
        )
    )
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(content)


class _Picture(AbstractDataChunkIterator):  # type: ignore[misc]  # hdmf has no types
    """One PNG file, decoded when it is written, so that one image is held at a time."""

    def __init__(self, file: Path, shape: tuple[int, ...]) -> None:
        self._file, self._shape, self._left = file, shape, True

    def __iter__(self) -> _Picture:
        return self

    def __next__(self) -> DataChunk:
        if not self._left:
            raise StopIteration
        self._left = False
        levels = np.rint(decode_image(self._file, self._file.name, str(self._file.parent)) * 255).astype(np.uint8)
        shown = levels[0] if len(self._shape) == 2 else np.moveaxis(levels, 0, -1)
        return DataChunk(data=shown, selection=(slice(None),) * len(self._shape))

    def recommended_chunk_shape(self) -> tuple[int, ...]:
        """The whole image."""
        return self._shape

    def recommended_data_shape(self) -> tuple[int, ...]:
        """The whole image."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Grey levels."""
        return np.dtype(np.uint8)

    @property
    def maxshape(self) -> tuple[int, ...]:
        """It does not grow."""
        return self._shape


def _column(name: str, rows: Sequence[Mapping[str, str]]) -> list[str] | list[float]:
    if name in _NUMBERS:
        return [float(row[name]) if row[name] else float("nan") for row in rows]
    return [row[name] for row in rows]
