"""Scores of units: population sparseness, and tuning along axes of a reference."""

from __future__ import annotations

import numpy as np
import pytest
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Sample
from spikeproof_metrics_unit import axis_tuning, population_sparseness
from spikeproof_metrics_unit.metrics.population_sparseness import PopulationSparseness
from spikeproof_metrics_unit.metrics.tuning import Tuning
from spikeproof_metrics_unit.tuning import _secular, held_out_tuning

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 30)) * np.arange(30, 0, -1)
NAMES = np.array([f"s{k}" for k in range(400)])


def tuned(responses: np.ndarray, features: np.ndarray = FEATURES) -> dict[str, float]:
    return dict(Tuning().score(Sample(responses=responses, reference=features, stimuli=NAMES)))


def test_sparseness_is_the_mean_over_stimuli_that_drive_any_unit() -> None:
    values = RNG.exponential(size=(50, 20))
    values[3] = 0
    found = PopulationSparseness().score(Sample(responses=values))["population_sparseness"]
    assert found == pytest.approx(np.delete(population_sparseness(values), 3).mean())
    assert PopulationSparseness().score(Sample(responses=np.eye(7)))["population_sparseness"] == pytest.approx(1)


def test_sparseness_refuses_what_it_is_not_defined_for() -> None:
    with pytest.raises(DataError, match=r"smallest response is -1, and sparseness .* set rectify = true"):
        PopulationSparseness().score(Sample(responses=np.array([[1.0, -1.0], [2.0, 0.0]])))
    rectified = PopulationSparseness(rectify=True).score(Sample(responses=np.array([[1.0, -1.0], [2.0, 0.0]])))
    assert rectified["population_sparseness"] == pytest.approx(1)
    with pytest.raises(NotEnoughData, match="needs at least two units"):
        PopulationSparseness().score(Sample(responses=np.ones((3, 1))))
    with pytest.raises(NotEnoughData, match="no unit responds to any stimulus"):
        PopulationSparseness().score(Sample(responses=np.zeros((3, 2))))


def test_linear_units_follow_their_axis_and_are_flat_across_it() -> None:
    found = tuned(FEATURES[:, :10] @ RNG.normal(size=(10, 20)))
    assert found["preferred_axis_r"] > 0.9
    assert found["preferred_axis_strength"] > 0.7
    assert abs(found["orthogonal_axis_strength"]) < 0.1


def test_units_that_prefer_a_point_are_not_flat_across_their_axis() -> None:
    at = RNG.normal(size=(400, 2))
    bump = np.exp(-((at - [1.5, 0.0]) ** 2).sum(axis=1))[:, None]
    assert tuned(bump, at)["orthogonal_axis_strength"] > 0.1


def test_units_of_other_stimuli_follow_no_axis() -> None:
    found = tuned(RNG.normal(size=(400, 40)))
    assert abs(found["preferred_axis_r"]) < 0.05
    assert abs(found["preferred_axis_strength"]) < 0.02


def test_it_is_axis_tuning_in_the_principal_components() -> None:
    features = FEATURES[:, :3] - FEATURES[:, :3].mean(axis=0)
    r = RNG.normal(size=(400, 4)) + features[:, :1]
    sample = Sample(responses=r, reference=features, stimuli=NAMES)
    basis = np.linalg.svd(features, full_matrices=False)[2].T
    expected = held_out_tuning(r, features @ basis, sample.folds(5))
    found = tuned(r, features)
    assert list(found.values()) == pytest.approx([part.mean() for part in expected])
    whole = axis_tuning(r, features)
    assert found["preferred_axis_r"] == pytest.approx(whole.held_out_r.mean(), abs=0.02)


@pytest.mark.parametrize("variances", [[1.0, 2.0, 5.0], [1.0, 3.0, 3.0], [2.0, 5.0], [0.0, 0.0, 4.0]])
def test_the_axis_across_is_the_principal_one_of_what_is_left(variances: list[float]) -> None:
    axes = np.vstack([RNG.normal(size=(20, len(variances))), np.eye(len(variances))])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    for axis, found in zip(axes, _secular(np.array(variances), axes), strict=True):
        away = np.eye(len(axis)) - np.outer(axis, axis)
        largest = np.linalg.eigvalsh(away @ np.diag(variances) @ away)[-1]
        assert found @ axis == pytest.approx(0, abs=1e-8)
        assert found @ np.diag(variances) @ found == pytest.approx(largest, abs=1e-8)


def test_tuning_refuses_what_cannot_carry_it() -> None:
    with pytest.raises(NotEnoughData, match="varies along 1 dimensions, but two are needed"):
        tuned(FEATURES[:, :3], FEATURES[:, :1])
    with pytest.raises(NotEnoughData, match="no unit varies over the stimuli"):
        tuned(np.ones((400, 3)))
    with pytest.raises(NotEnoughData, match="6 stimuli cannot be split into 5 folds of two or more: set folds lower"):
        Tuning().score(Sample(responses=FEATURES[:6], reference=FEATURES[:6]))
    with pytest.raises(NotEnoughData, match="needs the responses of a reference"):
        Tuning().score(Sample(responses=FEATURES))
    with pytest.raises(BadParameter, match="tuning: components must be at least 2, got 1"):
        Tuning(components=1)
