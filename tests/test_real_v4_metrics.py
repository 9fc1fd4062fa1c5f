"""Real macaque V4 (session 210325 of Cowley et al. 2023), from its array to reliability, sparseness and spectrum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
from spikeproof.result import Result
from spikeproof_metrics_unit import internal_consistency, lifetime_sparseness, noise_ceiling

METRICS = ("reliability", "sparseness", "population-sparseness", "spectrum", "dimensionality")


@pytest.fixture(scope="module")
def trials(shared: Path) -> np.ndarray:
    """Single trials (stimulus, repeat, unit), NaN where there was none."""
    values = np.load(shared / "data/v4/responses_raw_210325.npy")
    return np.asarray(values.transpose(1, 2, 0))


@pytest.fixture(scope="module")
def result(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    source = {
        "use": f"table:{shared / 'data/v4/responses_raw_210325.npy'}",
        "dims": ["unit", "stimulus", "repeat"],
        "response_units": "spikes",
        "session": "210325",
    }
    metrics = [{"use": name} for name in METRICS[1:]]
    return spikeproof.run(
        {
            "source": source,
            "metric": [{"use": "reliability", "shuffles": 100}, *metrics],
            "statistics": {"draws": 200},
        },
        out=tmp_path_factory.mktemp("v4") / "out",
        device="cpu",
    )


def value(result: Result, metric: str, name: str) -> np.ndarray:
    """Estimate, low, high."""
    found = result.summary(metric, "recording")[name]
    return np.array([found.sel(statistic=part).item() for part in ("estimate", "low", "high")])


@pytest.mark.slow
def test_neurons_are_as_reliable_as_they_were_published(result: Result, trials: np.ndarray) -> None:
    assert result.metrics == METRICS
    mean, low, high = value(result, "reliability", "mean_reliability")
    assert mean == pytest.approx(0.735, abs=0.015)
    assert low < mean < high < low + 0.1
    own = result.summary("reliability", "recording").sel(statistic="estimate")
    assert own.sizes["unit"] == 50
    assert float(own["reliability"].min()) == pytest.approx(0.5, abs=0.05)
    assert float(own["p_adjusted"].max()) < 0.05
    assert abs(value(result, "reliability", "mean_reliability_shuffled")[0]) < 0.03
    expected = noise_ceiling(trials)
    np.testing.assert_allclose(own["noise_ceiling"], expected.ceiling, rtol=1e-9)
    np.testing.assert_allclose(own["ncsnr"], expected.ncsnr, rtol=1e-9)
    assert float(own["internal_consistency"]) == pytest.approx(internal_consistency(trials).center, abs=0.02)


@pytest.mark.slow
def test_their_responses_are_dense_and_their_spectrum_is_flagged(result: Result, trials: np.ndarray) -> None:
    means = np.nanmean(trials, axis=1)
    sparse = value(result, "sparseness", "lifetime_sparseness_mean")
    assert sparse[0] == pytest.approx(np.nanmean(lifetime_sparseness(means)))
    population = value(result, "population-sparseness", "population_sparseness")
    assert population[1] < population[0] < population[2]
    assert population[0] == pytest.approx(value(result, "sparseness", "population_sparseness_mean")[0])
    exponent = value(result, "spectrum", "exponent")
    assert 0.5 < exponent[1] < exponent[0] < exponent[2] < 2.5
    said = [finding["text"] for finding in result.findings if finding["metric"] == "spectrum"]
    assert "640 stimuli are fewer than about 1000 and 50 units are fewer than about 1000" in said[1]
    ratio = value(result, "dimensionality", "participation_ratio")
    assert 1 < ratio[1] < ratio[0] < ratio[2] < 50
