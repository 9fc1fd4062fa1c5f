"""Accuracy of the code's own choices: closed forms, chance, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm
from simulated_codes import build_code, category_code, check_summary, stack
from sklearn.metrics import balanced_accuracy_score
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_metrics_population.decoder_accuracy import DecoderAccuracy, balanced_accuracy, shuffled_accuracy


def named(values: list[str], code: Code) -> xr.DataArray:
    return xr.DataArray(values, dims=("stimulus",), coords={"stimulus": code.responses["stimulus"].values})


def summary_of(code: Code) -> xr.Dataset:
    metric = DecoderAccuracy()
    assert isinstance(metric, Metric)
    evidence = Evidence(code=code)
    summary = metric.summarise(stack([(evidence, metric.measure(evidence))]), code, Resampling(draws=300))
    check_summary(summary)
    return summary


def test_the_readouts_accuracy_is_the_ideal_observers_for_two_gaussian_classes() -> None:
    code = category_code(np.full(4, 0.8), stimuli=1500, seed=4)
    summary = summary_of(code)
    ideal = norm.cdf(np.sqrt(4) * 0.8 / 2)
    assert summary["accuracy"].sel(statistic="low") < ideal < summary["accuracy"].sel(statistic="high")
    width = float(summary["accuracy"].sel(statistic="high") - summary["accuracy"].sel(statistic="low"))
    assert width == pytest.approx(2 * 1.96 * np.sqrt(ideal * (1 - ideal) / 1500), rel=0.2)


def test_balanced_accuracy_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    labels, choices = rng.choice(list("aab"), 50), rng.choice(list("abb"), 50)
    ours = balanced_accuracy((labels == choices).astype(float), labels, np.ones((1, 50)))
    assert ours == pytest.approx(balanced_accuracy_score(labels, choices))


def test_shuffled_accuracy_has_the_closed_form_mean() -> None:
    labels, choices = np.array(list("aaaaaab" * 10)), np.array(list("aabbaab" * 10))
    plain, balanced = shuffled_accuracy(labels, choices, shuffles=4000, seed=0)
    expected = sum((labels == c).mean() * (choices == c).mean() for c in "ab")
    assert plain.mean() == pytest.approx(expected, abs=0.003)
    assert balanced.mean() == pytest.approx(0.5, abs=0.005)


def test_always_naming_the_commonest_category_is_not_above_chance() -> None:
    base = build_code(np.random.default_rng(0).normal(size=(40, 2)))
    code = Code(
        system="recording",
        responses=base.responses,
        labels=named(["a"] * 30 + ["b"] * 10, base),
        choices=named(["a"] * 40, base),
    )
    summary = summary_of(code)
    assert summary["accuracy"].sel(statistic="estimate") == 0.75
    assert summary["balanced_accuracy"].sel(statistic="estimate") == 0.5
    np.testing.assert_allclose(summary["chance"].values, 0.75)
    text = list(DecoderAccuracy().describe(summary, code))
    assert text[0].startswith("The code's choices are right on 0.75 [0.")
    assert "always naming the commonest category on 0.75" in text[0]
    assert text[1] == "That is not told apart from chance (p = 1, permutation test)."
    assert "the network's own choices" in summary["accuracy"].attrs["definition"]


def test_a_readable_code_is_above_chance_with_a_bound_where_every_choice_is_right() -> None:
    code = category_code(np.full(5, 6.0), stimuli=30)
    summary = summary_of(code)
    assert summary["accuracy"].sel(statistic="estimate") == 1
    assert summary["accuracy"].sel(statistic="low") < 0.95
    assert "above chance (p = 0.00332" in list(DecoderAccuracy().describe(summary, code))[1]
    assert "held-out choices of the readout" in summary["accuracy"].attrs["definition"]


def test_missing_or_foreign_names_are_refused() -> None:
    base = build_code(np.random.default_rng(0).normal(size=(4, 2)))
    two, one, other = named(list("abab"), base), named(["a"] * 4, base), named(["0", "1", "0", "1"], base)
    for labels, choices, text in (
        (None, two, "code recording has no categories"),
        (two, None, "code recording has no choices: give the study a readout"),
        (one, one, "all 4 stimuli of code recording have the category 'a': at least two are needed"),
        (two, other, r"choices of code recording \(0, 1 ...\) are not among its categories \(a, b ...\)"),
    ):
        code = Code(system="recording", responses=base.responses, labels=labels, choices=choices)
        with pytest.raises(NotEnoughData, match=f"decoder-accuracy: {text}"):
            DecoderAccuracy().measure(Evidence(code=code))
