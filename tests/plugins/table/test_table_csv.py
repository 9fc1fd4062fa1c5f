"""csv tables: one row a presentation, or one row a response."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Recording
from spikeproof_table.source import Table


def load(path: Path, text: str, **fields: Any) -> Recording:
    path.write_text(text, encoding="utf-8")
    return Table(target=str(path), **{"response_units": "spikes", **fields}).load()


def of(recording: Recording) -> xr.Dataset:
    assert recording.responses is not None
    return recording.responses


WIDE = "stimulus_id,u1,category,u2\nx,1,p,2.5\ny,3,q,\nx,5,p,NaN\n"
LONG = """stimulus_id,repeat,unit,response,area,category,note
x,0,a,1,V4,p,1
x,0,b,2,IT,p,2
x,1,a,3,V4,p,3
y,0,b,4,IT,q,4
"""


def test_a_row_a_presentation(tmp_path: Path) -> None:
    recording = load(tmp_path / "a.csv", WIDE)
    found = of(recording)
    np.testing.assert_array_equal(found["response"].values, [[1, 2.5], [3, np.nan], [5, np.nan]])
    assert found["unit"].values.tolist() == ["u1", "u2"]
    assert found["stimulus_id"].values.tolist() == ["x", "y", "x"]
    assert found["repeat"].values.tolist() == [0, 0, 1]
    assert found["category"].values.tolist() == ["p", "q", "p"]
    assert recording.notes == (
        "a column a unit: 2 units (u1, u2); about presentations: stimulus_id, category",
        "2 of 6 responses were not measured (NaN)",
    )


def test_a_row_a_response(tmp_path: Path) -> None:
    recording = load(tmp_path / "a.csv", LONG)
    found = of(recording)
    nan = np.nan
    np.testing.assert_array_equal(found["response"].values, [[1, 2], [3, nan], [nan, 4]])
    assert found["unit"].values.tolist() == ["a", "b"]
    assert found["stimulus_id"].values.tolist() == ["x", "x", "y"]
    assert found["repeat"].values.tolist() == [0, 1, 0]
    assert found["area"].values.tolist() == ["V4", "IT"]
    assert found["category"].values.tolist() == ["p", "p", "q"]
    assert recording.notes == (
        "a row a response: 4 rows, 3 presentations x 2 units",
        "columns that were left out, since they change within a presentation and a unit: note",
        "2 of 6 responses were not measured (NaN)",
    )


def test_the_order_of_rows_does_not_change_a_response(tmp_path: Path) -> None:
    head, *rows = LONG.splitlines()
    first, second = (
        of(load(tmp_path / "a.csv", "\n".join([head, *order]))).sortby(["stimulus_id", "repeat"]).sortby("unit")
        for order in (rows, rows[::-1])
    )
    xr.testing.assert_identical(first.drop_vars("note", errors="ignore"), second.drop_vars("note", errors="ignore"))


def test_numbers_are_read_to_the_last_bit_and_blank_lines_are_none(tmp_path: Path) -> None:
    values = np.random.default_rng(0).lognormal(0, 20, (50, 3))
    rows = "\n\n".join(f"s{n}," + ",".join(map(repr, row)) for n, row in enumerate(values.tolist()))
    found = of(load(tmp_path / "a.csv", f"stimulus_id,a,b,c\n{rows}\n\n"))
    np.testing.assert_array_equal(found["response"].values, values)


def test_names_stay_the_text_that_they_are(tmp_path: Path) -> None:
    found = of(load(tmp_path / "a.csv", "\ufeffstimulus_id,u1\n007,1\n1.0,2\n"))
    assert found["stimulus_id"].values.tolist() == ["007", "1.0"]


def test_other_names_and_marks_are_told_by_options(tmp_path: Path) -> None:
    found = of(
        load(
            tmp_path / "a.txt",
            "pic;rt;n1;n2;what\nx;0.5;1;2;p\ny;0.6;3;4;q\n",
            delimiter=";",
            stimulus="pic",
            category="what",
            columns=("rt",),
        )
    )
    assert found["unit"].values.tolist() == ["n1", "n2"]
    assert found["rt"].values.tolist() == [0.5, 0.6]
    assert found["category"].values.tolist() == ["p", "q"]
    found = of(
        load(
            tmp_path / "b.tsv",
            "pic\tcell\trate\ttrial\nx\ta\t1\t5\nx\ta\t2\t4\n",
            responses="rate",
            unit="cell",
            stimulus="pic",
            repeat="trial",
        )
    )
    assert found["response"].values.ravel().tolist() == [1, 2]
    assert found["repeat"].values.tolist() == [1, 0]
    assert found["trial"].values.tolist() == [5, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stimulus_id,u1\nx,1\ny,two\n", r"row 1, column 'u1' holds 'two', which is not a number .*name it in columns"),
        ("stimulus_id,u1\nx,1_000\n", "row 0, column 'u1' holds '1_000', which is not a number"),
        (
            "stimulus_id,u1\nx,1\ny\n",
            r"row 1 has 1 cells, but the header has 2: mend this row \(rows are numbered from 0",
        ),
        ("stimulus_id,u1\nx,1,2\n", "row 0 has 3 cells, but the header has 2"),
        ("stimulus_id,u1,u1\nx,1,2\n", r"1 names stand over several columns \(u1\): rename them"),
        ("stimulus_id,,u1\nx,1,2\n", "column 1 has no name in the header"),
        ("stimulus_id,u1\n", r"the table has a header \(stimulus_id, u1\) but no rows"),
        ("stimulus_id;u1\nx;1\n", "the header is one cell, 'stimulus_id;u1': is delimiter = ';' meant?"),
        ("stimulus_id,category\nx,p\n", "every column is about presentations .*there is none for a unit"),
        ("pic,u1\n1,2\n", r"nothing says which stimulus each presentation showed: name that column with stimulus"),
        ("stimulus_id,u1\nx,inf\n", "the response of unit 'u1' to stimulus 'x' is inf"),
        ("stimulus_id,u1,u2\nx,1,\ny,2,NA\n", "unit 'u2' has no value on any presentation"),
        ("stimulus_id,u1\nx,1\n,2\n", r"stimulus \(stimulus_id\) has no name at 1"),
        ('stimulus_id,u1\n"x,1\n', r"this file is no csv table \(unexpected end of data\)"),
        ("stimulus_id,unit,response\nx,a,1\nx,a,2\n", "rows 0 and 1 both hold a response of stimulus 'x' and unit 'a'"),
        (
            "stimulus_id,repeat,unit,response\nx,0,a,1\nx,0,a,2\n",
            r"rows 0 and 1 both hold a response of stimulus 'x' and unit 'a' on repeat '0' \(1 such rows\): leave one",
        ),
        ("stimulus_id,unit,response\nx,,1\n", "row 0, column 'unit' is empty: which unit is it?"),
        ("stimulus_id,unit,response\nx,a,?\n", r"row 0, column 'response' holds '\?', which is not a number"),
        (
            "pic,unit,response\nx,a,1\n",
            "no column says which stimulus was shown: name it with stimulus; columns are pic",
        ),
        ("stimulus_id,repeat,unit,response\nx,first,a,1\n", "repeat must number the repeats with whole numbers"),
    ],
)
def test_bad_tables_are_refused_by_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((DataError, BadParameter), match=message):
        load(tmp_path / "a.csv", text)


def test_options_that_name_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'tr'.* Columns are stimulus_id, u1, category, u2"):
        load(tmp_path / "a.csv", WIDE, columns=("tr",))
    with pytest.raises(
        DataError, match=r"stimulus = 'stimulus': there is no such column: did you mean 'stimulus_id'\?"
    ):
        load(tmp_path / "a.csv", WIDE.replace("category", "kind"), stimulus="stimulus", columns=("kind",))
    with pytest.raises(
        DataError, match=r"responses = 'respons' .* there is no column 'respons': did you mean 'response'"
    ):
        load(tmp_path / "a.csv", LONG, responses="respons")
    with pytest.raises(BadParameter, match="columns is for a table with a column a unit; here unit names the units"):
        load(tmp_path / "a.csv", LONG, columns=("note",))
    with pytest.raises(BadParameter, match="delimiter must be one character, got ';;'"):
        load(tmp_path / "a.csv", WIDE, delimiter=";;")
    with pytest.raises(BadParameter, match=r"dims is for arrays \(a csv table has named columns instead\)"):
        load(tmp_path / "a.csv", WIDE, dims=("unit", "stimulus"))
    (tmp_path / "a.csv").write_bytes(b"stimulus_id,u1\n\xe9,1\n")
    with pytest.raises(DataError, match=r"this file is no csv table .*save it as UTF-8 text"):
        Table(target=str(tmp_path / "a.csv"), response_units="spikes").load()
