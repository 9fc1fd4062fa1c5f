"""Tuning along an axis of a feature space: the preferred axis of a unit, and how flat it is across that axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["AxisMethod", "AxisTuning", "axis_tuning", "held_out_tuning", "preferred_axes", "tuning_strength"]

AxisMethod = Literal["sta", "regression"]
"""How the preferred axis is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisTuning:
    """What :func:`axis_tuning` gives.

    Parameters
    ----------
    axis : numpy.ndarray of float64, (unit, feature)
        Preferred axis of unit length, from all stimuli; NaN for a unit that never varies.
    held_out_r : numpy.ndarray of float64, (unit,)
        Correlation of responses with the projections of held-out stimuli on axes that never saw them.
    preferred_strength, orthogonal_strength : numpy.ndarray of float64, (unit,)
        Share of the variance of held-out responses that bins along the preferred axis explain, and bins along the
        principal axis orthogonal to it; corrected for chance, so that no tuning gives 0 on average.
    flatness : numpy.ndarray of float64, (unit,)
        1 less the ratio of the two: 1 for a unit that is flat across its preferred axis, 0 or less for one that is as
        tuned across it as along it. NaN where the preferred axis explains nothing.
    preferred_curve, orthogonal_curve : numpy.ndarray of float64, (unit, bin)
        Mean held-out response in bins of equal numbers of stimuli, by ascending projection.
    status : numpy.ndarray of str, (unit,)
        ``"ok"``; ``"constant"`` where the unit never varies; ``"untuned"`` where ``preferred_strength`` is not above 0.
    """

    axis: NDArray[np.float64]
    held_out_r: NDArray[np.float64]
    preferred_strength: NDArray[np.float64]
    orthogonal_strength: NDArray[np.float64]
    flatness: NDArray[np.float64]
    preferred_curve: NDArray[np.float64]
    orthogonal_curve: NDArray[np.float64]
    status: NDArray[np.str_]


def preferred_axes(responses: ArrayLike, features: ArrayLike, *, method: AxisMethod = "sta") -> NDArray[np.float64]:
    """Axis of feature space along which each unit's response grows.

    ``sta``: the response-weighted mean of the centred features, ``sum_i (r_i - mean r)(f_i - mean f)``; ``regression``:
    the weights of least squares, which is the former after whitening.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
    features : array_like, (stimulus, feature)
    method : {"sta", "regression"}

    Returns
    -------
    numpy.ndarray of float64, (unit, feature)
        Of unit length; NaN where a unit never varies, or not with the features.

    Raises
    ------
    NotEnoughData
        If regression has no more stimuli than features.
    DataError
        If a value is not finite, or the shapes do not fit.

    Examples
    --------
    >>> preferred_axes([[0.0], [2.0], [0.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]).tolist()
    [[1.0, 0.0]]
    """
    r, f = _checked(responses, features)
    return _axes(r, f, method)


def tuning_strength(responses: ArrayLike, positions: ArrayLike, *, bins: int = 5) -> NDArray[np.float64]:
    """Share of a response's variance that bins of a position explain, corrected for chance.

    ``(SS_between - (bins - 1) MS_within) / SS_total``, the epsilon squared of Kelley (1935): 0 on average where the
    response does not depend on the position, of whatever shape the tuning is.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
    positions : array_like, (stimulus,) or (stimulus, unit)
    bins : int
        Bins of equal numbers of stimuli.

    Returns
    -------
    numpy.ndarray of float64, (unit,)
        At most 1; may be below 0. NaN for a unit that never varies.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli a bin.

    Examples
    --------
    >>> tuning_strength([[0.0], [0.0], [3.0], [3.0]], [0.1, 0.2, 0.7, 0.9], bins=2).tolist()
    [1.0]
    """
    r = np.asarray(responses, dtype=np.float64)
    x = np.asarray(positions, dtype=np.float64)
    return _binned(r, np.broadcast_to(x if x.ndim == 2 else x[:, None], r.shape), bins)[1]


def axis_tuning(
    responses: ArrayLike,
    features: ArrayLike,
    *,
    method: AxisMethod = "sta",
    folds: int = 5,
    bins: int = 5,
    seed: int = 0,
) -> AxisTuning:
    """Axis coding of Bao et al. (2020, doi:10.1038/s41586-020-2350-5), cross-validated over stimuli.

    Each unit's preferred axis is found on the stimuli of the other folds; held-out stimuli are projected on it, and on
    the principal axis orthogonal to it (the direction of largest variance of the features once the preferred axis is
    taken out). An axis code rises along the first and is flat along the second. Both projections are standardised by
    the training stimuli.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
        Means over repeats.
    features : array_like, (stimulus, feature)
        Coordinates of each stimulus, such as the first 50 principal components of a network's layer. A linear unit is
        flat across the axis of ``sta`` whatever the features; across that of ``regression`` only if the features are
        uncorrelated and of equal variance.
    method : {"sta", "regression"}
        See :func:`preferred_axes`.
    folds, bins : int
    seed : int
        Seed of the assignment of stimuli to folds.

    Returns
    -------
    AxisTuning

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli a bin or a fold, fewer than two features, or, for regression, no more
        training stimuli than features.
    DataError
        If a value is not finite, the shapes do not fit, or a feature space has no variance.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(400, 6))
    >>> tuning = axis_tuning(features[:, :1], features)
    >>> tuning.axis[0, 0].round(1).item(), tuning.flatness.round(1).tolist()
    (1.0, [1.0])
    """
    r, f = _checked(responses, features)
    stimuli, dims = f.shape
    if dims < 2:
        raise NotEnoughData("axis tuning: needs at least two features: there is nothing orthogonal to a single one")
    if folds < 2 or stimuli < 2 * folds:
        raise NotEnoughData(f"axis tuning: {stimuli} stimuli cannot be split into {folds} folds of two or more")
    fold = generator(seed, "axis-tuning").permutation(np.arange(stimuli) % folds)
    along, across = _projections(r, f, fold, method)
    preferred_curve, preferred = _binned(r, along, bins)
    orthogonal_curve, orthogonal_strength = _binned(r, across, bins)
    constant = _constant(r)
    tuned = preferred > 0
    ratio = np.divide(orthogonal_strength, preferred, out=np.full_like(preferred, np.nan), where=tuned)
    return AxisTuning(
        axis=_axes(r, f, method),
        held_out_r=_correlation(r, along),
        preferred_strength=preferred,
        orthogonal_strength=orthogonal_strength,
        flatness=1 - ratio,
        preferred_curve=preferred_curve,
        orthogonal_curve=orthogonal_curve,
        status=np.where(constant, "constant", np.where(tuned, "ok", "untuned")),
    )


def held_out_tuning(
    responses: ArrayLike,
    features: ArrayLike,
    fold: NDArray[np.intp],
    *,
    method: AxisMethod = "sta",
    bins: int = 5,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The three numbers of :func:`axis_tuning` alone, for given folds: held-out r, strength along and across.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
    features : array_like, (stimulus, feature)
    fold : numpy.ndarray of int, (stimulus,)
        Two folds or more.
    method, bins
        As for :func:`axis_tuning`.

    Returns
    -------
    held_out_r, preferred_strength, orthogonal_strength : numpy.ndarray of float64, (unit,)
        NaN for a unit that never varies.

    Raises
    ------
    NotEnoughData, DataError
        As :func:`axis_tuning`.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(400, 6))
    >>> r, along, across = held_out_tuning(features[:, :1], features, np.arange(400) % 5)
    >>> bool(r[0] > 0.9 and along[0] > 0.8 and abs(across[0]) < 0.05)
    True
    """
    r, f = _checked(responses, features)
    along, across = _projections(r, f, fold, method)
    return _correlation(r, along), _binned(r, along, bins)[1], _binned(r, across, bins)[1]


def _projections(
    r: NDArray[np.float64], f: NDArray[np.float64], fold: NDArray[np.intp], method: AxisMethod
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Projections of held-out stimuli on each unit's preferred axis and on the principal one across it."""
    along, across = np.empty_like(r), np.empty_like(r)
    for number in np.unique(fold).tolist():
        test = fold == number
        centre = f[~test].mean(axis=0)
        training, held_out = f[~test] - centre, f[test] - centre
        axes = _axes(r[~test], f[~test], method)
        orthogonal = _principal_orthogonal(training, axes)
        for axis, out in ((axes, along), (orthogonal, across)):
            sd = (training @ axis.T).std(axis=0)
            out[test] = (held_out @ axis.T) / np.where(sd > 0, sd, np.nan)
    return along, across


def _checked(responses: ArrayLike, features: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r, f = np.asarray(responses, dtype=np.float64), np.asarray(features, dtype=np.float64)
    if r.ndim != 2 or f.ndim != 2 or len(r) != len(f):
        raise DataError(
            f"axis tuning: responses {r.shape} and features {f.shape} must be (stimulus, unit) and (stimulus, feature)"
        )
    for name, values in (("responses", r), ("features", f)):
        if not np.isfinite(values).all():
            raise DataError(f"axis tuning: {int((~np.isfinite(values)).sum())} {name} are not finite")
    if _constant(f).all():
        raise DataError("axis tuning: the features are the same for all stimuli")
    return r, f


def _constant(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    flat: NDArray[np.bool_] = np.ptp(values, axis=0) <= 1e-12 * np.abs(values).max(axis=0)
    return flat


def _axes(r: NDArray[np.float64], f: NDArray[np.float64], method: AxisMethod) -> NDArray[np.float64]:
    centred, features = r - r.mean(axis=0), f - f.mean(axis=0)
    if method == "regression":
        if len(f) <= f.shape[1]:
            raise NotEnoughData(
                f"axis tuning: regression on {f.shape[1]} features needs more training stimuli than that, got "
                f"{len(f)}: take fewer features or method 'sta'"
            )
        weights = np.linalg.lstsq(features, centred, rcond=None)[0].T
    else:
        weights = centred.T @ features
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    found = (length[:, 0] > 0) & ~_constant(r)
    axes: NDArray[np.float64] = np.divide(weights, length, out=np.full_like(weights, np.nan), where=found[:, None])
    return axes


def _principal_orthogonal(features: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """First principal component of the features with each preferred axis taken out, (unit, feature)."""
    variances, basis = np.linalg.eigh(features.T @ features / len(features))
    out = np.full_like(axes, np.nan)
    found = np.flatnonzero(np.isfinite(axes).all(axis=1))
    out[found] = _secular(variances, axes[found] @ basis) @ basis.T
    return out


def _secular(variances: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """First principal axis orthogonal to each of some, in the basis of the components, (unit, component).

    It is in proportion to w / (variance - m), where m, between the two largest variances, makes it orthogonal to w.
    """
    second, first = variances[-2], variances[-1]
    low, high = np.full(len(axes), second), np.full(len(axes), first)
    for _ in range(54):
        middle = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            above = (axes**2 / (variances - middle[:, None])).sum(axis=1) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = axes / (variances - ((low + high) / 2)[:, None])
        out /= np.linalg.norm(out, axis=1, keepdims=True)
    # Variances that are equal, and axes that lie along a component, leave nothing to divide by.
    failed = ~np.isfinite(out).all(axis=1)
    failed |= np.abs((np.where(failed[:, None], 0.0, out) * axes).sum(axis=1)) > 1e-9
    failed |= np.abs(axes[:, -2:]).min(axis=1) < 1e-6
    for unit in np.flatnonzero(failed):
        own = np.outer(axes[unit], axes[unit])
        away = np.eye(len(variances)) - own
        # Less the axis itself, so that it is not taken where nothing varies across it.
        out[unit] = np.linalg.eigh(away @ np.diag(variances) @ away - own)[1][:, -1]
    return np.asarray(out)


def _binned(
    r: NDArray[np.float64], positions: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean response (unit, bin) in bins of equal numbers by ascending position, and the tuning strength (unit,)."""
    stimuli = len(r)
    if bins < 2 or stimuli < 2 * bins:
        raise NotEnoughData(f"axis tuning: {stimuli} stimuli are too few for {bins} bins of two or more")
    ordered = np.take_along_axis(r, positions.argsort(axis=0, kind="stable"), axis=0)
    edges = np.linspace(0, stimuli, bins + 1).astype(np.intp)
    counts = np.diff(edges)[:, None]
    means = np.add.reduceat(ordered, edges[:-1], axis=0) / counts
    grand = r.mean(axis=0)
    total = ((r - grand) ** 2).sum(axis=0)
    between = (counts * (means - grand) ** 2).sum(axis=0)
    within = np.maximum(total - between, 0.0) / (stimuli - bins)
    usable = ~_constant(r) & np.isfinite(positions).all(axis=0)
    strength = np.divide(between - (bins - 1) * within, total, out=np.full_like(total, np.nan), where=usable)
    return np.where(usable, means, np.nan).T, strength


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    length = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    r: NDArray[np.float64] = np.divide((a * b).sum(axis=0), length, out=np.full_like(length, np.nan), where=length > 0)
    return r
