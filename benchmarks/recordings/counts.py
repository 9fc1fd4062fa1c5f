"""Spike counts per presentation: 500 units x 5,000,000 spikes x 5,000 presentations, beside pynapple and one flat read.

    python benchmarks/recordings/counts.py [--rounds 7] [--json FILE]

Every contender starts from the path of the same file, in the page cache, and ends with all counts in memory:

* ``flat read``: h5py reads the two arrays of the spikes, and nothing else: the floor.
* ``count``: ours from the open file to checked counts, without pynwb's validation and the rest of a recording.
* ``load``: ``nwb:`` as a user calls it: pynwb's validation, sha256 of the file, every table, checks, counts.
* ``load, 20 bins``: the same, in 20 time bins.
* ``pynapple``: its load and ``TsGroup.count``, in an environment of its own.
* ``..., first call``: the first one of a process, imports aside; all others are warm.

Windows are 0.25 s long and 0.25 s apart, and no spike falls on an edge: pynapple, whose intervals are closed and must
not touch, keeps all rows and must then give the same counts. Memory: the peak of one load, as Python and numpy
allocate it (tracemalloc), and as a fresh process grows by it (resident), over the bytes of the dataset returned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

HERE = Path(__file__).resolve()
UNITS, SPIKES, PRESENTATIONS, BINS = 500, 10_000, 5_000, 20


def write(path: str, *, units: int = UNITS, spikes: int = SPIKES, presentations: int = PRESENTATIONS) -> None:
    """Write a file."""
    from datetime import UTC, datetime

    import numpy as np
    import pynwb
    from hdmf.common import ElementIdentifiers, VectorData, VectorIndex

    random = np.random.default_rng(0)
    start = np.arange(presentations) * 0.5
    times = np.sort(random.uniform(0.0, presentations * 0.5, (units, spikes)), axis=1).ravel()
    names = [f"s{k % 500}" for k in range(presentations)]
    flat = VectorData(name="spike_times", description="s", data=times)
    ends = VectorIndex(name="spike_times_index", data=(np.arange(units) + 1) * spikes, target=flat)
    columns = {
        "start_time": start,
        "stop_time": start + 0.25,
        "stimulus_id": names,
    }
    content = pynwb.NWBFile(
        session_description="made for a benchmark",
        identifier="counts",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
        units=pynwb.misc.Units(
            name="units",
            description="units",
            columns=[flat, ends],
            id=ElementIdentifiers(name="id", data=np.arange(units)),
        ),
        trials=pynwb.epoch.TimeIntervals(
            name="trials",
            description="trials",
            columns=[VectorData(name=name, description=name, data=data) for name, data in columns.items()],
            id=ElementIdentifiers(name="id", data=np.arange(presentations)),
        ),
    )
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(content)


def flat(path: str) -> int:
    """Read the two arrays of the spikes."""
    import h5py

    with h5py.File(path) as file:
        return int(file["units/spike_times"][()].size + file["units/spike_times_index"][()].size)


def count(path: str) -> None:
    """Our counts from the open file."""
    import numpy as np
    from spikeproof_nwb.place import LocalPlace
    from spikeproof_nwb.spikes import find_trains

    place = LocalPlace(path=Path(path), label=path, source=path)
    with place.opened() as file:
        edges = np.stack([file["intervals/trials"][name][()] for name in ("start_time", "stop_time")], axis=1)
        trains = find_trains(place, file["units"], [str(unit) for unit in range(UNITS)], path)
        trains.count(np.arange(UNITS), edges, sort=False)


def load(path: str, bins: int | None = None, *, digest: bool = False) -> str | None:
    """Our whole recording."""
    from spikeproof_nwb.source import NWB

    recording = NWB(target=path, bins=bins).load()
    return _digest(recording.responses["response"].values) if digest else None


def peer(path: str, *, digest: bool = False) -> str | None:
    """Load and count with pynapple."""
    import pynapple

    data = pynapple.load_file(path)
    counts = data["units"].count(ep=data["trials"])
    return _digest(counts.values) if digest else None


def traced(path: str, bins: int | None = None) -> dict[str, int]:
    """Peak of what Python and numpy allocate in one load, and the bytes of what it returns."""
    import tracemalloc

    from spikeproof_nwb.source import NWB

    tracemalloc.start()
    recording = NWB(target=path, bins=bins).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"peak": peak, "returned": recording.responses.nbytes}


def main() -> None:
    """Take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default: 7)")
    parser.add_argument("--json", type=Path, help="file for every reading")
    asked = parser.parse_args()
    requirements = HERE.with_name("pynapple.txt").read_text().split()
    python = turns.environment("pynapple", requirements)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "counts.nwb")
        write(path)
        small = str(Path(folder) / "small.nwb")
        write(small, units=3, spikes=10, presentations=20)
        with turns.Worker(HERE) as ours, turns.Worker(HERE, python=python) as other:
            same = ours.run("load", path=path, digest=True).value == other.run("peer", path=path, digest=True).value
            calls = {
                "flat read": lambda: ours.run("flat", path=path),
                "count": lambda: ours.run("count", path=path),
                "load": lambda: ours.run("load", path=path),
                f"load, {BINS} bins": lambda: ours.run("load", path=path, bins=BINS),
                "pynapple": lambda: other.run("peer", path=path),
                "load, first call": lambda: _first(path, "load", "imports", None),
                "pynapple, first call": lambda: _first(path, "peer", "peer_imports", python),
            }
            taken = turns.take_turns(calls, rounds=asked.rounds)
        memory = {name: _memory(path, small, bins) for name, bins in (("load", None), (f"load, {BINS} bins", BINS))}
    print(_times(taken, list(calls)))
    print(f"\ncounts of ours and pynapple are {'identical' if same else 'DIFFERENT'}\n")
    print(_memories(memory))
    if asked.json:
        record = {"machine": turns.machine(), "same": same, "memory": memory, "rounds": turns.as_json(taken)}
        asked.json.write_text(json.dumps(record, indent=1))


def _memory(path: str, small: str, bins: int | None) -> dict[str, int]:
    """Growth of a fresh process by one load; a small file before it sets up what libraries keep."""
    with turns.Worker(HERE) as fresh:
        fresh.run("load", path=small)
        resident = fresh.run("load", path=path, bins=bins).memory
        return {"resident": resident, **fresh.run("traced", path=path, bins=bins).value}


def _first(path: str, task: str, imported: str, python: Path | None) -> turns.Reading:
    """The first call of a process, after its imports: what is compiled or set up on first use counts."""
    with turns.Worker(HERE, python=python) as worker:
        worker.run(imported)
        return worker.run(task, path=path)


def imports() -> None:
    """Import what a load imports, so that its memory is no part of the load's."""
    import spikeproof_nwb.inspecting
    import spikeproof_nwb.loading  # noqa: F401


def peer_imports() -> None:
    """Import the peer."""
    import pynapple  # noqa: F401


def _times(taken: list[turns.Round], names: list[str]) -> str:
    rows = []
    for name in names:
        over = [_ratio(taken, name, base) for base in ("flat read", "count", "load")]
        wall = statistics.median(one[name].wall for one in taken)
        rows.append((name, f"{1000 * wall:.0f}", *over))
    return turns.markdown(("way", "ms (median)", "x flat read", "x our count", "x our load"), rows)


def _ratio(taken: list[turns.Round], over: str, under: str) -> str:
    middle, low, high = turns.ratio(taken, over, under)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _memories(memory: dict[str, dict[str, int]]) -> str:
    rows = [
        (
            name,
            f"{sizes['returned'] / 1e6:.1f}",
            f"{sizes['peak'] / 1e6:.1f} ({sizes['peak'] / sizes['returned']:.2f} x)",
            f"{sizes['resident'] / 1e6:.1f} ({sizes['resident'] / sizes['returned']:.2f} x)",
        )
        for name, sizes in memory.items()
    ]
    return turns.markdown(("way", "returned (MB)", "peak of allocations (MB)", "growth of the process (MB)"), rows)


def _digest(counts: ArrayLike) -> str:
    import numpy as np

    return hashlib.sha256(np.ascontiguousarray(counts, dtype=np.int64).tobytes()).hexdigest()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        tasks = (flat, count, load, peer, traced, imports, peer_imports)
        turns.serve({task.__name__: task for task in tasks})
    else:
        main()
