"""Stores that hdmf-zarr itself wrote, in environments of their own: both of its layouts, and our stand-in for them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
import venv
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from nwb_zarr import write_store
from spikeproof_nwb.source import NWB

EXPORT = """
import sys
from hdmf_zarr.nwb import NWBZarrIO
from pynwb import NWBHDF5IO
with NWBHDF5IO(sys.argv[1], "r") as reader, NWBZarrIO(sys.argv[2], "w") as writer:
    writer.export(src_io=reader, write_args=dict(link_data=False))
"""
WRITERS = {
    "0.13": (2, [["hdmf-zarr==0.13.*", "pynwb>=4", "h5py"]]),
    # It asks for Python 3.12 and zarr 3.4; what is written here it writes with older ones too.
    "0.14": (
        3,
        [["--no-deps", "--ignore-requires-python", "hdmf-zarr==0.14.*"], ["zarr>=3.1", "pynwb>=4.2", "threadpoolctl"]],
    ),
}
HUMAN = "dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
FILES = {
    HUMAN: {"table": "recognition_table", "stimulus": "frameName", "category": "stimuli_type"},
    "images_indexseries_units.nwb": {"table": "natural_scenes_presentations", "stimulus": "frame"},
    "ophys_roiresponse_stim.nwb": {},
    "units_in_processing_intervals_in_acquisition.nwb": {},
}


@pytest.fixture(scope="module", params=list(WRITERS))
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The interpreter of a fresh environment with hdmf-zarr, and the Zarr format that it writes."""
    version, steps = WRITERS[request.param]
    folder = tmp_path_factory.mktemp("hdmf-zarr")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    for step in steps:
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *step]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode:
            pytest.skip(f"hdmf-zarr {request.param} cannot be installed here: {installed.stderr.strip()[-300:]}")
    return python, version


@pytest.fixture(scope="module")
def stores(
    writer: tuple[Path, int], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Path]]:
    """Each file as HDF5, and as the store that hdmf-zarr exported it to."""
    folder = tmp_path_factory.mktemp("stores")
    made = {}
    for name in FILES:
        original = folder / name
        shutil.copyfile(shared / "data" / "nwb" / name, original)
        if name == HUMAN:
            _index_electrodes(original)
        store = folder / f"{name}.zarr"
        command = [str(writer[0]), "-W", "ignore", "-c", EXPORT, str(original), str(store)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        made[name] = (original, store)
    return made


def _index_electrodes(path: Path) -> None:
    """Give each unit's electrode the index that hdmf-zarr insists on when it exports."""
    with h5py.File(path, "a") as file:
        units = file["units"]
        index = units.create_dataset(
            "electrodes_index", data=np.arange(1, len(units["electrodes"]) + 1, dtype=np.uint8)
        )
        said = {"namespace": "hdmf-common", "neurodata_type": "VectorIndex", "description": "i"}
        for key, value in (said | {"object_id": str(uuid.uuid4()), "target": units["electrodes"].ref}).items():
            index.attrs[key] = value


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FILES))
def test_an_exported_file_is_the_same_recording(stores: dict[str, tuple[Path, Path]], name: str) -> None:
    original, store = stores[name]
    options: dict[str, Any] = FILES[name]
    there, here = (NWB(target=str(path), **options).load() for path in (original, store))
    with h5py.File(original) as file:
        table = file[there.identity["table"]]
        listed = {column.decode() if isinstance(column, bytes) else column for column in table.attrs["colnames"]}
        unlisted = {column for column in table if column not in listed | {"id"}}
    # The exporter drops columns that a table holds but does not list (response_time of the human recording).
    expected = there.responses.drop_vars(unlisted & set(map(str, there.responses.coords)))
    xr.testing.assert_identical(here.responses, expected)
    for key in ("identifier", "table"):
        assert here.identity[key] == there.identity[key]
    assert (here.stimuli is None) == (there.stimuli is None)
    if there.stimuli is not None:
        assert here.stimuli.ids == there.stimuli.ids
        np.testing.assert_array_equal(here.stimuli.images(), there.stimuli.images())
    # An export is brought up to the schema's present version.
    assert NWB(target=str(store)).inspect().facts[1:] == NWB(target=str(original)).inspect().facts[1:]


@pytest.mark.slow
def test_our_stand_in_writes_what_hdmf_zarr_writes(
    writer: tuple[Path, int], stores: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    for name in ("images_indexseries_units.nwb", "ophys_roiresponse_stim.nwb"):
        original, store = stores[name]
        ours = _described(write_store(original, tmp_path / f"{name}.zarr", writer[1]))
        theirs = _described(store)
        assert ours.keys() == theirs.keys()
        assert {key: value for key, value in ours.items() if value != theirs[key]} == {}


def _described(store: Path) -> dict[str, Any]:
    """All metadata of a store but chunk shapes, which are free, and names of dimensions, which HDF5 has not."""
    held = {}
    for path in store.rglob("*"):
        if path.name not in {".zgroup", ".zarray", ".zattrs", "zarr.json"}:
            continue
        said = json.loads(path.read_text())
        for free in ("chunks", "chunk_grid", "consolidated_metadata", "_ARRAY_DIMENSIONS"):
            said.pop(free, None)
        said.get("attributes", {}).pop("_ARRAY_DIMENSIONS", None)
        if said:
            held[path.relative_to(store).as_posix()] = said
    return held
