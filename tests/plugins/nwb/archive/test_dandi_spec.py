"""What may stand behind ``dandi:``, and which files it names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.errors import BadParameter
from spikeproof_nwb.archive.spec import parse_spec


@pytest.mark.parametrize(
    ("target", "dandiset", "version", "path", "again"),
    [
        ("000207", "000207", None, "", "dandi:000207"),
        ("000207@draft", "000207", "draft", "", "dandi:000207@draft"),
        ("000207/a.nwb", "000207", None, "a.nwb", "dandi:000207/a.nwb"),
        ("DANDI:000207/a.nwb", "000207", None, "a.nwb", "dandi:000207/a.nwb"),
        ("000207@0.1.2/./s//a@b.nwb", "000207", "0.1.2", "s/a@b.nwb", "dandi:000207@0.1.2/s/a@b.nwb"),
        ("000207/sub-1/", "000207", None, "sub-1/", "dandi:000207/sub-1/"),
    ],
)
def test_a_target_is_taken_apart_and_spelled_again(
    target: str, dandiset: str, version: str | None, path: str, again: str
) -> None:
    spec = parse_spec(target)
    assert (spec.dandiset, spec.version, spec.path, str(spec)) == (dandiset, version, path, again)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("207/a.nwb", "a dandiset is named by six digits, not '207': did you mean 000207?"),
        ("0000207/a", "did you mean 000207?"),
        ("sub-1/a.nwb", "not 'sub-1': write ID[@VERSION]/PATH"),
        ("000207@latest/a", "'latest' is no version: write draft, a published version such as 0.220126.1903"),
        ("000207@/a", "'' is no version"),
        ("000207/../a", "the path must stay in the dandiset"),
        ("000207//etc/passwd/../../../x", "the path must stay in the dandiset"),
        ("https://dandiarchive.org/dandiset/000207/0.1.2/files", "is the address of a page: write dandi:000207@0.1.2"),
        ("https://dandiarchive.org/", "is the address of a page: write dandi:ID/PATH"),
    ],
)
def test_what_is_no_target_is_refused(target: str, said: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(said)):
        parse_spec(target)


PATHS = ["sub-10/a.nwb", "sub-2/a.nwb", "sub-2/b.NWB", "sub-2/more/c.nwb", "SUB-2/a.nwb", "top.nwb", "x[1].nwb"]


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("sub-*/*.nwb", ["sub-2/a.nwb", "sub-10/a.nwb"]),
        ("sub-?/a.nwb", ["sub-2/a.nwb"]),
        ("**/*.nwb", ["SUB-2/a.nwb", "sub-2/a.nwb", "sub-2/more/c.nwb", "sub-10/a.nwb", "top.nwb", "x[1].nwb"]),
        ("**.nwb", ["SUB-2/a.nwb", "sub-2/a.nwb", "sub-2/more/c.nwb", "sub-10/a.nwb", "top.nwb", "x[1].nwb"]),
        ("sub-[0-9]/[!b]*", ["sub-2/a.nwb"]),
        ("x[1].nwb", ["x[1].nwb"]),
        ("[!s]*.nwb", ["top.nwb", "x[1].nwb"]),
        ("sub-2/", ["sub-2/a.nwb", "sub-2/b.NWB", "sub-2/more/c.nwb"]),
        ("sub-2/a.nwb", ["sub-2/a.nwb"]),
        ("sub", []),
    ],
)
def test_a_pattern_names_files_as_a_shell_would_and_minds_case(pattern: str, named: list[str]) -> None:
    spec = parse_spec(f"000207/{pattern}")
    assert spec.matching(PATHS) == named
    # what the archive is asked for: * crosses folders, nothing else means anything, case doesn't matter
    if spec.is_pattern:
        asked = re.compile(re.escape(spec.widened).replace(r"\*", ".*"), re.IGNORECASE)
        assert [path for path in named if not asked.fullmatch(path)] == []


@given(
    st.text("ab[]!*?/-^\\.", max_size=8).filter(lambda text: "//" not in text and ".." not in text),
    st.lists(st.text("ab[]!-^\\.", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join),
)
def test_the_archive_is_never_asked_for_less_than_the_pattern_names(pattern: str, path: str) -> None:
    try:
        spec = parse_spec(f"000207/{pattern}")
        named = spec.matching([path])
    except BadParameter:
        return
    if spec.is_pattern and named:
        assert re.fullmatch(re.escape(spec.widened).replace(r"\*", ".*"), path, re.IGNORECASE | re.DOTALL)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"'\[b-a\]' is no pattern"):
        parse_spec("000207/[b-a]").matching(["a"])
