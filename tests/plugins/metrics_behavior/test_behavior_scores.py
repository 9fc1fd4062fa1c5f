"""Confidence and consistency of choices as scores: their values, along a perturbation, and between systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
from scipy.special import softmax
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Sample
from spikeproof_metrics_behavior import error_consistency
from spikeproof_metrics_behavior.metrics.choice_consistency import ChoiceConsistency
from spikeproof_metrics_behavior.metrics.confidence import ConfidenceOfReadout

RNG = np.random.default_rng(0)
DECISION = RNG.normal(size=(50, 3))
LABELS = RNG.choice(["a", "b", "c"], 50)


def sample(**parts: object) -> Sample:
    return Sample(responses=np.zeros((50, 1)), **parts)  # type: ignore[arg-type]


def test_confidence_is_the_softmax_of_decision_values() -> None:
    found = ConfidenceOfReadout(scale=2.0).score(sample(decision=DECISION, labels=LABELS, classes=("a", "b", "c")))
    p = softmax(2 * DECISION, axis=1)
    ordered = np.sort(p, axis=1)
    choice = np.array(["a", "b", "c"])[p.argmax(axis=1)]
    assert found["confidence"] == pytest.approx(p.max(axis=1).mean())
    assert found["lead"] == pytest.approx((ordered[:, 2] - ordered[:, 1]).mean())
    assert found["overconfidence"] == pytest.approx(p.max(axis=1).mean() - (choice == LABELS).mean())
    assert found["entropy"] == pytest.approx(-(p * np.log2(p)).sum(axis=1).mean())
    own = DECISION[np.arange(50), [("a", "b", "c").index(name) for name in LABELS]]
    rest = np.array(
        [max(row[k] for k in range(3) if "abc"[k] != name) for row, name in zip(DECISION, LABELS, strict=True)]
    )
    assert found["true_margin"] == pytest.approx((own - rest).mean())


def test_confidence_needs_decision_values_and_known_categories() -> None:
    with pytest.raises(NotEnoughData, match="confidence needs the decision values of a fitted readout"):
        ConfidenceOfReadout().score(sample(labels=LABELS))
    with pytest.raises(DataError, match="category 'c' is no class of the readout"):
        ConfidenceOfReadout().score(sample(decision=DECISION, labels=np.full(50, "c"), classes=("a", "b", "x")))
    with pytest.raises(BadParameter, match="scale must be above 0"):
        ConfidenceOfReadout(scale=0)


def test_consistency_compares_choices_and_errors() -> None:
    one, two = RNG.choice(["a", "b", "c"], (2, 50))
    found = ChoiceConsistency().score(sample(choices=one, reference_choices=two, labels=LABELS))
    assert found["choices_kept"] == pytest.approx((one == two).mean())
    assert found["error_kappa"] == pytest.approx(error_consistency([one == LABELS, two == LABELS]).kappa[0, 1])
    share = [np.mean(one == name) * np.mean(two == name) for name in "abc"]
    assert found["choice_kappa"] == pytest.approx(((one == two).mean() - sum(share)) / (1 - sum(share)))
    same = ChoiceConsistency().score(sample(choices=one, reference_choices=one, labels=LABELS))
    assert same == {"choice_kappa": 1.0, "choices_kept": 1.0, "error_kappa": 1.0}


def test_consistency_needs_choices_that_differ_somewhere() -> None:
    with pytest.raises(NotEnoughData, match="choice-consistency needs choices on both sides"):
        ChoiceConsistency().score(sample(labels=LABELS))
    one = np.full(50, "a")
    with pytest.raises(NotEnoughData, match="the choice is 'a' on all of 50 stimuli on both sides"):
        ChoiceConsistency().score(sample(choices=one, reference_choices=one, labels=LABELS))


def test_both_are_curves_along_shifts_of_a_recording(tmp_path: Path) -> None:
    study = {
        "source": {"use": "simulate:sparse", "units": 12, "informative": 3, "stimuli": 12, "repeats": 4},
        "readout": {"use": "logistic"},
        "attack": {"use": "shift", "doses": [0.5, 4.0], "draws": 2},
        "metric": [{"use": "confidence"}, {"use": "choice-consistency"}],
        "statistics": {"draws": 100},
    }
    result = spikeproof.run(study, out=tmp_path / "out")
    kept = result.summary("choice-consistency", "recording")["choices_kept_shift"].sel(statistic="estimate")
    assert kept["perturbation"].values.tolist() == ["shift", "random", "repeats"]
    at = kept.isel({kept.attrs["x"]: -1}).isel(aim=0)
    assert float(at.sel(perturbation="shift")) < float(at.sel(perturbation="random"))
    confidence = result.summary("confidence", "recording")
    assert {"confidence", "confidence_shift", "overconfidence", "true_margin"} <= set(confidence)
    margin = confidence["true_margin_shift"].sel(statistic="estimate").isel(aim=0)
    assert float(margin.sel(perturbation="shift")[-1]) < float(margin.sel(perturbation="clean")[-1])
