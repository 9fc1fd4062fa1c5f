"""Tuning along a feature axis and the selectivity index: known axes, curvature, chance, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import spikeproof_metrics_unit as unit
from spikeproof.errors import DataError, NotEnoughData


def features(stimuli: int = 1500, dims: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(stimuli, dims)) * np.linspace(2, 0.5, dims)


@pytest.mark.parametrize("method", ["sta", "regression"])
def test_the_axis_of_a_linear_unit_is_found(method: str) -> None:
    f = np.random.default_rng(0).normal(size=(4000, 6))
    direction = np.array([0.0, 3.0, 0.0, 0.0, 4.0, 0.0]) / 5
    r = f @ direction + 0.5 * np.random.default_rng(1).normal(size=4000)
    axis = unit.preferred_axes(r[:, None], f, method=method)[0]
    assert axis @ direction > 0.995
    assert np.linalg.norm(axis) == pytest.approx(1)


def test_regression_is_the_whitened_spike_triggered_average() -> None:
    f = features()
    f[:, 1] += f[:, 0]
    r = np.random.default_rng(2).normal(size=(1500, 3)) + f[:, :3]
    sta = (r - r.mean(axis=0)).T @ (f - f.mean(axis=0))
    whitened = np.linalg.solve(np.cov(f.T), sta.T).T
    expected = whitened / np.linalg.norm(whitened, axis=1, keepdims=True)
    np.testing.assert_allclose(unit.preferred_axes(r, f, method="regression"), expected, atol=1e-10)


def test_an_axis_code_is_flat_across_its_axis_and_a_bowl_is_not() -> None:
    f = features()
    noise = 0.3 * np.random.default_rng(3).normal(size=(1500, 3))
    linear = f @ np.array([0.0, 1.0, 0.0, 0.5, 0.0, 0.0])
    bump = f[:, 1] + f[:, 0] ** 2  # curved along the largest component, which is orthogonal to its axis
    r = np.stack([linear, bump, np.zeros(1500)], axis=1) + noise
    result = unit.axis_tuning(r, f)
    assert result.flatness[0] == pytest.approx(1, abs=0.05)
    assert result.preferred_strength[0] > 0.8
    assert result.held_out_r[0] > 0.9
    assert result.flatness[1] < 0
    assert (np.diff(result.preferred_curve[0]) > 0).all()
    assert abs(result.held_out_r[2]) < 0.1
    assert abs(result.preferred_strength[2]) < 0.02
    assert result.preferred_curve.shape == (3, 5)


def test_what_is_explained_is_held_out() -> None:
    rng = np.random.default_rng(4)
    f, r = rng.normal(size=(40, 30)), rng.normal(size=(40, 200))
    result = unit.axis_tuning(r, f, method="regression", folds=10)
    standard_error = result.held_out_r.std() / np.sqrt(200)
    assert abs(result.held_out_r.mean()) < 0.05 + 3 * standard_error
    in_sample = [np.corrcoef(f @ a, y)[0, 1] for a, y in zip(unit.preferred_axes(r, f), r.T, strict=True)]
    assert np.mean(in_sample) > 0.5


def test_strength_is_zero_on_average_without_tuning_and_one_with_nothing_else() -> None:
    rng = np.random.default_rng(5)
    strength = unit.tuning_strength(rng.normal(size=(60, 2000)), rng.normal(size=60))
    assert abs(strength.mean()) < 3 * strength.std() / np.sqrt(2000)
    assert unit.tuning_strength(np.repeat([[1.0], [5.0]], 10, axis=0), np.arange(20), bins=2).tolist() == [1.0]


def test_a_constant_unit_and_an_untuned_one_say_so() -> None:
    f = features(60)
    flat = np.full(60, 0.1)
    noise = np.random.default_rng(7).normal(size=(60, 40))
    result = unit.axis_tuning(np.column_stack([flat, noise]), f)
    assert result.status[0] == "constant"
    assert np.isnan(result.axis[0]).all()
    assert np.isnan([result.flatness[0], result.held_out_r[0], result.preferred_strength[0]]).all()
    assert np.isnan(result.preferred_curve[0]).all()
    untuned = result.preferred_strength[1:] <= 0
    assert 5 < untuned.sum() < 40
    assert set(result.status[1:][untuned]) == {"untuned"}
    assert set(result.status[1:][~untuned]) == {"ok"}
    assert np.isnan(result.flatness[1:][untuned]).all()


def test_the_folds_are_the_seeds() -> None:
    f = features(80)
    r = f[:, :2] + np.random.default_rng(6).normal(size=(80, 2))
    first, again, other = (unit.axis_tuning(r, f, seed=seed).held_out_r for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (DataError, {"features": np.ones((19, 3))}, r"responses \(20, 2\) and features \(19, 3\) must be"),
        (DataError, {"features": np.ones((20, 3))}, "the features are the same for all stimuli"),
        (DataError, {"features": np.full((20, 3), np.nan)}, "60 features are not finite"),
        (NotEnoughData, {"features": np.arange(20.0)[:, None]}, "needs at least two features"),
        (NotEnoughData, {"folds": 11}, "20 stimuli cannot be split into 11 folds of two or more"),
        (NotEnoughData, {"bins": 11}, "20 stimuli are too few for 11 bins of two or more"),
        (
            NotEnoughData,
            {"features": np.random.default_rng(0).normal(size=(20, 16)), "method": "regression"},
            "regression on 16 features needs more training stimuli than that, got 16: take fewer features",
        ),
    ],
)
def test_too_little_to_find_an_axis_is_refused(kind: type[Exception], arguments: dict, message: str) -> None:
    r = np.random.default_rng(0).normal(size=(20, 2))
    given = {"features": np.random.default_rng(1).normal(size=(20, 3)), **arguments}
    with pytest.raises(kind, match=message):
        unit.axis_tuning(r, **given)


def test_selectivity_index_of_known_responses() -> None:
    inside = np.array([True, True, False, False])
    values = unit.selectivity_index(np.array([[2, 1, 0, 0], [2, 1, 0, 0], [1, 1, 0, 3], [1, 1, 0, 3.0]]), inside)
    np.testing.assert_allclose(values, [1 / 3, 0, np.nan, -1])
    with pytest.raises(DataError, match=r"a mean response is -1, but the index .* pass negative='keep'"):
        unit.selectivity_index([-1.0, -1.0, 1.0, 1.0], inside)
    assert unit.selectivity_index([-1.0, -1.0, 1.0, 1.0], inside, negative="keep") == -1
    with pytest.raises(NotEnoughData, match="0 stimuli in the category"):
        unit.selectivity_index([1.0, 2.0], [False, False])
