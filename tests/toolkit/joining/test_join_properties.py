"""What holds of any recordings that are joined, and what is known of a simulated population."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_sessions import responses_of, session
from spikeproof import load_source
from spikeproof.code_of_recording import code_of_recording
from spikeproof.compose import compose
from spikeproof.types import Code, Recording

STIMULI = ["s1", "s2", "s3", "s10"]


@st.composite
def sessions(draw: st.DrawFn) -> list[Recording]:
    """Two to four sessions; all show s1 and s2, some show more, each in an order and number of its own."""
    found = []
    for number in range(draw(st.integers(2, 4))):
        shown = draw(st.permutations([*STIMULI[:2], *draw(st.lists(st.sampled_from(STIMULI), max_size=6))]))
        units = draw(st.integers(1, 3))
        values = draw(st.lists(st.integers(0, 9), min_size=len(shown) * units, max_size=len(shown) * units))
        found.append(
            session(
                shown,
                np.reshape(values, (len(shown), units)),
                source=f"nwb:{number}.nwb",
                units=[f"u{k}" for k in range(units)],
                name=f"day {number}",
                subject=draw(st.sampled_from(["m", "n"])),
                first=number / 7,
                contrast=("presentation", np.arange(len(shown)) + number),
                depth=("unit", np.arange(units) + 0.5),
            )
        )
    return found


def by_unit(code: Code) -> dict[str, Any]:
    order = np.argsort(code.responses["unit"].values)
    repeats = None if code.repeats is None else code.repeats.isel(unit=order)
    noise = None if code.noise_covariance is None else code.noise_covariance.isel(unit=order, unit_other=order)
    return {"responses": code.responses.isel(unit=order), "repeats": repeats, "noise": noise}


@settings(max_examples=25, deadline=None)
@given(sessions(), st.randoms(use_true_random=False), st.sampled_from(["shared", "union"]))
def test_the_order_of_the_sources_changes_the_code_in_the_order_of_units_only(
    recordings: list[Recording], random: Any, join: Any
) -> None:
    shuffled = random.sample(recordings, len(recordings))
    one, other = (by_unit(code_of_recording(compose(given, join))[0]) for given in (recordings, shuffled))
    for name, values in one.items():
        if values is None:
            assert other[name] is None
        else:
            xr.testing.assert_identical(values, other[name])


@settings(max_examples=25, deadline=None)
@given(sessions())
def test_a_session_can_be_taken_out_again_and_nothing_of_it_is_lost(recordings: list[Recording]) -> None:
    joined = responses_of(compose(recordings, join="union"))
    for number, recording in enumerate(recordings):
        own, label = responses_of(recording), f"{number}.nwb"
        part = joined.isel(unit=joined["session"].values == f"day {number}")
        row = part.coords.get(f"row ({label})", xr.DataArray(range(own.sizes["presentation"]))).values
        back = part.isel(presentation=np.argsort(row)[(row < 0).sum() :])
        np.testing.assert_array_equal(back["response"], own["response"])
        assert back["unit"].str.replace(f"day {number}/", "").values.tolist() == own["unit"].values.tolist()
        for name in ("session", "subject", "depth", "stimulus_id", "repeat"):
            np.testing.assert_array_equal(back[name], own[name])
        for name in ("start_time", "stop_time", "contrast"):
            np.testing.assert_array_equal(back[name if name in back.coords else f"{name} ({label})"], own[name])


@settings(max_examples=25, deadline=None)
@given(sessions())
def test_the_union_holds_all_that_the_shared_stimuli_do(recordings: list[Recording]) -> None:
    shared, union = (responses_of(compose(recordings, join=join)) for join in ("shared", "union"))
    keys = [
        list(zip(joined["stimulus_id"].values.tolist(), joined["repeat"].values.tolist(), strict=True))
        for joined in (shared, union)
    ]
    assert set(keys[0]) <= set(keys[1])
    where = [keys[1].index(key) for key in keys[0]]
    np.testing.assert_array_equal(shared["response"], union["response"].isel(presentation=where))
    every = {name for recording in recordings for name in responses_of(recording)["stimulus_id"].values.tolist()}
    assert set(union["stimulus_id"].values.tolist()) == every


def sessions_of(population: Recording, parts: dict[str, slice], *, shuffled: bool) -> list[Recording]:
    """Units of one population as if they had been recorded in sessions, each with an order of its own."""
    whole = responses_of(population)
    rng = np.random.default_rng(0)
    found = []
    for name, units in parts.items():
        part = whole.isel(unit=units)
        if shuffled:
            part = part.isel(presentation=rng.permutation(part.sizes["presentation"]))
            start = np.arange(part.sizes["presentation"]) * 0.5
            part = part.assign_coords(start_time=("presentation", start), stop_time=("presentation", start + 0.5))
        labels = np.full(part.sizes["unit"], name)
        found.append(
            Recording(
                responses=part.assign_coords(session=("unit", labels), subject=("unit", labels)),
                identity={"source": f"nwb:{name}.nwb", "digest": name},
            )
        )
    return found


def test_sessions_of_one_simulated_population_are_the_population_recorded_at_once() -> None:
    population = load_source("simulate:sparse", units=12, informative=4, stimuli=3, repeats=8, noise_correlation=0.1)
    at_once, _ = code_of_recording(population)
    parts = {"first": slice(0, 7), "second": slice(7, 12)}
    code, _ = code_of_recording(compose(sessions_of(population, parts, shuffled=True)))
    apart = code.responses.sortby("stimulus")
    np.testing.assert_allclose(apart, at_once.responses.sortby("stimulus"), rtol=1e-12)
    assert apart["stimulus"].values.tolist() == sorted(at_once.responses["stimulus"].values.tolist())
    assert code.labels is not None
    assert at_once.labels is not None
    np.testing.assert_array_equal(code.labels.sortby("stimulus"), at_once.labels.sortby("stimulus"))
    # What units share from presentation to presentation is known within a session, and not between sessions.
    assert code.noise_covariance is not None
    assert at_once.noise_covariance is not None
    known = np.zeros((12, 12), dtype=bool)
    for part in parts.values():
        known[part, part] = True
    np.testing.assert_allclose(
        code.noise_covariance.values, np.where(known, at_once.noise_covariance.values, 0), rtol=1e-10, atol=1e-12
    )
    assert np.abs(at_once.noise_covariance.values[~known]).max() > 0.1


def test_units_of_one_session_in_two_sources_are_the_session_recorded_at_once() -> None:
    population = load_source("simulate:distributed", units=8, informative=4, stimuli=3, repeats=4)
    halves = sessions_of(population, {"first": slice(0, 3), "second": slice(3, 8)}, shuffled=False)
    same = [
        Recording(
            responses=responses_of(half).assign_coords(
                session=("unit", ["simulated"] * n), subject=("unit", ["simulated"] * n)
            ),
            identity=half.identity,
        )
        for half, n in zip(halves, (3, 5), strict=True)
    ]
    xr.testing.assert_identical(responses_of(compose(same)), responses_of(population))
