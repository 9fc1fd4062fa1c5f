"""Byte ranges and what is kept of a file."""

from __future__ import annotations

import errno
import os
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeproof.errors import DataError
from spikeproof_nwb.remote.partial import Partial
from spikeproof_nwb.remote.ranges import Ranges, joined, pieces

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@given(RANGES, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_ranges_hold_the_bytes_that_a_set_of_bytes_would(added: list[tuple[int, int]], start: int, stop: int) -> None:
    held, truth = Ranges(), set[int]()
    for low, high in added:
        held.add(low, high)
        truth |= set(range(low, high))
    missing = held.missing(start, stop)
    assert {byte for low, high in missing for byte in range(low, high)} == set(range(start, stop)) - truth
    assert all(low < high for low, high in missing)
    assert all(before[1] < after[0] for before, after in pairwise(missing))
    assert held.total == len(truth)


@given(RANGES, st.integers(1, 8), st.integers(1, 30), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_pieces_hold_each_byte_once(asked: list[tuple[int, int]], workers: int, least: int, more: int) -> None:
    whole = joined(asked, gap=0)
    cut = pieces(whole, workers, least, least + more)
    assert [byte for low, high in cut for byte in range(low, high)] == [
        byte for low, high in whole for byte in range(low, high)
    ]
    assert all(high - low <= least + more for low, high in cut)


def test_gaps_are_bridged_only_where_they_are_small() -> None:
    assert joined([(0, 10), (14, 20), (25, 30)], gap=4) == [(0, 20), (25, 30)]


def put(partial: Partial, start: int, content: bytes) -> None:
    partial.write(start, content)
    partial.commit(start, start + len(content), zlib.crc32(content))


def got(partial: Partial, start: int, stop: int) -> bytes:
    view = bytearray(stop - start)
    partial.readinto(start, memoryview(view))
    return bytes(view)


def test_what_one_process_kept_another_finds(tmp_path: Path) -> None:
    with Partial(tmp_path, 1000) as first, Partial(tmp_path, 1000) as second:
        put(first, 100, b"a" * 50)
        assert second.missing(100, 150) == [(100, 150)]
        second.refresh()
        assert second.missing(90, 160) == [(90, 100), (150, 160)]
        put(second, 150, b"b" * 10)
        first.refresh()
        assert first.missing(100, 160) == []
        assert got(first, 149, 151) == b"ab"
    with Partial(tmp_path, 1000) as third:
        assert third.missing(100, 160) == []


def test_range_whose_bytes_were_changed_is_fetched_again(tmp_path: Path) -> None:
    with Partial(tmp_path, 1000) as partial:
        put(partial, 0, b"a" * 100)
        put(partial, 500, b"b" * 100)
    with (tmp_path / "content").open("r+b") as file:
        file.seek(50)
        file.write(b"x")
    with Partial(tmp_path, 1000) as partial:
        assert partial.missing(0, 1000) == [(0, 500), (600, 1000)]


def test_content_that_was_removed_is_fetched_again(tmp_path: Path) -> None:
    with Partial(tmp_path, 1000) as partial:
        put(partial, 0, b"a" * 100)
    (tmp_path / "content").unlink()
    with Partial(tmp_path, 1000) as partial:
        assert partial.missing(0, 100) == [(0, 100)]


@pytest.mark.parametrize("torn", [b"100 200 0123", b"100 200 01234567 89abcdef\n", b"garbage\n\n \n", b"\xff\x00\n"])
def test_line_that_a_killed_process_left_half_written_is_no_range(tmp_path: Path, torn: bytes) -> None:
    with Partial(tmp_path, 1000) as partial:
        put(partial, 0, b"a" * 100)
    with (tmp_path / "ranges").open("ab") as file:
        file.write(torn)
    with Partial(tmp_path, 1000) as partial:
        put(partial, 300, b"c" * 100)
    with Partial(tmp_path, 1000) as partial:
        assert partial.missing(0, 400) == [(100, 300)]


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file/sub cannot keep what is fetched \(Not a directory\): make room"):
        Partial(tmp_path / "file" / "sub", 10)


def test_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Partial(tmp_path, 1000) as partial:

        class Full:
            def seek(self, place: int) -> None: ...
            def write(self, _: bytes) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        held = partial._file
        monkeypatch.setattr(partial, "_file", Full())
        with pytest.raises(DataError, match=r"cannot keep .* \(No space left on device\): make room there"):
            partial.write(0, b"abc")
        monkeypatch.setattr(partial, "_file", held)
