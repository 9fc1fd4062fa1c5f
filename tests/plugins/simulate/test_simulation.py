"""What a simulated recording says of itself is true of its counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.code_of_recording import code_of_recording
from spikeproof.errors import BadParameter
from spikeproof.types import Recording
from spikeproof_simulate.counts import highest_correlation, poisson_counts, shared_mean
from spikeproof_simulate.signals import KINDS, signal, true_dprime
from spikeproof_simulate.source import Simulation


def response(**fields: Any) -> xr.DataArray:
    recording = Simulation(**fields).load()
    assert recording.responses is not None
    return recording.responses["response"]


def mean_pairwise(correlations: np.ndarray) -> float:
    return float(correlations[np.triu_indices(len(correlations), 1)].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_recording_that_becomes_a_code(kind: str) -> None:
    recording = Simulation(target=kind, units=12, stimuli=4, categories=3, repeats=4, informative=3).load()
    assert isinstance(recording, Recording)
    assert recording.responses is not None
    counts = recording.responses["response"]
    assert counts.shape == (48, 12)
    assert counts.attrs["units"] == "spikes"
    np.testing.assert_array_equal(counts["stop_time"].values[:-1], counts["start_time"].values[1:])
    pairs = set(zip(counts["stimulus_id"].values.tolist(), counts["repeat"].values.tolist(), strict=True))
    assert len(pairs) == 48
    code, _ = code_of_recording(recording)
    assert code.labels is not None
    assert np.unique(code.labels.values, return_counts=True)[1].tolist() == [4, 4, 4]
    assert code.noise_covariance is not None
    assert recording.identity["source"] == f"simulate:{kind}"
    assert len(recording.identity["digest"]) == 64


def test_the_same_seed_gives_the_same_numbers() -> None:
    fields: dict[str, Any] = {"target": "distributed", "units": 5, "stimuli": 3, "repeats": 2, "informative": 2}
    xr.testing.assert_identical(response(**fields, seed=3), response(**fields, seed=3))
    assert (response(**fields, seed=3).values != response(**fields, seed=4).values).any()


def test_another_noise_correlation_leaves_the_code_and_the_order_as_they_are() -> None:
    one, other = (response(target="sparse", units=20, noise_correlation=r) for r in (0.0, 0.2))
    np.testing.assert_array_equal(one["true_dprime"].values, other["true_dprime"].values)
    np.testing.assert_array_equal(one["stimulus_id"].values, other["stimulus_id"].values)


def test_sparse_category_is_carried_by_as_many_units_as_said() -> None:
    recording = Simulation(target="sparse", units=60, informative=5).load()
    assert recording.responses is not None
    assert int(recording.responses["true_informative"].sum()) == 5
    assert "category is carried by 5 of 60 units" in recording.identity["truth"]
    assert any("5 of 60 units" in note for note in recording.notes)


def test_dprime_of_a_sparse_unit_has_the_closed_form() -> None:
    counts = response(target="sparse", units=6, informative=2, separation=2.0, rate=20.0, window=0.5)
    baseline, signal_ = 10.0, 2 * np.sqrt(10.0)
    expected = signal_ / np.sqrt((2 * baseline + signal_) / 2)
    carrying = counts["true_informative"].values == 1
    np.testing.assert_allclose(counts["true_dprime"].values[carrying], expected, rtol=1e-12)
    assert (counts["true_dprime"].values[~carrying] == 0).all()
    assert (counts["true_preferred"].values[~carrying] == "").all()


@pytest.mark.parametrize("kind", KINDS)
def test_dprime_of_the_counts_is_the_true_one(kind: str) -> None:
    counts = response(
        target=kind,
        units=6,
        informative=2,
        stimuli=6,
        categories=3,
        repeats=300,
        separation=1.5,
        private=1.0,
        rate=40.0,
    )
    category = counts["category"].values
    for unit in range(6):
        inside = category == counts["true_preferred"].values[unit]
        if not inside.any():
            continue
        a, b = counts.values[inside, unit], counts.values[~inside, unit]
        dprime = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)
        truth = float(counts["true_dprime"].values[unit])
        error = np.sqrt(1 / len(a) + 1 / len(b) + truth**2 / 4 * (1 / len(a) + 1 / len(b)))
        assert abs(dprime - truth) < 4 * error


@pytest.mark.parametrize("kind", ["sparse", "distributed", "aligned"])
def test_kinds_hold_the_same_category_information(kind: Any) -> None:
    categories, units, k, d = 4, 40, 8, 2.0
    values = signal(
        kind,
        np.arange(categories),
        units=units,
        informative=k,
        separation=d,
        private=0.0,
        random=np.random.default_rng(0),
    )
    pairs = [((values[a] - values[b]) ** 2).sum() for a in range(categories) for b in range(a)]
    assert np.mean(pairs) == pytest.approx(2 * k * d**2 / categories, rel=1e-12)


def test_an_aligned_code_lies_on_one_line_and_a_distributed_one_does_not() -> None:
    fields: dict[str, Any] = {"units": 30, "informative": 6, "separation": 2.0, "private": 0.0}
    aligned, distributed = (
        np.linalg.svd(signal(kind, np.arange(4), random=np.random.default_rng(1), **fields))[1]
        for kind in ("aligned", "distributed")
    )
    assert aligned[1] < 1e-12 * aligned[0]
    assert distributed[2] > 0.1 * distributed[0]


@pytest.mark.parametrize("stimuli", [4, 5])
def test_redundant_units_agree_on_category_only(stimuli: int) -> None:
    category = np.repeat(np.arange(2), stimuli)
    values = signal(
        "redundant", category, units=400, informative=1, separation=1.0, private=5.0, random=np.random.default_rng(0)
    )
    axis = np.array([-1, 1]) / np.sqrt(2)
    of_category = np.stack([values[category == c].mean(axis=0) for c in range(2)])
    np.testing.assert_allclose(of_category, np.tile(axis[:, None] / np.sqrt(26), 400), atol=1e-12)
    within = values - of_category[category]
    np.testing.assert_allclose((within**2).mean(axis=0), 25 / 26, rtol=1e-12)
    # The private signals of different units are unrelated: their mean shrinks as 1 / sqrt(units).
    assert np.abs(within.mean(axis=1)).max() < 4.5 * np.sqrt(25 / 26 / 400)


def test_counts_are_poisson_with_the_stated_means() -> None:
    random = np.random.default_rng(0)
    means = np.array([4.0, 9.0, 16.0, 6.0])
    n = 20_000
    shared = shared_mean(means[None], 0.2)
    counts = poisson_counts(np.tile(means, (n, 1)), np.tile(shared, n), random)
    np.testing.assert_array_less(np.abs(counts.mean(axis=0) - means), 4 * np.sqrt(means / n))
    # Standard error of a Poisson variance: sqrt((mu + 2 mu^2) / n).
    np.testing.assert_array_less(np.abs(counts.var(axis=0) - means), 4 * np.sqrt((means + 2 * means**2) / n))
    assert mean_pairwise(np.corrcoef(counts.T)) == pytest.approx(0.2, abs=4 / np.sqrt(n))
    expected = shared[0] / np.sqrt(np.outer(means, means))
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_array_less(np.abs(np.corrcoef(counts.T) - expected)[off], 5 / np.sqrt(n))


def test_without_correlation_units_are_independent() -> None:
    counts = response(target="sparse", units=10, informative=2, stimuli=2, categories=2, repeats=800)
    rows = counts["stimulus_id"].values == "category0-000"
    assert mean_pairwise(np.corrcoef(counts.values[rows].T)) == pytest.approx(0, abs=4 / np.sqrt(800 * 45))


@pytest.mark.parametrize("wanted", [0.1, 0.4])
def test_the_mean_noise_correlation_is_the_one_asked_for_on_every_stimulus(wanted: float) -> None:
    counts = response(
        target="distributed", units=10, informative=2, stimuli=2, categories=2, repeats=1500, noise_correlation=wanted
    )
    for stimulus in np.unique(counts["stimulus_id"].values):
        rows = counts["stimulus_id"].values == stimulus
        assert mean_pairwise(np.corrcoef(counts.values[rows].T)) == pytest.approx(wanted, abs=4 / np.sqrt(1500))


def test_the_highest_correlation_is_where_the_shared_count_takes_all_of_one_unit() -> None:
    means = np.array([[4.0, 9.0]])
    assert highest_correlation(means) == pytest.approx(4 / 6)
    assert shared_mean(means, 4 / 6)[0] == pytest.approx(4.0)


def test_without_separation_no_unit_carries_category() -> None:
    recording = Simulation(target="distributed", separation=0.0, units=8).load()
    assert recording.responses is not None
    assert (recording.responses["true_dprime"].values == 0).all()
    assert recording.identity["truth"] == "distributed code with separation 0: no unit carries category"


def test_dprime_counts_the_spread_between_stimuli() -> None:
    means = np.array([[9.0], [11.0], [4.0], [4.0]])
    dprime, preferred = true_dprime(means, np.array([0, 0, 1, 1]))
    assert preferred.tolist() == [0]
    assert dprime[0] == pytest.approx((10 - 4) / np.sqrt(((10 + 1) + 4) / 2))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"target": "sprase"},
            r"no kind 'sprase': did you mean 'sparse'\? kinds are sparse, distributed, ",
        ),
        ({"units": 0}, "units must be a finite number of at least 1, got 0"),
        ({"categories": 1}, "categories must be a finite number of at least 2, got 1"),
        ({"rate": 0.0}, "rate must be a finite number above 0"),
        ({"window": float("nan")}, "window must be a finite number above 0"),
        ({"separation": -1.0}, "separation must be a finite number of at least 0"),
        ({"informative": 70}, "informative is 70 but there are 60 units"),
        ({"noise_correlation": 1.0}, "noise_correlation must be below 1"),
        ({"noise_correlation": 0.1, "units": 1, "informative": 1}, "0 for a single unit"),
        ({"target": "redundant", "stimuli": 1}, "at least 2 stimuli a category"),
    ],
)
def test_bad_parameters_are_refused_when_given(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        Simulation(**fields)


def test_no_kind_is_refused() -> None:
    with pytest.raises(BadParameter, match="say which kind of code, as in simulate:sparse"):
        Simulation().load()


def test_a_signal_that_needs_negative_rates_is_refused_with_the_rate_that_would_do() -> None:
    fields: dict[str, Any] = {"target": "aligned", "units": 4, "informative": 4, "separation": 4.0, "categories": 2}
    with pytest.raises(BadParameter, match="would need a negative rate: raise rate above 8 spikes/s"):
        Simulation(**fields, rate=7.9).load()
    Simulation(**fields, rate=8.1).load()


def test_a_correlation_beyond_what_poisson_allows_is_refused_with_the_highest() -> None:
    with pytest.raises(BadParameter, match=r"noise_correlation 0\.9 cannot be had.*the highest is 0\.\d+"):
        Simulation(target="redundant", noise_correlation=0.9).load()
