"""The held-out correlation: centred fold by fold, so that a fit that predicts nothing is at zero."""

from __future__ import annotations

import numpy as np
import pytest
from spikeproof.statistics import fold_correlation


def test_with_one_fold_it_is_pearson_s_correlation() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30, 2))
    expected = [np.corrcoef(a[:, unit], b[:, unit])[0, 1] for unit in (0, 1)]
    assert fold_correlation(a, b, np.zeros(30)) == pytest.approx(expected, abs=1e-12)


def test_a_fit_that_predicts_its_training_mean_is_not_below_zero() -> None:
    """Pooled over folds, that prediction correlates with what was held out at about -1 / sqrt(folds) and lower."""
    rng = np.random.default_rng(1)
    fold = np.arange(40) % 5
    measured = rng.normal(size=(40, 300))
    training_mean = np.stack([measured[fold != held].mean(axis=0) for held in range(5)])
    noise = 1e-3 * rng.normal(size=(40, 300))  # otherwise nothing varies within folds
    predicted = training_mean[fold] + noise
    pooled = [np.corrcoef(predicted[:, unit], measured[:, unit])[0, 1] for unit in range(300)]
    assert np.mean(pooled) < -0.2
    assert abs(fold_correlation(predicted, measured, fold).mean()) < 3 / np.sqrt(35 * 300)


def test_offsets_and_scales_of_folds_and_units_change_nothing() -> None:
    rng = np.random.default_rng(2)
    predicted, measured = rng.normal(size=(2, 30, 3))
    fold = np.arange(30) % 3
    moved = 1e3 + 7 * measured + 50 * fold[:, None]
    assert fold_correlation(predicted, moved, fold) == pytest.approx(fold_correlation(predicted, measured, fold), 1e-9)


def test_weights_are_counts() -> None:
    rng = np.random.default_rng(3)
    predicted, measured = rng.normal(size=(2, 12, 2))
    fold = np.arange(12) % 2
    counts = rng.integers(0, 4, 12)
    twice = np.repeat(np.arange(12), counts)
    found = fold_correlation(predicted, measured, fold, [np.ones(12), counts])
    assert found[0] == pytest.approx(fold_correlation(predicted, measured, fold))
    assert found[1] == pytest.approx(fold_correlation(predicted[twice], measured[twice], fold[twice]))


def test_what_does_not_vary_has_no_correlation() -> None:
    constant, varying = np.full((6, 1), 0.1), np.arange(6.0)[:, None]
    by_fold = np.repeat([0.3, 0.7], 3)[:, None]
    fold = np.repeat([0, 1], 3)
    for values in (constant, by_fold):
        assert np.isnan(fold_correlation(values, varying, fold)).all()
        assert np.isnan(fold_correlation(varying, values, fold)).all()
