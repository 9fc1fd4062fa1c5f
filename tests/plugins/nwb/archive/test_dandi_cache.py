"""The cache: verified, bounded, shared by processes, and safe against whatever ends them."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive import LocalArchive
from dandischema.digests.dandietag import DandiETag, PartGenerator
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.archive import digests as digests_module
from spikeproof_nwb.archive.cache import Cache, Held, choose_cache
from spikeproof_nwb.archive.digests import Digests, digests_of
from spikeproof_nwb.archive.sizes import bytes_of

Blob = Callable[..., Path]


def put(cache: Cache, content: bytes, used: float = 0.0) -> tuple[str, Held]:
    """Keep a file; ``used`` is how many seconds ago it was used last."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"sha256-{sha256}"
    cache.lock_of(key)
    fresh = cache.partial_of(key)
    fresh.write_bytes(content)
    held = cache.keep(fresh, key, ".nwb", sha256)
    when = time.time_ns() - int(used * 1e9)
    os.utime(held.path, ns=(when, when))
    cache._write_record(held.path, sha256)
    return key, held


def test_what_is_kept_is_found_by_any_of_its_digests(cache: Cache) -> None:
    key, held = put(cache, b"abc")
    found = cache.hold(["dandi-etag-0-1", key], ".nwb")
    assert found is not None
    assert (found.path, found.sha256) == (held.path, key.removeprefix("sha256-"))
    assert cache.hold(["dandi-etag-0-1"], ".nwb") is None
    assert cache.hold([key], ".txt") is None


@pytest.mark.parametrize("spoilt", [b"abd", b"ab", b""])
def test_a_file_that_was_changed_is_not_given_out(cache: Cache, spoilt: bytes) -> None:
    key, held = put(cache, b"abc")
    held.path.write_bytes(spoilt)
    assert cache.hold([key], ".nwb") is None
    assert not held.path.exists()


def test_a_file_that_was_only_touched_is_verified_again_and_given_out(cache: Cache) -> None:
    key, held = put(cache, b"abc")
    os.utime(held.path, (1, 1))
    found = cache.hold([key], ".nwb")
    assert found is not None
    record = json.loads(held.path.with_name(held.path.name + ".json").read_text())
    assert record["mtime_ns"] == 10**9


def test_a_process_killed_before_it_said_what_it_kept_loses_nothing(cache: Cache) -> None:
    key, held = put(cache, b"abc")
    held.path.with_name(held.path.name + ".json").unlink()
    found = cache.hold([key], ".nwb")
    assert found is not None
    assert found.sha256 == key.removeprefix("sha256-")


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    old, middle, new = (put(cache, bytes([n]) * 300, used)[0] for n, used in ((1, 300.0), (2, 20.0), (3, 10.0)))
    gc.collect()
    assert cache.hold([old], ".nwb") is not None  # it is used again
    gc.collect()
    cache.make_room(350, "x")
    assert [cache.path_of(key, ".nwb").exists() for key in (old, middle, new)] == [True, False, True]
    assert not cache.path_of(middle, ".nwb.json").exists()


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    key, held = put(cache, b"a" * 600, used=1000.0)
    with pytest.raises(
        DataError, match="x does not fit into the cache: 600 B of its 1 kB are in use by running processes"
    ):
        cache.make_room(600, "x")
    assert held.path.exists()
    del held
    gc.collect()
    cache.make_room(600, "x")
    assert not cache.path_of(key, ".nwb").exists()


def test_what_was_streamed_and_what_broke_off_take_room_too(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.lock_of("k")
    (cache.ranges_of("k")).mkdir()
    (cache.ranges_of("k") / "content").write_bytes(b"a" * 6000)
    cache.partial_of("p").write_bytes(b"b" * 3000)
    held = cache.use("k")
    cache.make_room(3000, "x")
    assert (cache.ranges_of("k").exists(), cache.partial_of("p").exists()) == (True, False)
    del held
    gc.collect()
    cache.make_room(9000, "x")
    assert not cache.ranges_of("k").exists()


def test_a_file_with_holes_takes_the_room_that_it_takes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**6)
    cache.lock_of("k")
    cache.ranges_of("k").mkdir()
    with (cache.ranges_of("k") / "content").open("wb") as file:
        file.truncate(10**9)
    cache.make_room(900_000, "x")
    assert cache.ranges_of("k").exists()


def test_a_file_larger_than_the_cache_is_refused(tmp_path: Path) -> None:
    said = (
        r"x is 2 MB, but the cache may hold 1 MB: set SPIKEPROOF_CACHE_SIZE higher, such as .*='2.5 MB', or stream it"
    )
    with pytest.raises(DataError, match=said):
        Cache(tmp_path, 10**6).make_room(2 * 10**6, "x")


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path, 10**9)
    key, held = put(cache, b"a" * 6000, used=100.0)
    del held
    gc.collect()
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("spikeproof_nwb.archive.cache.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"the disk is full: x needs 500 kB, and .* has 1 kB left; make room"):
        cache.make_room(500_000, "x")
    assert not cache.path_of(key, ".nwb").exists()  # what could be removed was


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20 GB", 20 * 10**9),
        ("500MB", 5 * 10**8),
        ("1.5 k", 1500),
        (" 7 ", 7),
        ("2T", 2 * 10**12),
        ("3b", None),
        ("x", None),
    ],
)
def test_sizes_are_read(text: str, count: int | None) -> None:
    if count is None:
        with pytest.raises(ValueError, match="is no number of bytes: write 20 GB, 500 MB, or 20000000000"):
            bytes_of(text)
    else:
        assert bytes_of(text) == count


def test_where_the_cache_is_and_how_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert choose_cache(None).root.name == "archive"
    assert choose_cache(None).limit == 20 * 10**9
    monkeypatch.setenv("SPIKEPROOF_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("SPIKEPROOF_CACHE_SIZE", "1 GB")
    assert (choose_cache(None).root, choose_cache(None).limit) == (tmp_path / "a", 10**9)
    assert choose_cache(str(tmp_path / "b")).root == tmp_path / "b"
    monkeypatch.setenv("SPIKEPROOF_CACHE_SIZE", "much")
    with pytest.raises(BadParameter, match="SPIKEPROOF_CACHE_SIZE: 'much' is no number of bytes"):
        choose_cache(None)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 200, 1000])
@pytest.mark.parametrize("block", [7, 100, 5000])
def test_the_etag_is_dandis_own(size: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the class that DANDI's client uses, with parts of 100 bytes instead of 64 MiB."""
    assert digests_module  # the parts below are dandischema's
    monkeypatch.setattr(PartGenerator, "DEFAULT_PART_SIZE", 100)
    monkeypatch.setattr(PartGenerator, "MIN_PART_SIZE", 1)
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    mine = Digests(size)
    for start in range(0, size, block):
        mine.update(file.read_bytes()[start : start + block])
    expected = hashlib.sha256(file.read_bytes()).hexdigest(), DandiETag.from_file(file).as_str()
    assert mine.names() == (f"sha256-{expected[0]}", f"dandi-etag-{expected[1]}")
    assert digests_of(file) == mine.names()


FETCH = """
import sys
from pathlib import Path
from spikeproof_nwb.archive.source import DANDI
from spikeproof_nwb.archive.assets import find
from spikeproof_nwb.archive.fetch import fetch_file
source = DANDI(target="000001/a.nwb", instance=sys.argv[1], cache=sys.argv[2], timeout=10.0)
spec, _, client, cache, known = source._parts()
print("ready", flush=True)
sys.stdin.readline()
held = fetch_file(find(spec, client, known).assets[0], client, cache, "a.nwb")
print(len(held.path.read_bytes()), flush=True)
sys.stdin.readline()
"""


class Process:
    """Another process that fetches ``a.nwb`` once it is told to, and keeps it in use until it is told to end."""

    def __init__(self, archive: LocalArchive, cache: Cache) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", FETCH, archive.url, str(cache.root)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        out, err = self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0, out + err


Start = Callable[[LocalArchive], Process]


@pytest.fixture
def start(cache: Cache) -> Iterator[Start]:
    """Start such processes; none outlives the test."""
    started: list[Process] = []

    def begin(archive: LocalArchive) -> Process:
        started.append(Process(archive, cache))
        return started[-1]

    yield begin
    for one in started:
        if one.process.returncode is None:
            one.kill()


def test_two_processes_fetch_one_file_once(blob: Blob, start: Start) -> None:
    with LocalArchive(bandwidth=1e6) as archive:
        archive.add("000001", "draft", {"a.nwb": blob(500_000)})
        both = [start(archive), start(archive)]
        for one in both:
            one.tell()
        assert [one.said() for one in both] == ["500000", "500000"]
        for one in both:
            one.end()
        assert [seen.range for seen in archive.requests if seen.side == "s3"] == [None]


def test_a_file_that_another_process_uses_stays_and_goes_once_it_ended(cache: Cache, blob: Blob, start: Start) -> None:
    with LocalArchive() as archive:
        archive.add("000001", "draft", {"a.nwb": blob(500_000)})
        other = start(archive)
        other.tell()
        assert other.said() == "500000"
        (file,) = (cache.root / "files").glob("*.nwb")
        small = Cache(cache.root, 600_000)
        with pytest.raises(DataError, match="in use by running processes"):
            small.make_room(400_000, "x")
        assert file.exists()
        other.kill()
        small.make_room(400_000, "x")
        assert not file.exists()


def test_a_killed_fetch_is_gone_on_with_by_the_next(cache: Cache, blob: Blob, start: Start) -> None:
    with LocalArchive(bandwidth=1e6) as archive:
        archive.add("000001", "draft", {"a.nwb": blob(1_000_000)})
        victim = start(archive)
        victim.tell()
        while not sum(path.stat().st_size for path in (cache.root / "partial").glob("sha256-*")):
            time.sleep(0.01)
        victim.kill()
        assert list((cache.root / "files").iterdir()) == []
        archive.bandwidth = None
        archive.requests.clear()
        heir = start(archive)
        heir.tell()
        assert heir.said() == "1000000"
        heir.end()
        assert [seen.status for seen in archive.requests if seen.side == "s3"] == [206]
        assert list((cache.root / "partial").iterdir()) == []
