"""Images in an order or under names: an ``Images`` container, or an image series with its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import h5py
import numpy as np
from spikeproof.errors import DataError
from spikeproof.pictures import SUFFIXES

__all__ = ["Stack", "read_stack"]

_ORDER = "order_of_images"
_VIDEO = frozenset({".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".m4v", ".webm", ".flv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Images of one container or series; which pixels they are is not looked at yet.

    Parameters
    ----------
    path : str
        Path of the container, or of a link to it.
    kind : str
        Its neurodata type.
    members : tuple of str
        Name of each image in the container, or external file of each frame; empty where frames stand in ``data``.
    amount : int
        How many images have a number; they are the first of ``members``.
    names : mapping of str to int
        Name of an image -> its position.
    external : bool
        Whether ``members`` are files beside the NWB file.
    unordered : str
        Why the images have no numbers; empty where they have.
    note : str
        What to tell the user who takes images from here.
    """

    path: str
    kind: str
    members: tuple[str, ...] = ()
    amount: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    external: bool = False
    unordered: str = ""
    note: str = ""

    def called(self, position: int) -> str:
        """What messages call an image."""
        if self.members:
            return f"image {self.members[position]!r}"
        return f"frame {position}"

    def __str__(self) -> str:
        held = len(self.members) or self.amount
        what = "image files" if self.external else "images"
        return f"{self.path} ({self.kind}, {held:,} {what})"


def read_stack(file: h5py.File, path: str) -> Stack:
    """List the images of a container or series, without reading any.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of an ``Images`` container or of a series with ``data`` or ``external_file``.

    Raises
    ------
    DataError
        If there are no images, their order is damaged, the frames seem to stand last, or they are in a video file;
        the message starts with the path.
    """
    group = file[path]
    kind = _text(group.attrs.get("neurodata_type", "Images"))
    if "external_file" in group and _is_external(group):
        return _external(group, path, kind)
    if "data" in group:
        return _frames(group, path, kind)
    return _container(group, path, kind)


def _container(group: h5py.Group, path: str, kind: str) -> Stack:
    members = [name for name in group if name != _ORDER and isinstance(group.get(name), h5py.Dataset)]
    members = [name for name in members if group[name].ndim >= 2]
    if not members:
        raise DataError(f"{path} holds no images")
    if _ORDER not in group:
        why = f"{path} has no order_of_images, so its images have names but no numbers"
        return Stack(path=path, kind=kind, members=tuple(members), names=_by_stem(members), unordered=why)
    ordered = [_referred(group, reference, path) for reference in np.ravel(group[_ORDER][()]).tolist()]
    rest = [name for name in members if name not in set(ordered)]
    everything = [*ordered, *rest]
    return Stack(path=path, kind=kind, members=tuple(everything), amount=len(ordered), names=_by_stem(everything))


def _referred(group: h5py.Group, reference: object, path: str) -> str:
    target = group.file[reference] if isinstance(reference, h5py.Reference) and reference else None
    name = "" if target is None else str(target.name).rsplit("/", 1)[-1]
    if name not in group or group[name] != target:
        raise DataError(
            f"{path}: order_of_images refers to {'nothing' if target is None else target.name}, which is no image of "
            "this container: it was written damaged; name another container as `images`, or write the file again"
        )
    return name


def _frames(group: h5py.Group, path: str, kind: str) -> Stack:
    data = group["data"]
    if data.ndim not in (3, 4):
        raise DataError(f"{path}: data is {_sizes(data.shape)}, but images are (frame, y, x) or (frame, y, x, channel)")
    if data.ndim == 4 and data.shape[3] not in (1, 3, 4):
        raise DataError(
            f"{path}: data is {_sizes(data.shape)}: its fourth axis is no channel (1, 3 or 4 of them); images are "
            "(frame, y, x, channel), with the channels last"
        )
    if data.shape[0] == 0:
        raise DataError(f"{path} holds no frames ({_sizes(data.shape)})")
    times = group.get("timestamps")
    if isinstance(times, h5py.Dataset) and times.shape == data.shape[-1:] != data.shape[:1]:
        raise DataError(
            f"{path}: data is {_sizes(data.shape)} with {data.shape[-1]:,} timestamps: the frames stand last, but "
            "images are (frame, y, x); write the series again"
        )
    return Stack(path=path, kind=kind, amount=data.shape[0], names=_controls(group), note=_conversion(data, path))


def _controls(group: h5py.Group) -> dict[str, int]:
    """Names of the frames, as files of the Allen Institute keep them: ``control`` numbers ``control_description``."""
    control, described = group.get("control"), group.get("control_description")
    if not isinstance(control, h5py.Dataset) or not isinstance(described, h5py.Dataset):
        return {}
    numbers = np.ravel(control[()])
    texts = [_text(text) for text in np.ravel(described[()]).tolist()]
    if len(numbers) != len(group["data"]) or numbers.size == 0 or numbers.min() < 0 or numbers.max() >= len(texts):
        return {}
    names = [texts[int(number)] for number in numbers]
    return {name: frame for frame, name in enumerate(names)} if len(set(names)) == len(names) else {}


def _conversion(data: h5py.Dataset, path: str) -> str:
    given = {name: float(np.ravel(data.attrs.get(name, 0.0))[0]) for name in ("conversion", "offset")}
    # 1 and 0 say nothing; some writers leave 0 or NaN where they know nothing.
    telling = {name: value for name, value in given.items() if value != 0 and np.isfinite(value)}
    if telling.get("conversion") == 1.0:
        del telling["conversion"]
    listed = " and ".join(f"{name} {value:g}" for name, value in telling.items())
    return f"{path} gives {listed}: not used, pixels are taken as stored" if listed else ""


def _is_external(group: h5py.Group) -> bool:
    form = group.get("format")
    if isinstance(form, h5py.Dataset) and form.shape == ():
        return _text(form[()]) == "external"
    return "data" not in group or 0 in group["data"].shape


def _external(group: h5py.Group, path: str, kind: str) -> Stack:
    dataset = group["external_file"]
    files = [_text(name) for name in np.ravel(dataset[()]).tolist()]
    if not files:
        raise DataError(f"{path} says that its images are external, but names no file")
    videos = [name for name in files if PurePosixPath(name).suffix.lower() in _VIDEO]
    if videos:
        raise DataError(
            f"{path}: {videos[0]} is a video, and videos are not decoded: write its frames as image files "
            f"(`ffmpeg -i {videos[0]} frames/%06d.png`), named as the stimuli are, and give them as a second source "
            "`images:frames`"
        )
    strange = [name for name in files if PurePosixPath(name.replace("\\", "/")).suffix.lower() not in SUFFIXES]
    if strange:
        raise DataError(
            f"{path}: the external file {strange[0]} is no image file ({', '.join(sorted(SUFFIXES))}): save the images "
            "in one of these formats and give them as a second source `images:FOLDER`"
        )
    starts = np.ravel(dataset.attrs.get("starting_frame", np.arange(len(files))))
    if not np.array_equal(starts, np.arange(len(files))):
        raise DataError(
            f"{path}: its {len(files):,} external files hold several frames each (starting_frame "
            f"{', '.join(map(str, starts[:4]))} ...): one image a file is read; save each frame as a file of its own"
        )
    names = {name: number for number, name in enumerate(files)}
    return Stack(
        path=path,
        kind=kind,
        members=tuple(files),
        amount=len(files),
        names=_by_stem([name.replace("\\", "/") for name in files]) | names,
        external=True,
    )


def _by_stem(members: list[str]) -> dict[str, int]:
    """Positions by name; also by the last part of a path, with and without its ending, where no two share that."""
    positions: dict[str, int] = {}
    for short in (lambda name: PurePosixPath(name).stem, lambda name: PurePosixPath(name).name, str):
        names = [short(name) for name in members]
        if len(set(names)) == len(names):
            positions |= {name: number for number, name in enumerate(names)}
    return positions or {name: number for number, name in reversed(list(enumerate(members)))}


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single value"


def _text(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
