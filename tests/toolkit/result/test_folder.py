from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.errors import ResultError
from spikeproof.result import Result, ResultFolder, slug
from spikeproof.result.folder import PROVENANCE, STUDY, TREE


def provenance(**changes: Any) -> dict[str, Any]:
    return {
        "status": "running",
        "study": {"schema": 1, "seed": 0},
        "fingerprint": {"the study's seed": "a", "the data": "b"},
        **changes,
    }


def tree() -> xr.DataTree:
    return xr.DataTree.from_dict(
        {
            "/m/s/summary": xr.Dataset(
                {"x": ("statistic", [1.0, 0.5, 2.0])}, coords={"statistic": ["estimate", "low", "high"]}
            )
        }
    )


def test_a_new_folder_gets_the_study_and_its_provenance(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path / "a" / "b", provenance(), resume=False)
    assert folder.read_provenance() == provenance()
    assert (folder.path / STUDY).read_text() == "schema = 1\nseed = 0\n"
    assert not folder.complete


def test_a_folder_with_another_study_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    ResultFolder.claim(tmp_path, provenance(), resume=False)
    other = provenance(fingerprint={"the study's seed": "x", "the data": "b"})
    with pytest.raises(ResultError, match=r"holds another study's result \(it differs in the study's seed\)"):
        ResultFolder.claim(tmp_path, other, resume=True)


def test_the_same_study_needs_resume(tmp_path: Path) -> None:
    ResultFolder.claim(tmp_path, provenance(), resume=False)
    with pytest.raises(ResultError, match="already holds this study's unfinished result: add --resume"):
        ResultFolder.claim(tmp_path, provenance(), resume=False)
    ResultFolder.claim(tmp_path, provenance(), resume=True)


def test_a_folder_of_other_files_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(ResultError, match=r"not empty \(thesis\.tex\) and holds no result"):
        ResultFolder.claim(tmp_path, provenance(), resume=False)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ResultError, match="this is a file; choose another --out"):
        ResultFolder.claim(tmp_path / "out", provenance(), resume=False)


def test_what_a_killed_writer_left_is_neither_read_nor_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "provenance.json.123.partial").write_text("{half")
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    folder.write_block("a", tree())
    (tmp_path / "blocks" / "b.nc.456.partial").write_bytes(b"half")
    assert folder.has_block("a")
    assert not folder.has_block("b")


def test_a_killed_claim_is_completed_by_the_next(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    (tmp_path / STUDY).unlink()
    ResultFolder.claim(tmp_path, provenance(), resume=True)
    assert (folder.path / STUDY).is_file()


def test_a_block_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    folder.write_block("a", tree())
    xr.testing.assert_identical(folder.read_block("a"), tree())


def test_texts_of_stacked_blocks_are_written_whole(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    for name in ("unit", "population"):
        folder.write_block(name, xr.DataTree.from_dict({"/items": xr.Dataset({"aim": ("target", [name])})}))
    parts = [folder.read_block(name)["items"].to_dataset() for name in ("unit", "population")]
    stacked = xr.DataTree.from_dict({"/items": xr.concat(parts, dim="target")})
    folder.finish(stacked, provenance(status="complete"))
    assert Result(tmp_path).tree["items"]["aim"].values.tolist() == ["unit", "population"]


def test_a_damaged_block_is_named(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    folder.write_block("a", tree())
    (tmp_path / "blocks" / "a.nc").write_bytes(b"nonsense")
    with pytest.raises(ResultError, match=r"a\.nc: damaged .*: delete it and run again with --resume"):
        folder.read_block("a")


def test_finishing_writes_the_tree_and_drops_the_blocks(tmp_path: Path) -> None:
    folder = ResultFolder.claim(tmp_path, provenance(), resume=False)
    folder.write_block("a", tree())
    done = provenance(
        status="complete", systems=["s"], metrics=["m"], computed=["m/s"], findings=[], refused=[], notes=[]
    )
    folder.finish(tree(), done)
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([PROVENANCE, STUDY, TREE])
    result = Result(tmp_path)
    assert result.summary("m", "s")["x"].values.tolist() == [1.0, 0.5, 2.0]
    row = result.table().iloc[0]
    assert (row["estimate"], row["low"], row["high"]) == (1.0, 0.5, 2.0)


def test_no_result_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"no result here \(no provenance\.json\)"):
        Result(tmp_path)


def test_an_unfinished_result_is_not_opened(tmp_path: Path) -> None:
    ResultFolder.claim(tmp_path, provenance(), resume=False)
    with pytest.raises(ResultError, match="not finished: run its study again with --resume"):
        Result(tmp_path)


def test_damaged_provenance_is_named(tmp_path: Path) -> None:
    (tmp_path / PROVENANCE).write_text("{")
    with pytest.raises(ResultError, match=r"provenance\.json: damaged"):
        Result(tmp_path)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_slugs_of_different_texts_differ_and_are_file_names(texts: list[str]) -> None:
    first, second = map(slug, texts)
    assert first != second
    assert "/" not in first
    assert len(first) < 80
