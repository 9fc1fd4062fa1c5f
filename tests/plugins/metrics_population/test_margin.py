"""The margin: quantiles of the smallest displacement, beside random directions and another image."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from simulated_codes import build_code, category_code, check_summary, stack
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_activity.shift import Shift
from spikeproof_metrics_population.distances import weighted_quantile
from spikeproof_metrics_population.margin import Margin


def summary_of(code: Code, attack: Shift) -> xr.Dataset:
    metric = Margin()
    assert isinstance(metric, Metric)
    made = [
        Evidence(
            code=code,
            domain="response",
            attack="shift",
            aim="behavior",
            objective=item.objective,
            control=item.control,
            target=item.target,
            perturbed=item.perturbed,
            minimal=item.minimal,
        )
        for item in attack(code, seed=0)
    ]
    summary = metric.summarise(stack((e, metric.measure(e)) for e in made), code, Resampling(draws=100))
    check_summary(summary)
    return summary


def test_numbers_are_the_quantiles_and_shares_of_the_attacks_own_minimal_doses() -> None:
    code = category_code(np.full(6, 1.5), stimuli=60, covariance=np.eye(6))
    attack, *random = Shift(draws=4)(code, seed=0)
    summary = summary_of(code, Shift(draws=4)).sel(statistic="estimate")
    assert attack.minimal is not None
    distances = attack.minimal.values
    grid = summary["displacement"].values
    assert grid[0] < distances.min()
    assert grid[-1] > distances.max()
    expected = (distances[:, None] <= grid).mean(axis=0)
    np.testing.assert_allclose(summary["changed_within"].sel(direction="optimal").values, expected)
    median = np.quantile(distances, 0.5, method="inverted_cdf")
    assert summary["median"].sel(direction="optimal") == median
    assert summary["within_one"].sel(direction="optimal") == (distances <= 1).mean()
    pooled = np.concatenate([item.minimal.values for item in random if item.minimal is not None])
    assert summary["median"].sel(direction="random") == np.quantile(pooled, 0.5, method="inverted_cdf")
    relative = median / code.population_pair_distance
    assert summary["relative_median"].sel(direction="optimal") == pytest.approx(relative)


def test_the_median_margin_of_a_one_dimensional_code_is_the_distance_to_its_criterion() -> None:
    # Two Gaussians at +-2 in one unit of noise sd 1, criterion at 0: |x| has its median near 2.
    code = category_code(np.array([4.0]), stimuli=800, covariance=np.eye(1))
    summary = summary_of(code, Shift(draws=1))
    median = summary["median"].sel(direction="optimal")
    assert median.sel(statistic="low") - 0.1 < 2.0 < median.sel(statistic="high") + 0.1
    assert median.attrs["units"] == "noise sd"


def test_weighted_quantiles_are_those_of_repeated_values() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=9), rng.integers(0, 4, size=(5, 9)).astype(float)
    quantiles = np.array([0.05, 0.5, 0.9])
    expected = [np.quantile(np.repeat(values, w.astype(int)), quantiles, method="inverted_cdf") for w in weights]
    np.testing.assert_allclose(weighted_quantile(values, weights, quantiles), expected)


def test_the_sentences_set_the_shortest_way_beside_random_directions() -> None:
    code = category_code(np.full(8, 1.0), stimuli=60)
    summary = summary_of(code, Shift(draws=5))
    text = list(Margin().describe(summary, code))
    assert text[0].startswith("Moving the population in the shortest way changes half of the choices within ")
    assert "stimulus sd (length over all units)" in text[0]
    assert "of the distance to another image; within 1 stimulus sd (length over all units) it changes " in text[0]
    assert text[1].startswith("Moving the population in a random direction ")
    share = float(summary["control_at_median"].sel(statistic="estimate"))
    assert 0 < share < 0.4
    assert f"random directions change {share:.3g} [" in text[2]
    assert text[2].endswith("of them: the shortest way is shorter than a random one.")


def test_in_one_dimension_half_of_random_directions_are_the_shortest_way() -> None:
    code = category_code(np.array([2.0]), stimuli=60)
    summary = summary_of(code, Shift(draws=8))
    assert summary["control_at_median"].sel(statistic="estimate") == pytest.approx(0.25, abs=0.06)


def test_an_infinite_median_is_said_in_words() -> None:
    code = category_code(np.full(8, 3.0), stimuli=40)
    summary = summary_of(code, Shift(draws=1))
    summary["median"].loc[{"direction": "random"}] = np.inf
    assert "in a random direction changes half of the choices at no distance (many directions lead away" in " ".join(
        Margin().describe(summary, code)
    )


def test_an_attack_without_a_minimal_dose_is_refused() -> None:
    code = build_code(np.random.default_rng(0).normal(size=(6, 3)))
    with pytest.raises(NotEnoughData, match="margin: attack 'noise' does not say at which dose choices change"):
        Margin().measure(Evidence(code=code, attack="noise"))
