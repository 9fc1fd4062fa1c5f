"""Every golden value of CKA, shape distances and Brain-Score's similarity and predictivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spikeproof_metrics_representation import (
    align_shapes,
    cka,
    compare_rdms,
    gaussian_shape_distance,
    linear_predictivity,
    permutation_distance,
    predictivity_splits,
    r2_over_ceiling,
    rdm_correlation,
    rdm_noise_ceiling,
    shape_distance,
    squared_r_over_ceiling,
)

CKA = [
    *(
        f"{kind}{k}"
        for k in range(3)
        for kind in ("biased", "debiased_gram", "debiased_feature", "biased_feature", "netrep_arccos")
    ),
    "indep_biased",
    "indep_debiased",
    "invariance_orth_scale",
    "const_biased",
]


def cka_of(golden: Any, name: str) -> float:
    if name.startswith("indep"):
        return cka(golden["indepX"], golden["indepY"], debiased="debiased" in name)
    if name == "invariance_orth_scale":
        return cka(golden["X0"], 3 * golden["X0"] @ golden["rot"], debiased=False)
    if name == "const_biased":
        return cka(golden["constX"], golden["Y0"], debiased=False, undefined="nan")
    value = cka(golden[f"X{name[-1]}"], golden[f"Y{name[-1]}"], debiased="debiased" in name)
    return float(np.arccos(value)) if "arccos" in name else value


@pytest.mark.parametrize("name", CKA)
def test_cka_is_that_of_kornblith_and_netrep(golden: Any, name: str) -> None:
    values = golden("cka")
    values.assert_close(cka_of(values, name), name)


SHAPES = [
    *(
        f"linear_a{alpha}_{measure}_center{center}"
        for alpha in (0.0, 0.5, 1.0)
        for measure in ("angular", "euclidean")
        for center in (0, 1)
    ),
    "procrustes_test_angular",
    "perm_angular",
    "perm_euclidean",
    *(f"stochastic_gauss_alpha{alpha}" for alpha in (0.0, 1.0, 2.0)),
    "closed_form_procrustes_angular",
    "closed_form_procrustes_euclid",
]


def shape_of(golden: Any, name: str) -> float:
    x, y = golden["X"], golden["Y"]
    same_width = y[:, : x.shape[1]]
    if name.startswith("linear"):
        _, alpha, measure, center = name.split("_")
        other = same_width if alpha == "a0.0" else y
        options: Any = {"alpha": float(alpha[1:]), "measure": measure, "center": center == "center1"}
        return shape_distance(x, other, convention="netrep", **options)
    if name == "procrustes_test_angular":
        return align_shapes(x, y).distance(golden["X_test"], golden["Y_test"])
    if name.startswith("perm"):
        return permutation_distance(x, same_width, measure=name.removeprefix("perm_"))  # type: ignore[arg-type]
    if name.startswith("stochastic"):
        gaussians = (golden["mu1"], golden["S1"], golden["mu2"], golden["S2"])
        return gaussian_shape_distance(*gaussians, alpha=float(name[-3:]), iterations=200, restarts=0).distance
    return shape_distance(x, y, measure="euclidean" if "euclid" in name else "angular")


@pytest.mark.parametrize("name", SHAPES)
def test_shape_distances_are_those_of_netrep(golden: Any, name: str) -> None:
    values = golden("shape_distance")
    values.assert_close(shape_of(values, name), name)


@pytest.mark.parametrize("center", [True, False])
def test_padding_takes_no_share_of_the_variance_where_netrep_gives_it_one(golden: Any, center: bool) -> None:
    values = golden("shape_distance")
    pair = values["X"], values["Y"]
    name = f"linear_a0.5_euclidean_center{int(center)}"
    ours = shape_distance(*pair, alpha=0.5, measure="euclidean", center=center)
    assert abs(ours - values.out(name)) > 0.01
    alignment = align_shapes(*pair, alpha=0.5, center=center)
    for side in (0, 1):
        moved = (pair[side] - alignment.means[side]) @ alignment.whitening[side]
        assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(pair[side] - alignment.means[side]))
    angular = shape_distance(*pair, alpha=0.5, center=center)
    values.assert_close(angular, f"linear_a0.5_angular_center{int(center)}")


def test_the_stochastic_distance_of_covariances_goes_on_where_netrep_stops_at_200_steps(golden: Any) -> None:
    values = golden("shape_distance")
    gaussians = (values["mu1"], values["S1"], values["mu2"], values["S2"])
    result = gaussian_shape_distance(*gaussians, alpha=0.0, restarts=0, tolerance=1e-6)
    assert result.converged
    assert result.distance < values.out("stochastic_gauss_alpha0.0") - 0.03
    assert not gaussian_shape_distance(*gaussians, alpha=0.0, iterations=200).converged


METHODS = {"pls25": "pls", "ridge1": "ridge", "ridgecv": "ridgecv", "dual_ridgecv": "ridgecv", "linear": "linear"}
PREDICTIVITY = [
    *(f"{method}_{kind}" for method in METHODS for kind in ("center", "error", "raw")),
    "pls25_ceiled",
    "pls25_ceiled_pre2026_squared",
]


def predicted(golden: Any, name: str) -> Any:
    if "ceiled" in name:
        r = golden.out("pls25_center")
        ceiling = r**2 / golden.out("pls25_ceiled")  # internal consistency; see the test that it is one
        return squared_r_over_ceiling(r, ceiling) if "squared" in name else r2_over_ceiling(r, ceiling)
    method, _, kind = name.rpartition("_")
    chosen: Any = METHODS[method]
    splits = {"test_sets": golden["test_masks"]}
    result = linear_predictivity(golden["features"], golden["responses"], chosen, **splits)
    return getattr(result, {"center": "score", "error": "error", "raw": "correlations"}[kind])


@pytest.mark.parametrize("name", PREDICTIVITY)
def test_predictivity_is_that_of_brain_score(golden: Any, name: str) -> None:
    values = golden("brainscore_predictivity")
    values.assert_close(predicted(values, name), name)


def test_the_ceiling_of_the_golden_scores_is_brain_scores_internal_consistency(golden: Any) -> None:
    values, consistency = golden("brainscore_predictivity"), golden("brainscore_internal_consistency")
    ceiling = values.out("pls25_center") ** 2 / values.out("pls25_ceiled")
    assert ceiling == pytest.approx(float(consistency.out("ic_center")), rel=1e-9)


def test_splits_are_those_of_brain_score(golden: Any) -> None:
    values = golden("brainscore_predictivity")
    assert (predictivity_splits(60, values["object_index"]) == values["test_masks"]).all()


def test_pls_equals_scikit_learns_to_rounding_with_its_stopping_rule(golden: Any) -> None:
    values = golden("brainscore_predictivity")
    result = linear_predictivity(values["features"], values["responses"], categories=values["object_index"])
    values.assert_close(result.correlations, "pls25_raw", rtol=0, atol=1e-12)


SIMILARITY = {
    "cka_unbiased": lambda g: cka(g["features"], g["responses"]),
    "cka_biased": lambda g: cka(g["features"], g["responses"], debiased=False),
    "cka_unbiased_constant": lambda g: cka(np.ones((60, 4)), g["responses"], undefined="zero"),
    "rdm_spearman": lambda g: compare_rdms(rdm_correlation(g["features"]), rdm_correlation(g["responses"]), "spearman")[
        0, 0
    ],
    "rsa_ceiling_upper": lambda g: rdm_noise_ceiling(subject_rdms(g), "spearman", pool="mean").upper,
    "rsa_ceiling_lower_loo": lambda g: rdm_noise_ceiling(subject_rdms(g), "spearman", pool="mean").lower,
}


def subject_rdms(golden: Any) -> Any:
    subjects = golden["subject_index"]
    return np.stack([rdm_correlation(golden["multi_subject"][:, subjects == s]) for s in np.unique(subjects)])


@pytest.mark.parametrize("name", SIMILARITY)
def test_similarities_are_those_of_brain_score(golden: Any, name: str) -> None:
    values = golden("brainscore_similarity")
    values.assert_close(SIMILARITY[name](values), name)


@pytest.mark.parametrize(
    ("file", "covered"),
    [
        ("cka", CKA),
        ("shape_distance", SHAPES),
        ("brainscore_predictivity", PREDICTIVITY),
        ("brainscore_similarity", list(SIMILARITY)),
    ],
)
def test_every_golden_value_is_covered(golden: Any, file: str, covered: list[str]) -> None:
    assert golden(file).outputs == sorted(covered)
