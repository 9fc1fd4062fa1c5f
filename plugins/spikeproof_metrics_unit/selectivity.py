"""How well single units tell one category of stimuli from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["category_auc", "category_dprime", "dprime_from_moments", "dprime_status", "selectivity_index"]


def category_dprime(
    responses: ArrayLike, in_category: ArrayLike, *, ddof: int = 1, pooled: bool = False
) -> NDArray[np.float64]:
    """Category d', ``(mean_in - mean_out) / sqrt((var_in + var_out) / 2)``.

    Parameters
    ----------
    responses : array_like, (stimulus, ...)
    in_category : array_like of bool, (stimulus,)
    ddof : int
        Delta degrees of freedom of the variances. There is no canonical choice; 1 is ours.
    pooled : bool
        Weigh the variances by their degrees of freedom instead (Cohen's d; ``ddof`` is then 1).

    Returns
    -------
    numpy.ndarray of float64, (...)
        Infinite where both variances are zero and the means differ, NaN where the means do not: see
        :func:`dprime_status`.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli in or out of the category.
    DataError
        If a response is not finite.

    Examples
    --------
    >>> category_dprime([0.0, 2.0, 4.0, 6.0], [False, False, True, True]).round(4).tolist()
    2.8284
    """
    inside, outside = _split(responses, in_category, at_least=2)
    delta = 1 if pooled else ddof
    shares = (len(inside) - 1, len(outside) - 1) if pooled else (1, 1)
    variance = (shares[0] * _variance(inside, delta) + shares[1] * _variance(outside, delta)) / sum(shares)
    return _ratio(inside.mean(axis=0) - outside.mean(axis=0), variance, np.abs(responses).max())


def dprime_status(responses: ArrayLike, in_category: ArrayLike) -> NDArray[np.str_]:
    """Whether d' is an ordinary number.

    Parameters
    ----------
    responses : array_like, (stimulus, ...)
    in_category : array_like of bool, (stimulus,)

    Returns
    -------
    numpy.ndarray of str, (...)
        ``"ok"``; ``"constant"`` where all responses are equal, and d' undefined; ``"separated"`` where responses vary
        neither within the category nor outside it but between the two, and d' infinite.

    Examples
    --------
    >>> responses = [[1.0, 0.0, 1.0], [1.0, 0.0, 2.0], [1.0, 1.0, 3.0], [1.0, 1.0, 4.0]]
    >>> dprime_status(responses, [False, False, True, True]).tolist()
    ['constant', 'separated', 'ok']
    """
    values = category_dprime(responses, in_category)
    return np.where(np.isnan(values), "constant", np.where(np.isinf(values), "separated", "ok"))


def category_auc(responses: ArrayLike, in_category: ArrayLike) -> NDArray[np.float64]:
    """Area under the ROC curve, ``P(r_in > r_out) + P(r_in = r_out) / 2``.

    The Mann-Whitney U over the number of pairs, from rank sums with average ranks. 0.5 is chance.

    Parameters
    ----------
    responses : array_like, (stimulus, ...)
    in_category : array_like of bool, (stimulus,)

    Returns
    -------
    numpy.ndarray of float64, (...)

    Raises
    ------
    NotEnoughData
        If no stimulus is in the category, or none is outside it.
    DataError
        If a response is not finite.

    Examples
    --------
    >>> category_auc([1.0, 2.0, 2.0, 3.0], [False, False, True, True]).tolist()
    0.875
    """
    inside, outside = _split(responses, in_category, at_least=1)
    n_in, n_out = len(inside), len(outside)
    ranks = stats.rankdata(np.concatenate([inside, outside]), axis=0)
    auc: NDArray[np.float64] = (ranks[:n_in].sum(axis=0) - n_in * (n_in + 1) / 2) / (n_in * n_out)
    return auc


def selectivity_index(
    responses: ArrayLike, in_category: ArrayLike, *, negative: Literal["refuse", "keep"] = "refuse"
) -> NDArray[np.float64]:
    """Category selectivity index, ``(mean_in - mean_out) / (mean_in + mean_out)``.

    1/3 is a mean response to the category twice that to the rest, the usual criterion for face cells.

    Parameters
    ----------
    responses : array_like, (stimulus, ...)
        Not negative: with negative means the index leaves [-1, 1] and may divide by zero.
    in_category : array_like of bool, (stimulus,)
    negative : {"refuse", "keep"}
        What to do with a negative mean response; ``"keep"`` takes the sum of the absolute means in the denominator.

    Returns
    -------
    numpy.ndarray of float64, (...)
        In [-1, 1]; NaN where both means are 0.

    Raises
    ------
    NotEnoughData
        If no stimulus is in the category, or none is outside it.
    DataError
        If a response is not finite, or a mean is negative and ``negative`` is ``"refuse"``.

    Examples
    --------
    >>> selectivity_index([1.0, 3.0, 4.0, 4.0], [False, False, True, True]).round(4).tolist()
    0.3333
    """
    inside, outside = (part.mean(axis=0) for part in _split(responses, in_category, at_least=1))
    lowest = float(min(inside.min(), outside.min()))
    if lowest < 0 and negative == "refuse":
        raise DataError(
            f"selectivity index: a mean response is {lowest:.4g}, but the index is defined for responses that are not "
            "negative: do not subtract the baseline, or pass negative='keep'"
        )
    total = np.abs(inside) + np.abs(outside)
    index: NDArray[np.float64] = np.divide(inside - outside, total, out=np.full_like(total, np.nan), where=total > 0)
    return index


def dprime_from_moments(
    n: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One-vs-rest d' (ddof 1) of every category from sums over its stimuli.

    Parameters
    ----------
    n : numpy.ndarray, (category, 1)
        Number of stimuli.
    sums, squares : numpy.ndarray, (..., category, unit)
        Sums of the responses and of their squares; centre the responses first, or the squares lose digits.
    scale : numpy.ndarray, (unit,)
        Largest response in magnitude, which rounding errors are proportional to.

    Returns
    -------
    numpy.ndarray of float64, (..., category, unit)
        Infinite or NaN as :func:`category_dprime`.
    """
    rest = n.sum() - n
    mean_in, mean_out = sums / n, (sums.sum(axis=-2, keepdims=True) - sums) / rest
    out_squares = squares.sum(axis=-2, keepdims=True) - squares
    var_in = np.maximum(squares - n * mean_in**2, 0) / (n - 1)
    var_out = np.maximum(out_squares - rest * mean_out**2, 0) / (rest - 1)
    return _ratio(mean_in - mean_out, (var_in + var_out) / 2, scale, rounding=1e-7)


def _split(
    responses: ArrayLike, in_category: ArrayLike, *, at_least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = np.asarray(responses, dtype=np.float64)
    inside = np.asarray(in_category, dtype=bool)
    if inside.shape != values.shape[:1]:
        raise DataError(f"selectivity: {inside.size} memberships do not fit {values.shape[0]} stimuli")
    if not np.isfinite(values).all():
        raise DataError(f"selectivity: {int((~np.isfinite(values)).sum())} responses are not finite")
    for count, where in ((int(inside.sum()), "in"), (int((~inside).sum()), "outside")):
        if count < at_least:
            raise NotEnoughData(
                f"selectivity: {count} stimuli {where} the category, but at least {at_least} are needed on each side"
            )
    return values[inside], values[~inside]


def _variance(values: NDArray[np.float64], ddof: int) -> NDArray[np.float64]:
    variance: NDArray[np.float64] = values.var(axis=0, ddof=ddof)
    return variance


def _ratio(
    difference: NDArray[np.float64], variance: NDArray[np.float64], scale: ArrayLike, rounding: float = 1e-12
) -> NDArray[np.float64]:
    """Difference over the root of the variance, with what rounding leaves of zero taken for zero."""
    sd = np.sqrt(variance)
    floor = rounding * np.asarray(scale, dtype=np.float64)
    varies, differs = sd > floor, np.abs(difference) > floor
    ratio = np.divide(difference, sd, out=np.zeros_like(sd), where=varies)
    flat = np.where(differs, np.copysign(np.inf, difference), np.nan)
    return np.where(varies, ratio, flat)
