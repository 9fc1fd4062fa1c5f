"""How far encoders are trusted: noise ceilings against simulated truth, signs against counting, chance at zero."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from spikeproof_insilico.trust import corrected, reliability_draws, shuffled, sign_accuracy, sign_of_changes


def repeated(
    signal: NDArray[np.float64], counts: NDArray[np.intp], noise: float, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Means, presentations and sums of squares of noisy presentations, each stimulus shown ``counts`` times."""
    rng = np.random.default_rng(seed)
    single = [value + noise * rng.normal(size=(count, len(value))) for value, count in zip(signal, counts, strict=True)]
    means = np.stack([values.mean(axis=0) for values in single])
    squares = np.stack([((values - values.mean(axis=0)) ** 2).sum(axis=0) for values in single])
    return means, np.repeat(counts[:, None], signal.shape[1], axis=1), squares


def test_the_corrected_correlation_is_that_with_the_noiseless_response() -> None:
    """Truth known: predictions correlate at 0.8 with the signal; half of the variance of the means is noise."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(600, 40))
    predicted = 0.8 * signal + 0.6 * rng.normal(size=signal.shape)
    counts = rng.integers(1, 8, 600)
    noise = float(np.sqrt(1 / np.mean(1 / counts)))  # so that the noise of the means has the variance of the signal
    means, presentations, squares = repeated(signal, counts, noise)
    reliability = reliability_draws(means, presentations, squares, np.ones((1, 600)))[0]
    assert reliability.mean() == pytest.approx(0.5, abs=0.02)
    raw = np.array([np.corrcoef(predicted[:, unit], means[:, unit])[0, 1] for unit in range(40)])
    found = corrected(raw, reliability)
    assert found["noise_corrected"].mean() == pytest.approx(0.8, abs=0.02)
    assert found["r2_over_ceiling"].mean() == pytest.approx(0.64, abs=0.03)
    assert found["squared_r_over_ceiling"].mean() == pytest.approx(1.28, abs=0.08), (
        "the older rule: 1 / reliability more"
    )


def test_reliability_of_noise_is_zero_on_average_and_is_never_divided_by() -> None:
    means, presentations, squares = repeated(np.zeros((80, 500)), np.full(80, 3), 1.0)
    reliability = reliability_draws(means, presentations, squares, np.ones((1, 80)))[0]
    assert abs(reliability.mean()) < 3 * reliability.std() / np.sqrt(500)
    assert (reliability < 0).any()
    found = corrected(np.full(500, 0.1), reliability)
    for values in found.values():
        assert (np.isnan(values) == (reliability <= 0)).all()
        assert np.isfinite(values[reliability > 0]).all()


def test_draws_are_counts_of_stimuli() -> None:
    means, presentations, squares = repeated(np.random.default_rng(3).normal(size=(30, 2)), np.full(30, 3), 0.7)
    weights = np.random.default_rng(4).integers(0, 3, 30)
    rows = np.repeat(np.arange(30), weights)
    found = reliability_draws(means, presentations, squares, [weights])
    again = reliability_draws(means[rows], presentations[rows], squares[rows], np.ones((1, len(rows))))
    assert found == pytest.approx(again)


def test_what_was_shown_once_has_no_reliability() -> None:
    means, presentations, squares = repeated(np.random.default_rng(3).normal(size=(30, 2)), np.full(30, 1), 0.7)
    assert np.isnan(reliability_draws(means, presentations, squares, np.ones((1, 30)))).all()


def test_a_negative_correlation_is_no_merit() -> None:
    found = {name: float(value) for name, value in corrected(-0.6, 0.72).items()}
    assert found == pytest.approx(
        {"noise_corrected": -0.7071, "r2_over_ceiling": -0.5, "squared_r_over_ceiling": -0.6944}, abs=1e-4
    )


def test_sign_accuracy_is_counted_over_pairs_of_one_fold() -> None:
    rng = np.random.default_rng(5)
    predicted, measured = rng.normal(size=(2, 14, 2))
    measured[3] = measured[5]  # both in fold 1: no difference to predict
    predicted[2] = predicted[4]  # both in fold 0: says nothing
    fold = np.arange(14) % 2
    expected = []
    for unit in range(2):
        right = pairs = 0.0
        for a, b in itertools.combinations(range(14), 2):
            if fold[a] != fold[b] or measured[a, unit] == measured[b, unit]:
                continue
            pairs += 1
            says = np.sign(predicted[a, unit] - predicted[b, unit])
            right += 0.5 if says == 0 else float(says == np.sign(measured[a, unit] - measured[b, unit]))
        expected.append(right / pairs)
    assert sign_accuracy(predicted, measured, fold, np.ones((1, 14)))[0] == pytest.approx(expected)


def test_sign_accuracy_of_gaussian_predictions_is_known() -> None:
    """Pairs of differences correlated at r agree in sign with probability 1/2 + arcsin(r) / pi (Sheppard 1899)."""
    rng = np.random.default_rng(6)
    measured = rng.normal(size=(400, 20))
    predicted = 0.6 * measured + 0.8 * rng.normal(size=measured.shape)
    found = sign_accuracy(predicted, measured, np.zeros(400, dtype=int), np.ones((1, 400)))[0]
    assert found.mean() == pytest.approx(0.5 + np.arcsin(0.6) / np.pi, abs=0.01)


def test_signs_of_changes_leave_out_what_did_not_change() -> None:
    found = sign_of_changes([[1.0], [1.0], [-1.0], [1.0]], [[2.0], [0.0], [-3.0], [-1.0]], [[1, 1, 1, 1], [0, 1, 0, 0]])
    assert found[0, 0] == pytest.approx(2 / 3)
    assert np.isnan(found[1, 0])


def test_shuffled_stimuli_correlate_at_zero_and_stay_in_their_fold() -> None:
    rng = np.random.default_rng(7)
    measured = rng.normal(size=(60, 5))
    fold = np.arange(60) % 3
    found = shuffled(measured, measured, fold, seed=0, shuffles=200)
    assert found.shape == (200, 5)
    assert abs(found.mean()) < 3 / np.sqrt(57 * 200)
    assert found.std() == pytest.approx(1 / np.sqrt(57), rel=0.15)
