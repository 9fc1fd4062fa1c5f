"""RDMs, noise and comparisons against brute force, closed forms and simulation; and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from spikeproof.errors import DataError, NotEnoughData
from spikeproof_metrics_representation import (
    compare_rdms,
    condition_means,
    noise_covariance,
    noise_precision,
    rdm_correlation,
    rdm_crossnobis,
    rdm_mahalanobis,
    rdm_matrix,
    rdm_noise_ceiling,
    rdm_poisson,
    rdm_poisson_crossvalidated,
    rdm_squared_euclidean,
    rdm_unbalanced,
    rdm_vector,
    stack_repeats,
)

NAN, INF = np.nan, np.inf


def draws(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def test_crossnobis_is_unbiased_where_mahalanobis_is_not() -> None:
    signal, noisy = np.zeros((4, 20)), draws(400, 6, 4, 20)
    signal[2:] = 1.0
    crossnobis = np.stack([rdm_crossnobis(signal + noise) for noise in noisy])
    truth = rdm_squared_euclidean(signal)
    standard_error = crossnobis.std(axis=0) / np.sqrt(len(noisy))
    assert (np.abs(crossnobis.mean(axis=0) - truth) < 4 * standard_error).all()
    biased = np.stack([rdm_squared_euclidean((signal + noise).mean(axis=0)) for noise in noisy]).mean(axis=0)
    np.testing.assert_allclose(biased - truth, 2 / 6, rtol=0.1)
    assert (crossnobis[:, 0] < 0).any()


@pytest.mark.parametrize("remove_mean", [False, True])
def test_crossnobis_is_the_mean_over_folds(remove_mean: bool) -> None:
    repeats, precision = draws(4, 5, 6), np.cov(draws(6, 30))
    folds = []
    for fold in range(4):
        train, test = np.delete(repeats, fold, axis=0).mean(axis=0), repeats[fold]
        if remove_mean:
            train, test = (v - v.mean(axis=1, keepdims=True) for v in (train, test))
        gap = (train[:, None] - train[None]) @ precision * (test[:, None] - test[None])
        folds.append(gap.sum(axis=2) / 6)
    expected = rdm_vector(np.mean(folds, axis=0))
    np.testing.assert_allclose(rdm_crossnobis(repeats, precision, remove_mean=remove_mean), expected, rtol=1e-9)


def test_equal_precisions_of_repeats_are_one_precision() -> None:
    repeats, precision = draws(3, 5, 4), np.cov(draws(4, 30))
    each = rdm_crossnobis(repeats, np.stack([precision] * 3))
    np.testing.assert_allclose(each, rdm_crossnobis(repeats, precision), rtol=1e-9)


def test_a_precision_vector_is_its_diagonal() -> None:
    repeats, diagonal = draws(3, 5, 4), np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(rdm_crossnobis(repeats, diagonal), rdm_crossnobis(repeats, np.diag(diagonal)))
    np.testing.assert_allclose(rdm_mahalanobis(repeats[0], diagonal), rdm_mahalanobis(repeats[0], np.diag(diagonal)))


def test_what_all_conditions_share_costs_no_accuracy() -> None:
    repeats = draws(4, 6, 7)
    shifted = rdm_crossnobis(repeats + 1e6 * draws(7, seed=1))
    np.testing.assert_allclose(shifted, rdm_crossnobis(repeats), rtol=0, atol=1e-8)


def test_single_precision_and_integers_give_the_same_rdms() -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=(60, 7))
    conditions = np.repeat(np.arange(15), 4)
    expected = rdm_crossnobis(stack_repeats(counts.astype(float), conditions)[0])
    np.testing.assert_allclose(rdm_crossnobis(stack_repeats(counts.astype(np.float32), conditions)[0]), expected)
    np.testing.assert_allclose(rdm_crossnobis(counts.reshape(15, 4, 7).swapaxes(0, 1)), expected)
    means = condition_means(counts, conditions)[0]
    np.testing.assert_allclose(means, counts.reshape(15, 4, 7).mean(axis=1))


def test_duplicates_are_at_distance_zero_and_never_below() -> None:
    patterns = np.repeat(1000 + draws(5, 30), 2, axis=0)
    assert (rdm_squared_euclidean(patterns) >= 0).all()
    assert (rdm_correlation(patterns) >= 0).all()
    np.testing.assert_allclose(
        rdm_matrix(rdm_correlation(patterns))[np.arange(0, 10, 2), np.arange(1, 10, 2)], 0, atol=1e-12
    )


def test_repeats_are_averaged_or_counted_in_their_order() -> None:
    stacked, labels = stack_repeats([[1.0], [3.0], [5.0], [7.0]], ["a", "a", "b", "b"], [1, 1, 1, 1])
    assert stacked.tolist() == [[[2.0], [6.0]]]
    assert labels.tolist() == ["a", "b"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_observations_are_stacked_in_any_order_and_not_copied_where_they_stand_so(dtype: Any) -> None:
    values, repeat, condition = draws(12, 3).astype(dtype), np.repeat([0, 1, 2], 4), np.tile([0, 1, 2, 3], 3)
    stacked = stack_repeats(values, condition, repeat)[0]
    assert np.shares_memory(stacked, values) == (dtype is np.float64)
    np.testing.assert_array_equal(stacked, values.reshape(3, 4, 3))
    order = np.random.default_rng(1).permutation(12)
    mixed = stack_repeats(values[order], condition[order], repeat[order])[0]
    np.testing.assert_array_equal(mixed, stacked)
    assert mixed.dtype == np.float64
    if dtype is np.float64:
        with pytest.raises(ValueError, match="read-only"):
            stacked[0] = 0.0
        assert values.flags.writeable


@pytest.mark.parametrize("folds", [None, np.tile([0, 1, 2, 0, 1], 8)])
def test_unbalanced_rdms_skip_what_was_not_measured(folds: Any) -> None:
    values, index = draws(40, 9) + 1, np.repeat(np.arange(8), 5)
    values[np.random.default_rng(1).random(values.shape) < 0.15] = NAN
    allowed = np.ones((40, 40), dtype=bool) if folds is None else folds[:, None] != folds
    for method in ("squared_euclidean", "correlation"):
        sums, weights = np.zeros((2, 8, 8))
        for i, j in np.argwhere(allowed):
            both = ~np.isnan(values[i]) & ~np.isnan(values[j])
            pair = values[i, both], values[j, both]
            product = both.sum() * np.corrcoef(*pair)[0, 1] if method == "correlation" else np.dot(*pair)
            sums[index[i], index[j]] += product
            weights[index[i], index[j]] += both.sum()
        kernel = sums / weights
        expected = rdm_vector(np.diag(kernel)[:, None] + np.diag(kernel) - 2 * kernel)
        ours = rdm_unbalanced(values, index, method, folds=folds)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours, expected / 2 if method == "correlation" else expected, rtol=1e-9)


def test_unbalanced_with_equal_repeats_is_crossnobis() -> None:
    values, index, fold = draws(24, 5), np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    precision = np.cov(draws(5, 40))
    stacked = stack_repeats(values, index, fold)[0]
    ours = rdm_unbalanced(values, index, "mahalanobis", folds=fold, precision=precision)
    np.testing.assert_allclose(ours, rdm_crossnobis(stacked, precision), rtol=1e-9)


def test_noise_degrees_of_freedom_are_unbiased_and_rsatoolboxs_are_not() -> None:
    """Variance 1, 40 conditions of 3 repeats: rsatoolbox's C (R - 1) / ((C - 1) R) = 0.684 of it."""
    observations, conditions = draws(40 * 3, 400), np.repeat(np.arange(40), 3)
    ours = np.diagonal(noise_covariance(observations, conditions, "diag"))
    theirs = np.diagonal(noise_covariance(observations, conditions, "diag", dof="rsatoolbox"))
    assert ours.mean() == pytest.approx(1.0, abs=4 * np.sqrt(2 / 80 / 400))
    np.testing.assert_allclose(theirs / ours, 40 * 2 / (39 * 3), rtol=1e-12)


def test_shrinkage_is_that_of_the_sums_of_outer_products() -> None:
    """Schaefer & Strimmer's and Ledoit & Wolf's formulas, written out over single observations."""
    observations, conditions = draws(30, 6) @ draws(6, 6), np.repeat(np.arange(10), 3)
    residuals = observations - condition_means(observations, conditions)[0][conditions]
    outer = residuals[:, :, None] * residuals[:, None]
    rows, degrees = 30, 20
    spread = np.sqrt(np.diagonal(outer.sum(axis=0)) / degrees)
    first = outer.sum(axis=0) / np.outer(spread, spread) / (rows - 1)
    second = (outer**2).sum(axis=0) / np.outer(spread, spread) ** 2 / (rows - 1)
    off = ~np.eye(6, dtype=bool)
    shrunk = (rows / degrees**2 * (second - first**2))[off].sum() / (first[off] ** 2).sum()
    expected = outer.sum(axis=0) / degrees * np.where(off, 1 - shrunk, 1.0)
    assert 0 < shrunk < 1
    np.testing.assert_allclose(noise_covariance(observations, conditions), expected, rtol=1e-10)
    sample = outer.mean(axis=0)
    mean = np.trace(sample) / 6
    distance = ((sample - mean * np.eye(6)) ** 2).sum()
    noise = ((outer**2).mean(axis=0) - sample**2).sum() / rows
    target = (noise * mean * np.eye(6) + (distance - noise) * sample) / distance * rows / degrees
    np.testing.assert_allclose(noise_covariance(observations, conditions, "shrinkage_eye"), target, rtol=1e-10)


@pytest.mark.parametrize("method", ["shrinkage_diag", "shrinkage_eye", "diag", "full"])
def test_a_precision_is_the_inverse_of_its_covariance(method: Any) -> None:
    observations, conditions = draws(60, 8), np.repeat(np.arange(12), 5)
    product = noise_precision(observations, conditions, method) @ noise_covariance(observations, conditions, method)
    np.testing.assert_allclose(product, np.eye(8), atol=1e-10)


def test_unequal_repeats_and_given_degrees_of_freedom() -> None:
    observations, conditions = draws(7, 3), [0, 0, 0, 1, 1, 2, 2]
    within = noise_covariance(observations, conditions, "full")
    np.testing.assert_allclose(noise_covariance(observations, conditions, "full", dof=8), within / 2)


@pytest.mark.parametrize("method", ["cosine", "corr", "spearman", "rho-a", "tau-a", "tau-b", "cosine_cov", "corr_cov"])
def test_an_rdm_is_most_similar_to_itself_whatever_its_scale(method: Any) -> None:
    rdm = np.random.default_rng(0).random(28) + 0.5
    assert compare_rdms(rdm, 3 * rdm, method)[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["rho-a", "tau-a"])
def test_ties_are_broken_at_random_on_average(method: Any) -> None:
    tied, other = np.repeat(np.arange(5.0), 3), np.random.default_rng(0).random(15)
    rng = np.random.default_rng(1)
    broken = [compare_rdms(tied + 1e-6 * rng.random(15), other, method)[0, 0] for _ in range(800)]
    standard_error = np.std(broken) / np.sqrt(800)
    assert compare_rdms(tied, other, method)[0, 0] == pytest.approx(np.mean(broken), abs=4 * standard_error)
    assert compare_rdms(np.ones(15), other, method)[0, 0] == 0.0


@pytest.mark.parametrize("kind", ["none", "diagonal", "full"])
@pytest.mark.parametrize("missing", [(), (3, 7, 20)])
def test_whitening_is_the_inverse_of_the_covariance_of_distances(kind: str, missing: tuple[int, ...]) -> None:
    """Against V written out, pair by pair, with rows and columns of missing pairs taken out."""
    first, second = np.random.default_rng(0).random((2, 3, 28))
    first[:, missing], second[:, missing] = NAN, NAN
    matrix = np.cov(draws(8, 30))
    sigma = {"none": None, "diagonal": np.diagonal(matrix), "full": matrix}[kind]
    full = {"none": np.eye(8), "diagonal": np.diag(np.diagonal(matrix)), "full": matrix}[kind]
    contrasts = np.array([np.eye(8)[i] - np.eye(8)[j] for i in range(8) for j in range(i + 1, 8)])
    kept = np.setdiff1d(np.arange(28), missing)
    inverse = np.linalg.inv(((contrasts @ full @ contrasts.T) ** 2)[np.ix_(kept, kept)])
    x, y = first[:, kept], second[:, kept]
    norms = [np.sqrt(np.einsum("ij,jk,ik->i", v, inverse, v)) for v in (x, y)]
    ours = compare_rdms(first, second, "cosine_cov", sigma_k=sigma)
    np.testing.assert_allclose(ours, x @ inverse @ y.T / np.outer(*norms), rtol=1e-8)


def test_whitening_with_equal_variances_changes_nothing() -> None:
    first, second = np.random.default_rng(0).random((2, 3, 28))
    plain = compare_rdms(first, second, "corr_cov")
    for convention in ("exact", "rsatoolbox"):
        scaled = compare_rdms(first, second, "corr_cov", sigma_k=np.full(8, 3.0), convention=convention)  # type: ignore[arg-type]
        np.testing.assert_allclose(scaled, plain, rtol=1e-10)


def test_undefined_comparisons_are_what_was_asked_for() -> None:
    rdm = np.random.default_rng(0).random((2, 15))
    empty = np.vstack([rdm, np.zeros(15)])
    for method in ("cosine", "corr", "spearman", "tau-b", "cosine_cov", "corr_cov", "bures"):
        zero = compare_rdms(empty, rdm, method, undefined="zero")  # type: ignore[arg-type]
        assert zero[2].tolist() == [0.0, 0.0]
        assert np.isnan(compare_rdms(rdm, empty, method, undefined="nan")[:, 2]).all()  # type: ignore[arg-type]
        assert (zero[:2] == compare_rdms(rdm, rdm, method)).all()  # type: ignore[arg-type]


def test_noise_ceiling_bounds_hold() -> None:
    truth = np.random.default_rng(0).random(45)
    rdms = truth + 0.2 * draws(8, 45)
    for method in ("cosine", "corr"):
        lower, upper = rdm_noise_ceiling(rdms, method)  # type: ignore[arg-type]
        true = compare_rdms(truth, rdms, method).mean()  # type: ignore[arg-type]
        assert lower < true < upper
        # No RDM does better than the pool: not even one that is searched.
        pool = rdms.mean(axis=0) + 0.01 * draws(500, 45, seed=2)
        assert compare_rdms(pool, rdms, method).mean(axis=1).max() <= upper  # type: ignore[arg-type]


P3 = np.eye(3)
REFUSALS: dict[str, tuple[Callable[[], Any], type[DataError], str]] = {
    "one condition": (lambda: rdm_squared_euclidean([[1.0, 2.0]]), NotEnoughData, "at least 2 of condition, got 1"),
    "not a matrix": (lambda: rdm_correlation([1.0, 2.0]), DataError, r"two dimensions \(condition, channel\)"),
    "no channel": (lambda: rdm_correlation(np.ones((3, 0))), DataError, "there is no channel"),
    "nan in a channel": (
        lambda: rdm_squared_euclidean([[1.0, NAN], [2.0, 3.0]]),
        DataError,
        r"1 values are not finite, the first \(nan\) in condition 0, channel 1",
    ),
    "flat pattern": (
        lambda: rdm_correlation([[1.0, 2.0], [0.1, 0.1]]),
        DataError,
        r"condition 1 is the same in all 2 channels \(1 such conditions\)",
    ),
    "products beyond numbers": (
        lambda: rdm_correlation(1e200 * np.eye(3)),
        DataError,
        r"the largest value is 1e\+200, so that products of values leave the range .* divide all values by one number",
    ),
    "products below numbers": (lambda: rdm_squared_euclidean(1e-200 * np.eye(3)), DataError, "largest value is 1e-200"),
    "one channel": (lambda: rdm_correlation([[1.0], [2.0]]), DataError, "the same in all 1 channels"),
    "negative rates": (lambda: rdm_poisson([[1.0], [-1.0]]), DataError, "not negative, got -1.0 in condition 1"),
    "no prior": (lambda: rdm_poisson([[0.0], [1.0]], prior_weight=0), DataError, "give prior_weight above 0"),
    "precision of another size": (lambda: rdm_mahalanobis(P3, np.eye(2)), DataError, r"shape \(2, 2\) does not fit 3"),
    "precision not symmetric": (
        lambda: rdm_mahalanobis(P3, P3 + np.triu(np.ones((3, 3)), 1)),
        DataError,
        "must be symmetric",
    ),
    "precision not definite": (
        lambda: rdm_mahalanobis(P3, np.diag([1.0, 1.0, -1.0])),
        DataError,
        "not positive definite",
    ),
    "precision not positive": (lambda: rdm_mahalanobis(P3, [1.0, 0.0, 1.0]), DataError, "diagonal must be positive"),
    "precision not finite": (lambda: rdm_mahalanobis(P3, [1.0, NAN, 1.0]), DataError, "precision: holds values"),
    "one repeat": (lambda: rdm_crossnobis(np.ones((1, 3, 2))), NotEnoughData, "at least 2 repeats of each condition"),
    "repeats without dimensions": (lambda: rdm_crossnobis(P3), DataError, r"\(repeat, condition, channel\)"),
    "one condition repeated": (lambda: rdm_crossnobis(np.ones((2, 1, 2))), NotEnoughData, "at least 2 conditions"),
    "nan in a repeat": (
        lambda: rdm_crossnobis([[[1.0], [2.0]], [[1.0], [NAN]]]),
        DataError,
        "crossnobis RDM, repeat 1: 1 values are not finite",
    ),
    "infinity in the first repeat": (
        lambda: rdm_crossnobis([[[1.0], [np.inf]], [[1.0], [-np.inf]]]),
        DataError,
        "crossnobis RDM, repeat 0: 1 values are not finite",
    ),
    "precisions do not fit repeats": (
        lambda: rdm_crossnobis(np.ones((3, 2, 2)), np.stack([np.eye(2)] * 2)),
        DataError,
        r"one a repeat needs the shape \(3, 2, 2\)",
    ),
    "one poisson repeat": (lambda: rdm_poisson_crossvalidated(np.ones((1, 2, 2))), NotEnoughData, "at least 2 repeats"),
    "a condition missing in a repeat": (
        lambda: stack_repeats(np.ones((3, 2)), ["a", "a", "b"], [1, 2, 1]),
        DataError,
        r"condition b is missing in repeat 2 \(1 such gaps\); leave it out, or use rdm_unbalanced",
    ),
    "labels do not fit": (lambda: condition_means(np.ones((3, 2)), ["a", "b"]), DataError, "2 labels do not fit 3"),
    "repeat labels do not fit": (
        lambda: stack_repeats(np.ones((3, 2)), ["a", "b", "b"], [1]),
        DataError,
        "repeats: 1 labels do not fit 3",
    ),
    "one label": (lambda: condition_means(np.ones((3, 2)), ["a"] * 3), NotEnoughData, "at least 2 conditions, got 1"),
    "nan in an observation": (
        lambda: condition_means([[1.0], [NAN]], ["a", "b"]),
        DataError,
        "in observation 1, channel 0",
    ),
    "unbalanced without pairs": (
        lambda: rdm_unbalanced([[1.0], [2.0], [3.0]], ["a", "a", "b"], folds=[1, 2, 1]),
        NotEnoughData,
        "condition b has no pair of observations of different folds",
    ),
    "unbalanced without common channels": (
        lambda: rdm_unbalanced([[1.0, NAN], [NAN, 2.0]], ["a", "b"]),
        NotEnoughData,
        "conditions a and b have no pair of observations with a channel in common",
    ),
    "unbalanced full precision with gaps": (
        lambda: rdm_unbalanced([[1.0, NAN], [1.0, 2.0]], ["a", "b"], "mahalanobis", precision=np.eye(2)),
        DataError,
        "a full precision cannot be used where channels are missing",
    ),
    "unbalanced infinite": (
        lambda: rdm_unbalanced([[1.0], [INF]], ["a", "b"]),
        DataError,
        "infinite value in observation 1",
    ),
    "unbalanced precision with another method": (
        lambda: rdm_unbalanced(P3, [0, 1, 2], precision=P3),
        DataError,
        "give a precision with the method mahalanobis, and only with it",
    ),
    "unbalanced flat": (
        lambda: rdm_unbalanced([[1.0, 1.0], [1.0, 2.0]], ["a", "b"], "correlation"),
        DataError,
        "observation 0 is the same in all channels that are compared",
    ),
    "unbalanced flat where compared": (
        lambda: rdm_unbalanced([[1.0, 2.0, NAN], [NAN, 1.0, 2.0]], ["a", "b"], "correlation"),
        DataError,
        "observation 0 is the same in all channels that are compared",
    ),
    "one fold": (lambda: rdm_unbalanced(P3, [0, 1, 2], folds=[1, 1, 1]), NotEnoughData, "at least 2 folds, got 1"),
    "folds do not fit": (lambda: rdm_unbalanced(P3, [0, 1, 2], folds=[1]), DataError, "1 labels do not fit 3"),
    "noise without repeats": (
        lambda: noise_covariance(P3, [0, 1, 2]),
        NotEnoughData,
        "no condition was observed twice",
    ),
    "noise of a silent channel": (
        lambda: noise_covariance([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]], [0, 0, 1]),
        DataError,
        r"channel 1 does not vary within conditions \(1 such channels\)",
    ),
    "diagonal precision of a silent channel": (
        lambda: noise_precision([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]], [0, 0, 1], "diag"),
        DataError,
        "channel 1 does not vary within conditions; leave it out",
    ),
    "noise not finite": (
        lambda: noise_covariance([[1.0], [NAN], [0.0]], [0, 0, 1]),
        DataError,
        "observation 1, channel 0",
    ),
    "precision of too few observations": (
        lambda: noise_precision(draws(6, 10), [0, 0, 0, 1, 1, 1], "full"),
        NotEnoughData,
        "the full covariance of 10 channels has no inverse",
    ),
    "rsatoolbox's dof of unequal repeats": (
        lambda: noise_covariance(P3, [0, 0, 1], "full", dof="rsatoolbox"),
        DataError,
        "defined for equal repeats only",
    ),
    "dof": (lambda: noise_covariance(P3, [0, 0, 1], "full", dof=0), DataError, "a number above 0, got 0"),
    "not a triangle": (lambda: rdm_matrix([1.0, 2.0]), DataError, "a vector of 2 values is not the upper triangle"),
    "not square": (lambda: rdm_vector(np.ones((2, 3))), DataError, "square matrix"),
    "not a symmetric matrix": (lambda: rdm_vector([[0.0, 1.0], [2.0, 0.0]]), DataError, "not symmetric"),
    "different lengths": (lambda: compare_rdms(np.ones(3), np.ones(6)), DataError, "RDMs of 3 and of 4 conditions"),
    "gaps at different pairs": (
        lambda: compare_rdms([1.0, 2.0, NAN], [1.0, NAN, 3.0]),
        DataError,
        r"lack different pairs \(the first is pair 1\)",
    ),
    "infinite distance": (lambda: compare_rdms([1.0, 2.0, INF], [1.0, 2.0, 3.0]), DataError, "infinite distance"),
    "one pair": (lambda: compare_rdms([1.0], [1.0]), DataError, "at least 2 are needed, which takes 3 conditions"),
    "zero": (
        lambda: compare_rdms([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]),
        DataError,
        "RDM 0 of the first set is zero or constant",
    ),
    "constant": (
        lambda: compare_rdms([1.0, 2.0, 3.0], [0.1, 0.1, 0.1], "corr"),
        DataError,
        "RDM 0 of the second set is zero or constant",
    ),
    "constant under tau-b": (
        lambda: compare_rdms([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], "tau-b"),
        DataError,
        "choose rho-a or tau-a, which break ties at random",
    ),
    "unknown method": (
        lambda: compare_rdms(P3, P3, "pearson"),
        DataError,
        "unknown method 'pearson'; choose from cosine",
    ),  # type: ignore[arg-type]
    "sigma elsewhere": (
        lambda: compare_rdms(np.arange(3.0), np.arange(3.0), sigma_k=np.ones(3)),
        DataError,
        "sigma_k belongs to cosine_cov and corr_cov",
    ),
    "sigma of another size": (
        lambda: compare_rdms(np.arange(3.0), np.arange(3.0), "cosine_cov", sigma_k=np.ones(4)),
        DataError,
        "does not fit 3 conditions",
    ),
    "variances not positive": (
        lambda: compare_rdms(np.arange(3.0), np.arange(3.0), "cosine_cov", sigma_k=[1.0, 0.0, 1.0]),
        DataError,
        "variances must be positive",
    ),
    "sigma not definite": (
        lambda: compare_rdms(np.arange(3.0), np.arange(3.0), "cosine_cov", sigma_k=np.ones((3, 3))),
        DataError,
        "sigma_k: is not positive definite",
    ),
    "sigma not finite": (
        lambda: compare_rdms(np.arange(3.0), np.arange(3.0), "cosine_cov", sigma_k=[1.0, NAN, 1.0]),
        DataError,
        "sigma_k: holds values that are not finite",
    ),
    "bures with gaps": (
        lambda: compare_rdms([1.0, 2.0, NAN], [1.0, 2.0, NAN], "bures"),
        DataError,
        "bures needs all pairs, 1 are missing",
    ),
    "riemannian of an rdm that is not euclidean": (
        lambda: compare_rdms([1.0, 1.0, 9.0], [1.0, 1.0, 1.0], "neg_riem_dist"),
        DataError,
        "second moments of RDM 0 of the first set are not positive definite",
    ),
    "three dimensions": (lambda: compare_rdms(np.ones((1, 1, 3)), np.ones(3)), DataError, r"vectors \(rdm, pair\)"),
    "one subject": (
        lambda: rdm_noise_ceiling([[1.0, 2.0, 3.0]]),
        NotEnoughData,
        "the RDMs of at least 2 subjects, got 1",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_degenerate_input_is_refused_by_name(case: str) -> None:
    call, error, text = REFUSALS[case]
    with pytest.raises(error, match=text):
        call()
