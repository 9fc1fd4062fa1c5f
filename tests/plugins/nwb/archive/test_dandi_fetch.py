"""Fetching one file: whatever goes wrong on the way ends in the right bytes or in one clear error, soon."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from archive import LocalArchive
from spikeproof.errors import DataError
from spikeproof.progress import Progress, listening
from spikeproof_nwb.archive import fetch
from spikeproof_nwb.archive.assets import Asset, find
from spikeproof_nwb.archive.cache import Cache
from spikeproof_nwb.archive.client import Client
from spikeproof_nwb.archive.instance import choose_instance
from spikeproof_nwb.archive.known import Known
from spikeproof_nwb.archive.spec import parse_spec

Blob = Callable[..., Path]
SIZE = 1_000_000


@pytest.fixture
def file(blob: Blob) -> Path:
    return blob(SIZE)


@pytest.fixture
def asset(archive: LocalArchive, client: Client, cache: Cache, file: Path) -> Asset:
    archive.add("000001", "draft", {"a.nwb": file})
    found = find(parse_spec("000001/a.nwb"), client, Known(cache.root, "here")).assets[0]
    archive.requests.clear()
    return found


def got(asset: Asset, client: Client, cache: Cache) -> bytes:
    return fetch.fetch_file(asset, client, cache, "a.nwb").path.read_bytes()


def store(archive: LocalArchive) -> list[tuple[int, str | None]]:
    return [(seen.status, seen.range) for seen in archive.requests if seen.side == "s3"]


def kept(cache: Cache) -> list[str]:
    """What the cache would ever give as data."""
    return sorted(path.name for path in (cache.root / "files").iterdir() if path.suffix != ".json")


def left(cache: Cache) -> list[str]:
    return sorted(path.name for path in (cache.root / "partial").iterdir())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def test_a_file_is_fetched_once_and_whole(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    assert got(asset, client, cache) == file.read_bytes()
    assert store(archive) == [(200, None)]
    archive.requests.clear()
    held = fetch.fetch_file(asset, None, cache, "a.nwb")
    assert held.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (archive.requests, left(cache), kept(cache)) == ([], [], [f"sha256-{held.sha256}.nwb"])


def test_an_upload_so_fresh_that_it_has_no_sha256_is_verified_by_its_etag(
    archive: LocalArchive, client: Client, cache: Cache, blob: Blob
) -> None:
    file = blob(SIZE, 3)
    archive.add("000001", "draft", {"fresh.nwb": file}, sha256=False)
    asset = find(parse_spec("000001/fresh.nwb"), client, Known(cache.root, "here")).assets[0]
    assert (asset.sha256, asset.digest) == ("", f"dandi-etag:{asset.etag}")
    assert fetch.fetch_file(asset, client, cache, "x").sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    archive.faults.corrupt(times=None)
    (cache.path_of(asset.keys[0], ".nwb")).unlink()
    with pytest.raises(DataError, match="its dandi-etag is .*, but must be " + asset.etag):
        fetch.fetch_file(asset, client, cache, "x")
    assert (kept(cache), left(cache)) == ([], [])


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_connection_that_breaks_goes_on_where_it_broke(
    kind: str, asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    getattr(archive.faults, kind)(300_000)
    getattr(archive.faults, kind)(300_000)
    assert got(asset, client, cache) == file.read_bytes()
    (first, *rest) = store(archive)
    assert first == (200, None)
    assert [status for status, _ in rest] == [206] * len(rest)
    begins = [int(re.findall(r"\d+", str(asked))[0]) for _, asked in rest]
    assert begins == sorted(begins)
    assert begins[0] > 0


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    archive.faults.reset(300_000)
    archive.faults.ignore_range()
    assert got(asset, client, cache) == file.read_bytes()
    assert [status for status, _ in store(archive)] == [200, 200]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_the_time_that_it_says(
    status: int, asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    archive.faults.status(status, retry_after=0.3)
    archive.faults.status(status, retry_after=0.3, side="api")
    start = time.monotonic()
    assert got(asset, client, cache) == file.read_bytes()
    assert 0.6 <= time.monotonic() - start < 2
    assert [status for status, _ in store(archive)] == [status, 200]


def test_a_server_that_asks_for_more_patience_than_there_is_is_left_at_once(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive
) -> None:
    archive.faults.status(503, retry_after=3600, times=None)
    with (
        at_most(1),
        pytest.raises(DataError, match=r"a.nwb: .*status 503\), and it asks to wait 3600 s: try again after"),
    ):
        got(asset, client, cache)
    assert kept(cache) == []


def test_an_address_that_expired_is_asked_for_again(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    archive.faults.reset(300_000)
    archive.faults.expire(after=1)
    assert got(asset, client, cache) == file.read_bytes()
    assert [status for status, _ in store(archive)] == [200, 403, 206]
    assert sum(seen.side == "api" for seen in archive.requests) == 2


def test_an_address_that_is_never_good_ends_in_an_error(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive
) -> None:
    archive.faults.status(403, times=None)
    with at_most(4), pytest.raises(DataError, match=r"the archive's store refuses the address .*: try again later"):
        got(asset, client, cache)


def test_bytes_that_are_wrong_are_not_kept(asset: Asset, client: Client, cache: Cache, archive: LocalArchive) -> None:
    archive.faults.corrupt(times=None)
    with at_most(2), pytest.raises(DataError, match=r"a.nwb: what came is not what the archive holds: its sha256 is "):
        got(asset, client, cache)
    assert (kept(cache), left(cache), len(store(archive))) == ([], [], 1)


def test_another_file_behind_the_same_name_is_noticed(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, blob: Blob
) -> None:
    (held,) = archive.holdings.dandisets["000001"].versions["draft"].assets.values()
    archive.change(held, blob(SIZE, 9))
    with pytest.raises(DataError, match="nothing of it was kept"):
        got(asset, client, cache)
    archive.change(held, blob(SIZE // 2, 9))
    with at_most(4), pytest.raises(DataError, match="sends 500,000 bytes where 1,000,000 are missing"):
        got(asset, client, cache)
    assert kept(cache) == []


def test_a_slow_first_byte_is_waited_for_and_silence_is_not(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    archive.faults.silent()
    with at_most(4), pytest.raises(DataError, match=r"keeps silent \(one try in 2 s\): try again later"):
        got(asset, client, cache)
    archive.faults.clear()
    archive.faults.slow_first_byte(0.5)
    assert got(asset, client, cache) == file.read_bytes()


def test_a_server_that_is_gone_ends_in_an_error(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive
) -> None:
    archive.close_port("s3")
    with at_most(4), pytest.raises(DataError, match=r"nobody answers at 127.0.0.1:\d+ \(connection refused\)"):
        got(asset, client, cache)


def test_a_server_that_always_breaks_off_ends_in_an_error_and_the_next_run_goes_on(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    archive.faults.reset(50_000, times=None)
    with at_most(5), pytest.raises(DataError, match=r"the connection to 127.0.0.1:"):
        got(asset, client, cache)
    assert kept(cache) == []
    archive.faults.clear()
    archive.requests.clear()
    assert got(asset, client, cache) == file.read_bytes()
    assert store(archive)[0][0] == 206


def test_what_an_earlier_process_left_is_not_trusted(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    partial = cache.partial_of(asset.keys[0])
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 1000)
    assert got(asset, client, cache) == file.read_bytes()
    assert store(archive) == [(206, "bytes=1000-"), (200, None)]


@pytest.mark.parametrize("there", [SIZE, SIZE + 10])
def test_what_an_earlier_process_left_may_be_all_of_it(
    there: int, asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path
) -> None:
    partial = cache.partial_of(asset.keys[0])
    partial.parent.mkdir(parents=True)
    partial.write_bytes(file.read_bytes() + b"y" * (there - SIZE))
    assert got(asset, client, cache) == file.read_bytes()
    assert store(archive) == []


def test_a_store_whose_file_changed_while_the_connection_was_broken_is_read_anew(
    asset: Asset, client: Client, cache: Cache, archive: LocalArchive, file: Path, blob: Blob
) -> None:
    (held,) = archive.holdings.dandisets["000001"].versions["draft"].assets.values()
    partial = cache.partial_of(asset.keys[0])
    partial.parent.mkdir(parents=True)
    partial.write_bytes(file.read_bytes()[:1000])
    archive.change(held, blob(SIZE, 9))
    with pytest.raises(DataError, match="nothing of it was kept"):
        got(asset, client, cache)
    assert [status for status, _ in store(archive)][:2] == [412, 200]


def test_a_full_disk_is_said_and_leaves_nothing(
    asset: Asset, client: Client, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(fetch.os, "write", full)
    said = f"the disk is full: a.nwb needs 1 MB, and {cache.root} has .* left; make room, or .* in SPIKEPROOF_CACHE"
    with pytest.raises(DataError, match=said):
        got(asset, client, cache)
    assert (kept(cache), left(cache)) == ([], [])


def test_a_folder_that_cannot_be_made_is_said(asset: Asset, client: Client, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        DataError, match=r"the cache folder .*taken cannot be written \(.*\): name another one in SPIKEPROOF"
    ):
        got(asset, client, Cache(tmp_path / "taken", 10**9))


class Listener:
    """Counts."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.count = 0

    def start(self, task: str, total: int, unit: str = "") -> None:
        self.said.append((task, total, unit))

    def advance(self, n: int = 1) -> None:
        self.count += n

    def note(self, text: str) -> None:
        self.said.append(text)

    def finish(self) -> None:
        self.said.append("done")


def test_progress_counts_every_byte_once(asset: Asset, client: Client, cache: Cache, archive: LocalArchive) -> None:
    archive.faults.reset(300_000)
    archive.faults.ignore_range(times=1)
    heard = Listener()
    progress: Progress = heard
    with listening(progress):
        got(asset, client, cache)
    assert heard.said == [("fetching a.nwb", SIZE, "bytes"), "done"]
    assert heard.count == SIZE


@pytest.mark.slow
def test_a_dead_server_is_given_up_within_a_minute(archive: LocalArchive, cache: Cache, file: Path) -> None:
    """With the usual patience: refused connections, and silence, of either half of the archive."""
    archive.add("000001", "draft", {"a.nwb": file})
    client = Client(choose_instance(archive.url), 45.0)
    spec, known = parse_spec("000001/a.nwb"), Known(cache.root, "here")
    asset = find(spec, client, known).assets[0]
    archive.faults.silent()
    with at_most(60), pytest.raises(DataError, match="keeps silent"):
        got(asset, client, cache)
    archive.close_port("api")
    with at_most(60), pytest.raises(DataError, match="nobody answers"):
        got(asset, client, cache)
