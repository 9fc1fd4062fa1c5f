"""Reliability: numbers of known truth, their intervals, chance, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, jackknife_interval
from spikeproof.testing.toys import toy_code
from spikeproof.types import Code, Evidence
from spikeproof_metrics_unit import noise_ceiling, signal_power, split_half
from spikeproof_metrics_unit.metrics.left_out import left_out_draws
from spikeproof_metrics_unit.metrics.reliability import Reliability
from spikeproof_metrics_unit.metrics.reliability_draws import shuffled
from spikeproof_metrics_unit.metrics.trials import repeats_of

RESAMPLING = Resampling(draws=200)
FEW = Reliability(splits=10, shuffles=60)


def code_of(values: NDArray[np.float64]) -> Code:
    """A code of trials (stimulus, repeat, unit)."""
    stimuli, repeats, units = values.shape
    names, unit = [f"s{k}" for k in range(stimuli)], [f"u{k}" for k in range(units)]
    return Code(
        system="toy",
        responses=xr.DataArray(
            values.mean(axis=1), dims=("stimulus", "unit"), coords={"stimulus": names, "unit": unit}
        ),
        repeats=xr.DataArray(
            values.reshape(-1, units),
            dims=("presentation", "unit"),
            coords={"stimulus": ("presentation", np.repeat(names, repeats)), "unit": unit},
        ),
    )


def simulated(signal: list[float], *, stimuli: int = 120, repeats: int = 4, seed: int = 0) -> NDArray[np.float64]:
    """Trials of units with these signal sds and noise of sd 1."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(stimuli, 1, len(signal))) * signal
    return np.asarray(means + rng.normal(size=(stimuli, repeats, len(signal))))


def summarised(values: NDArray[np.float64], metric: Reliability = FEW) -> tuple[xr.Dataset, Code]:
    code = code_of(values)
    measured = metric.measure(Evidence(code=code)).expand_dims("target")
    return metric.summarise(measured, code, RESAMPLING), code


def test_estimates_are_those_of_the_functions() -> None:
    values = simulated([0.5, 1.0, 2.0])
    summary, _ = summarised(values)
    at = summary.sel(statistic="estimate")
    half = split_half(values, splits=10, seed=0).r.mean(axis=0)
    ceiling, power = noise_ceiling(values), signal_power(values)
    np.testing.assert_allclose(at["reliability"], 2 * half / (1 + half), rtol=1e-12)
    np.testing.assert_allclose(at["ncsnr"], ceiling.ncsnr, rtol=1e-12)
    np.testing.assert_allclose(at["noise_ceiling"], ceiling.ceiling, rtol=1e-12)
    np.testing.assert_allclose(at["signal_share"], power.signal / (power.signal + power.noise), rtol=1e-12)
    assert float(at["mean_reliability"]) == pytest.approx(float(at["reliability"].mean()))


def test_intervals_hold_the_truth_of_a_simulation() -> None:
    sd = [0.5, 1.0, 2.0]
    summary, _ = summarised(simulated(sd, stimuli=400))
    truth = {
        "reliability": [s**2 / (s**2 + 1 / 4) for s in sd],
        "noise_ceiling": [s**2 / (s**2 + 1 / 4) for s in sd],
        "ncsnr": sd,
        "signal_share": [s**2 / (s**2 + 1) for s in sd],
    }
    for name, expected in truth.items():
        low, high = (summary[name].sel(statistic=end).values for end in ("low", "high"))
        assert (low < expected).all(), name
        assert (expected < high).all(), name
        assert (high - low < 0.5).all(), name


def test_draws_of_one_number_are_its_jackknife_interval() -> None:
    values = np.random.default_rng(0).normal(size=(64, 1))
    estimate, draws = left_out_draws(lambda part, _: part.mean(axis=0), values, Resampling(draws=20_000))
    groups = np.array([values.sum() - part.sum() for part in values]) / 63
    low, high = jackknife_interval(estimate[0], [groups])
    found = np.quantile(draws[:, 0], [0.025, 0.975]) - estimate
    assert found == pytest.approx([float(low) - estimate[0], float(high) - estimate[0]], rel=0.25)


def test_units_without_signal_are_not_called_reliable() -> None:
    summary, code = summarised(simulated([0.0] * 6 + [1.5] * 6))
    reliable = summary["p_adjusted"].values <= 0.05
    assert reliable[6:].all()
    assert reliable[:6].sum() <= 1
    assert float(summary["reliable_fraction"].sel(statistic="estimate")) == reliable.mean()
    said = list(FEW.describe(summary, code))
    assert "above chance" in said[0]
    assert said[1].startswith(f"{reliable.sum()} of 12 units are reliable")


def test_shuffled_presentations_give_a_reliability_of_nothing_and_even_p() -> None:
    null = shuffled(simulated([0.0] * 40, stimuli=40), shuffles=99, seed=0)
    assert abs(np.nanmean(null.reliability)) < 0.05
    assert 0.35 < null.p.mean() < 0.65


def test_trials_stand_where_their_stimulus_stands_and_single_ones_are_left_out() -> None:
    code = toy_code()
    assert code.repeats is not None
    keep = np.ones(108, dtype=bool)
    keep[[0, 1, 4]] = False  # s00 keeps one presentation, s01 two
    fewer = dataclasses.replace(code, repeats=code.repeats[keep][::-1])
    values = repeats_of(fewer, "reliability")
    assert values.shape == (35, 3, 6)
    np.testing.assert_array_equal(values[0, :2], code.repeats.values[[5, 3]])
    assert np.isnan(values[0, 2]).all()


def test_constant_units_are_counted_and_only_constant_ones_refused() -> None:
    values = simulated([1.0, 1.0])
    values[..., 1] = 3.0
    summary, code = summarised(values)
    assert np.isnan(summary["reliability"].values[:, 1]).all()
    assert list(FEW.describe(summary, code))[-1].startswith("1 units respond alike to all repeated stimuli")
    values[..., 0] = 2.0
    with pytest.raises(NotEnoughData, match="reliability: no unit of toy varies over the 120 stimuli"):
        summarised(values)


def test_too_few_repeats_are_refused() -> None:
    code = toy_code()
    assert code.repeats is not None
    with pytest.raises(NotEnoughData, match="no repeats: every stimulus was presented once"):
        FEW.measure(Evidence(code=dataclasses.replace(code, repeats=None)))
    with pytest.raises(NotEnoughData, match="2 stimuli of toy were presented at least twice, but three are needed"):
        FEW.measure(Evidence(code=dataclasses.replace(code, repeats=code.repeats[:6])))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"splits": 0}, "splits must be at least 1"),
        ({"shuffles": 5}, "shuffles must be at least 20"),
        ({"false_discovery_rate": 1.0}, "false_discovery_rate must lie between 0 and 1"),
    ],
)
def test_parameters_are_checked(field: dict[str, float], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        Reliability(**field)  # type: ignore[arg-type]
