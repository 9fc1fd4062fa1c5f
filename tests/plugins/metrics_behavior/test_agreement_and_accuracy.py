"""Agreement of choices, accuracy and shape bias as metrics of subjects and systems."""

from __future__ import annotations

import json

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
import xarray as xr
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof_metrics_behavior.metrics.behavioral_accuracy import BehavioralAccuracy
from spikeproof_metrics_behavior.metrics.choice_agreement import ChoiceAgreement
from spikeproof_metrics_behavior.metrics.shape_bias import ShapeBiasOfObservers

from .observer_cases import chosen, study, system, table, truth_of

RESAMPLING = Resampling(draws=200)
RNG = np.random.default_rng(5)
A, B, C = ((RNG.random(80) < share).astype(int).tolist() for share in (0.9, 0.7, 0.6))
PEOPLE = "subjects with each other"


def of(summary: xr.Dataset, name: str, **at: str) -> float:
    return float(summary[name].sel(statistic="estimate", image_set="trials", **at))


def test_agreement_is_the_share_of_equal_choices_of_those_made() -> None:
    late = ["" if k < 10 else name for k, name in enumerate(chosen(B))]
    trials = table({"anna": chosen(A), "ben": late})
    summary = ChoiceAgreement().across(study(trials, system("net", chosen(C))), RESAMPLING)
    both = np.array(chosen(A))[10:] == np.array(chosen(B))[10:]
    assert of(summary, "agreement", observers=PEOPLE) == pytest.approx(both.mean())
    choices = np.array([chosen(A), late], dtype=str)
    one = behavior.agreement(choices, np.array(chosen(C)), options=2, none="")
    per_subject = np.mean([one.by_observer[0], one.by_observer[1]])
    assert of(summary, "agreement", observers="net with subjects") == pytest.approx(per_subject)
    assert of(summary, "agreement_above_chance", observers="net with subjects") == pytest.approx(per_subject - 0.5)
    spread = summary["spread_over_images"].sel(image_set="trials", observers=PEOPLE, statistic="estimate")
    assert float(spread) == pytest.approx(both.std())


def test_agreement_of_unrelated_choices_is_that_of_shuffled_ones() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.choice(["cat", "dog"], 400, p=[0.8, 0.2]).tolist() for _ in range(2))
    metric = ChoiceAgreement(options=16)
    summary = metric.across(study(table({"anna": one, "ben": two})), RESAMPLING)
    value, null = (
        of(summary, "agreement", observers=PEOPLE),
        summary["agreement_shuffled"].isel(image_set=0, observers=0),
    )
    assert float(null.sel(statistic="estimate")) == pytest.approx(0.68, abs=0.02)  # both prefer cats: 0.8^2 + 0.2^2
    assert float(null.sel(statistic="low")) <= value <= float(null.sel(statistic="high"))
    (said,) = metric.describe(summary)
    assert "1 over the categories on offer is 0.0625, and the estimate is within what choices shuffled" in said


def test_one_observer_agrees_with_nobody() -> None:
    with pytest.raises(NotEnoughData, match="choice-agreement needs two observers"):
        ChoiceAgreement().across(study(table({"anna": chosen(A)})), RESAMPLING)


def test_accuracy_counts_a_late_trial_as_wrong_or_leaves_it_out() -> None:
    late = ["" if k < 20 else name for k, name in enumerate(chosen(A))]
    trials = study(table({"anna": late, "ben": chosen(B)}), system("net", chosen(C)))
    wrong = BehavioralAccuracy().across(trials, RESAMPLING)
    out = BehavioralAccuracy(late="left out").across(trials, RESAMPLING)
    assert of(wrong, "accuracy", observer="subjects") == pytest.approx((sum(A[20:]) / 80 + np.mean(B)) / 2)
    assert of(out, "accuracy", observer="subjects") == pytest.approx((np.mean(A[20:]) + np.mean(B)) / 2)
    assert of(out, "accuracy", observer="net") == pytest.approx(np.mean(C))
    assert of(out, "accuracy_shuffled", observer="net") == pytest.approx(0.5, abs=0.05)
    own = out["accuracy_of_subject"].sel(statistic="estimate")
    assert own["subject"].values.tolist() == ["anna", "ben"]
    np.testing.assert_allclose(own.values, [np.mean(A[20:]), np.mean(B)])


def test_accuracy_is_averaged_over_conditions_of_unequal_size() -> None:
    conditions = ["a"] * 20 + ["b"] * 60
    trials = study(table({"anna": chosen(A), "ben": chosen(B)}, condition=conditions))
    summary = BehavioralAccuracy().across(trials, RESAMPLING)
    per_condition = [np.mean([A[k], B[k]]) for k in (slice(0, 20), slice(20, 80))]
    assert of(summary, "accuracy", observer="subjects") == pytest.approx(np.mean(per_condition))
    values = summary["accuracy_by_condition"].sel(statistic="estimate", observer="subjects")
    assert dict(zip(values["condition"].values.tolist(), values.values.tolist(), strict=True)) == pytest.approx(
        {"trials a": per_condition[0], "trials b": per_condition[1]}
    )


def test_the_interval_of_accuracy_is_that_of_the_binomial_for_one_subject() -> None:
    right = (np.random.default_rng(1).random(1000) < 0.7).astype(int).tolist()
    summary = BehavioralAccuracy().across(study(table({"anna": chosen(right)})), Resampling(draws=2000))
    low, high = (float(summary["accuracy"].sel(statistic=name)[0, 0]) for name in ("low", "high"))
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 1000), rel=0.1)
    assert "accuracy_of_subject" not in summary


CUES = ["cat", "cat", "dog", "bird"] * 10
"""Textures: of the images, which are cat, dog, cat, dog in turn, the second to fourth are in conflict with theirs."""


def test_shape_bias_is_that_of_the_function_for_subjects_and_systems() -> None:
    rng = np.random.default_rng(2)
    anna, ben, net = (rng.choice(["cat", "dog", "bird"], 40).tolist() for _ in range(3))
    trials = study(table({"anna": anna, "ben": ben}, texture=CUES), system("net", net))
    summary = ShapeBiasOfObservers().across(trials, RESAMPLING)
    biases = [behavior.shape_bias(np.array(one), np.array(truth_of(40)), np.array(CUES)) for one in (anna, ben, net)]
    assert of(summary, "shape_bias", observer="subjects") == pytest.approx((biases[0].bias + biases[1].bias) / 2)
    assert of(summary, "shape_bias", observer="net") == pytest.approx(biases[2].bias)
    assert of(summary, "shape_choices", observer="net") == pytest.approx(biases[2].conflict_fraction_shape)
    assert of(summary, "texture_choices", observer="net") == pytest.approx(biases[2].conflict_fraction_texture)
    own = summary["shape_bias_of_subject"].sel(statistic="estimate")
    np.testing.assert_allclose(own.values, [biases[0].bias, biases[1].bias])


def test_systems_alone_are_read_from_the_names_of_stimuli() -> None:
    names = [f"{shape}{k}-{texture}{k}.png" for k in range(10) for shape, texture in (("cat", "dog"), ("dog", "cat"))]
    net = system("net", ["cat"] * 15 + ["dog"] * 5, names)
    metric = ShapeBiasOfObservers()
    summary = metric.across(study(None, net, system("mute", None)), RESAMPLING)
    expected = behavior.shape_bias(["cat"] * 15 + ["dog"] * 5, ["cat", "dog"] * 10, ["dog", "cat"] * 10).bias
    assert float(summary["shape_bias"].sel(statistic="estimate", observer="net")[0]) == pytest.approx(expected)
    told = list(metric.describe(summary))
    assert "mute is left out: it makes no choices: there is no readout." in told


def test_sets_without_textures_are_named() -> None:
    plain = table({"anna": chosen(A[:40])}, image_set=["photographs"] * 40)
    cues = table({"anna": ["cat"] * 40}, image_set=["cues"] * 40)
    named = [f"{shape}{k}-{OTHER}1.png" for k, shape in enumerate(truth_of(40)) for OTHER in ("bird",)]
    both = xr.concat([plain, cues.assign(stimulus_id=("trial", np.array(named)))], dim="trial")
    metric = ShapeBiasOfObservers()
    summary = metric.across(study(both), RESAMPLING)
    assert summary["shape_bias"]["image_set"].values.tolist() == ["cues"]
    assert json.loads(summary["shape_bias"].attrs["other_sets"]) == ["photographs"]
    assert any("left out: 'photographs'" in said for said in metric.describe(summary))
    with pytest.raises(NotEnoughData, match="no image set has a column `texture`"):
        metric.across(study(plain), RESAMPLING)


def test_a_bias_that_is_nowhere_defined_is_refused() -> None:
    metric = ShapeBiasOfObservers()
    same = table({"anna": chosen(A[:40])}, texture=truth_of(40))
    with pytest.raises(NotEnoughData, match="shape and texture are the same on all 40 images of 'trials'"):
        metric.across(study(same), RESAMPLING)
    neither = table({"anna": ["boat"] * 40}, texture=CUES)
    with pytest.raises(NotEnoughData, match="neither shape nor texture was ever chosen"):
        metric.across(study(neither), RESAMPLING)
    with pytest.raises(NotEnoughData, match="shape-bias needs choices"):
        metric.across(study(None, system("mute", None)), RESAMPLING)
