"""How well fixed model RDMs describe those of subjects, with intervals over subjects, conditions, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
import xarray as xr
from scipy import stats
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling, interval, resampling_weights

from .compare import RdmComparison, as_rdms, compare_rdms
from .noise_ceiling import NoiseCeiling, rdm_noise_ceiling
from .weighted import WeightedComparison, ceilings_of_gram, weighted_comparison

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BootstrappedEvaluation", "RdmEvaluation", "bootstrap_evaluation", "evaluate_rdms"]

Over: TypeAlias = Literal["subjects", "conditions", "both"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RdmEvaluation:
    """Similarities of models to subjects.

    Parameters
    ----------
    evaluations : numpy.ndarray of float64, (model, subject)
    means : numpy.ndarray of float64, (model,)
    sem : numpy.ndarray of float64, (model,)
        Standard error over subjects (ddof 1): subjects are a sample, conditions are fixed. NaN for one subject.
    ceiling : NoiseCeiling, optional
        None for one subject.
    """

    evaluations: NDArray[np.float64]
    means: NDArray[np.float64]
    sem: NDArray[np.float64]
    ceiling: NoiseCeiling | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BootstrappedEvaluation:
    """Mean similarities of models to subjects, with intervals.

    Parameters
    ----------
    means : numpy.ndarray of float64, (model,)
        On the data themselves.
    standard_error : numpy.ndarray of float64, (model,)
        Of the means.
    low, high : numpy.ndarray of float64, (model,)
        The interval.
    draws : numpy.ndarray of float64, (draw, model)
        Paired over models: differences of draws give the interval of a difference. NaN in draws left out.
    ceilings : numpy.ndarray of float64, (draw, 2), optional
        Lower and upper noise ceiling of each draw, if asked for.
    undefined : int
        Draws that were left out: fewer than 3 different conditions, or nothing that varies.
    """

    means: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    draws: NDArray[np.float64]
    ceilings: NDArray[np.float64] | None
    undefined: int


def evaluate_rdms(models: ArrayLike, subjects: ArrayLike, method: RdmComparison = "cosine") -> RdmEvaluation:
    """Compare fixed model RDMs with those of subjects.

    Parameters
    ----------
    models : array_like, (model, pair)
    subjects : array_like, (subject, pair)
    method : str
        See :func:`compare_rdms`.

    Returns
    -------
    RdmEvaluation

    Raises
    ------
    DataError
        As :func:`compare_rdms`.

    Examples
    --------
    >>> result = evaluate_rdms([1.0, 2.0, 3.0], [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], "corr")
    >>> result.means.round(6).tolist(), result.sem.round(6).tolist()
    ([0.75], [0.25])
    """
    evaluations = compare_rdms(models, subjects, method)
    count = evaluations.shape[1]
    sem = evaluations.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(evaluations), np.nan)
    return RdmEvaluation(
        evaluations=evaluations,
        means=evaluations.mean(axis=1),
        sem=sem,
        ceiling=rdm_noise_ceiling(subjects, method) if count > 1 else None,
    )


def bootstrap_evaluation(
    models: ArrayLike,
    subjects: ArrayLike,
    method: RdmComparison = "cosine",
    *,
    over: Over = "both",
    resampling: Resampling | None = None,
    bounds: Literal["t", "percentile"] = "t",
    ceiling: bool = False,
) -> BootstrappedEvaluation:
    """Intervals of mean similarities by the bootstrap (Schuett et al. 2023, doi:10.7554/eLife.82566).

    A draw is weights, not a new set of RDMs: the pair of conditions i, j counts m_i m_j times if they are drawn m_i and
    m_j times. Pairs of copies of one condition are left out, as in rsatoolbox: their distance is zero by construction.

    Parameters
    ----------
    models : array_like, (model, pair)
    subjects : array_like, (subject, pair)
        NaN is not taken here: leave conditions with gaps out.
    method : {"cosine", "corr", "cosine_cov", "corr_cov", "spearman", "rho-a"}
        See :func:`compare_rdms`. The others can be resampled over subjects only.
    over : {"subjects", "conditions", "both"}
        What the result is to generalise to. Draws of ``both`` count the variance of single measurements three times;
        the standard error takes that back, as rsatoolbox does: with n subjects, m conditions and variances v of the
        three bootstraps, ``n/(n-1) v_s + m/(m-1) v_c - nm/((n-1)(m-1)) (v_both - v_s - v_c)``, not below the larger of
        the first two terms nor above v_both.
    resampling : Resampling, optional
        Seed, number of draws and coverage.
    bounds : {"t", "percentile"}
        ``t``: mean plus or minus the standard error times Student's t, with one degree of freedom less than what is
        resampled has members (the smaller number, for both), the variance corrected by n / (n - 1). ``percentile`` of
        the draws; not for ``both``, where draws vary too much.
    ceiling : bool
        Also resample the noise ceiling.

    Returns
    -------
    BootstrappedEvaluation

    Raises
    ------
    NotEnoughData
        If there are fewer than two of what is resampled (conditions: six), or more than a twentieth of the draws are
        undefined.
    DataError
        If a method cannot be resampled over conditions, a distance is NaN, or as :func:`compare_rdms`.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.random.default_rng(0).random(28)
    >>> data = truth + 0.1 * np.random.default_rng(1).normal(size=(5, 28))
    >>> result = bootstrap_evaluation(truth, data, "corr", over="subjects")
    >>> bool(result.low[0] < result.means[0] < result.high[0])
    True
    """
    chosen = Resampling() if resampling is None else resampling
    means = compare_rdms(models, subjects, method).mean(axis=1)
    x, kept, conditions = as_rdms(models, "set of models")
    y, kept_too, _ = as_rdms(subjects, "set of subjects")
    if not (kept.all() and kept_too.all()):
        raise DataError("bootstrap: RDMs must be without gaps (NaN); leave the conditions that have them out")
    _check(over, bounds, len(y), conditions, ceiling)
    factors: tuple[Over, ...] = ("subjects", "conditions", "both") if over == "both" else (over,)
    of_subjects = _weights("subject", len(y), chosen)
    of_conditions = _weights("condition", conditions, chosen)
    compared = None if over == "subjects" else weighted_comparison(x, y, method, of_conditions, ceiling=ceiling)
    drawn = {
        factor: _draws(x, y, method, factor, of_subjects, compared, ceiling=ceiling and factor == over)
        for factor in factors
    }
    draws, ceilings = drawn[over]
    bad = np.isnan(draws).any(axis=1)
    if bad.sum() > 0.05 * len(draws):
        raise NotEnoughData(
            f"bootstrap: {int(bad.sum())} of {len(draws)} draws are undefined: {conditions} conditions and {len(y)} "
            "subjects are too few to resample"
        )
    sizes: dict[Over, int] = {"subjects": len(y), "conditions": conditions}
    error = np.sqrt(variance_of_means({factor: values for factor, (values, _) in drawn.items()}, over, sizes))
    if bounds == "percentile":
        low, high = interval(draws, means, chosen.level, undefined="exclude")
    else:
        degrees = min(sizes.values()) - 1 if over == "both" else sizes[over] - 1
        reach = error * stats.t.ppf((1 + chosen.level) / 2, degrees)
        low, high = means - reach, means + reach
    return BootstrappedEvaluation(
        means=means,
        standard_error=error,
        low=low,
        high=high,
        draws=draws,
        ceilings=ceilings,
        undefined=int(bad.sum()),
    )


def _check(over: Over, bounds: str, subjects: int, conditions: int, ceiling: bool) -> None:
    if over not in {"subjects", "conditions", "both"}:
        raise DataError(f"bootstrap: over must be subjects, conditions or both, got {over!r}")
    if over != "conditions" and subjects < 2:
        raise NotEnoughData("bootstrap: one subject cannot be resampled; choose over='conditions'")
    if ceiling and subjects < 2:
        raise NotEnoughData("bootstrap: a noise ceiling needs at least 2 subjects")
    if over != "subjects" and conditions < 6:
        raise NotEnoughData(
            f"bootstrap: {conditions} conditions are too few to resample: with fewer than 6, many draws hold fewer "
            "than 3 different ones; choose over='subjects'"
        )
    if over == "both" and bounds == "percentile":
        raise DataError("bootstrap: draws over both factors vary too much for percentiles; use bounds='t'")


def _weights(name: str, size: int, resampling: Resampling) -> NDArray[np.float64]:
    return resampling_weights(xr.DataArray(np.zeros(size), dims=name), name, resampling)[0]


def _draws(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    method: RdmComparison,
    factor: Over,
    of_subjects: NDArray[np.float64],
    compared: WeightedComparison | None,
    *,
    ceiling: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Mean similarities (draw, model) and, if asked for, ceilings (draw, 2)."""
    counts = of_subjects if factor != "conditions" else np.ones_like(of_subjects)
    share = counts / counts.sum(axis=1, keepdims=True)
    if factor == "subjects":
        draws = share @ compare_rdms(x, y, method).T
        if not ceiling:
            return draws, None
        once = weighted_comparison(x, y, method, None, ceiling=True)
        return draws, ceilings_of_gram(once, counts)
    whole = cast("WeightedComparison", compared)
    draws = np.einsum("dms,ds->dm", whole.evaluations, share)
    return draws, ceilings_of_gram(whole, counts) if ceiling else None


def variance_of_means(
    draws: Mapping[Over, NDArray[np.float64]], over: Over, sizes: Mapping[Over, int]
) -> NDArray[np.float64]:
    """Variance of mean similarities, or of their differences, from draws over each factor: see above.

    Parameters
    ----------
    draws : mapping of str to numpy.ndarray of float64, (draw, number)
        For ``both`` of all three, otherwise of what is resampled.
    over : {"subjects", "conditions", "both"}
    sizes : mapping of str to int
        Subjects and conditions.
    """
    variances = {factor: np.nanvar(values, axis=0, ddof=1) for factor, values in draws.items()}
    if over != "both":
        return np.asarray(variances[over] * (sizes[over] / (sizes[over] - 1)))
    of_subjects, of_conditions = (variances[f] * (sizes[f] / (sizes[f] - 1)) for f in ("subjects", "conditions"))
    share = np.prod([size / (size - 1) for size in sizes.values()])
    interaction = share * (variances["both"] - variances["subjects"] - variances["conditions"])
    corrected = np.maximum(of_subjects + of_conditions - interaction, np.maximum(of_subjects, of_conditions))
    return np.asarray(np.minimum(corrected, variances["both"]))
