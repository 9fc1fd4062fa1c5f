"""Stimuli recognised from held-out repeats."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence
from spikeproof_metrics_population.identification import Identification, identified


def shown(signal: float, *, stimuli: int = 30, units: int = 8, repeats: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    stimulus = rng.permutation(np.repeat(np.arange(stimuli), repeats))
    means = signal * rng.normal(size=(stimuli, units))
    return means[stimulus] + rng.normal(size=(len(stimulus), units)), stimulus


def toy(responses: np.ndarray, stimulus: np.ndarray) -> Code:
    names = np.array([f"s{k:02d}" for k in stimulus])
    units = [f"u{k}" for k in range(responses.shape[1])]
    repeats = xr.DataArray(
        responses, dims=("presentation", "unit"), coords={"stimulus": ("presentation", names), "unit": units}
    )
    means = repeats.groupby("stimulus").mean("presentation")
    return Code(
        system="toy",
        responses=means,
        repeats=repeats,
        noise_covariance=xr.DataArray(np.eye(len(units)), dims=("unit", "unit_other")),
    )


def test_strong_signals_are_recognised_and_pure_noise_is_at_chance() -> None:
    assert (identified(*shown(20.0), splits=5, seed=0) == np.arange(30)).all()
    noise = (identified(*shown(0.0), splits=200, seed=0) == np.arange(30)).mean()
    assert noise < 0.15, "no half is read by itself: chance is 1 / 30"


def test_two_stimuli_in_one_dimension_are_recognised_as_often_as_the_closed_form_says() -> None:
    # Means -m and m, noise variance v of a half: b is called 1 where (a1 - a0) and b - (a0 + a1) / 2 have one sign;
    # both are normal and independent, with means 2 m, m and variances 2 v, 1.5 v.
    m, v, count = 0.8, 1.0, 4000
    p, q = norm.cdf(2 * m / np.sqrt(2 * v)), norm.cdf(m / np.sqrt(1.5 * v))
    expected = p * q + (1 - p) * (1 - q)
    rng = np.random.default_rng(0)
    stimulus = np.array([0, 1, 0, 1])
    right = [
        (identified(m * (2 * stimulus - 1)[:, None] + rng.normal(size=(4, 1)), stimulus, splits=1, seed=k) == [0, 1])
        for k in range(count)
    ]
    assert np.mean(right) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / count))


def test_the_same_seed_gives_the_same_choices_in_any_order_of_stimuli() -> None:
    responses, stimulus = shown(0.7)
    one = identified(responses, stimulus, splits=3, seed=5)
    assert (one == identified(responses, stimulus, splits=3, seed=5)).all()
    assert (one != identified(responses, stimulus, splits=3, seed=6)).any()


def test_the_metric_says_how_many_beside_chance() -> None:
    code = toy(*shown(0.7))
    metric = Identification()
    measured = metric.measure(Evidence(code=code)).expand_dims("target")
    summary = metric.summarise(measured, code, Resampling(draws=200, seed=0))
    accuracy = summary["accuracy"]
    assert float(accuracy.sel(statistic="low")) < float(accuracy.sel(statistic="estimate")) < 1
    assert float(summary["chance"].sel(statistic="estimate")) == pytest.approx(1 / 30)
    (said,) = metric.describe(summary, code)
    assert "recognised among 30" in said
    assert "above chance" in said


def test_stimuli_shown_once_are_left_to_others() -> None:
    responses, stimulus = shown(2.0)
    once = np.concatenate([np.flatnonzero(stimulus == 0)[:1], np.flatnonzero(stimulus > 0)])
    measured = Identification(splits=2).measure(Evidence(code=toy(responses[once], stimulus[once])))
    assert measured.sizes["stimulus"] == 29


def test_too_few_repeats_are_refused() -> None:
    responses, stimulus = shown(2.0)
    keep = np.concatenate([np.flatnonzero(stimulus == 0), *(np.flatnonzero(stimulus == k)[:1] for k in (1, 2))])
    with pytest.raises(NotEnoughData, match="1 of the stimuli of toy was shown twice or more"):
        Identification().measure(Evidence(code=toy(responses[keep], stimulus[keep])))
    code = toy(responses, stimulus)
    bare = Code(system="toy", responses=code.responses)
    with pytest.raises(NotEnoughData, match="every stimulus of toy was presented once"):
        Identification().measure(Evidence(code=bare))
    with pytest.raises(BadParameter, match="splits must be at least 1"):
        Identification(splits=0)
