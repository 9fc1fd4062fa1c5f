"""What ``inspect`` says of dandisets and their files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from archive import LocalArchive
from spikeproof.errors import DataError
from spikeproof.types import InspectionTable
from spikeproof_nwb.archive.inspecting import _facts, _listed, _names, _species
from spikeproof_nwb.archive.source import DANDI

Dandi = Callable[..., DANDI]
WriteFile = Callable[..., Path]


@pytest.fixture
def held(archive: LocalArchive, write_file: WriteFile) -> LocalArchive:
    one, other = write_file("one.nwb"), write_file("two.nwb", trains=([0.5], [1.5]))
    archive.add("000001", "draft", {"sub-2/a.nwb": one, "sub-10/a.nwb": other, "notes.txt": Path(__file__)})
    archive.publish("000001")
    archive.add("000001", "draft", {"sub-3/new.nwb": one})
    return archive


def column(table: InspectionTable, name: str) -> list[str]:
    return [row[table.columns.index(name)] for row in table.rows]


def test_versions_and_files_are_listed_without_fetching_any(held: LocalArchive, dandi: Dandi) -> None:
    seen = dandi("000001").inspect()
    (draft, published) = sorted(held.holdings.dandisets["000001"].versions, reverse=True)
    versions, files = seen.tables
    assert seen.title == "Dandiset 000001: Dandiset 000001"
    assert column(versions, "version") == [draft, published]
    assert column(versions, "files") == ["4", "3"]
    assert versions.rows[1][-1] == "listed below"
    assert files.title == f"Files of dandi:000001@{published}, 3"
    assert column(files, "path") == ["notes.txt", "sub-2/a.nwb", "sub-10/a.nwb"]
    assert column(files, "kind")[1:] == ["NWB", "NWB"]
    assert dict(seen.facts)["version"] == f"{published}, the one that is read unless another is named"
    assert seen.can[1] == f"several as one: dandi:000001@{published}/**/*.nwb"
    assert seen.cannot == ("1 of 3 files are no NWB files: they are not read",)
    assert not any(one.side == "s3" for one in held.requests)
    assert len(held.requests) <= 5


def test_another_version_a_folder_or_a_pattern_can_be_listed(held: LocalArchive, dandi: Dandi) -> None:
    assert held.url
    draft = dandi("000001@draft").inspect().tables[1]
    assert column(draft, "path") == ["notes.txt", "sub-2/a.nwb", "sub-3/new.nwb", "sub-10/a.nwb"]
    assert column(dandi("000001@draft/sub-3/").inspect().tables[1], "path") == ["sub-3/new.nwb"]
    assert column(dandi("000001@draft/sub-?/*.nwb").inspect().tables[1], "path") == ["sub-2/a.nwb", "sub-3/new.nwb"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("000009", "has no dandiset 000009"),
        ("000001@0.1.2", "has no version 0.1.2: there are draft"),
        ("000001/sub-4/", "no file is called so; see `spikeproof inspect dandi:000001`"),
        ("000001/sub-4*/*", "no file is called so"),
    ],
)
def test_what_is_not_there_is_said(target: str, said: str, held: LocalArchive, dandi: Dandi) -> None:
    assert held.url
    with pytest.raises(DataError, match=re.escape(said)):
        dandi(target).inspect()


def test_what_is_kept_is_marked_and_listed_offline(held: LocalArchive, dandi: Dandi) -> None:
    dandi("000001/sub-2/a.nwb", stimulus="stimulus_id").load()
    files = dandi("000001").inspect().tables[1]
    assert column(files, "in the cache") == ["", "yes", ""]
    held.requests.clear()
    seen = dandi("000001", offline=True).inspect()
    (known,) = seen.tables
    assert column(known, "path") == ["sub-2/a.nwb"]
    assert column(known, "in the cache") == ["yes"]
    assert seen.can == (f"`spikeproof inspect dandi:000001@{known.rows[0][0]}/sub-2/a.nwb --offline`",)
    assert seen.cannot == ("only what was used before is listed: the archive was not asked (--offline)",)
    nothing = dandi("000009", offline=True).inspect()
    assert nothing.cannot == ("nothing of dandi:000009 is known: run this once without --offline",)
    assert held.requests == []


@pytest.mark.parametrize("stream", ["auto", "always"])
def test_a_file_is_described_as_nwb_does_with_where_it_is_from(
    stream: str, held: LocalArchive, dandi: Dandi, tmp_path: Path
) -> None:
    seen = dandi("000001/sub-2/a.nwb", stream=stream, timeout=5.0).inspect()
    facts = dict(seen.facts)
    version = max(name for name in held.holdings.dandisets["000001"].versions if name != "draft")
    assert facts["file"] == f"dandi:000001@{version}/sub-2/a.nwb"
    assert facts["subject"] == "m1"
    more = "" if stream == "auto" else " --source.stream always"
    start = f"spikeproof run --source dandi:000001@{version}/sub-2/a.nwb --source.instance {held.url}{more}"
    assert seen.run.startswith(f"{start} --source.cache {tmp_path / 'cache'} --source.table trials")


def test_many_files_are_listed_in_part_and_that_is_said(archive: LocalArchive, dandi: Dandi) -> None:
    archive.add("000001", "draft", {f"sub-{number}/a.nwb": Path(__file__) for number in range(1200)})
    seen = dandi("000001").inspect()
    assert seen.tables[1].title == "Files of dandi:000001@draft, 1,000 of 1,200"
    assert len(seen.tables[1].rows) == 1000
    assert seen.cannot == (
        "200 of 1,200 files are not listed: name a folder, such as dandi:000001@draft/sub-0/, or a pattern",
    )


def test_what_the_archive_says_a_file_holds_is_read() -> None:
    """Metadata of DANDI's schema 0.6 and 0.7."""
    metadata = {
        "wasAttributedTo": [
            {
                "identifier": "m1",
                "species": {"name": "Homo sapiens - Human", "identifier": "x"},
                "sex": {"name": "Male"},
            }
        ],
        "wasGeneratedBy": [{"name": "ses-1", "identifier": "s1", "schemaKey": "Session"}, {"name": "Acquisition"}],
        "variableMeasured": [{"value": "Units", "schemaKey": "PropertyValue"}, {"value": "TimeIntervals"}],
        "measurementTechnique": [{"name": "spike sorting technique"}, {"name": "spike sorting technique"}],
    }
    assert _species(metadata) == "Homo sapiens - Human"
    assert _listed(metadata["wasAttributedTo"], "identifier") == "m1"
    assert _names(metadata["variableMeasured"]) == "Units, TimeIntervals"
    assert _names(metadata["measurementTechnique"]) == "spike sorting technique"
    assert (_names(None), _names("a"), _names(["a", "b", "a"]), _species({}), _listed(None, "x")) == (
        "",
        "a",
        "a, b",
        "",
        "",
    )
    summary = {
        "numberOfSubjects": 7,
        "numberOfCells": 35,
        "species": [{"name": "Human"}],
        "variableMeasured": ["Units"],
    }
    about = {
        "asset_count": 12,
        "size": 2_000_000,
        "metadata": {"assetsSummary": summary, "license": ["spdx:CC-BY-4.0"]},
    }
    assert _facts(about) == [
        ("files", "12, 2 MB"),
        ("subjects", "7"),
        ("cells", "35"),
        ("species", "Human"),
        ("measured", "Units"),
        ("licence", "spdx:CC-BY-4.0"),
    ]
    assert _facts({}) == [("files", "0, 0 B")]
