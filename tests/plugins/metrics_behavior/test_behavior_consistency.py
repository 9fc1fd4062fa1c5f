"""Error consistency: closed forms, degenerate observers, missing stimuli, the bootstrap, Brain-Score's rule."""

from __future__ import annotations

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
from sklearn.metrics import cohen_kappa_score
from spikeproof.errors import DataError, NotEnoughData
from spikeproof_metrics_behavior import kappa_draws

RIGHT, WRONG = np.ones(20), np.zeros(20)
SOME = np.arange(20) % 4 != 0


def kappa_of(a: np.ndarray, b: np.ndarray, **options: str) -> float:
    return float(behavior.error_consistency(np.stack([a, b]).astype(float), **options).kappa[0, 1])


def observers(number: int, stimuli: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hard = rng.random(stimuli)
    return (rng.random((number, stimuli)) + hard < 1.2).astype(float)


def test_it_is_cohens_kappa_of_right_and_wrong() -> None:
    correct = observers(5, 100)
    kappa = behavior.error_consistency(correct).kappa
    for a in range(5):
        for b in range(5):
            assert kappa[a, b] == pytest.approx(cohen_kappa_score(correct[a], correct[b]))


@pytest.mark.parametrize(
    ("a", "b", "one", "undefined"),
    [
        (RIGHT, RIGHT, 1.0, np.nan),
        (WRONG, WRONG, 1.0, np.nan),
        (SOME, SOME, 1.0, 1.0),
        (RIGHT, SOME, 0.0, 0.0),
        (WRONG, SOME, 0.0, 0.0),
        (RIGHT, WRONG, 0.0, 0.0),
        (np.arange(20) % 2 == 0, np.arange(20) % 2 == 1, -1.0, -1.0),
    ],
)
def test_observers_that_always_or_never_agree(a: np.ndarray, b: np.ndarray, one: float, undefined: float) -> None:
    assert kappa_of(a, b) == one
    np.testing.assert_equal(kappa_of(a, b, agreeing="undefined"), undefined)


def test_independent_observers_are_consistent_by_nothing_but_their_accuracies() -> None:
    rng = np.random.default_rng(1)
    correct = (rng.random((40, 4000)) < 0.7).astype(float)
    result = behavior.error_consistency(correct)
    pairs = np.triu_indices(40, 1)
    assert abs(result.kappa[pairs].mean()) < 0.002
    assert result.observed[pairs].mean() == pytest.approx(0.58, abs=0.005)
    np.testing.assert_allclose(result.expected[pairs].mean(), 0.58, atol=0.005)


def test_conditions_are_kept_apart() -> None:
    first, second = observers(3, 50, 1), observers(3, 50, 2)
    both = behavior.error_consistency(np.stack([first, second])).kappa
    np.testing.assert_array_equal(both[0], behavior.error_consistency(first).kappa)
    np.testing.assert_array_equal(both[1], behavior.error_consistency(second).kappa)
    easy_and_hard = np.concatenate([np.ones((2, 50)), np.zeros((2, 50))], axis=1)
    easy_and_hard[0, :5], easy_and_hard[1, 50:55] = 0, 1  # pooled, two that share no error look consistent
    assert behavior.error_consistency(easy_and_hard).kappa[0, 1] > 0.8
    parts = behavior.error_consistency(easy_and_hard.reshape(2, 2, 50).transpose(1, 0, 2)).kappa[:, 0, 1]
    np.testing.assert_allclose(parts, 0)


def test_different_stimuli_are_refused_left_out_or_compared_where_shared() -> None:
    correct = observers(3, 40)
    correct[2, :10] = np.nan
    with pytest.raises(
        DataError,
        match=r"observers 0 and 2 saw different stimuli \(40 and 30, 30 of them the same\): pass different='shared'",
    ):
        behavior.error_consistency(correct)
    with pytest.raises(DataError, match="saw different stimuli under condition 1"):
        behavior.error_consistency(np.stack([observers(3, 40), correct]))
    left_out = behavior.error_consistency(correct, different="undefined")
    assert np.isnan(left_out.kappa[0, 2])
    assert left_out.kappa[0, 1] == behavior.error_consistency(correct[:2]).kappa[0, 1]
    shared = behavior.error_consistency(correct, different="shared")
    assert shared.shared[0].tolist() == [40, 40, 30]
    expected = behavior.error_consistency(correct[:, 10:]).kappa
    np.testing.assert_allclose(shared.kappa[0, 2], expected[0, 2])
    np.testing.assert_allclose(shared.kappa[0, 1], left_out.kappa[0, 1])
    np.testing.assert_allclose(shared.accuracy, np.nanmean(correct, axis=1))


def test_an_observer_that_saw_nothing_under_a_condition_is_undefined_there() -> None:
    correct = np.stack([observers(2, 30), observers(2, 30, 3)])
    correct[1, 1] = np.nan
    result = behavior.error_consistency(correct)
    assert np.isfinite(result.kappa[0]).all()
    assert np.isnan(result.kappa[1, 0, 1])
    assert np.isnan(result.accuracy[1, 1])
    with pytest.raises(DataError, match=r"1 of 2 kappas are undefined: pass undefined='exclude'"):
        behavior.mean_kappa(result.kappa)
    assert behavior.mean_kappa(result.kappa, undefined="exclude") == result.kappa[0, 0, 1]


def test_brain_score_reports_a_negative_consistency_as_positive_and_ours_does_not() -> None:
    kappa = behavior.error_consistency([np.arange(20) % 2, 1 - np.arange(20) % 2]).kappa
    assert behavior.mean_kappa(kappa) == -1
    assert behavior.mean_kappa(kappa, absolute=True) == 1


def test_means_over_groups_of_observers() -> None:
    kappa = behavior.error_consistency(np.stack([observers(4, 60), observers(4, 60, 5)])).kappa
    assert behavior.mean_kappa(kappa) == pytest.approx(kappa[:, *np.triu_indices(4, 1)].mean())
    assert behavior.mean_kappa(kappa, [3], [0, 1, 2]) == pytest.approx(kappa[:, 3, :3].mean())
    assert behavior.mean_kappa(kappa, [0, 1]) == pytest.approx(kappa[:, 0, 1].mean())
    with pytest.raises(NotEnoughData, match="no pair of observers"):
        behavior.mean_kappa(kappa, [1])
    with pytest.raises(NotEnoughData, match="every kappa is undefined"):
        behavior.mean_kappa(np.full((2, 2), np.nan), undefined="exclude")


def test_what_is_no_table_of_right_and_wrong_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="needs at least two observers"):
        behavior.error_consistency([[1, 0, 1]])
    with pytest.raises(NotEnoughData, match="there is no stimulus"):
        behavior.error_consistency(np.ones((2, 0)))
    with pytest.raises(DataError, match=r"values must be 1 \(right\), 0 \(wrong\) or NaN"):
        behavior.error_consistency([[1, 2], [0, 1]])


@pytest.mark.parametrize("missing", [False, True])
def test_a_draw_is_the_kappa_of_resampled_stimuli(missing: bool) -> None:
    correct = np.stack([observers(4, 25), observers(4, 25, 9)])
    if missing:
        correct[0, 1, :6] = np.nan
    drawn = behavior.bootstrap_kappa(correct, draws=6, seed=4)
    rng = kappa_draws.generator(4, "kappa")
    for condition in (0, 1):
        counts = rng.multinomial(25, np.full(25, 1 / 25), size=6)
        for draw in range(6):
            rows = np.repeat(np.arange(25), counts[draw])
            expected = behavior.error_consistency(correct[condition][:, rows], different="shared").kappa
            np.testing.assert_allclose(drawn.draws[draw, condition], expected[np.triu_indices(4, 1)])
    whole = behavior.error_consistency(correct, different="shared").kappa
    np.testing.assert_array_equal(drawn.estimate, whole[:, *np.triu_indices(4, 1)])


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    correct = observers(5, 30)
    whole = behavior.bootstrap_kappa(correct, draws=5).draws
    monkeypatch.setattr(kappa_draws, "_CHUNK", 1)
    np.testing.assert_array_equal(behavior.bootstrap_kappa(correct, draws=5).draws, whole)


def test_the_interval_covers_the_spread_over_stimuli() -> None:
    spread = [behavior.error_consistency(observers(2, 200, seed)).kappa[0, 1] for seed in range(300)]
    widths = []
    for seed in range(20):
        _, low, high = behavior.bootstrap_kappa(observers(2, 200, seed), draws=400).mean()
        widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(spread), rel=0.12)


def test_draws_of_observers_weigh_pairs_by_how_often_both_are_drawn() -> None:
    drawn = behavior.bootstrap_kappa(observers(3, 30), draws=50, observers=True)
    assert drawn.weights.min() == 0
    assert set(drawn.weights.ravel()) <= {0.0, 1.0, 2.0}
    assert behavior.bootstrap_kappa(observers(3, 30), draws=5).weights.tolist() == [[1.0] * 3] * 5


def test_the_bootstrap_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(DataError, match="draws must be at least 1, got 0"):
        behavior.bootstrap_kappa(observers(2, 10), draws=0)
    with pytest.raises(DataError, match=r"takes \(observer, stimulus\) or \(condition, observer, stimulus\)"):
        behavior.bootstrap_kappa(np.ones((1, 1, 2, 3)))
    correct = np.full((2, 10), np.nan)
    correct[0, :5], correct[1, 5:] = 1, 1
    with pytest.raises(NotEnoughData, match="every kappa is undefined"):
        behavior.bootstrap_kappa(correct, draws=3).mean()
