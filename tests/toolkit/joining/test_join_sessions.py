"""One session in two sources is one; the same units twice are refused; sessions called alike are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from joined_sessions import responses_of, session
from spikeproof.compose import compose
from spikeproof.errors import DataError
from spikeproof.types import Recording

STIMULI = ["a", "b", "a", "c"]


def bins(recording: Recording, start: list[float], stop: list[float]) -> Recording:
    got = responses_of(recording).expand_dims(time_bin=len(start)).transpose("presentation", "unit", "time_bin")
    given = got.copy(deep=True).assign_coords(time_bin_start=("time_bin", start), time_bin_stop=("time_bin", stop))
    return Recording(responses=given, identity=recording.identity)


def two(**changes: object) -> Recording:
    given: dict[str, object] = {"source": "nwb:two.nwb", "units": ["v"], "name": "two", "first": 7.0} | changes
    return session(STIMULI, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (
            session(STIMULI),
            two(response_units="Hz"),
            r"responses of nwb:one\.nwb are in 'spikes' and those of nwb:two\.nwb in 'Hz': .*one unit of response",
        ),
        (
            session(STIMULI),
            two(window=0.51),
            r"windows of nwb:one\.nwb are 0\.5 s long and those of nwb:two\.nwb 0\.51 s \(medians; up to 1 % or 2 ms",
        ),
        (
            session(STIMULI),
            bins(two(), [0.0, 0.1], [0.1, 0.2]),
            r"one\.nwb have no time bins, those of nwb:two\.nwb have 2 time bins from 0 to 0\.2 s",
        ),
        (
            bins(session(STIMULI), [0.0, 0.1], [0.1, 0.25]),
            bins(two(), [0.0, 0.1], [0.1, 0.2]),
            r"2 time bins from 0 to 0\.25 s, those .* 2 time bins from 0 to 0\.2 s: .*the same time bins",
        ),
    ],
)
def test_recordings_that_measured_something_else_are_refused(one: Recording, other: Recording, text: str) -> None:
    with pytest.raises(DataError, match=f"sources: .*{text}"):
        compose([one, other])


def test_windows_that_differ_by_a_screens_frame_or_two_are_one() -> None:
    assert compose([session(STIMULI, window=0.100), two(window=0.1019)]).responses is not None
    assert compose([session(STIMULI, window=1.000), two(window=1.009)]).responses is not None


def test_windows_that_are_not_known_are_said_to_be_unchecked() -> None:
    notes = compose([session(STIMULI), two(window=None)]).notes
    assert any("the windows of nwb:two.nwb are not known" in note for note in notes)


def test_the_same_bins_are_joined() -> None:
    one, other = bins(session(STIMULI), [0, 0.1], [0.1, 0.2]), bins(two(), [0, 0.1 + 1e-12], [0.1, 0.2])
    got = responses_of(compose([one, other]))
    assert got["response"].dims == ("presentation", "unit", "time_bin")
    assert got["time_bin_stop"].values.tolist() == [0.1, 0.2]


def test_units_called_alike_get_their_sessions_before_them() -> None:
    third = session(STIMULI, source="nwb:three.nwb", units=["w"], name="three", first=20)
    joined = compose([session(STIMULI), two(units=["u1", "v"]), third])
    assert responses_of(joined)["unit"].values.tolist() == ["one/u0", "one/u1", "two/u1", "two/v", "w"]
    assert (
        "units of nwb:one.nwb and nwb:two.nwb are called SESSION/UNIT, since several have a unit 'u1'" in joined.notes
    )


def test_sessions_called_alike_in_two_subjects_get_their_subjects_too() -> None:
    joined = compose([session(STIMULI, subject="m"), two(units=["u1"], name="one", subject="n")])
    assert responses_of(joined)["unit"].values.tolist() == ["m/one/u0", "m/one/u1", "n/one/u1"]
    assert responses_of(joined)["session"].values.tolist() == ["one"] * 3


def test_a_new_name_that_another_unit_has_already_is_not_given() -> None:
    third = session(STIMULI, source="nwb:three.nwb", units=["one/u1"], name="three", first=20)
    joined = compose([session(STIMULI), two(units=["u1"]), third])
    assert responses_of(joined)["unit"].values.tolist() == ["one/u0", "one/u1", "two/u1", "three/one/u1"]


def test_units_that_cannot_be_told_apart_are_refused() -> None:
    one = session(STIMULI, units=["c"], name="b", subject="a")
    other = two(units=["c"], name="y")
    awkward = session(STIMULI, source="nwb:three.nwb", units=["b/c"], name="a", subject="q", first=20)
    same = session(STIMULI, source="nwb:four.nwb", units=["c"], name="a/b", subject="q", first=30)
    with pytest.raises(DataError, match="cannot be told apart by subject, session and name: give the sources other"):
        compose([one, other, awkward, same])


def test_a_recording_without_a_session_is_one_of_its_own() -> None:
    joined = compose([session(STIMULI), two(name=None, subject=None)])
    assert responses_of(joined)["session"].values.tolist() == ["one", "one", "two.nwb"]
    assert responses_of(joined)["subject"].values.tolist() == ["m", "m", "unknown"]
    assert "nwb:two.nwb does not say which session it is: its session is 'two.nwb'" in joined.notes


def test_the_same_recording_given_twice_is_refused() -> None:
    for name in ("one", "another name"):
        again = session(STIMULI, source="nwb:copy.nwb", digest="digest of nwb:one.nwb", name=name)
        again_values = Recording(
            responses=responses_of(again).assign(response=responses_of(session(STIMULI))["response"].variable),
            identity=again.identity,
        )
        with pytest.raises(DataError, match=r"one\.nwb and nwb:copy\.nwb are the same recording given twice \(one dig"):
            compose([session(STIMULI), again_values])


def test_a_copy_with_another_digest_is_refused_by_its_times_and_units() -> None:
    one = session(STIMULI)
    copy = Recording(responses=responses_of(one), identity={"source": "nwb:copy.nwb", "digest": "another"})
    with pytest.raises(DataError, match=r"session 'one' of subject 'm' is given twice: 'u0', 'u1' are units of both"):
        compose([one, copy])


def test_one_file_read_in_two_ways_is_refused() -> None:
    same = {"digest": "digest of nwb:one.nwb", "source": "nwb:one.nwb", "name": "one"}
    with pytest.raises(DataError, match=r"one session \('one' of subject 'm', one digest\) with other presentations"):
        compose([session(STIMULI), two(**same, first=0.25)])
    with pytest.raises(DataError, match="Joining adds units, not presentations: give both the same table, rows and"):
        compose([session([*STIMULI, "a"]), two(**same, first=0.0)])
    with pytest.raises(DataError, match="session 'one' of subject 'm' is given twice: 'u1' are units of both"):
        compose([session(STIMULI), two(**same, first=0.0, units=["u1"])])


def test_two_halves_of_one_session_are_the_session() -> None:
    rng = np.random.default_rng(0)
    whole = session(STIMULI * 5, rng.poisson(3, (20, 4)), units=list("abcd"), depth=("unit", [1.0, 2.0, 3.0, 4.0]))
    halves = [
        Recording(responses=responses_of(whole).isel(unit=part), identity={"source": name, "digest": digest})
        for part, name, digest in ((slice(0, 2), "x:1", "p"), (slice(2, 4), "x:2", "q"))
    ]
    joined = compose(halves)
    xr.testing.assert_identical(responses_of(joined), responses_of(whole))
    assert not any("share no noise" in note for note in joined.notes)


def test_sessions_called_alike_that_are_different_recordings_are_told_apart() -> None:
    joined = compose([session(STIMULI), two(name="one", units=["u0"])])
    assert responses_of(joined)["session"].values.tolist() == ["one (one.nwb)", "one (one.nwb)", "one (two.nwb)"]
    assert responses_of(joined)["unit"].values.tolist() == ["one (one.nwb)/u0", "one (one.nwb)/u1", "one (two.nwb)/u0"]
    assert any(
        "session 'one' of subject 'm' is what nwb:one.nwb and nwb:two.nwb call theirs, but these are different" in note
        for note in joined.notes
    )


def test_recordings_on_one_schedule_are_one_session_only_if_their_units_do_not_contradict_it() -> None:
    # The same times, but the unit that both have responded otherwise: two runs of one protocol.
    joined = compose([session(STIMULI), two(name="one", units=["u0"], first=0.0)])
    assert responses_of(joined)["session"].values.tolist() == ["one (one.nwb)", "one (one.nwb)", "one (two.nwb)"]


def test_two_halves_and_a_stranger_of_one_name_are_two_sessions() -> None:
    half = two(name="one", units=["w"], first=0.0)
    stranger = session(STIMULI, source="nwb:far.nwb", units=["z"], first=50)
    got = responses_of(compose([session(STIMULI), half, stranger]))
    assert got["session"].values.tolist() == ["one (one.nwb)"] * 3 + ["one (far.nwb)"]
