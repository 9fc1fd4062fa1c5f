"""Where things stand in a file: presentation tables, units, images, links that lead nowhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import h5py
from spikeproof.errors import DataError

from .columns import is_index

__all__ = ["Layout", "Table", "choose", "survey"]

_NOT_PRESENTATIONS = frozenset({"epochs", "invalid_times"})
_IMAGES = frozenset({"Images", "ImageSeries", "OpticalSeries", "IndexSeries"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows have a start_time and a stop_time."""

    path: str
    rows: int
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def presentations(self) -> bool:
        """Whether it may be taken for presentations without having been named: not epochs, not invalid_times."""
        return self.name not in _NOT_PRESENTATIONS

    def __str__(self) -> str:
        return f"{self.path} ({self.rows:,} rows: {', '.join(self.columns)})"


@dataclass(slots=True)
class Layout:
    """What was found, as absolute paths."""

    tables: list[Table] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    images: list[tuple[str, str, str]] = field(default_factory=list)
    """(path, type, what is in it)."""
    rois: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    """RoiResponseSeries: (path, shape)."""
    series: dict[str, int] = field(default_factory=dict)
    """How many time series of each other type."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """Links whose target is missing: (path, target)."""
    linked: dict[str, str] = field(default_factory=dict)
    """Path of a link into another file -> that file's name as stored."""


def survey(file: h5py.File) -> Layout:
    """Walk the file once, following links into other files, and list what matters to a recording.

    Soft links are aliases of objects that stand elsewhere in the file: they are checked, not listed again.
    """
    layout = Layout()
    for path, group in _groups(file, "", layout):
        kind = _text(group.attrs.get("neurodata_type", ""))
        names = set(group)
        if kind == "Units" or "spike_times" in names:
            layout.units.append(path)
        elif {"start_time", "stop_time"} <= names and isinstance(group["start_time"], h5py.Dataset):
            rows = int(group["start_time"].shape[0]) if group["start_time"].shape else 0
            layout.tables.append(Table(path, rows, _columns(group)))
        elif kind in _IMAGES:
            layout.images.append((path, kind, _pictured(group)))
        elif kind == "RoiResponseSeries":
            layout.rois.append((path, tuple(group["data"].shape) if "data" in names else ()))
        elif kind.endswith("Series"):
            layout.series[kind] = layout.series.get(kind, 0) + 1
    return layout


def choose(layout: Layout, name: str | None, file: str) -> tuple[Table, str | None]:
    """Find the presentation table that was named, or the only one there is.

    Returns
    -------
    (Table, str or None)
        The table, and what to tell the user if it was chosen for them.

    Raises
    ------
    DataError
        If there is none of that name, several, or none was named and there are several.
    """
    if name is None:
        return _only(layout, file)
    wanted = "/" + name.strip("/")
    exact = [table for table in layout.tables if table.path == wanted]
    found = exact or [table for table in layout.tables if table.name == name.strip("/")]
    if len(found) == 1:
        return found[0], None
    if found:
        raise DataError(
            f"{file}: several tables are called {name!r}: {', '.join(table.path for table in found)}; "
            "give the whole path as `table`"
        )
    for path, target in layout.broken:
        if name.strip("/") in {path.strip("/"), path.rsplit("/", 1)[-1]}:
            raise DataError(
                f"{file}: the table {path} is a link to {target}, which cannot be reached: put that file back "
                "beside this one, or name another table"
            )
    names = [table.name for table in layout.tables] + [table.path for table in layout.tables]
    near = difflib.get_close_matches(name.strip("/"), names, n=3)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"{file}: no presentation table {name!r}. {hint}{_listed(layout.tables)}")


def _only(layout: Layout, file: str) -> tuple[Table, str | None]:
    candidates = [table for table in layout.tables if table.presentations]
    if len(candidates) == 1:
        table = candidates[0]
        return (
            table,
            f"no table was named: {table.path} ({table.rows:,} rows) is the only presentation table and was used",
        )
    if candidates:
        raise DataError(
            f"{file}: {len(candidates)} tables could hold the presentations; name one as `table`. {_listed(candidates)}"
        )
    if layout.tables:
        raise DataError(
            f"{file}: no table of stimulus presentations. {_listed(layout.tables)}; "
            "if these rows are presentations, name the table as `table`"
        )
    broken = "".join(f"; {path} is a link to {target}, which cannot be reached" for path, target in layout.broken)
    raise DataError(
        f"{file}: no table of stimulus presentations (no table with start_time and stop_time){broken}: "
        "counting spikes needs to know when stimuli were shown; add a TimeIntervals table with pynwb"
    )


def _listed(tables: Sequence[Table]) -> str:
    if not tables:
        return "The file has no table with start_time and stop_time"
    return "The file has " + "; ".join(map(str, tables))


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
    return tuple(name for name in group if name not in hidden and not is_index(group, name))


def _pictured(group: h5py.Group) -> str:
    if "data" in group:
        return " x ".join(map(str, group["data"].shape))
    return f"{sum(name != 'order_of_images' for name in group)} images"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
