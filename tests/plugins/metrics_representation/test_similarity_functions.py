"""CKA, shape distances and predictivity against closed forms, brute force and other implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_representation.kernel_alignment as alignment_module
import spikeproof_metrics_representation.pls as pls_module
from scipy import linalg, stats
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.linear_model import RidgeCV
from spikeproof.errors import DataError, NotEnoughData
from spikeproof_metrics_representation import (
    align_shapes,
    cka,
    gaussian_shape_distance,
    linear_predictivity,
    permutation_distance,
    predictivity_splits,
    r2_over_ceiling,
    reverse_predictivity,
    shape_distance,
    squared_r_over_ceiling,
)
from spikeproof_metrics_representation.ridge import BRAIN_SCORE_ALPHAS

NAN = np.nan


def draws(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def rotation(size: int, seed: int = 0) -> Any:
    return stats.ortho_group.rvs(size, random_state=seed)


@pytest.mark.parametrize("shape", [(30, 4, 6), (12, 20, 9), (9, 40, 50)])
@pytest.mark.parametrize("debiased", [False, True])
def test_cka_is_the_same_from_features_and_from_grams_and_in_any_blocks(
    shape: tuple[int, int, int], debiased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, p, q = shape
    x = draws(n, p)
    y = x[:, :3] @ draws(3, q, seed=1) + draws(n, q, seed=2)
    centred = [v - v.mean(axis=0) for v in (x, y)]
    k, ell = (v @ v.T for v in centred)

    def hsic(a: Any, b: Any) -> float:
        if not debiased:
            return float((a * b).sum())
        a, b = (m - np.diag(np.diag(m)) for m in (a, b))
        ones = np.ones(n)
        total = (ones @ a @ ones) * (ones @ b @ ones) / ((n - 1) * (n - 2))
        return float(np.trace(a @ b) + total - 2 / (n - 2) * ones @ a @ b @ ones)

    expected = hsic(k, ell) / np.sqrt(hsic(k, k) * hsic(ell, ell))
    assert cka(x, y, debiased=debiased) == pytest.approx(expected, rel=1e-10)
    monkeypatch.setattr(alignment_module, "BLOCK", 5)
    assert cka(x, y, debiased=debiased) == pytest.approx(expected, rel=1e-10)


def test_debiased_cka_of_independent_responses_is_zero_on_average_and_biased_is_not() -> None:
    pairs = [(draws(40, 160, seed=k), draws(40, 160, seed=1000 + k)) for k in range(60)]
    debiased = np.array([cka(x, y) for x, y in pairs])
    assert abs(debiased.mean()) < 4 * debiased.std() / np.sqrt(60)
    assert (debiased < 0).any()
    assert np.mean([cka(x, y, debiased=False) for x, y in pairs]) > 0.75


def test_cka_ignores_rotation_scale_and_offset() -> None:
    x, y = draws(20, 5), draws(20, 7, seed=1)
    assert cka(3 * x @ rotation(5) + 100, y) == pytest.approx(cka(x, y), rel=1e-9)


@pytest.mark.parametrize("measure", ["angular", "euclidean"])
@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_shape_distances_are_metrics(measure: Any, alpha: float) -> None:
    shapes = [draws(30, 4, seed=k) for k in range(4)]
    d = np.array([[shape_distance(x, y, alpha=alpha, measure=measure) for y in shapes] for x in shapes])
    np.testing.assert_allclose(d, d.T, atol=1e-12)
    np.testing.assert_allclose(np.diagonal(d), 0, atol=1e-12)
    assert (d[:, None, :] <= d[:, :, None] + d[None] + 1e-12).all()


@pytest.mark.parametrize("widths", [(6, 6), (4, 9), (40, 25), (50, 8)])
def test_procrustes_ignores_rotations_and_finds_the_best(widths: tuple[int, int]) -> None:
    x, y = draws(20, widths[0]), draws(20, widths[1], seed=1)
    distance = shape_distance(x, y, measure="euclidean")
    assert shape_distance(x @ rotation(widths[0]), y, measure="euclidean") == pytest.approx(distance, rel=1e-9)
    wide = max(widths)
    a, b = (np.pad(v - v.mean(axis=0), ((0, 0), (0, wide - v.shape[1]))) for v in (x, y))
    turned = a @ linalg.orthogonal_procrustes(a, b)[0]
    assert distance == pytest.approx(np.linalg.norm(turned - b), rel=1e-9)
    assert align_shapes(x, y).distance(x, y, "euclidean") == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_small_distances_keep_their_digits(gap: float) -> None:
    """The arccos of a cosine near 1 knows nothing below 1e-8."""
    x = draws(20, 4)
    x -= x.mean(axis=0)
    step = draws(20, 4, seed=1)
    step -= step.mean(axis=0)
    away = x + gap * step
    a, b = x, away @ rotation(4)
    found = shape_distance(a, b, measure="euclidean")
    best = np.linalg.norm(x - away @ linalg.orthogonal_procrustes(away, x)[0])
    assert found == pytest.approx(best, rel=1e-5)
    scaled = [v / np.linalg.norm(v) for v in (x, away)]
    turned = scaled[1] @ linalg.orthogonal_procrustes(scaled[1], scaled[0])[0]
    assert shape_distance(a, b) == pytest.approx(np.linalg.norm(scaled[0] - turned), rel=1e-4)


@pytest.mark.parametrize("share", [1e-3, 1e-8])
def test_what_only_the_wider_one_has_counts_however_small(share: float) -> None:
    x = draws(20, 4)
    # Orthogonal to all that they share, so that no tilt of the common axes takes a part of it in.
    shared = linalg.orth(np.column_stack([np.ones(20), x]))
    extra = draws(20, 2, seed=1)
    extra = share * (extra - shared @ (shared.T @ extra))
    expected = np.linalg.norm(extra)
    assert shape_distance(x, np.hstack([x, extra]), measure="euclidean") == pytest.approx(expected, rel=1e-4)
    assert shape_distance(np.hstack([x, extra]), x, measure="euclidean") == pytest.approx(expected, rel=1e-4)


def test_alpha_zero_is_canonical_correlation() -> None:
    x, y = draws(40, 3), draws(40, 5, seed=1)
    whitened = [linalg.orth(v - v.mean(axis=0)) for v in (x, y)]
    correlations = linalg.svdvals(whitened[0].T @ whitened[1])
    expected = np.arccos(correlations.sum() / np.sqrt(15))
    assert shape_distance(x, y, alpha=0) == pytest.approx(expected, rel=1e-9)
    assert shape_distance(x @ draws(3, 3, seed=2), y, alpha=0) == pytest.approx(expected, rel=1e-7)


def test_held_out_distances_exceed_those_that_were_fitted() -> None:
    x, y = draws(60, 6), draws(60, 6, seed=1)
    aligned = align_shapes(x[:30], y[:30])
    assert aligned.distance(x[30:], y[30:]) > aligned.distance(x[:30], y[:30])


def test_a_permutation_is_found_and_a_rotation_is_not() -> None:
    x = draws(30, 6)
    shuffled = x[:, np.random.default_rng(0).permutation(6)]
    assert permutation_distance(x, shuffled) == pytest.approx(0, abs=1e-12)
    assert permutation_distance(x, x @ rotation(6)) > 0.3
    # A unit without a partner is left over whole.
    assert permutation_distance(x, x[:, :5], measure="euclidean") == pytest.approx(
        np.linalg.norm(x[:, 5] - x[:, 5].mean())
    )


def test_stochastic_distances_of_known_gaussians() -> None:
    means, covariances = draws(8, 3), np.stack([np.cov(draws(3, 20, seed=k)) for k in range(8)])
    turn = rotation(3)
    turned = means @ turn, turn.T @ covariances @ turn
    assert gaussian_shape_distance(means, covariances, *turned).distance == pytest.approx(0, abs=1e-6)
    procrustes = linalg.orthogonal_procrustes(means[::-1], means)[0]
    expected = np.sqrt(2 * ((means - means[::-1] @ procrustes) ** 2).sum(axis=1).mean())
    found = gaussian_shape_distance(means, covariances, means[::-1], covariances, alpha=2)
    assert found.distance == pytest.approx(expected, rel=1e-9)
    # Covariances that commute: the Bures distance is that of the standard deviations.
    zero, one, four = np.zeros((2, 3)), np.stack([np.eye(3)] * 2), np.stack([4 * np.eye(3)] * 2)
    assert gaussian_shape_distance(zero, one, zero, four).distance == pytest.approx(np.sqrt(3))


@pytest.mark.parametrize("alpha", [0.3, 1.8])
def test_the_stochastic_distance_is_the_smallest_over_all_rotations(alpha: float) -> None:
    """Between means only and covariances only, where netrep's search minimises something else."""
    means = draws(2, 6, 2)
    roots = draws(2, 6, 2, 2, seed=1)
    covariances = roots @ np.swapaxes(roots, 2, 3)

    def distance(turn: Any) -> float:
        shift = ((means[0] - means[1] @ turn) ** 2).sum(axis=1)
        moved = turn.T @ covariances[1] @ turn
        bures = [
            np.trace(a) + np.trace(b) - 2 * np.sqrt(np.linalg.eigvals(a @ b).real).sum()
            for a, b in zip(covariances[0], moved, strict=True)
        ]
        return float(np.sqrt((alpha * shift + (2 - alpha) * np.array(bures)).mean()))

    angles = np.linspace(0, 2 * np.pi, 2000)
    turns = [np.array([[np.cos(a), -s * np.sin(a)], [np.sin(a), s * np.cos(a)]]) for a in angles for s in (1, -1)]
    best = min(distance(turn) for turn in turns)
    gaussians = (means[0], covariances[0], means[1], covariances[1])
    found = gaussian_shape_distance(*gaussians, alpha=alpha)
    assert found.distance == pytest.approx(best, rel=1e-5)
    assert gaussian_shape_distance(*gaussians, alpha=alpha, restarts=0).distance >= found.distance * (1 - 1e-12)


@pytest.mark.parametrize("features", [12, 90])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_regressions_are_those_of_scikit_learn(features: int, offset: float) -> None:
    x = draws(60, features) + offset
    y = x[:, :4] @ draws(4, 5, seed=1) + 2 * draws(60, 5, seed=2) + offset
    tests = predictivity_splits(60, splits=3)
    alphas = tuple(np.geomspace(0.1, 1e4, 30))
    peers: dict[Any, Callable[[], Any]] = {
        "pls": lambda: PLSRegression(5, scale=False),
        "ridge": lambda: SklearnRidge(2.5),
        "ridgecv": lambda: RidgeCV(alphas=alphas),
    }
    for method, peer in peers.items():
        ours = linear_predictivity(x, y, method, test_sets=tests, components=5, alpha=2.5, alphas=alphas)
        for k, test in enumerate(tests):
            fitted = peer().fit(x[~test], y[~test])
            theirs = [stats.pearsonr(a, b).statistic for a, b in zip(fitted.predict(x[test]).T, y[test].T, strict=True)]
            np.testing.assert_allclose(ours.correlations[k], theirs, rtol=1e-6, atol=1e-9)
            if method == "ridgecv":
                assert ours.alphas[k] == fitted.alpha_


def test_exact_pls_does_not_depend_on_the_order_of_units_and_the_stopped_one_does() -> None:
    x, y = draws(50, 20), draws(50, 6, seed=1)
    order = np.array([5, 3, 0, 1, 4, 2])
    exact = [linear_predictivity(x, v, tolerance=0, components=8).correlations for v in (y, y[:, order])]
    np.testing.assert_allclose(exact[0][:, order], exact[1], atol=1e-8)
    stopped = [linear_predictivity(x, v, components=8).correlations for v in (y, y[:, order])]
    assert np.abs(stopped[0][:, order] - stopped[1]).max() > 1e-6


@pytest.mark.parametrize(("features", "units"), [(60, 9), (9, 60), (12, 1), (30, 30)])
def test_pls_is_scikit_learns_whichever_side_its_iteration_runs_on(
    features: int, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = draws(130, features), draws(130, units, seed=1)
    y += x @ draws(features, units, seed=2)
    train = np.arange(130) % 3 > 0
    theirs = PLSRegression(6, scale=False).fit(x[train], y[train])
    for small in (1024, 0):
        monkeypatch.setattr(pls_module, "_SMALL", small)
        coefficients, intercept = pls_module.pls_coefficients(x, y, train, 6, 1e-6)
        np.testing.assert_allclose(x @ coefficients + intercept, theirs.predict(x).reshape(y.shape), rtol=0, atol=1e-9)


def test_pls_stops_where_nothing_is_left_to_explain() -> None:
    axis = draws(40, 1)
    result = linear_predictivity(axis @ draws(1, 8, seed=1), axis, components=7)
    np.testing.assert_allclose(result.correlations, 1.0, rtol=1e-9)


def test_the_grid_of_penalties_is_brain_scores() -> None:
    assert len(BRAIN_SCORE_ALPHAS) == 99
    assert (BRAIN_SCORE_ALPHAS[:5], BRAIN_SCORE_ALPHAS[-1]) == ((0.01, 0.1, 0.5, 1.0, 10.0), 1e7)


def test_units_that_are_silent_in_a_test_set_are_left_out_and_counted() -> None:
    x, y = draws(40, 5), draws(40, 3, seed=1)
    tests = np.zeros((2, 40), dtype=bool)
    tests[0, :6] = tests[1, 6:12] = True
    y[:6, 2] = 0.0
    result = linear_predictivity(x, y, "ridge", test_sets=tests)
    assert result.undefined == 1
    assert np.isnan(result.correlations[0, 2])
    medians = np.median(result.correlations[0, :2]), np.median(result.correlations[1])
    assert result.score == pytest.approx(np.mean(medians))


def test_reverse_predictivity_exchanges_the_two() -> None:
    x, y = draws(40, 6), draws(40, 3, seed=1)
    forward = linear_predictivity(y, x, "ridge")
    backward = reverse_predictivity(x, y, "ridge")
    assert (forward.correlations == backward.correlations).all()
    assert backward.correlations.shape == (10, 6)


def test_ceilings_keep_the_sign_and_may_be_exceeded() -> None:
    assert r2_over_ceiling([-0.3, 0.9], 0.5).tolist() == pytest.approx([-0.18, 1.62])
    assert squared_r_over_ceiling([-0.3, 0.9], 0.5).tolist() == pytest.approx([-0.36, 3.24])


ONES, EYE = np.ones((6, 2)), np.stack([np.eye(2)] * 3)
REFUSALS: dict[str, tuple[Callable[[], Any], type[DataError], str]] = {
    "three stimuli": (lambda: cka(draws(3, 2), draws(3, 2)), NotEnoughData, "at least 4 stimuli to be debiased, got 3"),
    "one stimulus": (lambda: cka([[1.0]], [[1.0]], debiased=False), NotEnoughData, "at least 2 stimuli, got 1"),
    "constant for cka": (
        lambda: cka(0.1 * ONES, draws(6, 2)),
        DataError,
        "the first representation is the same for all",
    ),
    "constant second for cka": (lambda: cka(draws(6, 2), ONES, debiased=False), DataError, "the second representation"),
    "no structure": (
        lambda: cka(np.eye(5), draws(5, 3)),
        NotEnoughData,
        "similarity to itself is not positive: 5 stimuli show no structure beyond noise",
    ),
    "other stimuli for cka": (lambda: cka(draws(5, 2), draws(6, 2)), DataError, "the same stimulus in the same order"),
    "nan for cka": (lambda: cka([[NAN], [1.0]], ONES[:2]), DataError, "first representation: 1 values are not finite"),
    "constant shape": (lambda: shape_distance(ONES, draws(6, 2)), DataError, "is the same for all stimuli"),
    "zero shape": (lambda: shape_distance(0 * ONES, draws(6, 2), center=False), DataError, "representation is zero"),
    "one stimulus for a shape": (lambda: shape_distance([[1.0]], [[1.0]]), NotEnoughData, "at least 2 of stimulus"),
    "other stimuli for a shape": (lambda: shape_distance(draws(5, 2), draws(6, 2)), DataError, "same stimulus"),
    "alpha of a shape": (lambda: align_shapes(draws(6, 2), draws(6, 2), alpha=2), DataError, "alpha must lie between"),
    "measure": (
        lambda: permutation_distance(draws(6, 2), draws(6, 2), measure="cosine"),  # type: ignore[arg-type]
        DataError,
        "measure must be 'angular' or 'euclidean'",
    ),
    "cca of few stimuli": (
        lambda: shape_distance(draws(6, 8), draws(6, 2), alpha=0),
        NotEnoughData,
        "its 8 units span 5 dimensions over 6 stimuli; use alpha above 0",
    ),
    "cca of rank": (
        lambda: shape_distance(draws(20, 2)[:, [0, 1, 1]], draws(20, 2), alpha=0),
        DataError,
        "its 3 units span 2 dimensions over 20 stimuli",
    ),
    "other units in an alignment": (
        lambda: align_shapes(draws(6, 2), draws(6, 2)).distance(draws(6, 3), draws(6, 2)),
        DataError,
        "fitted to 2 units, got 3",
    ),
    "gaussian alpha": (
        lambda: gaussian_shape_distance(ONES[:3], EYE, ONES[:3], EYE, alpha=3),
        DataError,
        "alpha must lie",
    ),
    "gaussian shapes": (lambda: gaussian_shape_distance(ONES, EYE, ONES, EYE), DataError, "needs means"),
    "gaussian units": (
        lambda: gaussian_shape_distance(ONES[:3], EYE, ONES[:2], EYE[:2]),
        DataError,
        "the same stimuli and units",
    ),
    "gaussian nan": (lambda: gaussian_shape_distance(NAN * ONES[:3], EYE, ONES[:3], EYE), DataError, "not finite"),
    "gaussian covariance": (
        lambda: gaussian_shape_distance(ONES[:3], -EYE, ONES[:3], EYE),
        DataError,
        "first covariance of stimulus 0 has a negative eigenvalue",
    ),
    "constant unit": (
        lambda: linear_predictivity(draws(20, 3), np.column_stack([draws(20), np.full(20, 0.1)])),
        DataError,
        r"unit 1 responds alike to all stimuli \(1 such units\)",
    ),
    "few features for pls": (
        lambda: linear_predictivity(draws(40, 3), draws(40, 2)),
        NotEnoughData,
        "25 components need at least as many features and one training stimulus more, got 3 features",
    ),
    "unknown regression": (lambda: linear_predictivity(draws(9, 3), draws(9, 2), "lasso"), DataError, "got 'lasso'"),  # type: ignore[arg-type]
    "penalty": (
        lambda: linear_predictivity(draws(9, 3), draws(9, 2), "ridge", alpha=0),
        DataError,
        "penalties must be",
    ),
    "penalties": (lambda: linear_predictivity(draws(9, 3), draws(9, 2), "ridgecv", alphas=()), DataError, "penalties"),
    "splits of another size": (
        lambda: linear_predictivity(draws(9, 3), draws(9, 2), "ridge", test_sets=np.ones((1, 8), dtype=bool)),
        DataError,
        r"true or false per \(split, stimulus\) with 9 stimuli",
    ),
    "splits without training": (
        lambda: linear_predictivity(draws(9, 3), draws(9, 2), "ridge", test_sets=np.ones((1, 9), dtype=bool)),
        NotEnoughData,
        "at least 2 stimuli to train with and 2 to test with",
    ),
    "nothing varies in a split": (
        lambda: linear_predictivity(
            draws(9, 3), np.r_[np.zeros(3), np.arange(6.0)][:, None], "ridge", test_sets=(np.arange(9) < 3)[None]
        ),
        NotEnoughData,
        "in split 0 no unit's responses and predictions vary",
    ),
    "rare category": (
        lambda: predictivity_splits(20, ["a"] * 19 + ["b"]),
        NotEnoughData,
        "20 stimuli cannot be split: ",
    ),
    "categories do not fit": (lambda: predictivity_splits(20, ["a"]), DataError, "do not fit 20 stimuli"),
    "no ceiling": (lambda: r2_over_ceiling(0.5, [0.5, -0.1]), DataError, "a ceiling must be above 0, got -0.1"),
    "old rule without ceiling": (
        lambda: squared_r_over_ceiling(0.5, 0.0),
        DataError,
        "a ceiling must be above 0, got 0",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_degenerate_input_is_refused_by_name(case: str) -> None:
    call, error, text = REFUSALS[case]
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(("undefined", "expected"), [("nan", NAN), ("zero", 0.0)])
def test_undefined_cka_is_what_was_asked_for(undefined: Any, expected: float) -> None:
    assert cka(ONES, draws(6, 2), undefined=undefined) == pytest.approx(expected, nan_ok=True)
