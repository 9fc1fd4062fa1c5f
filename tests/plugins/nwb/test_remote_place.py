"""Reading a file behind a URL: byte for byte what h5py reads locally, with few requests and few bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from archive import LocalArchive
from spikeproof.errors import DataError
from spikeproof.progress import listening
from spikeproof_nwb.remote import place as place_module
from spikeproof_nwb.remote import transfer as transfer_module
from spikeproof_nwb.remote.place import RemotePlace

RandomRows = tuple[int, int]
Place = Callable[..., RemotePlace]
LAYOUTS: Mapping[str, Mapping[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (700,)},
    "one_chunk": {"chunks": (9973,)},
    "gzip": {"chunks": (700,), "compression": "gzip"},
    "shuffle_gzip": {"chunks": (1000,), "compression": "gzip", "shuffle": True},
    "lzf": {"chunks": (900,), "compression": "lzf"},
    "fletcher32": {"chunks": (800,), "fletcher32": True},
    "growing": {"chunks": (512,), "maxshape": (None,)},
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and pieces so small that small files show what large ones do."""
    monkeypatch.setattr(place_module, "_ENDS", 2048)
    monkeypatch.setattr(place_module, "_BLOCK", 1024)
    monkeypatch.setattr(transfer_module, "_LEAST", 8192)
    monkeypatch.setattr(transfer_module, "_GAP", 64)


@pytest.fixture
def archive() -> Iterator[LocalArchive]:
    with LocalArchive() as archive:
        yield archive


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A file with numbers in every layout, and what is no plain column of numbers."""
    path, rows = tmp_path / "numbers.h5", np.random.default_rng(0).normal(size=9973)
    with h5py.File(path, "w") as file:
        for name, layout in LAYOUTS.items():
            file.create_dataset(name, data=rows, **layout)
        file.create_dataset("big_endian", data=rows.astype(">f8"), chunks=(700,))
        file.create_dataset("small_integers", data=(rows * 50).astype("i2"))
        file.create_dataset("booleans", data=rows > 0)
        file.create_dataset("never_written", (9973,), "f4", chunks=(700,), fillvalue=7.5)
        file.create_dataset("partly_written", (9973,), "f8", chunks=(700,), fillvalue=-1.0)[2000:2100] = 3.0
        file.create_dataset("nothing_at_all", (9973,), "f8")
        file.create_dataset("empty", (0,), "f8")
        file.create_dataset("traces", data=rows[:9900].reshape(990, 10), chunks=(100, 3), compression="gzip")
        file.create_dataset("flat_traces", data=rows[:9900].reshape(990, 10))
        file.create_dataset("names", data=[f"unit {number}" for number in range(300)])
        file.create_dataset("compound", data=np.zeros(50, dtype=[("a", "i4"), ("b", "f8")]))
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((9,))
        h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F64LE, space, compact).write(space, space, rows[:9].copy())
    return path


@pytest.fixture
def remote(archive: LocalArchive, tmp_path: Path) -> Place:
    """A place for a file that the archive holds."""

    def make(path: Path, *, kept: str | None = "kept", offline: bool = False, **more: Any) -> RemotePlace:
        held = [asset for asset in archive.holdings.assets.values() if asset.blob and asset.blob.file == path]
        asset = held[0] if held else archive.add("000001", "draft", {path.name: path})[0]
        assert asset.blob is not None
        given: dict[str, Any] = {
            "label": "dandi:000001@draft/x.nwb",
            "source": "dandi:000001@draft/x.nwb",
            "size": path.stat().st_size,
            "keys": (f"sha256-{asset.blob.sha256}", f"dandi-etag-{asset.blob.etag}"),
            "etag": asset.blob.etag,
            "resolve": None if offline else lambda: (archive.signed(asset), {}),
            "folder": None if kept is None else tmp_path / kept,
            "limit": 5.0,
        }
        return RemotePlace(**given | more)

    return make


def bounds(length: int) -> list[RandomRows]:
    """All rows, none, one, and some ranges that begin and end anywhere."""
    random = np.random.default_rng(length)
    ends = [sorted(random.integers(0, length + 1, 2).tolist()) for _ in range(6)] if length else []
    return [(0, length), (0, 0), (max(length - 1, 0), length), *((low, high) for low, high in ends)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kept", ["kept", None])
def test_rows_of_every_layout_are_those_that_h5py_reads(numbers: Path, remote: Place, kept: str | None) -> None:
    place = remote(numbers, kept=kept)
    with place.opened() as there, h5py.File(numbers) as here:
        assert set(there) == set(here)
        for name, dataset in here.items():
            for start, stop in bounds(len(dataset)):
                expected, rows = dataset[start:stop], place.read(there[name], start, stop)
                assert rows.dtype == expected.dtype, (name, start, stop)
                assert rows.tolist() == expected.tolist(), (name, start, stop)


@pytest.mark.usefixtures("small")
def test_every_layout_reads_the_same_without_asking_for_rows(numbers: Path, remote: Place) -> None:
    with remote(numbers).opened() as there, h5py.File(numbers) as here:
        for name, dataset in here.items():
            assert there[name][()].tolist() == dataset[()].tolist(), name


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["contiguous", "chunked", "one_chunk", "gzip"])
def test_only_the_bytes_of_the_rows_are_asked_for(
    numbers: Path, remote: Place, archive: LocalArchive, name: str
) -> None:
    place = remote(numbers)
    with place.opened() as file:
        dataset = file[name]
        assert dataset.shape == (9973,)
        before, asked = archive.sent, len(archive.requests)
        place.read(dataset, 5000, 6400)
        packed = sum(dataset.id.get_chunk_info(number).size for number in range(7, 10)) if name == "gzip" else 0
        most = packed or 1400 * 8  # packed: the three chunks that hold rows 4900 to 7000
        assert archive.sent - before <= most + 4096  # the chunk table
        assert len(archive.requests) - asked <= 5


@pytest.fixture(scope="module")
def many_spikes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 units of 4,000 spikes each, 16 MB."""
    path = tmp_path_factory.mktemp("many") / "many.nwb"
    with h5py.File(path, "w") as file:
        units = file.create_group("units")
        units.create_dataset("spike_times", data=np.arange(2_000_000.0), chunks=(1 << 19,))
        units.create_dataset("spike_times_index", data=np.arange(1, 501) * 4000)
    return path


def test_few_units_cost_few_bytes_and_all_cost_little_more_than_they_are(
    many_spikes: Path, remote: Place, archive: LocalArchive
) -> None:
    place = remote(many_spikes, kept=None)
    with place.opened() as file:
        times = file["units/spike_times"]
        opening = len(archive.requests)
        for unit in range(0, 500, 25):
            rows = place.read(times, unit * 4000, (unit + 1) * 4000)
            assert rows[0] == unit * 4000
        few = archive.sent
        rows = place.read(times, 0, 2_000_000)
        assert (rows == np.arange(2_000_000)).all()
    assert opening <= 4
    assert few <= archive.sent / 4
    assert archive.sent <= 1.1 * times_bytes(many_spikes)


def times_bytes(path: Path) -> int:
    with h5py.File(path) as file:
        return int(file["units/spike_times"].id.get_storage_size())


@pytest.mark.usefixtures("small")
def test_second_run_asks_for_nothing_and_needs_no_network(numbers: Path, remote: Place, archive: LocalArchive) -> None:
    for turn in range(3):
        place = remote(numbers, offline=turn == 2)
        with place.opened() as file:
            rows = place.read(file["gzip"], 100, 3000)
        if turn == 0:
            asked, first = len(archive.requests), rows
        assert (rows == first).all()
        assert len(archive.requests) == asked


@pytest.mark.usefixtures("small")
def test_offline_says_what_was_never_read(numbers: Path, remote: Place) -> None:
    with remote(numbers).opened() as file:
        assert "gzip" in file
    place = remote(numbers, offline=True)
    refused = (
        r"x\.nwb: [\d,]+ bytes of it that are needed are not in the cache \(.*kept\), since it was only read in part: "
        r"run it once without --offline"
    )
    with place.opened() as file, pytest.raises(DataError, match=refused):
        place.read(file["contiguous"], 0, 9973)


@pytest.mark.usefixtures("small")
def test_readers_of_one_file_at_one_time_read_the_same(numbers: Path, remote: Place) -> None:
    read: list[float] = []

    def run() -> None:
        place = remote(numbers)
        with place.opened() as file:
            read.append(float(place.read(file["shuffle_gzip"], 0, 9973).sum()))

    remote(numbers)
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with h5py.File(numbers) as file:
        assert read == [float(file["shuffle_gzip"][()].sum())] * 3


def test_file_that_has_come_whole_is_verified_and_handed_over(
    numbers: Path, remote: Place, archive: LocalArchive, tmp_path: Path
) -> None:
    handed: list[str] = []

    def keep(fresh: Path, sha256: str) -> Path:
        handed.append(sha256)
        return fresh.rename(tmp_path / "whole.nwb")

    place = remote(numbers, keep=keep)
    with place.opened() as file:
        assert place.far
        place.read(file["contiguous"], 0, 9973)
    assert handed == [place.digest()]
    assert (tmp_path / "whole.nwb").read_bytes() == numbers.read_bytes()
    assert list((tmp_path / "kept").iterdir()) == []
    assert not place.far
    asked = len(archive.requests)
    with place.opened() as file:
        place.read(file["gzip"], 0, 9973)
    assert len(archive.requests) == asked


def test_whole_file_with_a_wrong_digest_is_refused_and_not_kept(
    numbers: Path, remote: Place, archive: LocalArchive, tmp_path: Path
) -> None:
    place = remote(numbers, keep=lambda fresh, _: fresh)
    archive.faults.corrupt()
    refused = r"all of it has come, but it is not what the archive holds \(it is sha256-\w+, and should be sha256-\w+\)"
    with pytest.raises(DataError, match=refused), place.opened() as file:
        assert "gzip" in file
    assert list((tmp_path / "kept").iterdir()) == []


def test_no_room_for_the_whole_file_leaves_its_parts(numbers: Path, remote: Place, tmp_path: Path) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    told: list[str] = []
    place = remote(numbers, keep=full)
    with listening(Told(told)), place.opened() as file:
        assert "gzip" in file
    assert any("there is no room to keep it whole" in text for text in told)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["content", "ranges"]


class Told:
    """Listens to progress."""

    def __init__(self, told: list[str]) -> None:
        self.told, self.tasks, self.advanced = told, list[tuple[str, int, str]](), 0

    def start(self, task: str, total: int, unit: str = "") -> None:
        self.tasks.append((task, total, unit))

    def advance(self, n: int = 1) -> None:
        self.advanced += n

    def note(self, text: str) -> None:
        self.told.append(text)

    def finish(self) -> None:
        self.told.append("finished")


def test_progress_counts_the_bytes_that_came(many_spikes: Path, remote: Place) -> None:
    progress = Told([])
    place = remote(many_spikes, kept=None)
    with place.opened() as file, listening(progress):
        place.read(file["units/spike_times"], 0, 1_000_000)
    ((task, total, unit),) = progress.tasks
    assert (task, unit) == ("reading dandi:000001@draft/x.nwb", "bytes")
    assert progress.advanced == total
    assert total == pytest.approx(8_000_000, rel=0.15)
    assert progress.told == ["finished"]


def test_link_to_another_file_is_broken_and_never_this_file(tmp_path: Path, remote: Place) -> None:
    with h5py.File(tmp_path / "other.nwb", "w") as file:
        file["units"] = [1.0, 2.0, 3.0]
    with h5py.File(tmp_path / "main.nwb", "w") as file:
        file["units"] = [9.0]
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.nwb"), "/units")
        file["gone"] = h5py.ExternalLink("gone.nwb", "/units")
        file["within"] = h5py.SoftLink("/units")
    with remote(tmp_path / "main.nwb").opened() as file:
        assert file.get("link") is None
        assert file.get("gone") is None
        with pytest.raises(KeyError):
            file["link"]
        assert file["within"][()].tolist() == [9.0]
        assert file["units"][()].tolist() == [9.0]
    with h5py.File(tmp_path / "main.nwb") as file:
        assert file["link"][()].tolist() == [1.0, 2.0, 3.0]


def test_dataset_that_is_put_together_from_other_files_is_refused(tmp_path: Path, remote: Place) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["rows"] = np.arange(1.0, 101.0)
    with h5py.File(tmp_path / "main.h5", "w") as file:
        file["rows"] = np.arange(1.0, 101.0)
        for name, source in (("others", tmp_path / "other.h5"), ("own", ".")):
            layout = h5py.VirtualLayout((100,), "f8")
            layout[:] = h5py.VirtualSource(str(source), "rows", (100,))
            file.create_virtual_dataset(name, layout)
    place = remote(tmp_path / "main.h5")
    with place.opened() as file:
        assert place.read(file["own"], 5, 8).tolist() == [6.0, 7.0, 8.0]
        with pytest.raises(DataError, match=r"x\.nwb, /others is put together from other files \(.*other\.h5\)"):
            place.read(file["others"], 5, 8)


@pytest.mark.usefixtures("small")
def test_reading_on_is_fetched_ahead(numbers: Path, remote: Place, archive: LocalArchive) -> None:
    place = remote(numbers)
    with place.opened() as file, h5py.File(numbers) as here:
        asked = len(archive.requests)
        for start in range(0, 9973, 200):
            assert file["gzip"][start : start + 200].tolist() == here["gzip"][start : start + 200].tolist()
        assert len(archive.requests) - asked <= 20  # chunks of 5.5 kB in blocks of 1 kB would be about 80


@pytest.mark.usefixtures("small")
def test_rows_that_are_announced_come_by_one_round_of_requests(
    numbers: Path, remote: Place, archive: LocalArchive
) -> None:
    place = remote(numbers)
    with place.opened() as file, h5py.File(numbers) as here:
        runs = [(start, start + 30) for start in range(0, 9900, 900)]
        place.prepare(file["chunked"], runs)
        place.prepare(here["chunked"], runs)
        asked = len(archive.requests)
        for start, stop in runs:
            assert place.read(file["chunked"], start, stop).tolist() == here["chunked"][start:stop].tolist()
        assert len(archive.requests) == asked


def test_rows_of_a_dataset_of_another_file_are_read_there(numbers: Path, remote: Place) -> None:
    place = remote(numbers)
    with place.opened(), h5py.File(numbers) as here:
        assert place.read(here["gzip"], 5, 8).tolist() == here["gzip"][5:8].tolist()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>a page that says that something is wrong</html>", r"is not HDF5: it begins with b'<html>"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "is a damaged HDF5 file"),
    ],
)
def test_what_is_not_hdf5_is_refused(tmp_path: Path, remote: Place, content: bytes, said: str) -> None:
    (tmp_path / "x.nwb").write_bytes(content)
    with pytest.raises(DataError, match=said), remote(tmp_path / "x.nwb").opened():
        pass


def test_place_says_its_digest_and_what_is_beside_it(numbers: Path, remote: Place, tmp_path: Path) -> None:
    place = remote(numbers)
    assert len(place.digest()) == 64
    assert place.beside("a.png") is None
    assert remote(numbers, keys=("dandi-etag-abc-1",)).digest() == "dandi-etag:abc-1"
    assert remote(numbers, outside=lambda name: tmp_path / name).beside("a.png") == tmp_path / "a.png"
