"""Small NWB files, written by pynwb and then spoilt with h5py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from hdmf.common import ElementIdentifiers, VectorData, VectorIndex
from pynwb.ophys import (
    DfOverF,
    Fluorescence,
    ImageSegmentation,
    OpticalChannel,
    PlaneSegmentation,
    RoiResponseSeries,
)

WriteFile = Callable[..., Path]


def make_units(name: str, trains: Sequence[Sequence[float]], **columns: Sequence[Any]) -> pynwb.misc.Units:
    times = VectorData(name="spike_times", description="s", data=np.concatenate([np.asarray(t, float) for t in trains]))
    ends = np.cumsum([len(train) for train in trains])
    held = [times, VectorIndex(name="spike_times_index", data=ends, target=times)]
    held += [VectorData(name=column, description=column, data=list(data)) for column, data in columns.items()]
    ids = ElementIdentifiers(name="id", data=list(range(len(trains))))
    return pynwb.misc.Units(name=name, description="units", columns=held, id=ids)


def intervals(
    name: str, start: Sequence[float], stop: Sequence[float], **columns: Sequence[Any]
) -> pynwb.epoch.TimeIntervals:
    held = [VectorData(name="start_time", description="s", data=list(map(float, start)))]
    held += [VectorData(name="stop_time", description="s", data=list(map(float, stop)))]
    held += [VectorData(name=column, description=column, data=list(data)) for column, data in columns.items()]
    ids = ElementIdentifiers(name="id", data=list(range(len(start))))
    return pynwb.epoch.TimeIntervals(name=name, description=name, columns=held, id=ids)


TRAINS = ([0.0, 0.5, 1.0, 1.0, 1.5, 2.999], [1.0, 2.0, 3.0], [])
TRIALS = {"start": (0.0, 1.0, 2.0), "stop": (1.0, 2.0, 3.0), "stimulus_id": ("a", "b", "a")}


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write a file of three units and three trials, with whatever else is given."""

    def write(
        name: str = "small.nwb",
        *,
        trains: Sequence[Sequence[float]] | None = TRAINS,
        unit_columns: Mapping[str, Sequence[Any]] | None = None,
        trials: Mapping[str, Sequence[Any]] | None = TRIALS,
        tables: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
        also: Callable[[pynwb.NWBFile], None] | None = None,
        spoil: Callable[[h5py.File], None] | None = None,
    ) -> Path:
        content = pynwb.NWBFile(
            session_description="made for a test",
            identifier="file-1",
            session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
            session_id="s1",
            subject=pynwb.file.Subject(subject_id="m1", species="Mus musculus"),
            units=None if trains is None else make_units("units", trains, **(unit_columns or {})),
            trials=None if trials is None else intervals("trials", **trials),
        )
        for table, columns in (tables or {}).items():
            content.add_time_intervals(intervals(table, **columns))
        if also is not None:
            also(content)
        path = tmp_path / name
        with pynwb.NWBHDF5IO(str(path), "w") as io:
            io.write(content)
        if spoil is not None:
            with h5py.File(path, "a") as file:
                spoil(file)
        return path

    return write


@pytest.fixture
def rewrite() -> Callable[[h5py.File, str, Any], None]:
    """Replace a dataset's values and keep its attributes."""

    def replace(file: h5py.File, path: str, data: Any) -> None:
        attributes = dict(file[path].attrs)
        del file[path]
        file[path] = data
        for name, value in attributes.items():
            file[path].attrs[name] = value

    return replace


@pytest.fixture
def units_table() -> Callable[..., pynwb.misc.Units]:
    """Make a units table of a name out of spike trains."""
    return make_units


@pytest.fixture
def imaged() -> Callable[..., Callable[[pynwb.NWBFile], None]]:
    """Fill a file with series of ROIs: ``{container: {series: (data, keywords)}}``; no container stands for none."""

    def fill(
        series: Mapping[str, Mapping[str, tuple[Any, Mapping[str, Any]]]],
        *,
        rois: Sequence[int] = (0, 1),
        location: str = "VISp",
        columns: Mapping[str, Sequence[Any]] | None = None,
    ) -> Callable[[pynwb.NWBFile], None]:
        def add(content: pynwb.NWBFile) -> None:
            table = _segmentation(content, location, columns or {})
            for container, members in series.items():
                kind = {"DfOverF": DfOverF, "Fluorescence": Fluorescence}.get(container.rstrip("0123456789"))
                holder = content.processing["ophys"]
                if kind is not None:
                    holder.add(kind(name=container))
                    holder = holder[container]
                for name, (data, keywords) in members.items():
                    region = table.create_roi_table_region(description="d", region=list(rois))
                    made = RoiResponseSeries(name=name, data=np.asarray(data), rois=region, **keywords)
                    (holder.add if kind is None else holder.add_roi_response_series)(made)

        return add

    return fill


def _segmentation(content: pynwb.NWBFile, location: str, columns: Mapping[str, Sequence[Any]]) -> PlaneSegmentation:
    """Three ROIs, of ids 10, 11 and 12."""
    plane = content.create_imaging_plane(
        name="plane",
        optical_channel=OpticalChannel(name="o", description="d", emission_lambda=500.0),
        description="d",
        device=content.create_device("scope"),
        excitation_lambda=600.0,
        indicator="GCaMP",
        location=location,
    )
    module = content.create_processing_module("ophys", "d")
    table = PlaneSegmentation(name="rois", description="d", imaging_plane=plane)
    for number in (10, 11, 12):
        table.add_roi(id=number, pixel_mask=[(0, 0, 1.0)])
    for name, data in columns.items():
        table.add_column(name=name, description="d", data=list(data))
    module.add(ImageSegmentation(plane_segmentations=[table]))
    return table
