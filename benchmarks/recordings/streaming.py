"""Spikes streamed from an archive: 500 units x 5,000,000 spikes (42 MB), beside remfile + pynwb.

    python benchmarks/recordings/streaming.py [--rounds 5] [--json FILE]

The archive is the one of the tests, in a process of its own: it keeps every request waiting for 30 ms and gives every
connection 25 MB/s. Every contender starts from a presigned URL, with nothing kept, and ends with the spike times and
their index in memory, which must be the same:

* ``ours``: a remote place, its file opened, the index read, the spikes read by the chunk table. As for a user, what
  came is kept on the disk, and a file that has come whole is verified by its digest and kept as a file (that is so
  for spikes in one piece and in packed chunks here, where little else is in the file).
* ``ours, 20 units``: the spikes of 20 units, every 25th.
* ``ours, again``: a second run, which finds everything on the disk.
* ``ours, recording``: the whole recording: validation by pynwb, every table, counts in 5,000 presentations.
* ``remfile + pynwb``: ``pynwb.NWBHDF5IO`` over ``remfile.File``, in an environment of its own; all spikes in one read.
* ``remfile + pynwb, 20 units``: one read for each of the 20 units.
* ``remfile + h5py``: the same without pynwb's objects: what the transfer alone costs it.

Bytes are those that the server sent. Memory, over the bytes of the arrays that are returned: growth of a fresh process
by one run, without what its imports take, and the peak of what Python and numpy allocate in it (tracemalloc). Files:
spike times in chunks of 4 MiB, in one piece, and in such chunks packed by gzip.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof_nwb.place import Place

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

HERE = Path(__file__).resolve()
TESTS = HERE.parents[2] / "tests"
UNITS, SPIKES, PRESENTATIONS, FEW = 500, 10_000, 5_000, range(0, 500, 25)
LATENCY, BANDWIDTH = 0.03, 25e6
Memory = dict[str, tuple[float, float]]
LAYOUTS: dict[str, dict[str, Any]] = {
    "in chunks": {"chunks": (1 << 19,)},
    "in one piece": {"chunks": None},
    "in packed chunks": {"chunks": (1 << 19,), "compression": "gzip", "compression_opts": 4, "shuffle": True},
}


def write(path: str, layout: str) -> None:
    """Write the file."""
    from datetime import UTC, datetime

    import h5py
    import numpy as np
    import pynwb
    from hdmf.common import ElementIdentifiers, VectorData, VectorIndex

    random = np.random.default_rng(0)
    start = np.arange(PRESENTATIONS) * 0.5
    times = np.sort(random.uniform(0.0, PRESENTATIONS * 0.5, (UNITS, SPIKES)), axis=1).ravel()
    spikes = VectorData(name="spike_times", description="s", data=times[:1])
    ends = VectorIndex(name="spike_times_index", data=(np.arange(UNITS) + 1) * SPIKES, target=spikes)
    depth = VectorData(name="depth", description="um", data=random.uniform(0, 1000, UNITS))
    columns = {
        "start_time": start,
        "stop_time": start + 0.25,
        "stimulus_id": [f"s{k % 500}" for k in range(len(start))],
        **{f"about_{number}": random.normal(size=len(start)) for number in range(8)},
    }
    content = pynwb.NWBFile(
        session_description="made for a benchmark",
        identifier="streaming",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
        units=pynwb.misc.Units(
            name="units",
            description="units",
            columns=[spikes, ends, depth],
            id=ElementIdentifiers(name="id", data=np.arange(UNITS)),
        ),
        trials=pynwb.epoch.TimeIntervals(
            name="trials",
            description="trials",
            columns=[VectorData(name=name, description=name, data=data) for name, data in columns.items()],
            id=ElementIdentifiers(name="id", data=np.arange(PRESENTATIONS)),
        ),
    )
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(content)
    with h5py.File(path, "a") as file:  # pynwb would choose the layout of the spikes, and the index's type by them
        units = file["units"]
        index = (np.arange(UNITS, dtype=np.uint32) + 1) * SPIKES
        for name, values, form in (("spike_times", times, LAYOUTS[layout]), ("spike_times_index", index, {})):
            attributes = dict(units[name].attrs)
            del units[name]
            units.create_dataset(name, data=values, **form).attrs.update(attributes)
        units["spike_times_index"].attrs["target"] = units["spike_times"].ref


def ours(asset: dict[str, Any], folder: str, few: bool = False) -> dict[str, Any]:
    """Our streaming, as ``dandi:`` sets it up."""
    place = _place(asset, folder)
    with place.opened() as file:
        times, index = file["units/spike_times"], file["units/spike_times_index"][()]
        runs = [(int(index[unit - 1]) if unit else 0, int(index[unit])) for unit in FEW] if few else [(0, len(times))]
        place.prepare(times, runs)
        trains = [place.read(times, *run) for run in runs]
    return _summary(index, trains)


def recording(asset: dict[str, Any], folder: str) -> dict[str, Any]:
    """Our whole recording."""
    from spikeproof_nwb.reading import Reading, load_recording

    loaded = load_recording(_place(asset, folder), Reading())
    return {"spikes": float(loaded.responses["response"].sum()), "returned": loaded.responses.nbytes}


def peer(asset: dict[str, Any], few: bool = False) -> dict[str, Any]:
    """Remfile + pynwb."""
    import h5py
    import pynwb
    import remfile

    with h5py.File(remfile.File(asset["url"]), "r") as file, pynwb.NWBHDF5IO(file=file, mode="r") as io:
        units = io.read().units
        index, times = units.spike_times_index.data[:], units.spike_times_index.target.data
        if few:
            return _summary(index, [times[int(index[unit - 1]) if unit else 0 : int(index[unit])] for unit in FEW])
        return _summary(index, [times[:]])


def bare(asset: dict[str, Any]) -> dict[str, Any]:
    """Remfile + h5py."""
    import h5py
    import remfile

    with h5py.File(remfile.File(asset["url"]), "r") as file:
        return _summary(file["units/spike_times_index"][:], [file["units/spike_times"][:]])


def _place(asset: dict[str, Any], folder: str) -> Place:
    from spikeproof_nwb.place import LocalPlace
    from spikeproof_nwb.remote.place import RemotePlace

    whole = Path(folder) / "whole.nwb"
    if whole.exists():
        return LocalPlace(path=whole, label="x.nwb", source="x.nwb")
    return RemotePlace(
        label="x.nwb",
        source="x.nwb",
        size=asset["size"],
        keys=(f"sha256-{asset['sha256']}",),
        etag=asset["etag"],
        resolve=lambda: (asset["url"], {}),
        folder=Path(folder),
        keep=lambda fresh, _: fresh.rename(whole),
    )


def _summary(index: NDArray[Any], trains: list[NDArray[Any]]) -> dict[str, Any]:
    """What was read, small enough to compare."""
    import hashlib

    import numpy as np

    digest = hashlib.sha256(np.asarray(index).tobytes())
    for train in trains:
        digest.update(memoryview(train))
    return {"digest": digest.hexdigest(), "returned": int(index.nbytes + sum(train.nbytes for train in trains))}


def traced(name: str, **arguments: object) -> dict[str, Any]:
    """Peak of what Python and numpy allocate in a task."""
    import tracemalloc

    tracemalloc.start()
    value: dict[str, Any] = TASKS[name](**arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return value | {"peak": peak}


class Archive:
    """The tests' archive in a process of its own."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-m", "archive", "--latency", str(LATENCY), "--bandwidth", str(BANDWIDTH)]
        self._process = subprocess.Popen(
            [*command, f"x.nwb={path}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        self.asset = self._line()["assets"]["x.nwb"]

    def counted(self) -> dict[str, Any]:
        """Requests and bytes since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))


def main() -> None:
    """Take turns and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--json", type=Path, help="file for every reading")
    asked = parser.parse_args()
    python = turns.environment("remfile", HERE.with_name("remfile.txt").read_text().split())
    record: dict[str, Any] = {"machine": turns.machine(), "latency": LATENCY, "bandwidth": BANDWIDTH}
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.nwb"
            write(str(path), layout)
            taken, memory = _measured(path, Path(folder) / "kept", python, asked.rounds)
            print(f"\n## Spike times {layout}, {path.stat().st_size / 1e6:.1f} MB\n")
            print(_table(taken, memory))
            record[layout] = {"size": path.stat().st_size, "memory": memory, "rounds": turns.as_json(taken)}
    if asked.json:
        asked.json.write_text(json.dumps(record, indent=1))


def _measured(path: Path, kept: Path, python: Path, rounds: int) -> tuple[list[turns.Round], Memory]:
    fresh, again = str(kept / "fresh"), str(kept / "again")
    with Archive(path) as archive, turns.Worker(HERE) as us, turns.Worker(HERE, python=python) as them:

        def one(worker: turns.Worker, what: str, folder: str = "", **more: object) -> turns.Reading:
            if folder == fresh:
                shutil.rmtree(fresh, ignore_errors=True)
            given = {"folder": folder} if folder else {}
            archive.counted()
            read = worker.run(what, asset=archive.asset, **given, **more)
            counted = archive.counted()
            return replace(read, value=read.value | {"requests": counted["requests"], "bytes": counted["bytes"]})

        memory: Memory = {}
        for name, task, interpreter in (
            ("ours", "ours", None),
            ("ours, recording", "recording", None),
            ("remfile + pynwb", "peer", python),
        ):
            with turns.Worker(HERE, python=interpreter) as new:
                new.run("imports")  # so that their memory is no part of the run's
                read = one(new, task, "" if interpreter else fresh)
                peak = one(new, "traced", "" if interpreter else fresh, name=task).value["peak"]
            memory[name] = (read.memory / read.value["returned"], peak / read.value["returned"])
        one(us, "ours", again)
        calls: dict[str, Callable[[], turns.Reading]] = {
            "ours": lambda: one(us, "ours", fresh),
            "remfile + pynwb": lambda: one(them, "peer"),
            "remfile + h5py": lambda: one(them, "bare"),
            "ours, 20 units": lambda: one(us, "ours", fresh, few=True),
            "remfile + pynwb, 20 units": lambda: one(them, "peer", few=True),
            "ours, again": lambda: one(us, "ours", again),
            "ours, recording": lambda: one(us, "recording", fresh),
        }
        return turns.take_turns(calls, rounds=rounds), memory


def _table(taken: list[turns.Round], memory: Memory) -> str:
    rows = []
    for name in taken[0]:
        middle, low, high = turns.ratio(taken, name, "ours")
        wall = statistics.median(one[name].wall for one in taken)
        sent = statistics.median(one[name].value["bytes"] for one in taken)
        returned = taken[0][name].value["returned"]
        digests = {one[name].value.get("digest") for one in taken}
        alike = "ours, 20 units" if "20 units" in name else "ours"
        same = digests == {taken[0][alike].value["digest"]} if "recording" not in name else None
        rows.append(
            (
                name,
                f"{wall:.2f}",
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                f"{statistics.median(one[name].value['requests'] for one in taken):.0f}",
                f"{sent / 1e6:.2f}",
                f"{sent / returned:.2f}" if same is not None else "",
                "{:.2f}, {:.2f}".format(*memory[name]) if name in memory else "",
                {True: "yes", False: "NO", None: ""}[same],
            )
        )
    columns = ("way", "s (median)", "x ours", "requests", "MB sent", "sent / returned", "memory / returned", "same")
    return turns.markdown(columns, rows)


def imports() -> None:
    """Import what a contender imports."""
    import h5py  # noqa: F401
    import pynwb  # noqa: F401

    try:
        import remfile  # noqa: F401
    except ImportError:
        import spikeproof_nwb.inspecting
        import spikeproof_nwb.loading  # noqa: F401
        from spikeproof_nwb.remote.place import RemotePlace  # noqa: F401


TASKS: dict[str, Callable[..., Any]] = {"ours": ours, "recording": recording, "peer": peer, "bare": bare}

if __name__ == "__main__":
    if "--serve" in sys.argv:
        turns.serve(TASKS | {"imports": imports, "traced": traced})
    else:
        main()
