"""Extrapolation of a neuron-dropping curve: its asymptote, and how many units reach 95 % of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Extrapolation", "choice_accuracy", "extrapolate_curve"]

_LARGEST_D = 10.0
_GRID = np.linspace(0, _LARGEST_D, 20_001)
_FAR = 10.0
"""Times the largest population beyond which an extrapolated number of units is called far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extrapolation:
    """What :func:`extrapolate_curve` gives.

    Parameters
    ----------
    units : float
        Number of units that reach the share of the asymptote.
    low, high : float
        Its interval over draws; infinite where draws show no bend; NaN without draws.
    asymptote, asymptote_low, asymptote_high : float
        Accuracy of infinitely many units.
    dprime : float
        d' of infinitely many units.
    half : float
        n0, the number of units at which d'^2 is half of that.
    fitted : numpy.ndarray of float64, (size,)
        The curve.
    residual : float
        Root mean square of what it misses.
    status : str
        ``"ok"``; ``"far"`` where ``units`` is beyond ten times the largest population, and the number means little;
        ``"unbounded"`` where the curve does not bend within the data and ``units`` is infinite.
    """

    units: float
    low: float
    high: float
    asymptote: float
    asymptote_low: float
    asymptote_high: float
    dprime: float
    half: float
    fitted: NDArray[np.float64]
    residual: float
    status: str


def choice_accuracy(dprime: ArrayLike, options: int) -> NDArray[np.float64]:
    """Accuracy of the best choice among equally distant alternatives, ``integral phi(x - d') Phi(x)^(m-1) dx``.

    Green & Swets (1966); for two alternatives ``Phi(d' / sqrt 2)``.

    Parameters
    ----------
    dprime : array_like
        Not negative.
    options : int
        m, 2 or more.

    Returns
    -------
    numpy.ndarray of float64
        1 / m to 1.

    Examples
    --------
    >>> choice_accuracy([0.0, 2.0], 2).round(4).tolist()
    [0.5, 0.9214]
    """
    d = np.asarray(dprime, dtype=np.float64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = nodes + d[..., None]
    return np.asarray((ndtr(x) ** (options - 1)) @ weights / weights.sum())


def extrapolate_curve(
    sizes: ArrayLike,
    accuracy: ArrayLike,
    options: int,
    *,
    draws: ArrayLike | None = None,
    share: float = 0.95,
    chance: float | None = None,
    level: float = 0.95,
) -> Extrapolation:
    """Fit ``d'(n) = d_inf sqrt(n / (n + n0))`` to decoding accuracy against the number of units.

    Units with noise in common: the squared d' of a linear readout grows in proportion to n while n is small and
    saturates (Moreno-Bote et al. 2014, doi:10.1038/nn.3807: ``I = I0 n / (1 + eps I0 n)``). Accuracy follows from d' by
    :func:`choice_accuracy`. Least squares over accuracy, d_inf up to 10.

    Parameters
    ----------
    sizes : array_like, (size,)
        Numbers of units.
    accuracy : array_like, (size,)
        Held-out accuracy, mean over subsets of units.
    options : int
        Number of categories.
    draws : array_like, (draw, size), optional
        Bootstrap draws of the curve, over stimuli and subsets.
    share : float
        Share of the asymptotic accuracy asked for.
    chance : float, optional
        Accuracy without any information; by default 1 over the number of categories. Give that of shuffled labels where
        categories differ in size.
    level : float
        Of the interval.

    Returns
    -------
    Extrapolation

    Raises
    ------
    NotEnoughData
        If there are fewer than four sizes, or the largest population does no better than chance.
    DataError
        If sizes do not ascend from 1, shapes do not fit, or an accuracy is not in [0, 1].

    Examples
    --------
    >>> sizes = np.array([1, 2, 5, 10, 20, 50, 100])
    >>> truth = choice_accuracy(3.0 * np.sqrt(sizes / (sizes + 20)), 4)
    >>> result = extrapolate_curve(sizes, truth, 4)
    >>> round(result.dprime, 2), round(result.half, 1), result.status
    (3.0, 20.0, 'ok')
    """
    n, observed = np.asarray(sizes, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    guess = 1 / options if chance is None else chance
    drawn = np.empty((0, n.size)) if draws is None else np.asarray(draws, dtype=np.float64)
    _check(n, observed, drawn, guess, share)
    dprime, half = _fit(n, np.vstack([observed, drawn]), options, guess)
    top = _accuracy(dprime, options, guess)
    needed = _units(dprime, half, top * share, options, guess, n[-1])
    fitted = _accuracy(dprime[0] * np.sqrt(n / (n + half[0])), options, guess)
    bounds = [
        interval(values[1:], values[0], level) if draws is not None else (np.nan, np.nan) for values in (needed, top)
    ]
    units = float(needed[0])
    return Extrapolation(
        units=units,
        low=float(bounds[0][0]),
        high=float(bounds[0][1]),
        asymptote=float(top[0]),
        asymptote_low=float(bounds[1][0]),
        asymptote_high=float(bounds[1][1]),
        dprime=float(dprime[0]),
        half=float(half[0]),
        fitted=fitted,
        residual=float(np.sqrt(((fitted - observed) ** 2).mean())),
        status="unbounded" if np.isinf(units) else "far" if units > _FAR * n[-1] else "ok",
    )


def _check(
    n: NDArray[np.float64], observed: NDArray[np.float64], drawn: NDArray[np.float64], chance: float, share: float
) -> None:
    if n.ndim != 1 or n.size < 4:
        raise NotEnoughData(f"extrapolation: needs at least four population sizes, got {n.size}")
    if n[0] < 1 or (np.diff(n) <= 0).any():
        raise DataError(f"extrapolation: sizes must ascend from 1 or more, got {n.tolist()}")
    if observed.shape != n.shape or drawn.ndim != 2 or drawn.shape[1] != n.size:
        raise DataError(f"extrapolation: {observed.shape} accuracies and {drawn.shape} draws do not fit {n.size} sizes")
    for values in (observed, drawn):
        if not ((values >= 0) & (values <= 1)).all():
            raise DataError("extrapolation: accuracies must lie between 0 and 1")
    if not 0 < share < 1 or not 0 <= chance < 1:
        raise DataError(f"extrapolation: share must lie in (0, 1) and chance in [0, 1), got {share:g} and {chance:g}")
    if observed[-1] <= chance:
        raise NotEnoughData(
            f"extrapolation: the accuracy of {n[-1]:g} units, {observed[-1]:.3g}, is not above chance ({chance:.3g}): "
            "there is nothing to extrapolate"
        )


def _accuracy(dprime: NDArray[np.float64], options: int, chance: float) -> NDArray[np.float64]:
    """Accuracy for a d', rescaled where guessing does better than 1 over the number of options."""
    plain = 1 / options
    return np.asarray(chance + (1 - chance) * (np.interp(dprime, _GRID, _tabulated(options)) - plain) / (1 - plain))


@lru_cache(maxsize=16)
def _tabulated(options: int) -> NDArray[np.float64]:
    """Accuracy on a grid fine enough (errors of 1e-8) to be interpolated, as fits ask for it a million times."""
    return choice_accuracy(_GRID, options)


def _fit(
    n: NDArray[np.float64], curves: NDArray[np.float64], options: int, chance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """d_inf and n0 of every curve (curve, size): the best of a grid, then Gauss-Newton steps of all curves at once.

    n0 is infinite where the best of the grid lies at its end: d'^2 in proportion to n.
    """
    halves = np.geomspace(n[0] / 100, n[-1] * 1000, 160)
    tops = np.geomspace(0.02, _LARGEST_D, 120)
    shape = np.sqrt(n / (n + halves[:, None]))
    table = _accuracy(tops[:, None, None] * shape, options, chance).reshape(-1, n.size)
    norm = (table**2).sum(axis=1)
    best = np.concatenate(
        [(norm - 2 * part @ table.T).argmin(axis=1) for part in np.array_split(curves, 1 + len(curves) // 100)]
    )
    log_d, log_h = np.log(tops[best // halves.size]), np.log(halves[best % halves.size])
    damping = np.full(len(curves), 1e-3)

    def errors(d: NDArray[np.float64], h: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(
            _accuracy(np.exp(d)[:, None] * np.sqrt(n / (n + np.exp(h)[:, None])), options, chance) - curves
        )

    residual = errors(log_d, log_h)
    step = 1e-3
    for _ in range(40):
        by_d, by_h = (errors(log_d + step, log_h) - residual) / step, (errors(log_d, log_h + step) - residual) / step
        dd, hh, dh = (by_d**2).sum(axis=1), (by_h**2).sum(axis=1), (by_d * by_h).sum(axis=1)
        gd, gh = (by_d * residual).sum(axis=1), (by_h * residual).sum(axis=1)
        dd, hh = dd * (1 + damping) + 1e-15, hh * (1 + damping) + 1e-15
        determinant = dd * hh - dh**2
        new_d = np.clip(log_d - (hh * gd - dh * gh) / determinant, np.log(1e-3), np.log(_LARGEST_D))
        new_h = np.clip(log_h - (dd * gh - dh * gd) / determinant, np.log(halves[0]), np.log(halves[-1]))
        tried = errors(new_d, new_h)
        better = (tried**2).sum(axis=1) < (residual**2).sum(axis=1)
        log_d, log_h = np.where(better, new_d, log_d), np.where(better, new_h, log_h)
        residual = np.where(better[:, None], tried, residual)
        damping = np.where(better, damping / 3, damping * 4)
    half = np.exp(log_h)
    return np.exp(log_d), np.where(half >= halves[-1] * 0.99, np.inf, half)


def _units(
    dprime: NDArray[np.float64],
    half: NDArray[np.float64],
    wanted: NDArray[np.float64],
    options: int,
    chance: float,
    largest: float,
) -> NDArray[np.float64]:
    """Number of units at which each curve reaches an accuracy; infinite where it does not bend."""
    out = np.full(len(dprime), np.inf)
    reached = np.interp(wanted, _accuracy(_GRID, options, chance), _GRID)
    share = (reached / dprime) ** 2
    bends = np.isfinite(half) & (half < largest * 1000) & (share < 1)
    out[bends] = half[bends] * share[bends] / (1 - share[bends])
    return out
