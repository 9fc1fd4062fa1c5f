"""No reader waits for ever: garbage that holds h5py objects is not collected in threads that it waits for.

h5py's lock is held where h5py calls back (a remote file) and while a group is walked through; an object that is
collected needs that lock too. Each script collects as often as it can, in a process of its own, which may hang.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from nwb_zarr import write_store
from spikeproof_nwb.waiting import no_collection

TESTS = Path(__file__).resolve().parents[2]
LITTER = """
import gc, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
class Cycle:
    pass
def litter(file, name):
    for _ in range(5):
        made = Cycle()
        made.itself, made.held = made, file[name]
gc.set_threshold(20, 2, 2)
"""
ZARR = """
from h5py._objects import phil
from spikeproof_nwb.zarr_store import ZarrPlace
with ZarrPlace(path=Path({path!r}), label="x", source="x").opened() as file:
    for _ in range(100):
        with phil:
            litter(file, "units/id")
            file["units/spike_times"][0:3]
print("read")
"""
REMOTE = """
from archive import LocalArchive
from spikeproof_nwb.remote import place, transfer
place._ENDS, place._BLOCK, transfer._LEAST, transfer._GAP = 2048, 1024, 1024, 64
with LocalArchive() as archive:
    asset = archive.add("000001", "draft", {{"a.nwb": Path({path!r})}})[0]
    for number in range(8):
        there = place.RemotePlace(
            label="x", source="x", size=Path({path!r}).stat().st_size, etag=asset.blob.etag,
            keys=(f"sha256-{{asset.blob.sha256}}",),
            resolve=lambda: (archive.signed(asset), {{}}), folder=None, limit=5.0,
        )
        with there.opened() as file:
            for start in range(0, 60_000, 3000):
                litter(file, "few")
                file["numbers"][start : start + 3000]
print("read")
"""


def run(script: str, path: Path) -> str:
    whole = (LITTER + script).format(tests=str(TESTS), path=str(path))
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_store_is_read_while_h5py_is_locked(write_file: Callable[..., Path], tmp_path: Path) -> None:
    assert run(ZARR, write_store(write_file(), tmp_path / "a.nwb.zarr", 2)) == "read"


@pytest.mark.slow
def test_a_remote_file_is_read_whatever_is_collected(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(60_000.0)
        file["few"] = np.arange(3)
    assert run(REMOTE, path) == "read"


def test_collection_goes_on_when_the_last_has_left() -> None:
    import gc

    with no_collection():
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
