"""Expressions choose rows and can do nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.query import choose_rows

COLUMNS = {
    "quality": np.array(["good", "noise", "good", "mua"]),
    "snr": np.array([1.0, 3.0, 2.5, np.nan]),
    "id": np.array([4, 5, 6, 7]),
    "is ok": np.array([True, False, True, True]),
}


def chosen(expression: str) -> NDArray[np.bool_]:
    return choose_rows(expression, COLUMNS, option="units", where="a.nwb, /units", left_out={"waveform": "a matrix"})


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("quality == 'good'", [0, 2]),
        ("quality == 'good' and snr > 2", [2]),
        ("quality == 'good' & snr > 2", [2]),
        ("snr > 2 or id == 7", [1, 2, 3]),
        ("not (snr > 2)", [0, 3]),
        ("~(quality == 'good') | snr < 2", [0, 1, 3]),
        ("id in [4, 7]", [0, 3]),
        ("quality not in ('good', 'mua')", [1]),
        ("1 < snr <= 2.5", [2]),
        ("`is ok`", [0, 2, 3]),
        ("id % 2 == 0", [0, 2]),
        ("snr == snr", [0, 1, 2]),
    ],
)
def test_expressions_keep_what_they_say(expression: str, rows: list[Any]) -> None:
    assert np.flatnonzero(chosen(expression)).tolist() == rows


@pytest.mark.parametrize(
    "expression",
    [
        "quality.str.len() > 3",
        "__import__('os').system('true')",
        "@pd.eval('1')",
        "quality = 'good'",
        "[x for x in id]",
        "snr > ",
        "id[0] == 4",
        "'good'",
        "1 == 1",
        "",
    ],
)
def test_anything_else_is_refused_unevaluated(expression: str) -> None:
    with pytest.raises(BadParameter, match=r"^units=.* such as \"quality == 'good' and snr > 2\"$"):
        chosen(expression)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("qualty == 'good'", "no column 'qualty': did you mean 'quality'? there are quality, snr, id, is ok"),
        ("waveform > 1", "column 'waveform' holds a matrix and cannot be compared"),
        ("snr > 100", "keeps none of the 4 rows; snr holds 1.0 (1), 3.0 (1), 2.5 (1)"),
        ("quality == 'Good'", "keeps none of the 4 rows; quality holds 'good' (2), 'noise' (1), 'mua' (1)"),
        ("quality > 3", "cannot be evaluated (TypeError"),
        ("snr + 1", "cannot be evaluated"),
    ],
)
def test_an_expression_that_fits_no_column_says_what_there_is(expression: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        chosen(expression)
    assert said in str(caught.value)
    assert str(caught.value).startswith("a.nwb, /units: units=")
