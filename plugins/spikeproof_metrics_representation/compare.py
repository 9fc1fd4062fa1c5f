"""How similar two sets of RDMs are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

import numpy as np
from scipy import stats
from spikeproof.errors import DataError

from .checking import CONSTANT, Undefined, undefined_value
from .rdm import conditions_of
from .second_moments import fidelities, negative_riemannian_distance
from .whitening import inner_product

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Convention", "RdmComparison", "as_rdms", "compare_rdms", "midranks"]

RdmComparison: TypeAlias = Literal[
    "cosine",
    "corr",
    "spearman",
    "rho-a",
    "tau-a",
    "tau-b",
    "cosine_cov",
    "corr_cov",
    "bures",
    "bures_metric",
    "neg_riem_dist",
]
Convention: TypeAlias = Literal["exact", "rsatoolbox"]


def compare_rdms(
    first: ArrayLike,
    second: ArrayLike,
    method: RdmComparison = "cosine",
    *,
    sigma_k: ArrayLike | None = None,
    convention: Convention = "exact",
    undefined: Undefined = "refuse",
) -> NDArray[np.float64]:
    """Compare every RDM of one set with every RDM of another.

    Parameters
    ----------
    first, second : array_like, (rdm, pair) or (pair,)
        NaN marks a pair that was not measured; it must stand at the same pairs in both sets. A pair that is missing in
        one RDM of a set is left out for all.
    method : str
        ``cosine``; ``corr`` (Pearson); ``spearman`` (average ranks); ``rho-a`` (expected Spearman correlation if ties
        were broken at random; Schuett et al. 2023, doi:10.7554/eLife.82566); ``tau-a``, ``tau-b`` (Kendall);
        ``cosine_cov``, ``corr_cov`` (whitened; see ``sigma_k``); ``bures``, ``bures_metric`` (similarity, and squared
        distance, of the centred second moments); ``neg_riem_dist`` (negative Riemannian distance of second moments,
        which must be positive definite).
    sigma_k : array_like, (condition,) or (condition, condition), optional
        For the whitened comparisons: variances, or covariance, of the pattern estimates. Default: the identity.
    convention : {"exact", "rsatoolbox"}
        ``exact``: the whitened product is x' V^-1 y with V = (C Sigma C')∘(C Sigma C'), and an RDM that is not
        Euclidean has its second moments projected on the positive semi-definite ones for ``bures``. ``rsatoolbox``:
        what rsatoolbox 0.3.2 computes. With variances it centres as if they were equal and scales afterwards, which is
        not V^-1 and differs from its own result for a matrix with those variances on its diagonal; under ``bures`` it
        projects the first RDM only, so that the order of the two matters. (With a matrix it computes V^-1 as we do, by
        conjugate gradients that stop at a relative residual of 1e-5, which leaves about 5e-6 in the result.)
    undefined : {"refuse", "nan", "zero"}
        What to do with an RDM that is zero (``cosine``, ``cosine_cov``, ``bures``) or constant (``corr``, ``spearman``,
        ``tau-b``, ``corr_cov``). rsatoolbox returns 0, and NaN for ``tau-b``. Under ``rho-a`` and ``tau-a`` a constant
        RDM has the value 0: ties are broken at random.

    Returns
    -------
    numpy.ndarray of float64, (first, second)

    Raises
    ------
    DataError
        If shapes differ or are no upper triangles, NaN stand at different pairs, a value is infinite, an RDM is zero or
        constant where that leaves the comparison undefined, or ``sigma_k`` does not fit.

    Examples
    --------
    >>> compare_rdms([1.0, 2.0, 3.0], [[2.0, 4.0, 6.0], [3.0, 2.0, 1.0]], "spearman").round(12).tolist()
    [[1.0, -1.0]]
    """
    check_method(method)
    if sigma_k is not None and not method.endswith("_cov"):
        raise DataError(f"RDM comparison: sigma_k belongs to cosine_cov and corr_cov, not to {method}")
    x, kept, conditions = as_rdms(first, "first set")
    y, kept_second, conditions_second = as_rdms(second, "second set")
    if conditions != conditions_second:
        raise DataError(f"RDM comparison: RDMs of {conditions} and of {conditions_second} conditions")
    if (kept != kept_second).any():
        pair = int(np.flatnonzero(kept != kept_second)[0])
        raise DataError(
            f"RDM comparison: the two sets lack different pairs (the first is pair {pair}); leave the pairs that one "
            "lacks out of the other"
        )
    if method in {"bures", "bures_metric", "neg_riem_dist"}:
        if not kept.all():
            raise DataError(f"RDM comparison: {method} needs all pairs, {int((~kept).sum())} are missing")
        return _of_moments(x, y, method, convention, undefined)
    if method in {"tau-a", "tau-b"}:
        return _kendall(x, y, method, undefined)
    if method in {"spearman", "rho-a"}:
        x, y = midranks(x), midranks(y)
    if method not in {"cosine", "cosine_cov"}:
        x, y = centred(x), centred(y)
    if method == "rho-a":
        size = x.shape[1]
        return cast("NDArray[np.float64]", 12 * x @ y.T / (size**3 - size))
    if method.endswith("_cov"):
        product = inner_product(kept, conditions, sigma_k, convention)
        norms = [np.array([product(v[None], v[None])[0, 0] for v in values]) for values in (x, y)]
        return ratio(product(x, y), norms[0], norms[1], undefined)
    return ratio(x @ y.T, np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y), undefined)


def check_method(method: str) -> None:
    """Refuse an unknown way to compare, listing the known ones."""
    if method not in get_args(RdmComparison):
        raise DataError(f"RDM comparison: unknown method {method!r}; choose from {', '.join(get_args(RdmComparison))}")


def as_rdms(rdms: ArrayLike, what: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """RDMs (rdm, kept pair), which pairs are kept, and the number of conditions."""
    values = np.atleast_2d(np.asarray(rdms, dtype=np.float64))
    if values.ndim != 2:
        raise DataError(f"RDM comparison: the {what} must be vectors (rdm, pair), got {values.shape}")
    conditions = conditions_of(values.shape[1])
    if np.isinf(values).any():
        row, pair = np.argwhere(np.isinf(values))[0]
        raise DataError(f"RDM comparison: the {what} holds an infinite distance (RDM {row}, pair {pair})")
    kept: NDArray[np.bool_] = np.asarray(~np.isnan(values).any(axis=0))
    if kept.sum() < 2:
        raise DataError(
            f"RDM comparison: the {what} has {int(kept.sum())} pairs of conditions that all RDMs hold; at least 2 are "
            "needed, which takes 3 conditions"
        )
    return values if kept.all() else values[:, kept], kept, conditions


def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row without its mean; a row that only rounding varies becomes exactly zero."""
    result: NDArray[np.float64] = values - values.mean(axis=1, keepdims=True)
    constant = np.einsum("ij,ij->i", result, result) <= CONSTANT**2 * np.einsum("ij,ij->i", values, values)
    result[constant] = 0.0
    return result


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 along rows, ties sharing their mean rank.

    As ``scipy.stats.rankdata``, which sorts stably and takes five times as long; ties need no order here.
    """
    ranks = np.empty(values.shape)
    for row, given in zip(ranks, values, strict=True):
        order = np.argsort(given)
        ordered = given[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        ends = np.append(starts[1:], len(given))
        row[order] = np.repeat((starts + 1 + ends) / 2, ends - starts)
    return ranks


def ratio(
    products: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64], undefined: Undefined
) -> NDArray[np.float64]:
    """Products over norms, given squared norms; rows and columns without a norm as asked."""
    empty = [np.flatnonzero(~(norms > 0)) for norms in (first, second)]
    scale = np.sqrt(np.outer(np.where(first > 0, first, 1.0), np.where(second > 0, second, 1.0)))
    result: NDArray[np.float64] = products / scale
    for axis, which in enumerate(empty):
        if which.size:
            value = undefined_value(undefined, _nothing_to_compare(axis, which))
            if axis == 0:
                result[which] = value
            else:
                result[:, which] = value
    return result


def _nothing_to_compare(axis: int, which: NDArray[np.intp]) -> str:
    return (
        f"RDM comparison: RDM {int(which[0])} of the {'second' if axis else 'first'} set is zero or constant "
        f"({which.size} such RDMs), so that its similarity to others is undefined; leave it out, or choose rho-a "
        "or tau-a, which break ties at random"
    )


def _kendall(x: NDArray[np.float64], y: NDArray[np.float64], method: str, undefined: Undefined) -> NDArray[np.float64]:
    constant = [np.flatnonzero(np.ptp(values, axis=1) == 0) for values in (x, y)]
    if method == "tau-b":
        for axis, which in enumerate(constant):
            if which.size:
                undefined_value(undefined, _nothing_to_compare(axis, which))
    fill = 0.0 if method == "tau-a" else (np.nan if undefined == "nan" else 0.0)
    result = np.full((len(x), len(y)), fill)
    pairs = x.shape[1] * (x.shape[1] - 1) / 2
    untied = [np.array([_untied(rdm) for rdm in values]) if method == "tau-a" else np.zeros(0) for values in (x, y)]
    for i, one in enumerate(x):
        for j, other in enumerate(y):
            if i in constant[0] or j in constant[1]:
                continue
            tau_b = stats.kendalltau(one, other, method="asymptotic").statistic
            result[i, j] = tau_b if method == "tau-b" else tau_b * np.sqrt(untied[0][i] * untied[1][j]) / pairs
    return result


def _untied(rdm: NDArray[np.float64]) -> float:
    """Number of pairs of distances that are not tied."""
    ordered = np.sort(rdm)
    ties = np.diff(np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))).astype(np.float64)
    return float(len(rdm) * (len(rdm) - 1) / 2 - (ties * (ties - 1) / 2).sum())


def _of_moments(
    x: NDArray[np.float64], y: NDArray[np.float64], method: str, convention: Convention, undefined: Undefined
) -> NDArray[np.float64]:
    if method == "neg_riem_dist":
        return negative_riemannian_distance(x, y)
    fidelity, first, second = fidelities(x, y, project_second=convention == "exact")
    if method == "bures_metric":
        metric: NDArray[np.float64] = first[:, None] + second - 2 * fidelity
        return metric
    return ratio(fidelity, first, second, undefined)
