"""How far perturbations move a unit, on the scale of its clean responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["constant", "random_pair_shift", "shift_in_sd"]


def constant(responses: ArrayLike) -> NDArray[np.bool_]:
    """Whether each unit's responses are all the same, up to rounding.

    Parameters
    ----------
    responses : array_like, (stimulus, ...)

    Returns
    -------
    numpy.ndarray of bool, (...)
    """
    values = np.asarray(responses, dtype=np.float64)
    flat: NDArray[np.bool_] = np.ptp(values, axis=0) <= 1e-12 * np.abs(values).max(axis=0)
    return flat


def shift_in_sd(clean: ArrayLike, perturbed: ArrayLike, sd: ArrayLike) -> NDArray[np.float64]:
    """Shift of a unit's response, ``|r(x + delta) - r(x)| / sd_x r``.

    Equations 1 and 3 of Guo et al. (2022, arXiv:2206.11228): averaged over stimuli and units it is their neuronal
    adversarial sensitivity, a lower bound on the largest shift in the ball that the attack searched.

    Parameters
    ----------
    clean : array_like, (stimulus,)
        Responses to the clean stimuli.
    perturbed : array_like, (..., stimulus)
        Responses to their perturbed versions, in the same units.
    sd : array_like
        Standard deviation of the unit's responses over clean stimuli (ddof 1), above zero.

    Returns
    -------
    numpy.ndarray of float64, (..., stimulus)
        In standard deviations.

    Raises
    ------
    DataError
        If ``sd`` is not above zero: a unit that never varies has no scale.

    Examples
    --------
    >>> shift_in_sd([1.0, 2.0], [[2.0, 0.0]], 2.0).tolist()
    [[0.5, 1.0]]
    """
    scale = np.asarray(sd, dtype=np.float64)
    if not (scale > 0).all():
        raise DataError("sensitivity: a unit with standard deviation 0 over clean stimuli has no scale to measure in")
    shift: NDArray[np.float64] = np.abs(np.asarray(perturbed, dtype=np.float64) - np.asarray(clean)) / scale
    return shift


def random_pair_shift(responses: ArrayLike) -> NDArray[np.float64]:
    """Shift that another stimulus makes, ``mean_{x != x'} |r(x) - r(x')| / sd_x r``, per unit.

    The random-pair line of Guo et al. (2022), figure 1A. It is 2/sqrt(pi) = 1.128 for Gaussian, 1 for exponential and
    sqrt(12)/3 = 1.155 for uniform responses.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)
        Responses to clean stimuli.

    Returns
    -------
    numpy.ndarray of float64, (unit,)
        In standard deviations (ddof 1); NaN for a unit that never varies.

    Examples
    --------
    >>> random_pair_shift([[0.0], [2.0]]).round(4).tolist()
    [1.4142]
    """
    values = np.asarray(responses, dtype=np.float64)
    n = len(values)
    if n < 2:
        raise NotEnoughData(f"sensitivity: the random-pair shift needs at least two stimuli, got {n}")
    gaps = (2 * np.arange(n) - n + 1) @ np.sort(values, axis=0) * 2 / (n * (n - 1))
    sd = values.std(axis=0, ddof=1)
    out: NDArray[np.float64] = np.divide(gaps, sd, out=np.full_like(gaps, np.nan), where=~constant(values))
    return out
