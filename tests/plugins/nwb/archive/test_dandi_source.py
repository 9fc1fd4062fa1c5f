"""``dandi:`` from the target to the recording."""

from __future__ import annotations

import builtins
import gc
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from archive import LocalArchive
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Recording
from spikeproof_nwb.archive.source import DANDI
from spikeproof_nwb.source import NWB

Dandi = Callable[..., DANDI]
WriteFile = Callable[..., Path]
FIRST, SECOND = "sub-1/sub-1_ses-1.nwb", "sub-2/sub-2_ses-1.nwb"


@pytest.fixture
def files(write_file: WriteFile) -> dict[str, Path]:
    """Two sessions, and something else."""
    other = {"start": (0.0, 1.0), "stop": (1.0, 2.0), "stimulus_id": ("a", "b")}
    return {FIRST: write_file("one.nwb"), SECOND: write_file("two.nwb", trials=other), "notes.txt": Path(__file__)}


@pytest.fixture
def held(archive: LocalArchive, files: dict[str, Path]) -> LocalArchive:
    archive.add("000001", "draft", files)
    return archive


def loaded(source: DANDI) -> Recording:
    found = source.load()
    assert isinstance(found, Recording)
    return found


def asked(archive: LocalArchive) -> list[str]:
    """Paths of requests since the last look, without queries."""
    seen = [one.path.partition("?")[0] for one in archive.requests]
    archive.requests.clear()
    return seen


STIMULUS = {"stimulus": "stimulus_id"}


def test_it_gives_what_nwb_gives_and_says_where_it_is_from(
    held: LocalArchive, dandi: Dandi, files: dict[str, Path]
) -> None:
    local = NWB(target=str(files[FIRST]), **STIMULUS).load()
    assert isinstance(local, Recording)
    found = loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    assert found.responses is not None
    assert found.responses.identical(local.responses)
    assert found.identity["digest"] == local.identity["digest"]
    asset = held.holdings.dandisets["000001"].versions["draft"].assets[FIRST]
    assert found.identity["source"] == f"dandi:000001@draft/{FIRST}"
    assert {name: found.identity[name] for name in ("archive", "dandiset", "version", "asset", "path")} == {
        "archive": held.url,
        "dandiset": "000001",
        "version": "draft",
        "asset": asset.asset_id,
        "path": FIRST,
    }
    assert found.notes[0] == (
        f"000001: the draft (nothing of it is published) was read as of {found.identity['version_modified']}: "
        "a draft may change"
    )
    assert found.notes[1:] == local.notes


@pytest.mark.parametrize("stream", ["never", "always"])
def test_the_human_recording_is_the_same_through_the_archive(
    stream: str, archive: LocalArchive, dandi: Dandi, shared: Path
) -> None:
    """DANDI:000207: every coordinate and every count, and its images."""
    file = shared / "data" / "nwb" / "dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
    path = "sub-4/sub-4_ses-4_ecephys+image.nwb"
    archive.add("000207", "draft", {path: file})
    archive.publish("000207")
    options = {"table": "recognition_table", "stimulus": "frameName"}
    local = NWB(target=str(file), **options).load()
    found = loaded(dandi(f"000207/{path}", stream=stream, **options))
    assert isinstance(local, Recording)
    assert found.responses is not None
    assert found.responses.identical(local.responses)
    assert set(map(str, found.responses.coords)) == set(map(str, local.responses.coords))
    assert int(found.responses["response"].sum()) == int(local.responses["response"].sum()) > 0
    assert found.identity["digest"] == local.identity["digest"]
    assert (found.stimuli is None) == (local.stimuli is None)
    asked(archive)
    again = loaded(dandi(f"000207/{path}", stream=stream, **options))
    assert asked(archive) == ["/api/dandisets/000207/"]
    assert again.responses is not None
    assert again.responses.identical(found.responses)
    assert dict(again.identity) == dict(found.identity)


def test_after_a_hit_only_the_version_is_asked_for_and_nothing_if_it_is_published(
    held: LocalArchive, dandi: Dandi
) -> None:
    version = held.publish("000001")
    loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    asked(held)
    found = loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    assert found.identity["version"] == version
    assert asked(held) == ["/api/dandisets/000001/"]
    loaded(dandi(f"000001@{version}/{FIRST}", **STIMULUS))
    assert asked(held) == []


def test_a_draft_that_changed_is_looked_at_again(held: LocalArchive, dandi: Dandi, write_file: WriteFile) -> None:
    loaded(dandi(f"000001@draft/{FIRST}", **STIMULUS))
    asked(held)
    loaded(dandi(f"000001@draft/{FIRST}", **STIMULUS))
    assert asked(held) == ["/api/dandisets/000001/"]
    held.add("000001", "draft", {FIRST: write_file("new.nwb", trains=([0.5], [1.5], [2.5]))})
    found = loaded(dandi(f"000001@draft/{FIRST}", **STIMULUS))
    assert found.responses is not None
    assert found.responses["response"].values.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert len(asked(held)) == 4


def test_the_latest_published_version_is_read_unless_another_is_named(
    held: LocalArchive, dandi: Dandi, write_file: WriteFile
) -> None:
    version = held.publish("000001")
    held.add("000001", "draft", {FIRST: write_file("new.nwb", trains=([0.5], [1.5], [2.5]))})
    latest, draft = (loaded(dandi(f"000001{at}/{FIRST}", **STIMULUS)) for at in ("", "@draft"))
    assert (latest.identity["version"], draft.identity["version"]) == (version, "draft")
    assert latest.identity["digest"] != draft.identity["digest"]
    assert latest.notes[0] == (
        f"000001: version {version} was read, the latest published one: name it as dandi:000001@{version}/{FIRST} to "
        "read the same later"
    )


def test_a_pattern_gives_every_file_in_natural_order(held: LocalArchive, dandi: Dandi, files: dict[str, Path]) -> None:
    held.add("000001", "draft", {"sub-10/sub-10_ses-1.nwb": files[FIRST]})
    found = dandi("000001/sub-*/*.nwb", **STIMULUS).load()
    assert isinstance(found, tuple)
    assert [one.identity["path"] for one in found] == [FIRST, SECOND, "sub-10/sub-10_ses-1.nwb"]
    asked(held)
    dandi("000001/sub-*/*.nwb", **STIMULUS).load()
    assert asked(held) == ["/api/dandisets/000001/"]


def test_a_pattern_sees_what_came_into_a_draft(held: LocalArchive, dandi: Dandi, files: dict[str, Path]) -> None:
    """Also where the files that it named before were looked at since, one by one."""
    dandi("000001/sub-*/*.nwb", **STIMULUS).load()
    held.add("000001", "draft", {"sub-3/new.nwb": files[FIRST]})
    for path in (FIRST, SECOND):
        loaded(dandi(f"000001/{path}", **STIMULUS))
    found = dandi("000001/sub-*/*.nwb", **STIMULUS).load()
    assert isinstance(found, tuple)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("000009/a.nwb", "has no dandiset 000009: check the number, or name another archive with --source.instance"),
        ("000009@0.1.2/a.nwb", "has no dandiset 000009"),
        (f"000001@0.111111.1111/{FIRST}", "dandi:000001 has no version 0.111111.1111: there are draft"),
        (
            "000001/sub-1/sub-1_ses-2.nwb",
            f"there is no file 'sub-1/sub-1_ses-2.nwb': did you mean {FIRST} or {SECOND}?",
        ),
        ("000001/sub-1_ses-1.nwb", f"there is no file 'sub-1_ses-1.nwb': did you mean {FIRST}?"),
        ("000001/SUB-1/sub-1_ses-1.nwb", f"there is no file 'SUB-1/sub-1_ses-1.nwb': did you mean {FIRST}?"),
        ("000001/sub-1/sub-1_ses-1", "there is no file 'sub-1/sub-1_ses-1': did you mean"),
        ("000001/zzzzzzz", "there is no file 'zzzzzzz': see `spikeproof inspect dandi:000001`"),
        ("000001/sub-1", "dandi:000001@draft/sub-1 is a folder of 1 files: write dandi:000001@draft/sub-1/*.nwb"),
        ("000001/sub-1/", "dandi:000001/sub-1/ names no file: write dandi:000001@draft/sub-1/*.nwb for all of them"),
        (
            "000001",
            "dandi:000001 names no file: write dandi:000001@draft/**/*.nwb for all of them, or see what there is",
        ),
        ("000001/sub-3*/*.nwb", "no file matches; there are, among 3: notes.txt, sub-1/sub-1_ses-1.nwb"),
        ("000001/sub-2/x*.nwb", f"no file matches; there are, among 3: {SECOND}"),
        ("000001/notes.txt", "dandi:000001@draft/notes.txt is not HDF5, so not an NWB file"),
    ],
)
def test_what_does_not_exist_is_said_with_what_is_near(
    target: str, said: str, held: LocalArchive, dandi: Dandi
) -> None:
    assert held.url
    with pytest.raises(DataError, match=re.escape(said)):
        dandi(target, **STIMULUS).load()


def test_the_archives_prefix_match_never_picks_another_file(
    held: LocalArchive, dandi: Dandi, files: dict[str, Path]
) -> None:
    """Thousands of files may begin as this one does."""
    many = {f"sub-1/sub-1_ses-1.nwb.{number}.nwb": files[SECOND] for number in range(1500)}
    held.add("000001", "draft", {"SUB-1/sub-1_ses-1.nwb": files[SECOND], **many})
    found = loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    assert found.identity["path"] == FIRST
    assert sum("/assets/" in path and "download" not in path for path in asked(held)) == 2  # two pages of a thousand


def test_an_error_in_a_file_names_the_file_in_the_archive(
    archive: LocalArchive, dandi: Dandi, write_file: WriteFile, tmp_path: Path
) -> None:
    broken = tmp_path / "cut.nwb"
    broken.write_bytes(write_file("whole.nwb").read_bytes()[:-1000])
    archive.add("000001", "draft", {"cut.nwb": broken})
    with pytest.raises(DataError, match=r"^dandi:000001@draft/cut.nwb is truncated") as caught:
        dandi("000001/cut.nwb", **STIMULUS).load()
    assert str(tmp_path) not in str(caught.value)


class TestEmbargoed:
    """What its owners see only."""

    @pytest.fixture
    def closed(self, archive: LocalArchive, files: dict[str, Path]) -> LocalArchive:
        archive.add("000002", "draft", files, embargoed=True)
        return archive

    @pytest.fixture
    def variable(self, archive: LocalArchive) -> str:
        return "DANDI_" + re.sub(r"\W", "_", archive.url.removeprefix("http://").removesuffix("/api")) + "_API_KEY"

    def test_without_a_key_it_says_which_variable_to_set_and_never_asks(
        self, closed: LocalArchive, dandi: Dandi, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def prompt(*_: object) -> str:
            raise AssertionError("it asked")

        monkeypatch.setattr(builtins, "input", prompt)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        said = f"dandi:000002 is not open: .* set the variable {variable} to your API key"
        with pytest.raises(DataError, match=said):
            dandi(f"000002/{FIRST}", **STIMULUS).load()
        assert [seen.authorized for seen in closed.requests] == [False]

    @pytest.mark.parametrize("stream", ["never", "always"])
    def test_with_the_owners_key_it_loads_and_the_key_goes_to_the_api_only(
        self, stream: str, closed: LocalArchive, dandi: Dandi, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, closed.token)
        found = loaded(dandi(f"000002/{FIRST}", stream=stream, **STIMULUS))
        assert found.identity["path"] == FIRST
        assert {seen.side for seen in closed.requests if seen.authorized} == {"api"}
        assert closed.token not in repr(found)

    def test_a_wrong_key_and_a_strangers_are_told_apart(
        self, closed: LocalArchive, dandi: Dandi, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, "nonsense")
        with pytest.raises(
            DataError, match=rf"does not accept the key in {variable} \(Invalid token.\): get a new one"
        ):
            dandi(f"000002/{FIRST}").load()
        monkeypatch.setenv(variable, closed.stranger)
        with pytest.raises(DataError, match=rf"the user of the key in {variable} may not see it"):
            dandi(f"000002/{FIRST}").load()

    def test_a_worn_key_does_not_close_what_is_open(
        self, held: LocalArchive, dandi: Dandi, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, "nonsense")
        loaded(dandi(f"000001/{FIRST}", **STIMULUS))
        assert not any(seen.authorized for seen in held.requests)


class TestOffline:
    """From the cache alone."""

    @pytest.mark.parametrize("how", ["field", "variable"])
    @pytest.mark.parametrize("stream", ["never", "always"])
    def test_what_was_read_once_is_read_again_without_a_request(
        self, how: str, stream: str, held: LocalArchive, dandi: Dandi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        online = loaded(dandi(f"000001/{FIRST}", stream=stream, **STIMULUS))
        asked(held)
        more: dict[str, Any] = {"offline": True} if how == "field" else {}
        if how == "variable":
            monkeypatch.setenv("SPIKEPROOF_OFFLINE", "1")
        held.close_port("api")
        held.close_port("s3")
        for target in (f"000001/{FIRST}", f"000001@draft/{FIRST}"):
            again = loaded(dandi(target, stream=stream, **STIMULUS, **more))
            assert again.responses is not None
            assert again.responses.identical(online.responses)
            assert dict(again.identity) == dict(online.identity)
        assert asked(held) == []

    def test_a_pattern_is_only_known_if_it_was_asked_for(self, held: LocalArchive, dandi: Dandi) -> None:
        loaded(dandi(f"000001/{FIRST}", **STIMULUS))
        with pytest.raises(
            DataError, match=re.escape("dandi:000001@draft/sub-*/*.nwb is not in the cache: it was never")
        ):
            dandi("000001/sub-*/*.nwb", offline=True, **STIMULUS).load()
        dandi("000001/sub-*/*.nwb", **STIMULUS).load()
        asked(held)
        again = dandi("000001/sub-*/*.nwb", offline=True, **STIMULUS).load()
        assert isinstance(again, tuple)
        assert len(again) == 2
        assert asked(held) == []

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("000003/a.nwb", "which version is the latest was never asked (nothing of dandiset 000003 is)"),
            (f"000001/{SECOND}", f"it was never found with a network (known of it: {FIRST} at draft); run it once"),
            (f"000001@0.1.2/{FIRST}", "dandi:000001@0.1.2/sub-1/sub-1_ses-1.nwb is not in the cache"),
        ],
    )
    def test_what_was_never_read_is_said(self, target: str, said: str, held: LocalArchive, dandi: Dandi) -> None:
        loaded(dandi(f"000001/{FIRST}", **STIMULUS))
        asked(held)
        with pytest.raises(DataError, match=re.escape(said)):
            dandi(target, offline=True).load()
        assert asked(held) == []

    @pytest.mark.parametrize("stream", ["never", "always"])
    def test_a_file_that_was_removed_from_the_cache_is_said(
        self, stream: str, held: LocalArchive, dandi: Dandi, tmp_path: Path
    ) -> None:
        loaded(dandi(f"000001/{FIRST}", **STIMULUS))
        for path in (tmp_path / "cache" / "files").iterdir():
            path.unlink()
        asked(held)
        with pytest.raises(DataError, match=r"is not in the cache \(.*cache\), only its name is: .* must be fetched"):
            dandi(f"000001/{FIRST}", offline=True, stream=stream, **STIMULUS).load()
        assert asked(held) == []


def test_the_images_of_a_recording_keep_its_file_in_the_cache(
    archive: LocalArchive, dandi: Dandi, write_file: WriteFile
) -> None:
    """Images are read when they are asked for: until then the file must stay."""

    def add(content: pynwb.NWBFile) -> None:
        pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
        images = [pynwb.image.GrayscaleImage(name=name, data=pixels) for name in "ab"]
        content.add_stimulus_template(pynwb.base.Images(name="shown", images=images, description="d"))

    archive.add("000001", "draft", {"images.nwb": write_file(also=add)})
    source = dandi("000001/images.nwb", **STIMULUS)
    found = loaded(source)
    cache = source._parts()[3]
    (kept,) = (cache.root / "files").glob("*.nwb")
    cache.limit = kept.stat().st_size + 10
    gc.collect()
    with pytest.raises(DataError, match="in use by running processes"):
        cache.make_room(100, "x")
    assert found.stimuli is not None
    assert found.stimuli.images(["a", "b"]).shape == (2, 1, 2, 3)
    del found
    gc.collect()
    cache.make_room(100, "x")
    assert not kept.exists()


@pytest.mark.parametrize(("stream", "in_parts"), [("auto", True), ("always", True), ("never", False)])
def test_large_files_are_streamed_unless_they_are_here(
    stream: str, in_parts: bool, held: LocalArchive, dandi: Dandi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikeproof_nwb.archive.place.SMALL", 1000)
    loaded(dandi(f"000001/{FIRST}", stream=stream, **STIMULUS))
    assert {seen.range is not None for seen in held.requests if seen.side == "s3"} == {in_parts}
    loaded(dandi(f"000001/{SECOND}", stream="never", **STIMULUS))
    held.requests.clear()
    loaded(dandi(f"000001/{SECOND}", stream=stream, **STIMULUS))
    assert [seen.side for seen in held.requests] == ["api"]


def test_small_files_are_fetched_whole(held: LocalArchive, dandi: Dandi) -> None:
    loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    assert [seen.range for seen in held.requests if seen.side == "s3"] == [None]


@pytest.mark.parametrize("fault", ["reset", "status", "expire", "ignore_range", "slow_first_byte"])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_each_fault_ends_in_the_right_numbers(
    fault: str, stream: str, held: LocalArchive, dandi: Dandi, files: dict[str, Path]
) -> None:
    given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "reset": ((5000,), {}),
        "status": ((503,), {"retry_after": 0.1}),
        "expire": ((), {}),
        "ignore_range": ((), {}),
        "slow_first_byte": ((0.2,), {}),
    }
    arguments, named = given[fault]
    getattr(held.faults, fault)(*arguments, **named)
    local = NWB(target=str(files[FIRST]), **STIMULUS).load()
    assert isinstance(local, Recording)
    found = loaded(dandi(f"000001/{FIRST}", stream=stream, **STIMULUS))
    assert found.responses is not None
    assert found.responses.identical(local.responses)


@pytest.mark.parametrize("fault", ["corrupt", "silent", "reset", "busy"])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_each_lasting_fault_ends_in_an_error_and_is_forgotten(
    fault: str, stream: str, held: LocalArchive, dandi: Dandi
) -> None:
    """Nothing that came is taken for data afterwards."""
    if fault == "busy":
        held.faults.status(503, times=None)
    else:
        getattr(held.faults, fault)(*((0,) if fault == "reset" else ()), times=None)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"^dandi:000001@draft/sub-1/sub-1_ses-1.nwb"):
        dandi(f"000001/{FIRST}", stream=stream, timeout=1.0, **STIMULUS).load()
    assert time.monotonic() - begin < 5
    with pytest.raises(DataError, match="in the cache"):
        dandi(f"000001/{FIRST}", stream=stream, offline=True, **STIMULUS).load()
    held.faults.clear()
    loaded(dandi(f"000001/{FIRST}", stream=stream, **STIMULUS))


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(BadParameter, match="it must be above 0, such as 45"):
        DANDI(target="000001/a.nwb", timeout=timeout)


def test_a_cache_that_may_only_be_read_is_of_use(
    held: LocalArchive, dandi: Dandi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root may write anywhere, the system is made to say no."""
    online = loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    monkeypatch.setattr("spikeproof_nwb.archive.cache.os.access", lambda *_: False)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    assert len(asked(held)) == 4
    for name in ("mkdir", "touch", "write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    again = loaded(dandi(f"000001/{FIRST}", **STIMULUS))
    assert dict(again.identity) == dict(online.identity)
    with pytest.raises(DataError, match=r"cannot be written \(Read-only file system\)"):
        dandi(f"000001/{SECOND}", **STIMULUS).load()
