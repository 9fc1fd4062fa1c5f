"""Every column of every recording is kept: once where they agree, for each where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from joined_sessions import responses_of, session
from spikeproof.code_of_recording import code_of_recording
from spikeproof.compose import compose
from spikeproof.errors import DataError
from spikeproof.types import Recording

NAN = np.nan


def on(values: Any) -> tuple[str, Any]:
    return "presentation", values


def pair(one: Any, other: Any, join: Any = "union", name: str = "column", dim: str = "presentation") -> xr.Dataset:
    """Join a, b, a with b, b, c, each with a column (None: without it)."""
    first: dict[str, Any] = {} if one is None else {name: (dim, one)}
    second: dict[str, Any] = {} if other is None else {name: (dim, other)}
    return responses_of(
        compose(
            [
                session(["a", "b", "a"], **first),
                session(["b", "b", "c"], source="nwb:two.nwb", units=["v"], name="two", first=9, **second),
            ],
            join=join,
        )
    )


def test_rows_are_as_the_other_tests_of_this_file_say() -> None:
    got = pair(None, None)
    assert list(zip(got["stimulus_id"].values.tolist(), got["repeat"].values.tolist(), strict=True)) == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3], [2, 4, 5], [1, 3, 2, 4, 5]),
        ([1, 2, 3], [2.0, 4.0, 5.0], [1.0, 3.0, 2.0, 4.0, 5.0]),
        (["p", "q", "r"], ["q", "s", "t"], ["p", "r", "q", "s", "t"]),
        ([True, False, True], [False, True, True], [True, True, False, True, True]),
        ([1, 2, 3], None, [1, 3, 2, NAN, NAN]),
        ([True, False, True], None, [1, 1, 0, NAN, NAN]),
        (["p", "q", "r"], None, ["p", "r", "q", "", ""]),
        ([2**60, 2**60 + 1, 3], None, [str(2**60), "3", str(2**60 + 1), "", ""]),
        (np.array(["p", None, 3], object), None, ["p", 3, None, None, None]),
        (None, [NAN, 1.0, 2.0], [NAN, NAN, NAN, 1, 2]),
    ],
)
def test_columns_that_agree_are_one(one: Any, other: Any, expected: list[Any]) -> None:
    got = pair(one, other)
    np.testing.assert_array_equal(got["column"].values, np.array(expected, dtype=got["column"].dtype))
    assert got["column"].values.tolist()[0] == expected[0] or one is None
    assert "column (one.nwb)" not in got.coords


def test_moments_are_missing_as_no_time() -> None:
    when = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[ns]")
    got = pair(when, None)["column"].values
    assert got[:3].tolist() == when[[0, 2, 1]].tolist()
    assert np.isnat(got[3:]).all()


@pytest.mark.parametrize(
    ("one", "other", "first", "second"),
    [
        ([1, 2, 3], [7, 4, 5], [1, 3, 2, NAN, NAN], [NAN, NAN, 7, 4, 5]),
        (["p", "q", "r"], ["x", "s", "t"], ["p", "r", "q", "", ""], ["", "", "x", "s", "t"]),
        (["1", "2", "3"], [2, 4, 5], ["1", "3", "2", "", ""], [NAN, NAN, 2, 4, 5]),
        ([2**60, 2, 3], [2.0, 4.0, 5.0], [str(2**60), "3", "2", "", ""], [NAN, NAN, 2, 4, 5]),
        ([True, False, True], [0, 1, 1], [1, 1, 0, NAN, NAN], [NAN, NAN, 0, 1, 1]),
    ],
)
def test_columns_that_disagree_are_kept_for_each(one: Any, other: Any, first: list[Any], second: list[Any]) -> None:
    got = pair(one, other)
    np.testing.assert_array_equal(got["column (one.nwb)"], first)
    np.testing.assert_array_equal(got["column (two.nwb)"], second)
    assert "column" not in got.coords


def test_columns_kept_for_each_are_named_in_a_note() -> None:
    one = session(["a", "b"], contrast=on([1, 2]))
    notes = compose(
        [one, session(["a", "b"], source="x:y", units=["v"], name="two", first=5, contrast=on([1, 3]))]
    ).notes
    assert any("kept for each of them, as NAME (SOURCE): start_time, stop_time, contrast" in note for note in notes)


def test_times_of_different_sessions_are_kept_for_each() -> None:
    got = pair(None, None)
    np.testing.assert_array_equal(got["start_time (one.nwb)"], [0, 2, 1, NAN, NAN])
    np.testing.assert_array_equal(got["stop_time (two.nwb)"], [NAN, NAN, 9.5, 10.5, 11.5])
    assert "start_time" not in got.coords


def test_a_window_keeps_both_of_its_ends() -> None:
    one = session(["a", "b"])
    other = session(["a", "b"], source="x:y", units=["v"], name="two", window=0.5005)
    got = responses_of(compose([one, other]))  # the starts agree, the stops do not
    assert {"start_time (one.nwb)", "stop_time (one.nwb)", "start_time (y)", "stop_time (y)"} <= set(got.coords)


def test_columns_of_units_stand_under_one_name() -> None:
    got = pair([3.5, 4.5], [7], name="depth", dim="unit")
    assert got["depth"].values.tolist() == [3.5, 4.5, 7.0]
    got = pair(["good", "mua"], None, name="quality", dim="unit")
    assert got["quality"].values.tolist() == ["good", "mua", ""]
    got = pair([1, 2], ["x"], name="shank", dim="unit")
    np.testing.assert_array_equal(got["shank (one.nwb)"], [1, 2, NAN])
    assert got["shank (two.nwb)"].values.tolist() == ["", "", "x"]


def test_units_of_a_column_are_kept_where_all_agree() -> None:
    one = session(["a", "b"], depth=("unit", [1.0, 2.0], {"units": "um", "from": "surface"}))
    other = session(["a", "b"], source="x:y", units=["v"], name="two", depth=("unit", [3.0], {"units": "um"}))
    assert responses_of(compose([one, other]))["depth"].attrs == {"units": "um"}


def test_further_variables_are_joined_too() -> None:
    def with_waveforms(recording: Recording, samples: int, start: float) -> Recording:
        got = responses_of(recording)
        shape = got.sizes["unit"], samples
        waveform = start + np.arange(np.prod(shape), dtype=float).reshape(shape)
        more = got.assign(
            waveform=(("unit", "sample"), waveform), drift=(("presentation", "unit"), got["response"].values)
        )
        return Recording(responses=more.assign_attrs(rig="A", day=start), identity=recording.identity)

    one, other = session(["a", "b"]), session(["b", "a"], source="x:y", units=["v"], name="two")
    got = responses_of(compose([with_waveforms(one, 3, 0), with_waveforms(other, 3, 10)]))
    assert got["waveform"].values.tolist() == [[0, 1, 2], [3, 4, 5], [10, 11, 12]]
    np.testing.assert_array_equal(got["drift"], got["response"])
    assert got.attrs == {"rig": "A", "day (one.nwb)": 0, "day (y)": 10}
    got = responses_of(compose([with_waveforms(one, 3, 0), with_waveforms(other, 2, 10)]))
    assert got["waveform (one.nwb)"].dims == ("unit", "sample (one.nwb)")
    np.testing.assert_array_equal(got["waveform (y)"], [[NAN, NAN], [NAN, NAN], [10, 11]])


def test_samples_at_other_places_are_another_dimension() -> None:
    one, other = session(["a", "b"]), session(["a", "b"], source="x:y", units=["v"], name="two")
    given = [
        Recording(
            responses=responses_of(recording).assign_coords(sample=at, trace=(("unit", "sample"), np.ones((n, 2)))),
            identity=recording.identity,
        )
        for recording, at, n in ((one, [0.0, 0.1], 2), (other, [0.0, 0.2], 1))
    ]
    got = responses_of(compose(given))
    assert got["sample (one.nwb)"].values.tolist() == [0.0, 0.1]
    assert got["trace (y)"].dims == ("unit", "sample (y)")


def test_categories_must_agree() -> None:
    with pytest.raises(
        DataError, match=r"stimulus 'b' has category 'y' in nwb:one\.nwb but 'z' in nwb:two\.nwb: a category must be"
    ):
        pair(["x", "y", "x"], ["z", "z", "w"], name="category")
    with pytest.raises(DataError, match=r"stimulus 'a' has category 'x' and 'q' in nwb:one\.nwb"):
        pair(["x", "y", "q"], ["y", "y", "w"], name="category")


def test_categories_are_what_any_recording_calls_them() -> None:
    got = pair(["x", "y", "x"], None, name="category")
    assert got["category"].values.tolist() == ["x", "x", "y", "y", ""]
    one = session(["a", "b"], category=on(["x", ""]))
    other = session(["b", "a"], source="x:y", units=["v"], name="two", category=on(np.array(["y", None], object)))
    joined = compose([one, other])
    assert responses_of(joined)["category"].values.tolist() == ["x", "y"]
    code, _ = code_of_recording(joined)
    assert code.labels is not None
    notes = compose([session(["a", "b"]), other]).notes
    assert any("1 of 2 stimuli have no category in any recording ('a')" in note for note in notes)
    assert any("nwb:one.nwb names no categories" in note for note in notes)
