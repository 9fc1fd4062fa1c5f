"""Presentations of several sessions stand side by side; nothing is lost, and what was not measured is NaN."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import xarray as xr
from joined_sessions import responses_of, session
from spikeproof.code_of_recording import code_of_recording
from spikeproof.compose import compose, compose_all
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Recording

NAN = np.nan
ONE = session(["a", "b", "a"], [[1, 2], [3, 4], [5, 6]], category=("presentation", ["x", "y", "x"]))
TWO = session(["c", "b", "b"], [[10], [20], [30]], source="nwb:two.nwb", units=["v0"], name="two", subject="n", first=9)


def test_shared_stimuli_are_those_that_every_recording_showed() -> None:
    one = session(["a", "b", "a"], [[1, 2], [3, 4], [5, 6]])
    two = session(["b", "a", "c"], [[10], [20], [30]], source="nwb:two.nwb", units=["v0"], name="two")
    got = responses_of(compose([one, two]))
    assert got["stimulus_id"].values.tolist() == ["a", "a", "b"]
    assert got["repeat"].values.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(got["response"], [[1, 2, 20], [5, 6, NAN], [3, 4, 10]])
    assert got["unit"].values.tolist() == ["u0", "u1", "v0"]
    assert got["session"].values.tolist() == ["one", "one", "two"]
    assert got["subject"].values.tolist() == ["m", "m", "m"]
    assert got["response"].attrs["units"] == "spikes"


def test_the_union_keeps_every_stimulus_and_says_what_was_not_measured() -> None:
    got = responses_of(compose([ONE, TWO], join="union"))
    assert got["stimulus_id"].values.tolist() == ["a", "a", "b", "b", "c"]
    np.testing.assert_array_equal(
        got["response"], [[1, 2, NAN], [5, 6, NAN], [3, 4, 20], [NAN, NAN, 30], [NAN, NAN, 10]]
    )


def test_presentations_that_agree_keep_their_order() -> None:
    one = session(["b", "a", "b"])
    two = session(["b", "a", "b"], source="nwb:two.nwb", units=["v"], name="two", first=4)
    got = responses_of(compose([one, two]))
    assert got["stimulus_id"].values.tolist() == ["b", "a", "b"]
    assert not [name for name in got.coords if str(name).startswith("row (")]


def test_numbers_inside_names_count_as_numbers_where_orders_differ() -> None:
    one = session(["img10", "img9", "img1"])
    two = session(["img9", "img1", "img10"], source="nwb:two.nwb", units=["v"], name="two")
    assert responses_of(compose([one, two]))["stimulus_id"].values.tolist() == ["img1", "img9", "img10"]


def test_the_row_that_a_presentation_had_in_its_own_recording_is_kept() -> None:
    got = responses_of(compose([ONE, TWO], join="union"))
    assert got["row (one.nwb)"].values.tolist() == [0, 2, 1, -1, -1]
    assert got["row (two.nwb)"].values.tolist() == [-1, -1, 1, 2, 0]


def test_repeats_are_numbered_anew_and_their_own_numbers_kept() -> None:
    two = responses_of(TWO)
    late = Recording(
        responses=two.assign_coords(repeat=("presentation", [1, 5, 3])), identity={"source": "nwb:two.nwb"}
    )
    got = responses_of(compose([ONE, late], join="union"))
    assert got["repeat"].values.tolist() == [0, 1, 0, 1, 0]
    assert got["repeat (two.nwb)"].values.tolist() == [-1, -1, 3, 5, 1]
    # The first showing of b is the one of the lower repeat, whatever row it stands on.
    assert got["response"].sel(unit="v0").values[2:].tolist() == [30, 20, 10]


def test_counts_stay_whole_where_nothing_is_missing() -> None:
    one = session(["a", "b"], np.array([[1, 2], [3, 4]], dtype=np.int32))
    two = session(["b", "a"], np.array([[5], [6]], dtype=np.int64), source="x:y", units=["v"], name="two")
    assert responses_of(compose([one, two]))["response"].dtype == np.int64
    assert responses_of(compose([one, session(["a"], [[1]], source="x:y", units=["v"], name="two")], join="union"))[
        "response"
    ].dtype == np.dtype("f8")


def test_what_each_source_gave_is_said_and_kept() -> None:
    composed = compose_all([ONE, session(["b", "q", "b"], source="nwb:two.nwb", units=["v"], name="two", subject="n")])
    assert [dict(source) for source in composed.sources] == [
        {
            "source": "nwb:one.nwb", "units": 2, "presentations": 3, "stimuli": 2, "joined_presentations": 1,
            "joined_stimuli": 1, "sessions": ["one"], "subjects": ["m"],
        },
        {
            "source": "nwb:two.nwb", "units": 1, "presentations": 3, "stimuli": 2, "joined_presentations": 2,
            "joined_stimuli": 1, "sessions": ["two"], "subjects": ["n"],
        },
    ]  # fmt: skip
    assert (
        "nwb:one.nwb gave 2 units and 1 of 2 stimuli (1 of 3 presentations; session one; subject m)" in composed.notes
    )
    assert (
        "1 stimuli were shown in both recordings and are kept; 1 of nwb:one.nwb and 1 of nwb:two.nwb were not and are "
        "left out (join = 'union' keeps them)"
    ) in composed.notes
    assert any("the k-th showing of its stimulus in every recording" in note for note in composed.notes)
    assert any("in the order of stimulus and repeat" in note for note in composed.notes)
    assert composed.recording.notes[:2] == ("note of nwb:one.nwb", "note of nwb:two.nwb")
    assert composed.recording.identity["join"] == "shared"
    union = compose_all([ONE, TWO], join="union")
    assert any("3 stimuli are kept, of which 1 were shown in both recordings" in note for note in union.notes)


def test_one_source_says_what_it_gave_too() -> None:
    (source,) = compose_all([ONE]).sources
    assert source == {
        "source": "nwb:one.nwb", "units": 2, "presentations": 3, "stimuli": 2, "joined_presentations": 3,
        "joined_stimuli": 2, "sessions": ["one"], "subjects": ["m"],
    }  # fmt: skip


def test_recordings_that_share_no_stimulus_are_refused_with_ids_of_both_sides() -> None:
    two = session(["img-001", "img-002"], source="table:v4.npy", units=["v"], name="two")
    with pytest.raises(
        DataError,
        match=r"no stimulus was shown in all of nwb:one\.nwb and table:v4\.npy\. Stimuli of nwb:one\.nwb are called "
        r"'img_001', 'img_002' and 1 more, those of table:v4\.npy 'img-001', 'img-002'; near 'img_001' is 'img-001'\. ",
    ):
        compose([session(["img_001", "img_002", "img_003"]), two])


def test_two_of_three_recordings_without_a_common_stimulus_are_named() -> None:
    others = [
        session(["b", "c"], source="nwb:two.nwb", units=["v"], name="two"),
        session(["c", "d"], source="nwb:three.nwb", units=["w"], name="three"),
    ]
    with pytest.raises(DataError, match=r"none of nwb:one\.nwb in nwb:three\.nwb, for one\. Stimuli of nwb:one\.nwb"):
        compose([session(["a", "b"]), *others])
    ring = [session(["a", "b"]), others[0], session(["c", "a"], source="nwb:three.nwb", units=["w"], name="three")]
    with pytest.raises(DataError, match=r"three\.nwb, though any two have some in common"):
        compose(ring)


def test_a_union_without_a_common_stimulus_keeps_both_but_is_no_code() -> None:
    two = session(["c", "d"], source="nwb:two.nwb", units=["v"], name="two", subject="n")
    joined = compose([session(["a", "b"]), two], join="union")
    assert responses_of(joined).sizes == {"presentation": 4, "unit": 3}
    assert responses_of(joined)["subject"].values.tolist() == ["m", "m", "n"]
    with pytest.raises(NotEnoughData, match="0 of 4 stimuli were measured in all 3 units"):
        code_of_recording(joined)


def test_units_that_saw_none_of_the_shared_stimuli_are_refused_by_name() -> None:
    one = session(["a", "b"], [[1, NAN], [2, 3]])
    two = session(["a", "c"], source="nwb:two.nwb", units=["v"], name="two")
    with pytest.raises(
        DataError, match=r"1 of 2 units of nwb:one\.nwb were measured on none of the 1 .*\('u1'\): leave"
    ):
        compose([one, two])
    assert compose([one, two], join="union").responses is not None


def test_the_code_of_a_union_is_that_of_the_shared_stimuli() -> None:
    rng = np.random.default_rng(0)
    one = session(["a", "b", "c"] * 9, rng.normal(size=(27, 2)))
    two = session(["b", "c", "d"] * 9, rng.normal(size=(27, 1)), source="x:y", units=["v"], name="two", subject="n")
    shared, _ = code_of_recording(compose([one, two]))
    union, notes = code_of_recording(compose([one, two], join="union"))
    xr.testing.assert_identical(shared.responses, union.responses)
    assert shared.repeats is not None
    assert union.repeats is not None
    in_order = np.argsort(shared.repeats["stimulus"].values, kind="stable")
    # Rows are numbered in each recording of its own.
    xr.testing.assert_identical(shared.repeats[in_order].drop_vars("row"), union.repeats.drop_vars("row"))
    assert union.noise_covariance is not None
    assert shared.noise_covariance is not None
    np.testing.assert_allclose(shared.noise_covariance, union.noise_covariance, rtol=1e-12)
    assert (shared.noise_covariance.values[2, :2] == 0).all()
    assert any("2 of 4 stimuli were not measured in all 3 units and are left out of the code" in note for note in notes)
    assert any("the fewest, 3, in session 'one' of subject 'm'" in note for note in notes)


def test_joining_holds_little_beside_what_it_returns() -> None:
    sessions = [
        session(
            [f"s{k}" for k in range(400)],
            np.ones((400, 50)),
            source=f"nwb:{number}.nwb",
            units=[f"{number}-{k}" for k in range(50)],
            name=str(number),
            first=number,
        )
        for number in range(20)
    ]
    tracemalloc.start()
    joined = responses_of(compose(sessions))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert joined["response"].nbytes == 400 * 1000 * 8
    assert peak < 2 * joined["response"].nbytes
