"""Which image came on when: an ``IndexSeries`` and the images that it numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .stacks import Stack, read_stack

__all__ = ["Schedule", "read_schedule"]

_LINKS = ("indexed_images", "indexed_timeseries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Images over time: each is on from its onset until the next one comes on.

    Parameters
    ----------
    path : str
    stack : Stack
        The images that are numbered.
    index : numpy.ndarray of int64, (onset,)
        Number of the image, from 0; negative for a blank.
    onset : numpy.ndarray of float64, (onset,)
        Seconds, never falling.
    note : str
        What to tell the user who goes by it.
    """

    path: str
    stack: Stack
    index: NDArray[np.int64]
    onset: NDArray[np.float64]
    note: str = ""


def read_schedule(file: h5py.File, path: str) -> Schedule:
    """Read an ``IndexSeries`` and list the images it refers to.

    Parameters
    ----------
    file : h5py.File
    path : str

    Raises
    ------
    DataError
        If its images cannot be reached or have no order, numbers are not whole or run past them, or times are
        missing, not finite or fall; the message starts with the path.
    """
    group = file[path]
    stack = _stack(file, group, path)
    index, note = _index(group, path)
    if stack.unordered:
        raise DataError(f"{path} numbers the images of {stack.path}: {stack.unordered}")
    if index.max() >= stack.amount:
        past = int((index >= stack.amount).sum())
        raise DataError(
            f"{path}: {past:,} of {len(index):,} numbers run past the {stack.amount:,} images of {stack.path} (up to "
            f"{int(index.max()):,}; they count from 0): the file does not hold all of its images"
        )
    return Schedule(path=path, stack=stack, index=index, onset=_onsets(group, len(index), path), note=note)


def _stack(file: h5py.File, group: h5py.Group, path: str) -> Stack:
    for name in _LINKS:
        link = group.get(name, getlink=True) if name in group.keys() else None  # noqa: SIM118 - also broken links
        if link is None:
            continue
        try:
            return read_stack(file, f"{path}/{name}")
        except KeyError:
            goal = getattr(link, "path", "?")
            goal = f"{link.filename}:{goal}" if isinstance(link, h5py.ExternalLink) else goal
            raise DataError(
                f"{path}: {name} is a link to {goal}, which cannot be reached: put that file back beside this one"
            ) from None
    raise DataError(f"{path} has neither indexed_images nor indexed_timeseries, so it says nothing of which images")


def _index(group: h5py.Group, path: str) -> tuple[NDArray[np.int64], str]:
    data = group.get("data")
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in "iuf" or data.shape[0] == 0:
        raise DataError(f"{path}: data must be one row of image numbers; write the file again with pynwb")
    raw: NDArray[Any] = data[()]
    if not np.isfinite(raw).all() or (raw != np.round(raw)).any():
        raise DataError(f"{path}: data holds numbers that are not whole, so they number no images")
    if raw.dtype.kind != "u":
        return raw.astype(np.int64), ""
    # The schema's type is unsigned: pynwb writes -1 as the largest number there is.
    wrapped = raw == np.iinfo(raw.dtype).max
    amount = int(wrapped.sum())
    is_are = "is" if amount == 1 else "are"
    note = f"{path}: {amount:,} of its numbers {is_are} {raw.max()}, which is -1 in unsigned numbers: a blank"
    return np.where(wrapped, -1, raw.astype(np.int64)), note if amount else ""


def _onsets(group: h5py.Group, amount: int, path: str) -> NDArray[np.float64]:
    if "timestamps" in group:
        onset = np.asarray(group["timestamps"][()], dtype=np.float64)
    elif "starting_time" in group:
        rate = float(group["starting_time"].attrs.get("rate", np.nan))
        onset = float(group["starting_time"][()]) + np.arange(amount) / rate if rate > 0 else np.full(amount, np.nan)
    else:
        raise DataError(f"{path} has neither timestamps nor starting_time, so it does not say when images were shown")
    if onset.shape != (amount,):
        raise DataError(f"{path} has {amount:,} image numbers but timestamps of shape {onset.shape}: it is damaged")
    if not np.isfinite(onset).all():
        raise DataError(f"{path}: {int((~np.isfinite(onset)).sum()):,} of {amount:,} times are not finite")
    if (np.diff(onset) < 0).any():
        raise DataError(f"{path}: its times fall at number {int(np.flatnonzero(np.diff(onset) < 0)[0]) + 1}: mend them")
    return onset
