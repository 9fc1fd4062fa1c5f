"""Where things stand in a file: presentation tables, units, images, links that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import h5py

from .columns import is_elements, is_index
from .kinds import Kinds

__all__ = ["Layout", "Series", "Table", "as_table", "survey"]

_NOT_PRESENTATIONS = frozenset({"epochs", "invalid_times"})
_IMAGES = frozenset({"Images", "ImageSeries", "OpticalSeries", "IndexSeries"})
_PRESENTED = "/stimulus/presentation/"


@dataclass(frozen=True, slots=True)
class Table:
    """What may hold presentations: rows with a start_time and a stop_time, or the samples of a stimulus series.

    Parameters
    ----------
    path : str
    rows : int
        Rows, or samples.
    columns : tuple of str
    series : str
        Type of the series (``"IndexSeries"``); empty for a table of intervals.
    """

    path: str
    rows: int
    columns: tuple[str, ...]
    series: str = ""
    unlikely: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def presentations(self) -> bool:
        """Whether it may be taken for presentations without having been named.

        Not epochs, not invalid_times, not a series that looks like a continuous signal.
        """
        return self.name not in _NOT_PRESENTATIONS and not self.unlikely

    def __str__(self) -> str:
        what = f"{self.rows:,} samples of a {self.series}" if self.series else f"{self.rows:,} rows"
        return f"{self.path} ({what}{': ' + ', '.join(self.columns) if self.columns else ''})"


@dataclass(frozen=True, slots=True)
class Series:
    """A time series.

    Parameters
    ----------
    path, kind : str
        Where it stands, and its type.
    container : str
        Type of the group that holds it: ``"DfOverF"``, ``"Fluorescence"``, ``"ProcessingModule"`` ...
    shape : tuple of int
        Of its data; empty where there are none.
    numbers, text : bool
        Whether the data are numbers, or text.
    whole : bool
        Whether they are whole numbers.
    samples : int, optional
        How many; None where the file does not say.
    rois : bool
        Whether it says which ROIs its columns are.
    """

    path: str
    kind: str
    container: str
    shape: tuple[int, ...]
    numbers: bool
    text: bool
    whole: bool
    samples: int | None
    rois: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def traces(self) -> bool:
        """Whether it could hold responses: numbers, (time x unit) or (time,)."""
        return self.numbers and len(self.shape) in (1, 2) and 0 not in self.shape and self.kind not in _IMAGES

    def __str__(self) -> str:
        return f"{self.path} ({self.kind}, {' x '.join(map(str, self.shape)) or 'no data'})"


@dataclass(slots=True)
class Layout:
    """What was found, as absolute paths."""

    tables: list[Table] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    images: list[tuple[str, str, str]] = field(default_factory=list)
    """(path, type, what is in it)."""
    series: list[Series] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    """Links whose target is missing: (path, target)."""
    linked: dict[str, str] = field(default_factory=dict)
    """Path of a link into another file -> that file's name as stored."""


def survey(file: h5py.File) -> Layout:
    """Walk the file once, following links into other files, and list what matters to a recording.

    Soft links are aliases of objects that stand elsewhere in the file: they are checked, not listed again.
    """
    layout = Layout()
    types = Kinds()
    kinds: dict[str, str] = {}
    for path, group in _groups(file, "", layout):
        kind = kinds[path] = types.of(group)
        names = set(group)
        if kind == "Units" or "spike_times" in names:
            layout.units.append(path)
        elif {"start_time", "stop_time"} <= names and isinstance(group["start_time"], h5py.Dataset):
            rows = int(group["start_time"].shape[0]) if group["start_time"].shape else 0
            layout.tables.append(Table(path, rows, _columns(group)))
        if kind in _IMAGES:
            layout.images.append((path, kind, _pictured(group)))
        if kind.endswith("Series") or "rois" in names:
            series = _series(group, path, kind, kinds.get(path.rpartition("/")[0], ""))
            layout.series.append(series)
            if (path.startswith(_PRESENTED) or kind == "IndexSeries") and (table := as_table(series)) is not None:
                layout.tables.append(table)
    return layout


def as_table(series: Series) -> Table | None:
    """Take the samples of a stimulus series for presentations; None where there is no more than one value of each."""
    pictures = series.kind in _IMAGES and series.kind != "IndexSeries"
    if not pictures and (len(series.shape) != 1 or not (series.numbers or series.text)):
        return None
    if not series.samples:
        return None
    frames = pictures or series.kind == "IndexSeries"
    return Table(
        path=series.path,
        rows=series.samples,
        columns=("frame" if frames else "data",),
        series=series.kind,
        unlikely=not (frames or series.whole or series.text),
    )


def _series(group: h5py.Group, path: str, kind: str, container: str) -> Series:
    data, times = group.get("data"), group.get("timestamps")
    stored = isinstance(data, h5py.Dataset)
    shape = tuple(data.shape) if stored else ()
    samples = shape[0] if shape and 0 not in shape and "external_file" not in group else None
    if isinstance(times, h5py.Dataset) and times.ndim == 1:
        samples = int(times.shape[0])
    return Series(
        path=path,
        kind=kind,
        container=container,
        shape=shape,
        numbers=stored and data.dtype.kind in "iuf",
        text=stored and h5py.check_string_dtype(data.dtype) is not None,
        whole=stored and data.dtype.kind in "iu",
        samples=samples,
        rois="rois" in group,
    )


def _groups(group: h5py.Group, path: str, layout: Layout) -> Iterator[tuple[str, h5py.Group]]:
    for name in group:
        here = f"{path}/{name}"
        if here in {"/specifications", "/general"}:
            continue
        link = group.get(name, getlink=True)
        try:
            child = group[name]
        except (KeyError, OSError):
            target = getattr(link, "path", "?")
            layout.broken.append((here, f"{link.filename}:{target}" if isinstance(link, h5py.ExternalLink) else target))
            continue
        if isinstance(link, h5py.ExternalLink):
            layout.linked[here] = str(link.filename)
        if isinstance(link, h5py.SoftLink) or not isinstance(child, h5py.Group):
            continue
        yield here, child
        if _text(child.attrs.get("neurodata_type", "")) != "Images":
            yield from _groups(child, here, layout)


def _columns(group: h5py.Group) -> tuple[str, ...]:
    hidden = {"id", "start_time", "stop_time"}
    return tuple(
        name for name in group if name not in hidden and not is_index(group, name) and not is_elements(group, name)
    )


def _pictured(group: h5py.Group) -> str:
    if "data" in group:
        return " x ".join(map(str, group["data"].shape))
    return f"{sum(name != 'order_of_images' for name in group)} images"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
