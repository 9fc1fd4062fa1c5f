"""Populations over repeats: the shared spectrum and the information between categories; the best units."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from simulated_codes import check_summary
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence
from spikeproof_metrics_population import linear_fisher_information
from spikeproof_metrics_population.category_information import CategoryInformation
from spikeproof_metrics_population.compact_readout import BestUnitsReadout
from spikeproof_metrics_population.fisher import category_information, information_interval
from spikeproof_metrics_population.shared_spectrum import Spectrum

RESAMPLING = Resampling(draws=100)
RNG = np.random.default_rng(0)


def code_of(trials: NDArray[np.float64], labels: list[str] | None = None, sessions: list[str] | None = None) -> Code:
    stimuli, repeats, units = trials.shape
    names = [f"s{k:03d}" for k in range(stimuli)]
    on_unit = {
        "unit": [f"u{k:02d}" for k in range(units)],
        "session": ("unit", sessions or ["day"] * units),
        "subject": ("unit", [""] * units),
    }
    return Code(
        system="toy",
        responses=xr.DataArray(trials.mean(axis=1), dims=("stimulus", "unit"), coords={"stimulus": names, **on_unit}),
        labels=None if labels is None else xr.DataArray(labels, dims="stimulus", coords={"stimulus": names}),
        repeats=xr.DataArray(
            trials.reshape(-1, units),
            dims=("presentation", "unit"),
            coords={"stimulus": ("presentation", np.repeat(names, repeats)), **on_unit},
        ),
    )


def summarised(metric: Spectrum | CategoryInformation | BestUnitsReadout, code: Code) -> tuple[xr.Dataset, list[str]]:
    measured = metric.measure(Evidence(code=code)).expand_dims("target")
    summary = metric.summarise(measured, code, RESAMPLING)
    check_summary(summary)
    return summary, list(metric.describe(summary, code))


def power_code(alpha: float, *, noise: float, stimuli: int = 300, units: int = 40) -> Code:
    axes = np.linalg.qr(RNG.normal(size=(units, units)))[0]
    signal = RNG.normal(size=(stimuli, units)) * np.arange(1, units + 1) ** (-alpha / 2) @ axes
    return code_of(signal[:, None] + noise * RNG.normal(size=(stimuli, 4, units)))


def test_the_shared_spectrum_takes_noise_out_and_is_flagged_where_data_are_few() -> None:
    summary, said = summarised(Spectrum(draws=4), power_code(1.2, noise=0.15))
    low, alpha, high = (float(summary["exponent"].sel(statistic=name)) for name in ("low", "estimate", "high"))
    assert low < 1.2 < high
    assert high - low < 0.5
    assert low < alpha < high
    assert "over ranks 2 to" in said[0]
    assert said[1].startswith("That exponent is not to be trusted: 300 stimuli are fewer than about 1000")
    assert "Doubtful: 40 units are fewer than about 1000." in summary["exponent"].attrs["definition"]


def test_the_spectrum_refuses_what_cannot_carry_it() -> None:
    code = power_code(1.0, noise=0.1, stimuli=20, units=4)
    with pytest.raises(NotEnoughData, match="spectrum: code toy has 4 units, but an exponent needs five"):
        Spectrum().measure(Evidence(code=code))
    code = code_of(RNG.normal(size=(4, 3, 8)))
    with pytest.raises(NotEnoughData, match="spectrum: 4 stimuli of toy were presented at least twice"):
        Spectrum().measure(Evidence(code=code))
    with pytest.raises(NotEnoughData, match="ranks up to 30 are to be fitted"):
        summarised(Spectrum(ranks=(11, 30)), power_code(1.0, noise=0.1, units=20))
    with pytest.raises(BadParameter, match="spectrum: draws must be at least 1"):
        Spectrum(draws=0)


def test_information_between_two_single_stimuli_is_kanitscheiders() -> None:
    first, second = RNG.normal(size=(2, 30, 5)) @ RNG.normal(size=(5, 5))
    first += 1.0
    expected = linear_fisher_information(first, second)
    stimulus = np.repeat(["x", "y"], 30)
    found = category_information(np.vstack([first, second]), stimulus, stimulus)
    assert found.corrected[0] == pytest.approx(expected.corrected)
    assert found.shuffled[0] == pytest.approx(expected.shuffled)


def test_information_is_unbiased_and_its_interval_exact() -> None:
    stimulus = np.repeat([f"s{k}" for k in range(12)], 4)
    label = np.repeat(["a", "b"], 24)
    mix = RNG.normal(size=(6, 6))
    means = RNG.normal(size=(12, 6)) * 0.5
    noise = mix.T @ mix
    slope = means[:6].mean(axis=0) - means[6:].mean(axis=0)
    truth = float(slope @ np.linalg.solve(noise, slope))
    values, held = [], 0
    for _ in range(400):
        found = category_information(np.repeat(means, 4, axis=0) + RNG.normal(size=(48, 6)) @ mix, stimulus, label)
        low, high = information_interval(found)
        values.append(found.corrected[0])
        held += int(low[0] <= truth <= high[0])
    assert abs(np.mean(values) - truth) < 3 * np.std(values) / 20
    assert 0.92 <= held / 400 <= 0.98


def test_shared_noise_along_the_difference_is_redundant() -> None:
    labels = ["a", "b"] * 20
    means = np.where(np.array(labels) == "a", 1.0, 0.0)[:, None, None] * np.ones(6)
    trials = means + RNG.normal(size=(40, 8, 6)) + 2.0 * RNG.normal(size=(40, 8, 1))
    summary, said = summarised(CategoryInformation(), code_of(trials, labels))
    assert summary["redundancy"].sel(statistic="low").item() > 0.5
    assert summary["mean_information"].sel(statistic="estimate").item() < 1
    assert said[0].startswith("Linear Fisher information between two categories in day is 0.")


def test_units_of_different_sessions_are_not_mixed() -> None:
    labels = ["a", "b"] * 10
    trials = RNG.normal(size=(20, 6, 6)) + np.where(np.array(labels) == "a", 1.0, 0.0)[:, None, None]
    summary, said = summarised(CategoryInformation(), code_of(trials, labels, ["one"] * 4 + ["two"] * 2))
    assert summary["recorded"].values.tolist() == ["one", "two"]
    assert len(said) == 2
    alone, _ = summarised(CategoryInformation(), code_of(trials[..., :4], labels))
    assert float(summary["mean_information"].sel(recorded="one", statistic="estimate")) == pytest.approx(
        float(alone["mean_information"].sel(statistic="estimate").squeeze())
    )


def test_information_refuses_too_many_units_and_takes_fewer() -> None:
    labels = ["a", "b"] * 4
    trials = RNG.normal(size=(8, 3, 14))
    with pytest.raises(NotEnoughData, match=r"14 units of toy, day need more than 17 repeats .* count fewer units"):
        summarised(CategoryInformation(), code_of(trials, labels))
    summary, said = summarised(CategoryInformation(units=3), code_of(trials, labels))
    assert summary.attrs["units"] == 3
    assert said
    with pytest.raises(NotEnoughData, match="all repeated stimuli of code toy have the category 'a'"):
        summarised(CategoryInformation(), code_of(trials, ["a"] * 8))
    with pytest.raises(NotEnoughData, match="fisher: code toy has no categories"):
        summarised(CategoryInformation(), code_of(trials))
    with pytest.raises(BadParameter, match="fisher: units must be at least 1"):
        CategoryInformation(units=0)


def test_few_good_units_are_told_from_random_ones() -> None:
    labels = ["a", "b"] * 40
    trials = RNG.normal(size=(80, 2, 12))
    trials[..., 3] += 4.0 * (np.array(labels) == "a")[:, None]
    metric = BestUnitsReadout(sizes=(1, 4), draws=4, decoder="ridge")
    summary, said = summarised(metric, code_of(trials, labels))
    assert float(summary["units_95"].sel(statistic="estimate")) == 1
    assert float(summary["units_95_random"].sel(statistic="estimate")) > 2
    assert said[1] == "So the category is carried by few units more than by others."
    summary, said = summarised(metric, code_of(RNG.normal(size=(80, 2, 12)), labels))
    assert said[1] == "That is not told apart from random units."


def test_best_units_refuse_what_they_cannot_use() -> None:
    with pytest.raises(NotEnoughData, match="best-units: code toy has no categories"):
        summarised(BestUnitsReadout(), code_of(RNG.normal(size=(8, 2, 3))))
    for field in ({"folds": 1}, {"draws": 0}, {"c": 0.0}, {"sizes": (3, 2)}):
        with pytest.raises(BadParameter, match=f"best-units: {next(iter(field))} must"):
            BestUnitsReadout(**field)  # type: ignore[arg-type]
