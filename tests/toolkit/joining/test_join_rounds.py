"""Rounds of one experiment: the same units, presentations one round after another."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from joined_sessions import session
from spikeproof.code_of_recording import code_of_recording
from spikeproof.compose import compose, compose_all
from spikeproof.errors import DataError
from spikeproof.types import Recording


def responses_of(recording: Recording) -> xr.Dataset:
    assert recording.responses is not None
    return recording.responses


def test_presentations_stand_one_round_after_another_and_repeats_go_on() -> None:
    one = session(["a", "b", "a"], source="nwb:one.nwb", name="day 1")
    two = session(["b", "c"], source="nwb:two.nwb", name="day 2", epsilon=("presentation", [0.0, 0.5]))
    joined = responses_of(compose([one, two], "rounds"))
    assert joined["stimulus_id"].values.tolist() == ["a", "b", "a", "b", "c"]
    assert joined["repeat"].values.tolist() == [0, 0, 1, 1, 0]
    assert joined["source"].values.tolist() == ["nwb:one.nwb"] * 3 + ["nwb:two.nwb"] * 2
    assert joined["session"].values.tolist() == ["day 1 + day 2"] * 2
    assert joined["subject"].values.tolist() == ["m", "m"]
    np.testing.assert_array_equal(joined["epsilon"].values, [np.nan, np.nan, np.nan, 0.0, 0.5])
    parts = [responses_of(each)["response"].values for each in (one, two)]
    np.testing.assert_array_equal(joined["response"].values, np.concatenate(parts))


def test_units_are_matched_by_name_and_those_of_some_rounds_are_left_out_by_name() -> None:
    one = session(["a", "b"], source="nwb:one.nwb", units=("u0", "u1", "u2"))
    two = session(["a", "b"], source="nwb:two.nwb", units=("u2", "u0", "u9"))
    composed = compose_all([one, two], "rounds")
    joined = responses_of(composed.recording)
    assert joined["unit"].values.tolist() == ["u0", "u2"]
    np.testing.assert_array_equal(joined["response"].values[2:, 1], responses_of(two)["response"].values[:, 0])
    assert "1 of 3 units of nwb:two.nwb were not recorded in every round and are left out: 'u9'" in composed.notes
    assert any(note.startswith("2 units were recorded in all 2 rounds, 4 presentations") for note in composed.notes)
    assert [source["units"] for source in composed.sources] == [3, 3]
    assert composed.recording.identity["join"] == "rounds"


def test_the_code_averages_over_rounds() -> None:
    one = session(["a", "b"], [[1.0, 2.0], [5.0, 6.0]], source="nwb:one.nwb")
    two = session(["a", "c"], [[3.0, 4.0], [7.0, 8.0]], source="nwb:two.nwb")
    code, _ = code_of_recording(compose([one, two], "rounds"))
    assert code.responses.sel(stimulus="a").values.tolist() == [2.0, 3.0]
    assert code.responses["stimulus"].values.tolist() == ["a", "b", "c"]


def test_columns_of_text_and_numbers_become_text() -> None:
    one = session(["a"], source="nwb:one.nwb", tag=("presentation", [3]))
    two = session(["b"], source="nwb:two.nwb", tag=("presentation", ["x"]))
    assert responses_of(compose([one, two], "rounds"))["tag"].values.tolist() == ["3", "x"]


def test_time_bins_stay() -> None:
    halves = [
        Recording(
            responses=responses_of(one).expand_dims(time_bin=2, axis=2).assign_coords(time_bin=[0, 1]),
            identity=dict(one.identity),
        )
        for one in (session(["a", "b"], source="nwb:one.nwb"), session(["c"], source="nwb:two.nwb"))
    ]
    joined = responses_of(compose(halves, "rounds"))["response"]
    assert joined.dims == ("presentation", "unit", "time_bin")
    assert joined.shape == (3, 2, 2)


def test_what_is_no_round_of_the_same_units_is_refused() -> None:
    one = session(["a"], source="nwb:one.nwb")
    with pytest.raises(
        DataError, match=r"no unit of nwb:one.nwb \('u0', 'u1'\) is called as one of nwb:two.nwb \('v0'\)"
    ):
        compose([one, session(["a"], source="nwb:two.nwb", units=("v0",))], "rounds")
    with pytest.raises(DataError, match="are one recording: name it once"):
        compose([one, session(["a"], source="nwb:copy.nwb", digest="digest of nwb:one.nwb")], "rounds")
    with pytest.raises(DataError, match="need one unit of response"):
        compose([one, session(["a"], source="nwb:two.nwb", response_units="Hz")], "rounds")
