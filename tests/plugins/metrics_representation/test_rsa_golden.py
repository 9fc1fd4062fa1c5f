"""Every golden value of RSA: rsatoolbox 0.3.2, and where it errs, both values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import cg
from spikeproof_metrics_representation import (
    compare_rdms,
    condition_means,
    evaluate_rdms,
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
from spikeproof_metrics_representation.compare import RdmComparison

RDMS: dict[str, Callable[[Any], Any]] = {
    "rdm_euclidean": lambda g: rdm_squared_euclidean(means(g)),
    "rdm_correlation": lambda g: rdm_correlation(means(g)),
    "rdm_poisson": lambda g: rdm_poisson(means(g)),
    "rdm_euclidean_remove_mean": lambda g: rdm_squared_euclidean(means(g), remove_mean=True),
    "prec_full": lambda g: precision(g, "full"),
    "prec_diag": lambda g: precision(g, "diag"),
    "prec_shrinkage_eye": lambda g: precision(g, "shrinkage_eye"),
    "prec_shrinkage_diag": lambda g: precision(g, "shrinkage_diag"),
    "rdm_mahalanobis_shrinkage_eye": lambda g: rdm_mahalanobis(means(g), precision(g, "shrinkage_eye")),
    "rdm_crossnobis_identity": lambda g: rdm_crossnobis(repeats(g)),
    "rdm_crossnobis_shrinkage_eye": lambda g: rdm_crossnobis(repeats(g), precision(g, "shrinkage_eye")),
    "rdm_poisson_cv": lambda g: rdm_poisson_crossvalidated(repeats(g), folds="last"),
    "rdm_unbalanced_euclidean": lambda g: as_listed(g, rdm_unbalanced(*kept(g))),
    "rdm_unbalanced_correlation": lambda g: as_listed(g, rdm_unbalanced(*kept(g), "correlation")),
    "rdm_unbalanced_crossnobis": lambda g: as_listed(g, rdm_unbalanced(*kept(g), folds=g["rep"][g["keep_unbalanced"]])),
}


def means(golden: Any) -> Any:
    return condition_means(golden["measurements"], golden["conds"])[0]


def repeats(golden: Any) -> Any:
    return stack_repeats(golden["measurements"], golden["conds"], golden["rep"])[0]


def precision(golden: Any, method: Any) -> Any:
    return noise_precision(golden["measurements"], golden["conds"], method, dof="rsatoolbox")


def kept(golden: Any) -> tuple[Any, Any]:
    rows = golden["keep_unbalanced"]
    return golden["measurements"][rows], golden["conds"][rows]


def as_listed(golden: Any, rdm: Any) -> Any:
    """Conditions in the order of their first appearance, as ``calc_rdm_unbalanced`` lists them; ours are sorted."""
    _, first = np.unique(kept(golden)[1], return_index=True)
    order = np.argsort(first)
    return rdm_vector(rdm_matrix(rdm)[np.ix_(order, order)])


@pytest.mark.parametrize("name", RDMS)
def test_rdms_are_those_of_rsatoolbox(golden: Any, name: str) -> None:
    values = golden("rsa_rdms")
    values.assert_close(RDMS[name](values), name)


METHODS = {"kendall": "tau-b"}
COMPARISONS = [
    *(f"cmp_{method}" for method in (*get_args(RdmComparison), "kendall") if method != "neg_riem_dist"),
    *(f"cmpnan_{m}" for m in ("cosine", "corr", "cosine_cov", "corr_cov", "spearman", "rho-a", "tau-a")),
    *(f"cmp_sigma{kind}_{method}" for kind in ("diag", "full") for method in ("cosine_cov", "corr_cov")),
    "cmp_neg_riem_dist_rdm1_rdm1",
    "cmp_zero_rdm_cosine",
    "cmp_const_rdm_corr",
]


def compared(golden: Any, name: str) -> Any:
    first, second = golden["rdm1"], golden["rdm2"]
    if name == "cmp_neg_riem_dist_rdm1_rdm1":
        return compare_rdms(first, first[::-1], "neg_riem_dist")
    if name == "cmp_zero_rdm_cosine":
        return compare_rdms(np.zeros(45), second[0], "cosine", undefined="zero")
    if name == "cmp_const_rdm_corr":
        return compare_rdms(np.full(45, 0.1), second[0], "corr", undefined="zero")
    kind, _, method = name.partition("_")
    if kind == "cmpnan":
        return compare_rdms(golden["rdm1_nan"], golden["rdm2_nan"], method)  # type: ignore[arg-type]
    if method.startswith("sigma"):
        which, _, method = method.removeprefix("sigma").partition("_")
        sigma = golden[f"sigma_k_{which}"]
        return compare_rdms(first, second, method, sigma_k=sigma, convention="rsatoolbox")  # type: ignore[arg-type]
    known: Any = METHODS.get(method, method)
    return compare_rdms(first, second, known, convention="rsatoolbox")


@pytest.mark.parametrize("name", [name for name in COMPARISONS if "sigmafull" not in name])
def test_comparisons_are_those_of_rsatoolbox(golden: Any, name: str) -> None:
    values = golden("rsa_compare")
    values.assert_close(compared(values, name), name)


@pytest.mark.parametrize("method", ["cosine_cov", "corr_cov"])
def test_a_full_sigma_is_solved_exactly_where_rsatoolbox_stops_early(golden: Any, method: Any) -> None:
    """The golden value is conjugate gradients stopped at 1e-5; ours is the solution of the same system."""
    values = golden("rsa_compare")
    sets = [values["rdm1"], values["rdm2"]]
    if method == "corr_cov":
        sets = [rdms - rdms.mean(axis=1, keepdims=True) for rdms in sets]
    rows, columns = np.triu_indices(10, 1)
    contrasts = np.zeros((45, 10))
    contrasts[np.arange(45), rows], contrasts[np.arange(45), columns] = 1, -1
    covariance = (contrasts @ values["sigma_k_full"] @ contrasts.T) ** 2

    def whitened(solve: Callable[[Any], Any]) -> Any:
        first, second = ([solve(v) for v in rdms] for rdms in sets)
        norms = [
            [np.sqrt(v @ s) for v, s in zip(r, o, strict=True)] for r, o in zip(sets, (first, second), strict=True)
        ]
        return sets[0] @ np.transpose(second) / np.outer(*norms)

    exact = whitened(lambda v: np.linalg.solve(covariance, v))
    ours = compare_rdms(values["rdm1"], values["rdm2"], method, sigma_k=values["sigma_k_full"])
    np.testing.assert_allclose(ours, exact, rtol=1e-10)
    stopped = whitened(lambda v: cg(sparse.csc_array(covariance), v, rtol=1e-5, atol=0)[0])
    values.assert_close(stopped, f"cmp_sigmafull_{method}")
    assert 1e-6 < np.abs(ours - values.out(f"cmp_sigmafull_{method}")).max() < 1e-5


@pytest.mark.parametrize("method", ["cosine_cov", "corr_cov"])
def test_variances_whiten_like_the_matrix_that_holds_them_where_rsatoolbox_differs(golden: Any, method: Any) -> None:
    values = golden("rsa_compare")
    variances = values["sigma_k_diag"]
    ours = compare_rdms(values["rdm1"], values["rdm2"], method, sigma_k=variances)
    matrix = compare_rdms(values["rdm1"], values["rdm2"], method, sigma_k=np.diag(variances))
    np.testing.assert_allclose(ours, matrix, rtol=1e-10)
    assert np.abs(ours - values.out(f"cmp_sigmadiag_{method}")).max() > 0.03


def test_bures_of_rdms_that_are_not_euclidean_is_symmetric_where_rsatoolbox_is_not(golden: Any) -> None:
    values = golden("rsa_compare")
    first, second = values["rdm1"], values["rdm2"]
    ours = compare_rdms(first, second, "bures")
    np.testing.assert_allclose(ours, compare_rdms(second, first, "bures").T, rtol=1e-7)
    assert ((ours > 0) & (ours <= 1)).all()
    theirs = compare_rdms(second, first, "bures", convention="rsatoolbox").T
    assert np.abs(theirs - values.out("cmp_bures")).max() > 0.01


CEILINGS = [
    *(f"boot_{m}" for m in ("cosine", "corr", "cosine_cov", "corr_cov", "spearman", "rho-a", "tau-a")),
    *(f"bootnan_{m}" for m in ("cosine", "corr", "rho-a")),
    "boot_two_subjects_corr",
]


@pytest.mark.parametrize("name", CEILINGS)
def test_noise_ceilings_are_those_of_rsatoolbox(golden: Any, name: str) -> None:
    values = golden("rsa_noise_ceiling")
    rdms = values["rdms_nan"] if "nan" in name else values["rdms"][: 2 if "two" in name else None]
    method: Any = name.rpartition("_")[2] if "cov" not in name else name.removeprefix("boot_")
    values.assert_close(rdm_noise_ceiling(rdms, method), name)


@pytest.mark.parametrize("name", ["evaluations", "means", "sem", "noise_ceiling"])
def test_the_evaluation_of_fixed_models_is_that_of_rsatoolbox(golden: Any, name: str) -> None:
    values = golden("rsa_eval_fixed")
    result = evaluate_rdms(values["models"], values["data"], "corr")
    values.assert_close(result.ceiling if name == "noise_ceiling" else getattr(result, name), name)


@pytest.mark.parametrize(
    ("file", "covered"),
    [
        ("rsa_rdms", list(RDMS)),
        ("rsa_compare", COMPARISONS),
        ("rsa_noise_ceiling", CEILINGS),
        ("rsa_eval_fixed", ["evaluations", "means", "sem", "noise_ceiling"]),
    ],
)
def test_every_golden_value_is_covered(golden: Any, file: str, covered: list[str]) -> None:
    assert golden(file).outputs == sorted(covered)


def test_rsatoolbox_keeps_the_last_fold_of_a_poisson_rdm_and_ours_averages_them(golden: Any) -> None:
    values = golden("rsa_rdms")
    stacked = repeats(values)
    folds = [rdm_poisson_crossvalidated(np.roll(stacked, -k - 1, axis=0), folds="last") for k in range(len(stacked))]
    np.testing.assert_allclose(rdm_poisson_crossvalidated(stacked), np.mean(folds, axis=0), rtol=1e-10)
    assert np.abs(rdm_poisson_crossvalidated(stacked) - values.out("rdm_poisson_cv")).max() > 0.1
