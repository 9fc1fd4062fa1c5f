"""Scores of units that follow a perturbation: lifetime sparseness, and reliability of what was shown again."""

from __future__ import annotations

import numpy as np
import pytest
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Repeats, Sample
from spikeproof_metrics_unit import lifetime_sparseness, noise_ceiling, signal_power, treves_rolls_activity
from spikeproof_metrics_unit.metrics.lifetime_sparseness import LifetimeSparseness
from spikeproof_metrics_unit.metrics.trial_reliability import TrialReliability


def shown(signal: float, noise: float, *, stimuli: int = 200, repeats: int = 4, units: int = 30) -> Sample:
    rng = np.random.default_rng(3)
    means = signal * rng.normal(size=(stimuli, units))
    names = np.array([f"s{k:03d}" for k in range(stimuli)])
    single = means[:, None] + noise * rng.normal(size=(stimuli, repeats, units))
    return Sample(
        responses=single.mean(axis=1),
        stimuli=names,
        repeats=Repeats(responses=single.reshape(-1, units), stimuli=np.repeat(names, repeats)),
    )


def test_lifetime_sparseness_is_the_mean_over_units_that_respond() -> None:
    values = np.random.default_rng(0).exponential(size=(50, 20))
    values[:, 3] = 0
    found = LifetimeSparseness().score(Sample(responses=values))
    assert found["lifetime_sparseness"] == pytest.approx(np.delete(lifetime_sparseness(values), 3).mean())
    assert found["treves_rolls_activity"] == pytest.approx(np.delete(treves_rolls_activity(values), 3).mean())
    assert LifetimeSparseness().score(Sample(responses=np.eye(7)))["lifetime_sparseness"] == pytest.approx(1)
    flat = LifetimeSparseness().score(Sample(responses=np.full((7, 2), 3e200)))
    assert flat == pytest.approx({"lifetime_sparseness": 0, "treves_rolls_activity": 1})


def test_lifetime_sparseness_refuses_what_it_is_not_defined_for() -> None:
    negative = np.array([[1.0, -1.0], [2.0, 0.0]])
    with pytest.raises(DataError, match=r"lifetime-sparseness: the smallest response is -1, .* set rectify = true"):
        LifetimeSparseness().score(Sample(responses=negative))
    rectified = LifetimeSparseness(rectify=True).score(Sample(responses=negative))
    assert rectified["treves_rolls_activity"] == pytest.approx(0.9)
    with pytest.raises(NotEnoughData, match="no unit responds to any stimulus"):
        LifetimeSparseness().score(Sample(responses=np.zeros((3, 2))))
    with pytest.raises(NotEnoughData, match="needs at least two stimuli, got 1"):
        LifetimeSparseness().score(Sample(responses=np.ones((1, 2))))


def test_reliability_of_repeats_is_that_of_signal_and_noise_of_known_size() -> None:
    sample = shown(1.0, 2.0)
    found = TrialReliability().score(sample)
    true = 1 / (1 + 4 / 4)  # signal variance over that of means over 4 presentations
    assert found["half_reliability"] == pytest.approx(true, abs=0.03)
    assert found["explainable_share"] == pytest.approx(true, abs=0.03)
    assert found["trial_signal"] == pytest.approx(1 / 5, abs=0.03)
    assert sample.repeats is not None
    values = sample.repeats.responses.reshape(200, 4, 30)
    assert found["explainable_share"] == pytest.approx(noise_ceiling(values).ceiling.mean())
    power = signal_power(values)
    assert found["trial_signal"] == pytest.approx((power.signal / (power.signal + power.noise)).mean())


def test_noise_alone_is_not_reliable_and_repeats_that_agree_are() -> None:
    found = TrialReliability().score(shown(0.0, 1.0))
    assert abs(found["half_reliability"]) < 0.05
    assert abs(found["trial_signal"]) < 0.02
    assert TrialReliability().score(shown(1.0, 0.0)) == pytest.approx(
        {"half_reliability": 1.0, "explainable_share": 1.0, "trial_signal": 1.0}
    )


def test_reliability_refuses_what_was_not_shown_again_or_does_not_vary() -> None:
    with pytest.raises(NotEnoughData, match="there are no single presentations: the images were not shown again"):
        TrialReliability().score(Sample(responses=np.ones((4, 2))))
    once = shown(1.0, 1.0, stimuli=2)
    with pytest.raises(NotEnoughData, match="2 stimuli were presented at least twice, but three are needed"):
        TrialReliability().score(once)
    with pytest.raises(NotEnoughData, match="none of 30 units varies over the 5 stimuli"):
        TrialReliability().score(shown(0.0, 0.0, stimuli=5))
    with pytest.raises(BadParameter, match="splits must be at least 1"):
        TrialReliability(splits=0)
