"""Targets that are patterns: one recording a file, in natural order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spikeproof.errors import DataError
from spikeproof.types import Recording
from spikeproof_nwb.files import files_of, is_pattern
from spikeproof_nwb.source import NWB

WriteFile = Callable[..., Path]


@pytest.fixture
def folder(write_file: WriteFile, tmp_path: Path) -> Path:
    """Three subjects' sessions."""
    made = write_file()
    for name in ("sub-2/ses-1.nwb", "sub-10/ses-1.nwb", "sub-1/ses-1.nwb"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(made.read_bytes())
    (tmp_path / "sub-2" / "._ses-1.nwb").write_bytes(b"left by a Mac")
    made.unlink()
    return tmp_path


def test_a_pattern_gives_a_recording_a_file_in_natural_order(folder: Path) -> None:
    loaded = NWB(target=str(folder / "sub-*" / "*.nwb")).load()
    assert isinstance(loaded, tuple)
    assert [recording.identity["source"] for recording in loaded] == [
        f"nwb:{folder}/sub-{number}/ses-1.nwb" for number in (1, 2, 10)
    ]


def test_two_stars_stand_for_any_folders(folder: Path) -> None:
    assert len(files_of(str(folder / "**" / "*.nwb"))) == 3
    assert len(files_of(str(folder / "sub-[12]" / "*"))) == 2


def test_a_path_that_exists_is_no_pattern(folder: Path) -> None:
    odd = folder / "sub[1].nwb"
    (folder / "sub-1" / "ses-1.nwb").rename(odd)
    assert not is_pattern(str(odd))
    assert isinstance(NWB(target=str(odd)).load(), Recording)


def test_nothing_matched_says_what_there_is(folder: Path) -> None:
    listed = f"{folder} holds sub-1/ses-1.nwb, sub-2/._ses-1.nwb, sub-2/ses-1.nwb, sub-10/ses-1.nwb"
    with pytest.raises(DataError) as caught:
        NWB(target=f"{folder}/ses-*.nwb").load()
    assert str(caught.value) == f"no file matches {folder}/ses-*.nwb; {listed.replace('sub-2/._ses-1.nwb, ', '')}"
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        NWB(target=f"{folder}/nowhere/*.nwb").load()
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"and the folders in it hold no \.nwb file"):
        NWB(target=f"{folder}/empty/*.nwb").load()


def test_one_bad_file_is_named(folder: Path) -> None:
    (folder / "sub-2" / "ses-1.nwb").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"sub-2/ses-1\.nwb is not HDF5"):
        NWB(target=str(folder / "sub-*" / "*.nwb")).load()


def test_inspect_lists_the_files(folder: Path) -> None:
    pattern = str(folder / "sub-*" / "*.nwb")
    seen = NWB(target=pattern).inspect()
    assert seen.title == "3 NWB files"
    assert seen.tables[0].rows[0] == (
        str(folder / "sub-1" / "ses-1.nwb"),
        "m1",
        "s1",
        "3 in /units",
        "/intervals/trials",
        "yes",
    )
    assert f"'nwb:{pattern}'" in seen.run
    assert seen.can == ("one recording of all these files, over the stimuli that they share (join)",)
    (folder / "sub-2" / "ses-1.nwb").write_bytes(b"hello")
    seen = NWB(target=pattern).inspect()
    assert seen.tables[0].rows[1][-1] == "no: it cannot be opened"
    assert seen.run == ""
    assert any("is not HDF5" in text for text in seen.cannot)
