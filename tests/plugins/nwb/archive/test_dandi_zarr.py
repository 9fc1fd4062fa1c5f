"""NWB in Zarr archives, through ``dandi:``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from archive import LocalArchive
from nwb_zarr import write_store
from spikeproof.errors import DataError
from spikeproof.types import Recording
from spikeproof_nwb.archive.source import DANDI
from spikeproof_nwb.archive.zarr_fetch import _entry
from spikeproof_nwb.source import NWB

Dandi = Callable[..., DANDI]
WriteFile = Callable[..., Path]
NAME = "sub-1/sub-1_ses-1.nwb.zarr"


@pytest.fixture
def store(write_file: WriteFile, tmp_path: Path) -> Path:
    return write_store(write_file(), tmp_path / "store.nwb.zarr", 2)


@pytest.fixture
def held(archive: LocalArchive, store: Path) -> LocalArchive:
    archive.add("000001", "draft", {NAME: store})
    return archive


def loaded(source: DANDI | NWB) -> Recording:
    found = source.load()
    assert isinstance(found, Recording)
    return found


def cached(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache" / "files").glob("*") if path.is_dir()]


@pytest.mark.parametrize("stream", ["never", "always"])
def test_it_gives_what_nwb_gives_of_the_same_folder(stream: str, held: LocalArchive, dandi: Dandi, store: Path) -> None:
    local = loaded(NWB(target=str(store), stimulus="stimulus_id"))
    found = loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id", stream=stream))
    assert found.responses is not None
    assert found.responses.identical(local.responses)
    assert found.identity["digest"] == local.identity["digest"]
    held.requests.clear()
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id", stream=stream))
    assert [seen.path for seen in held.requests] == ["/api/dandisets/000001/"]
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id", offline=True))
    assert len(held.requests) == 1


def test_a_file_that_comes_wrong_is_asked_for_once_more(held: LocalArchive, dandi: Dandi) -> None:
    held.faults.corrupt(match=".zattrs")
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))


def test_a_file_that_is_wrong_ends_in_an_error_and_the_rest_need_not_come_again(
    held: LocalArchive, dandi: Dandi, tmp_path: Path, store: Path
) -> None:
    held.faults.corrupt(match="units/.zattrs", times=None)
    with pytest.raises(DataError, match=r"nwb.zarr/units/.zattrs: what came is not what the archive holds: its md5 is"):
        loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))
    assert cached(tmp_path) == []
    held.faults.clear()
    held.requests.clear()
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))
    again = sum(seen.side == "s3" for seen in held.requests)
    assert 1 <= again < sum(path.is_file() for path in store.rglob("*"))
    assert len(cached(tmp_path)) == 1


@pytest.mark.parametrize("fault", ["status", "reset", "expire"])
def test_what_fails_for_a_while_is_asked_for_again(fault: str, held: LocalArchive, dandi: Dandi) -> None:
    if fault == "status":
        held.faults.status(503, retry_after=0.1, match=".zattrs")
    elif fault == "reset":
        held.faults.reset(1, match=".zattrs")
    else:
        held.faults.expire(after=5)
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))


def test_a_list_of_files_that_is_not_what_the_checksum_says_is_refused(
    held: LocalArchive, dandi: Dandi, store: Path, tmp_path: Path
) -> None:
    loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))
    for path in (tmp_path / "cache" / "files").glob("*.json"):
        path.unlink()
    kept = next((tmp_path / "cache" / "files").glob("*.zarr"))
    (kept / "units" / "extra").write_text("x")  # what is kept is held to it, too
    (store / "units" / "extra").write_text("x")
    assert held.url
    with pytest.raises(DataError, match=r"the archive's list of its \d+ files is not what its checksum says"):
        loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id"))
    assert cached(tmp_path) == []


def test_it_is_not_in_the_cache_until_it_is_whole(held: LocalArchive, dandi: Dandi) -> None:
    held.faults.silent(match=".zattrs")
    with pytest.raises(DataError, match="keeps silent"):
        loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id", timeout=0.6))
    with pytest.raises(DataError, match="is not in the cache"):
        loaded(dandi(f"000001/{NAME}", stimulus="stimulus_id", offline=True))


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a//b", "", "..", "a\\b", "c:/x", "./a"])
def test_a_name_that_leads_out_of_the_folder_is_refused(path: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"names a file {path!r} in it, which is no place in a folder")):
        _entry({"Key": path, "Size": 1, "ETag": "x"}, "here")


def test_inspect_names_it(held: LocalArchive, dandi: Dandi) -> None:
    assert held.url
    seen = dandi("000001").inspect()
    assert seen.tables[1].rows[0][:3] == (NAME, seen.tables[1].rows[0][1], "NWB in Zarr")
    assert dict(dandi(f"000001/{NAME}").inspect().facts)["subject"] == "m1"
