"""The units of a series of traces: regions of interest, or plain columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
from spikeproof.errors import DataError

from .columns import Columns, read_columns, read_numbers, read_text
from .units import UNKNOWN, Units, names_of_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_rois"]

_MASKS = frozenset({"image_mask", "pixel_mask", "voxel_mask", "reference_images"})


def read_rois(file: h5py.File, path: str, width: int, where: str) -> Units:
    """Read which unit each column of a series is.

    The region ``rois`` says which rows of which ``PlaneSegmentation`` they are: its columns become theirs, its ids
    their names, and the location of its imaging plane their area. Columns of a series without ``rois`` are called by
    their number.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of the series.
    width : int
        Columns of its data.
    where : str
        File and series, for messages.

    Raises
    ------
    DataError
        If ``rois`` names rows that the segmentation does not have.
    """
    region = file[path].get("rois")
    segmentation = _segmentation(file, region)
    if segmentation is None or "id" not in segmentation:
        numbers = np.arange(width)
        said = f"{path} does not say which ROI or unit each of its columns is: they are called by number, from 0"
        unknown = np.full(width, UNKNOWN)
        return Units(path, tuple(map(str, range(width))), unknown, Columns({"id": numbers}, {}), (said,))
    ids = read_numbers(segmentation["id"], f"{where}, id of its ROIs")
    rows = read_numbers(region, f"{where}, rois").astype(np.intp)
    outside = rows[(rows < 0) | (rows >= len(ids))]
    if outside.size:
        raise DataError(
            f"{where}: `rois` names row {outside[0]} ({outside.size} such columns), but {segmentation.name} has "
            f"{len(ids)} ROIs: which column is which ROI is not sure; write the file again with pynwb"
        )
    held = read_columns(segmentation, len(ids), f"{where}, {segmentation.name}", but=_MASKS)
    columns = Columns({name: values[rows] for name, values in held.values.items()}, held.left_out)
    names, notes = names_of_ids(columns, len(rows), where, "ROI")
    area, note = _area(segmentation, len(rows))
    return Units(segmentation.name, names, area, columns, (*notes, *note))


def _segmentation(file: h5py.File, region: h5py.Dataset | None) -> h5py.Group | None:
    if not isinstance(region, h5py.Dataset):
        return None
    target = region.attrs.get("table")
    found = file[target] if isinstance(target, h5py.Reference) and target else None
    return found if isinstance(found, h5py.Group) else None


def _area(segmentation: h5py.Group, amount: int) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Location of the imaging plane, for each of its ROIs."""
    plane = segmentation.get("imaging_plane")
    location = read_text(plane, "location") if isinstance(plane, h5py.Group) else ""
    if location.lower() in {"", "unknown"}:
        said = f"the file does not say which brain area its ROIs are from: area is {UNKNOWN!r}"
        return np.full(amount, UNKNOWN), (said,)
    return np.full(amount, location), ()
