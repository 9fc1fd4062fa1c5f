"""Sparseness of codes: values, intervals against simulated truth, chance, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_metrics_unit import lifetime_sparseness, population_sparseness, treves_rolls_activity
from spikeproof_metrics_unit.metrics.sparseness import Sparseness

RESAMPLING = Resampling(draws=200)


def summarise(build: SimpleNamespace, code: Code, metric: Sparseness | None = None) -> xr.Dataset:
    metric = metric or Sparseness()
    summary = metric.summarise(build.stack(metric, [Evidence(code=code)]), code, RESAMPLING)
    build.check(summary)
    return summary


def estimate(summary: xr.Dataset, name: str) -> np.ndarray:
    values: np.ndarray = summary[name].sel(statistic="estimate").values
    return values


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.7, 4.0, size=(40, 7))).astype(float)


def test_the_summary_holds_the_plain_functions_values(build: SimpleNamespace, counts: np.ndarray) -> None:
    assert isinstance(Sparseness(), Metric)
    summary = summarise(build, build.code(counts))
    np.testing.assert_allclose(estimate(summary, "lifetime_sparseness"), lifetime_sparseness(counts))
    np.testing.assert_allclose(estimate(summary, "treves_rolls_activity"), treves_rolls_activity(counts))
    np.testing.assert_allclose(estimate(summary, "population_sparseness"), population_sparseness(counts))
    assert float(estimate(summary, "lifetime_sparseness_mean")) == pytest.approx(lifetime_sparseness(counts).mean())
    known = population_sparseness(counts)
    assert float(estimate(summary, "population_sparseness_mean")) == pytest.approx(np.nanmean(known))
    assert summary["lifetime_sparseness"].dims == ("statistic", "unit")
    assert summary["population_sparseness"].dims == ("statistic", "stimulus")


def test_the_drawn_sparseness_is_that_of_the_drawn_stimuli(build: SimpleNamespace, counts: np.ndarray) -> None:
    from spikeproof.statistics import resampling_weights

    code = build.code(counts)
    summary = summarise(build, code)
    units, _ = resampling_weights(code.responses, "unit", RESAMPLING)
    drawn = np.stack([population_sparseness(np.repeat(counts, row.astype(int), axis=1)) for row in units])
    busy = (counts > 0).all(axis=1)  # so that no draw of units is silent
    low, high = np.quantile(drawn[:, busy], [0.025, 0.975], axis=0)
    estimates = population_sparseness(counts)[busy]
    bounds = summary["population_sparseness"].isel(stimulus=busy)
    np.testing.assert_allclose(bounds.sel(statistic="low"), np.minimum(low, estimates), atol=1e-12)
    np.testing.assert_allclose(bounds.sel(statistic="high"), np.maximum(high, estimates))
    weights, _ = resampling_weights(code.responses, "stimulus", RESAMPLING)
    drawn = np.stack([lifetime_sparseness(np.repeat(counts, row.astype(int), axis=0)) for row in weights])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(summary["lifetime_sparseness"].sel(statistic="low"), low)
    np.testing.assert_allclose(summary["lifetime_sparseness"].sel(statistic="high"), high)


@pytest.mark.slow
def test_intervals_of_lifetime_sparseness_cover_the_truth() -> None:
    from spikeproof.types import Code
    from spikeproof_metrics_unit.metrics.sparseness import Sparseness

    rng = np.random.default_rng(1)
    hits = []
    for seed in range(60):
        values = rng.exponential(size=(300, 20))
        names = {"stimulus": [f"s{i}" for i in range(300)], "unit": [f"u{i}" for i in range(20)]}
        code = Code(system="sim", responses=xr.DataArray(values, dims=("stimulus", "unit"), coords=names))
        metric = Sparseness()
        measured = metric.measure(Evidence(code=code)).expand_dims("target")
        bounds = metric.summarise(measured, code, Resampling(seed=seed, draws=400))["lifetime_sparseness"]
        hits.append((bounds.values[1] <= 0.5) & (bounds.values[2] >= 0.5))
    assert 0.90 <= np.mean(hits) <= 0.97  # percentile intervals of a ratio of moments run a little narrow


def test_poisson_noise_alone_is_not_told_apart_from_itself(build: SimpleNamespace) -> None:
    rng = np.random.default_rng(2)
    code = build.code(rng.poisson([1.0, 3.0, 8.0, 2.0, 5.0], size=(120, 5)))
    summary = summarise(build, code)
    level = summary["lifetime_sparseness_chance"]
    # In closed form, mean r^2 of Poisson counts is l^2 + l: 1 - a = 1 / (1 + l), and (1 - a) / (1 - 1/n) of n draws.
    np.testing.assert_allclose(level.sel(statistic="estimate"), 1 / (1 + np.array([1, 3, 8, 2, 5.0])), rtol=0.12)
    inside = (level.values[1] <= estimate(summary, "lifetime_sparseness")) & (
        estimate(summary, "lifetime_sparseness") <= level.values[2]
    )
    assert inside.sum() >= 4
    text = next(iter(Sparseness().describe(summary, code)))
    assert "Poisson noise alone would give" in text
    assert text.endswith("the code is not told apart from it.")


def test_a_tuned_code_is_sparser_than_its_noise(build: SimpleNamespace) -> None:
    rates = np.full((60, 6), 0.5)
    rates[np.arange(6) * 3, np.arange(6)] = 60
    code = build.code(np.random.default_rng(3).poisson(rates))
    summary = summarise(build, code)
    assert (summary["lifetime_sparseness"].values[0] > summary["lifetime_sparseness_chance"].values[2]).all()
    bounds = summary["lifetime_sparseness"]
    assert (bounds.values[0] <= bounds.values[2]).all()  # although draws rarely hold the one stimulus exactly once
    text = next(iter(Sparseness().describe(summary, code)))
    assert text.endswith(": the code is sparser.")
    assert "population_sparseness_mean_chance" in summary


def test_a_code_without_noise_is_less_sparse_than_noise(build: SimpleNamespace) -> None:
    code = build.code(np.full((30, 4), 3.0) + np.arange(4))
    assert "the code is less sparse." in next(iter(Sparseness().describe(summarise(build, code), code)))


def test_repeats_make_the_noise_smaller(build: SimpleNamespace) -> None:
    rng = np.random.default_rng(4)
    single = rng.poisson(2.0, size=(200, 3)).astype(float)
    names = [f"s{i // 4:03d}" for i in range(200)]
    means = single.reshape(50, 4, 3).mean(axis=1)
    once = build.code(means)
    repeats = xr.DataArray(
        single,
        dims=("presentation", "unit"),
        coords={"stimulus": ("presentation", names), "unit": once.responses["unit"].values},
    )
    often = build.code(means, repeats=repeats)
    few = estimate(summarise(build, once), "lifetime_sparseness_mean_chance")
    many = estimate(summarise(build, often), "lifetime_sparseness_mean_chance")
    assert float(many) == pytest.approx(1 / (1 + 4 * 2.0), rel=0.1)
    assert float(few) == pytest.approx(1 / (1 + 2.0), rel=0.1)
    rates = build.code(means, repeats=repeats, units="Hz")
    shuffled = summarise(build, rates)
    assert shuffled["lifetime_sparseness_chance"].attrs["long_name"] == "shuffled presentations"
    assert float(estimate(shuffled, "lifetime_sparseness_mean_chance")) == pytest.approx(float(many), rel=0.1)


def test_shuffled_presentations_have_lost_the_tuning(build: SimpleNamespace) -> None:
    rates = np.full((40, 4), 1.0)
    rates[np.arange(4), np.arange(4)] = 40
    rng = np.random.default_rng(5)
    single = np.concatenate([rng.poisson(rates), rng.poisson(rates), rng.poisson(rates)]).astype(float)
    once = build.code(single.reshape(3, 40, 4).mean(axis=0), units="Hz")
    presented = {
        "stimulus": ("presentation", np.tile(once.responses["stimulus"].values, 3)),
        "unit": once.responses["unit"].values,
    }
    repeats = xr.DataArray(single, dims=("presentation", "unit"), coords=presented)
    summary = summarise(build, build.code(once.responses.values, units="Hz", repeats=repeats))
    assert (summary["lifetime_sparseness"].values[0] > summary["lifetime_sparseness_chance"].values[2]).all()


def test_without_counts_or_repeats_there_is_no_chance_level_and_the_report_says_why(
    build: SimpleNamespace, counts: np.ndarray
) -> None:
    code = build.code(counts, units="activation")
    summary = summarise(build, code)
    assert "lifetime_sparseness_chance" not in summary
    assert "chance" not in summary["lifetime_sparseness"].attrs
    text = next(iter(Sparseness().describe(summary, code)))
    assert "No chance level: the responses (activation) are neither spike counts nor repeated" in text
    presented = {"stimulus": ("presentation", code.responses["stimulus"].values), "unit": code.responses["unit"].values}
    single = xr.DataArray(counts - 1, dims=("presentation", "unit"), coords=presented)
    signed = build.code(counts, units="dF/F", repeats=single)
    assert "single presentations are negative" in summarise(build, signed).attrs["chance"]


def test_negative_responses_are_refused_with_what_to_do(build: SimpleNamespace, counts: np.ndarray) -> None:
    signed = counts.copy()
    signed[3, 2] = -0.5
    code = build.code(signed, units="activation", system="net layer4")
    with pytest.raises(
        DataError,
        match=r"sparseness: 1 of 7 units of net layer4 have negative responses \(lowest: -0.5 activation, unit 'u002'\)"
        r".*after its ReLU.*rectify = true in the metric's table \(--metric.rectify\)",
    ):
        Sparseness().measure(Evidence(code=code))
    summary = summarise(build, code, Sparseness(rectify=True))
    np.testing.assert_allclose(estimate(summary, "lifetime_sparseness"), lifetime_sparseness(np.maximum(signed, 0)))
    assert "Negative responses of 1 units were set to 0." in summary["lifetime_sparseness_mean"].attrs["definition"]
    assert "Negative responses of 1 units were set to 0." in summary["population_sparseness"].attrs["definition"]


def test_silent_units_are_counted_and_left_out(build: SimpleNamespace, counts: np.ndarray) -> None:
    quiet = counts.copy()
    quiet[:, 4] = 0
    code = build.code(quiet)
    summary = summarise(build, code)
    assert np.isnan(summary["lifetime_sparseness"].sel(unit="u004")).all()
    expected = np.delete(lifetime_sparseness(quiet), 4).mean()
    assert float(estimate(summary, "lifetime_sparseness_mean")) == pytest.approx(expected)
    assert float(estimate(summary, "silent_fraction")) == pytest.approx(1 / 7)
    assert any(
        text.startswith("14.3 [") and "respond to no stimulus" in text for text in Sparseness().describe(summary, code)
    )


def test_draws_in_which_a_rarely_active_unit_is_silent_are_counted(build: SimpleNamespace, counts: np.ndarray) -> None:
    rare = counts.copy()
    rare[:, 0] = 0
    rare[5, 0] = 3
    summary = summarise(build, build.code(rare))
    assert float(summary["lifetime_sparseness"].sel(unit="u000", statistic="estimate")) == pytest.approx(1)
    lost = summary["lifetime_sparseness"].attrs["undefined_draws"]
    assert 0.25 * 200 < lost < 0.5 * 200  # (1 - 1/40)^40 = 0.363
    assert f"Up to {lost} bootstrap draws were undefined" in summary["lifetime_sparseness"].attrs["definition"]


def test_one_unit_has_no_population_sparseness(build: SimpleNamespace, counts: np.ndarray) -> None:
    code = build.code(counts[:, :1])
    summary = summarise(build, code)
    assert "population_sparseness" not in summary
    assert "population_sparseness_mean_chance" not in summary
    assert any("needs at least two units" in text for text in Sparseness().describe(summary, code))
    assert "unit" in summary["lifetime_sparseness_mean"].attrs["not_resampled"]


def test_huge_responses_do_not_overflow(build: SimpleNamespace, counts: np.ndarray) -> None:
    small = summarise(build, build.code(counts, units="a.u."))
    large = summarise(build, build.code(counts * 1e200, units="a.u."))
    for name in small.data_vars:
        np.testing.assert_allclose(large[name].values, small[name].values, rtol=1e-9, err_msg=name)


def test_a_code_that_is_silent_throughout_is_refused(build: SimpleNamespace) -> None:
    with pytest.raises(NotEnoughData, match="no unit of recording responds to any of its 4 stimuli"):
        Sparseness().measure(Evidence(code=build.code(np.zeros((4, 3)))))


def test_in_silico_units_are_labelled_so(build: SimpleNamespace, counts: np.ndarray) -> None:
    code = build.code(counts, facts={"in_silico": "yes"})
    assert "7 in-silico units" in next(iter(Sparseness().describe(summarise(build, code), code)))
