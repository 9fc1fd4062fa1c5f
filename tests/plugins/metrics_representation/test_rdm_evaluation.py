"""Evaluation of fixed models: draws against RDMs resampled one by one, and intervals against known truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_representation.weighted as weighted_module
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof_metrics_representation import (
    bootstrap_evaluation,
    compare_rdms,
    evaluate_rdms,
    rdm_matrix,
    rdm_noise_ceiling,
)
from spikeproof_metrics_representation.weighted import ceilings_of_gram, weighted_comparison

METHODS = ("cosine", "corr", "cosine_cov", "corr_cov", "spearman", "rho-a")


def rdms(
    models: int = 2, subjects: int = 4, conditions: int = 10, *, seed: int = 0, noise: float = 0.3
) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    pairs = conditions * (conditions - 1) // 2
    truth = rng.random((models, pairs))
    return truth, np.round(truth[0] + noise * rng.normal(size=(subjects, pairs)), 1)


def resampled(rdm: Any, counts: Any) -> Any:
    """An RDM with conditions repeated, and the distances of copies to each other unknown."""
    index = np.repeat(np.arange(len(counts)), counts.astype(int))
    matrix = rdm_matrix(rdm)
    np.fill_diagonal(matrix, np.nan)
    return matrix[np.ix_(index, index)][np.triu_indices(len(index), 1)]


@pytest.mark.parametrize("method", METHODS)
def test_weights_give_what_resampled_rdms_give(method: Any) -> None:
    models, subjects = rdms()
    rng = np.random.default_rng(1)
    counts = rng.multinomial(10, np.full(10, 0.1), size=5).astype(float)
    of_subjects = rng.multinomial(4, np.full(4, 0.25), size=5).astype(float)
    weighted = weighted_comparison(models, subjects, method, counts, ceiling=True)
    ceilings = ceilings_of_gram(weighted, np.ones((5, 4)))
    with_copies = ceilings_of_gram(weighted, of_subjects)
    for draw, count in enumerate(counts):
        x, y = (np.stack([resampled(rdm, count) for rdm in part]) for part in (models, subjects))
        np.testing.assert_allclose(weighted.evaluations[draw], compare_rdms(x, y, method), rtol=1e-9)
        np.testing.assert_allclose(ceilings[draw], rdm_noise_ceiling(y, method), rtol=1e-9)
        present = np.flatnonzero(of_subjects[draw])
        if len(present) == 2:
            # Of two subjects each is compared with the other, however often they were drawn.
            both = compare_rdms(y[present[:1]], y[present[1:]], method)[0, 0]
            assert with_copies[draw, 0] == pytest.approx(both)


@pytest.mark.parametrize("conditions", [12, 23])
def test_how_many_pairs_are_weighted_at_once_changes_nothing(conditions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    models, subjects = rdms(conditions=conditions)
    counts = np.random.default_rng(1).multinomial(conditions, np.full(conditions, 1 / conditions), size=3).astype(float)
    whole = weighted_comparison(models, subjects, "corr", counts, ceiling=True)
    monkeypatch.setattr(weighted_module, "_HELD", 0)  # 64 pairs, and not as many in the last block
    parted = weighted_comparison(models, subjects, "corr", counts, ceiling=True)
    np.testing.assert_allclose(parted.evaluations, whole.evaluations, rtol=1e-12)
    np.testing.assert_allclose(parted.gram, whole.gram, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("over", ["subjects", "conditions", "both"])
def test_the_interval_surrounds_the_mean_and_draws_are_about_it(method: Any, over: Any) -> None:
    models, subjects = rdms(conditions=20, subjects=6)
    result = bootstrap_evaluation(models, subjects, method, over=over, resampling=Resampling(draws=200), ceiling=True)
    np.testing.assert_allclose(result.means, evaluate_rdms(models, subjects, method).means)
    assert (result.low < result.means).all()
    assert (result.high > result.means).all()
    assert result.undefined == 0
    assert result.ceilings is not None
    defined = ~np.isnan(result.ceilings).any(axis=1)
    assert defined.mean() > 0.95
    assert (result.ceilings[defined, 0] <= result.ceilings[defined, 1] + 1e-12).all()


def test_over_subjects_the_standard_error_is_that_of_their_mean() -> None:
    models, subjects = rdms(subjects=12)
    result = bootstrap_evaluation(models, subjects, "corr", over="subjects", resampling=Resampling(draws=20_000))
    np.testing.assert_allclose(result.standard_error, evaluate_rdms(models, subjects, "corr").sem, rtol=0.03)


def test_the_variance_of_both_lies_between_that_of_each_and_that_of_the_draws() -> None:
    models, subjects = rdms(subjects=8, conditions=16)
    resampling = Resampling(draws=500)
    one = {over: bootstrap_evaluation(models, subjects, "corr", over=over, resampling=resampling) for over in OVER}
    largest = np.maximum(one["subjects"].standard_error, one["conditions"].standard_error)
    naive = one["both"].draws.std(axis=0, ddof=1)
    assert (one["both"].standard_error <= naive * (1 + 1e-12)).all()
    assert (one["both"].standard_error >= np.minimum(largest, naive) * (1 - 1e-12)).all()


OVER: tuple[Any, ...] = ("subjects", "conditions", "both")


@pytest.mark.slow
def test_intervals_over_subjects_cover_the_truth() -> None:
    """Subjects' similarities scatter about a true mean: 95 % of t intervals hold it."""
    truth = np.random.default_rng(0).random(66)
    covered = []
    expected = np.mean(
        [compare_rdms(truth, truth + 0.3 * np.random.default_rng(k).normal(size=66), "corr") for k in range(4000)]
    )
    for k in range(600):
        subjects = truth + 0.3 * np.random.default_rng(10_000 + k).normal(size=(10, 66))
        result = bootstrap_evaluation(
            truth, subjects, "corr", over="subjects", resampling=Resampling(draws=500, seed=k)
        )
        covered.append(result.low[0] <= expected <= result.high[0])
    assert 0.92 <= np.mean(covered) <= 0.98


def test_percentiles_hold_the_share_of_draws_that_is_asked_for() -> None:
    models, subjects = rdms(subjects=10)
    result = bootstrap_evaluation(
        models, subjects, over="subjects", bounds="percentile", resampling=Resampling(level=0.8)
    )
    inside = ((result.draws >= result.low) & (result.draws <= result.high)).mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.01)


def test_draws_do_not_depend_on_the_other_models() -> None:
    models, subjects = rdms(models=3)
    resampling = Resampling(draws=50)
    whole = bootstrap_evaluation(models, subjects, "corr", over="conditions", resampling=resampling)
    alone = bootstrap_evaluation(models[2], subjects, "corr", over="conditions", resampling=resampling)
    np.testing.assert_allclose(whole.draws[:, 2:], alone.draws, rtol=1e-9)


def test_one_subject_has_neither_error_nor_ceiling() -> None:
    result = evaluate_rdms([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], "corr")
    assert np.isnan(result.sem).all()
    assert result.ceiling is None


def few(conditions: int) -> tuple[Any, Any]:
    return rdms(conditions=conditions)


REFUSALS: dict[str, tuple[Callable[[], Any], type[DataError], str]] = {
    "few conditions": (
        lambda: bootstrap_evaluation(*few(5), over="conditions"),
        NotEnoughData,
        "5 conditions are too few to resample",
    ),
    "one subject": (
        lambda: bootstrap_evaluation(*rdms(subjects=1), over="both"),
        NotEnoughData,
        "one subject cannot be resampled; choose over='conditions'",
    ),
    "ceiling of one subject": (
        lambda: bootstrap_evaluation(*rdms(subjects=1), over="conditions", ceiling=True),
        NotEnoughData,
        "a noise ceiling needs at least 2 subjects",
    ),
    "kendall over conditions": (
        lambda: bootstrap_evaluation(*rdms(), "tau-a", over="conditions"),
        DataError,
        "tau-a cannot be resampled over conditions",
    ),
    "percentiles of both": (
        lambda: bootstrap_evaluation(*rdms(), over="both", bounds="percentile"),
        DataError,
        "vary too much for percentiles; use bounds='t'",
    ),
    "gaps": (
        lambda: bootstrap_evaluation(*(np.where(np.arange(45) == 3, np.nan, part) for part in rdms())),
        DataError,
        r"RDMs must be without gaps \(NaN\)",
    ),
    "unknown": (
        lambda: bootstrap_evaluation(*rdms(), over="stimuli"),
        DataError,
        "over must be subjects, conditions or both",
    ),  # type: ignore[arg-type]
    "undefined draws": (
        lambda: bootstrap_evaluation(np.eye(1, 15)[0], np.eye(1, 15) + 1e-3 * np.eye(2, 15), over="conditions"),
        NotEnoughData,
        "draws are undefined: 6 conditions and 2 subjects are too few to resample",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_resampled_is_refused_by_name(case: str) -> None:
    call, error, text = REFUSALS[case]
    with pytest.raises(error, match=text):
        call()
