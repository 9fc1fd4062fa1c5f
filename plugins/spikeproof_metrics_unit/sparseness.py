"""Sparseness of units over stimuli and of populations over units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "image_selectivity",
    "kurtosis_sparseness",
    "lifetime_sparseness",
    "population_sparseness",
    "treves_rolls_activity",
]

Negative = Literal["refuse", "rectify", "keep"]
"""What to do with negative responses."""


def treves_rolls_activity(responses: ArrayLike, axis: int = 0, *, negative: Negative = "refuse") -> NDArray[np.float64]:
    """Treves-Rolls activity ratio, ``a = (mean r)^2 / mean r^2`` (Treves & Rolls 1991).

    1 for a response that is the same everywhere, 1/n for one that stands in a single place.

    Parameters
    ----------
    responses : array_like, (..., stimulus, ...)
        Means over repeats, as noise makes a response look sparser.
    axis : int
        The axis of stimuli (units for the population).
    negative : {"refuse", "rectify", "keep"}
        The ratio has no meaning where responses are negative: refuse them, set them to 0 (and say so beside the
        number), or keep them as some packages do, which leaves [1/n, 1].

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where all responses are 0 or one of them is NaN.

    Raises
    ------
    NotEnoughData
        If there are fewer than two responses along the axis.
    DataError
        If a response is negative and ``negative`` is ``"refuse"``.

    Examples
    --------
    >>> treves_rolls_activity([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 4.0]]).tolist()
    [1.0, 0.25]
    """
    values = np.moveaxis(np.asarray(responses, dtype=np.float64), axis, 0)
    if len(values) < 2:
        raise NotEnoughData(f"sparseness: needs at least two responses along axis {axis}, got {len(values)}")
    lowest = np.min(values, initial=np.inf, where=~np.isnan(values))
    if lowest < 0 and negative == "refuse":
        raise DataError(
            f"sparseness: the smallest response is {lowest:.4g}, but sparseness is defined for responses that are not "
            "negative: pass negative='rectify' to set them to 0, and say so beside the number"
        )
    if negative == "rectify":
        values = np.maximum(values, 0)
    peak = np.abs(values).max(axis=0)
    scaled = np.divide(values, peak, out=np.full_like(values, np.nan), where=peak > 0)  # so that no square overflows
    activity: NDArray[np.float64] = scaled.mean(axis=0) ** 2 / (scaled**2).mean(axis=0)
    return activity


def lifetime_sparseness(responses: ArrayLike, axis: int = 0, *, negative: Negative = "refuse") -> NDArray[np.float64]:
    """Lifetime sparseness of Vinje & Gallant (2000), ``S = (1 - a) / (1 - 1/n)``.

    ``a`` is :func:`treves_rolls_activity` and n the number of stimuli. 0 for a unit that responds alike to all
    stimuli, 1 for one that responds to a single stimulus; 0.5 for exponentially distributed responses (n to infinity).

    Parameters
    ----------
    responses : array_like, (..., stimulus, ...)
        Means over repeats.
    axis : int
        The axis of stimuli.
    negative : {"refuse", "rectify", "keep"}
        As for :func:`treves_rolls_activity`.

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where all responses are 0 or one of them is NaN.

    Raises
    ------
    NotEnoughData, DataError
        As :func:`treves_rolls_activity`.

    Examples
    --------
    >>> lifetime_sparseness([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 4.0]]).tolist()
    [0.0, 1.0]
    """
    activity = treves_rolls_activity(responses, axis, negative=negative)
    n = np.asarray(responses).shape[axis]
    sparseness: NDArray[np.float64] = (1 - activity) / (1 - 1 / n)
    return sparseness


def population_sparseness(
    responses: ArrayLike, axis: int = -1, *, negative: Negative = "refuse"
) -> NDArray[np.float64]:
    """Population sparseness: :func:`lifetime_sparseness` over units, for each stimulus.

    It does not follow from lifetime sparseness (Willmore & Tolhurst 2001), and depends on the scale of each unit.

    Parameters
    ----------
    responses : array_like, (..., unit, ...)
        All units on one scale.
    axis : int
        The axis of units.
    negative : {"refuse", "rectify", "keep"}
        As for :func:`treves_rolls_activity`.

    Returns
    -------
    numpy.ndarray of float64, (...)
        NaN where every unit is silent.

    Examples
    --------
    >>> population_sparseness([[0.0, 0.0, 3.0], [2.0, 2.0, 2.0]]).tolist()
    [1.0, 0.0]
    """
    return lifetime_sparseness(responses, axis, negative=negative)


def kurtosis_sparseness(responses: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """Excess kurtosis over stimuli, ``mean ((r - mean r) / sd r)^4 - 3`` (Field 1994, doi:10.1162/neco.1994.6.4.559).

    0 for normal responses, 6 for exponential ones; defined for signed responses, where :func:`lifetime_sparseness` is
    not (Willmore & Tolhurst 2001, doi:10.1080/net.12.3.255.270).

    Parameters
    ----------
    responses : array_like, (..., stimulus, ...)
    axis : int
        The axis of stimuli (units for the population).

    Returns
    -------
    numpy.ndarray of float64, (...)
        At least -2; NaN for a unit that responds alike to all stimuli, and where a response is NaN.

    Raises
    ------
    NotEnoughData
        If there are fewer than two responses along the axis.

    Examples
    --------
    >>> kurtosis_sparseness([[-1.0], [1.0], [-1.0], [1.0]]).tolist()
    [-2.0]
    """
    values = np.moveaxis(np.asarray(responses, dtype=np.float64), axis, 0)
    if len(values) < 2:
        raise NotEnoughData(f"kurtosis: needs at least two responses along axis {axis}, got {len(values)}")
    centred = values - values.mean(axis=0)
    largest = np.abs(centred).max(axis=0)
    varies = largest > 1e-12 * np.abs(values).max(axis=0)
    scaled = np.divide(centred, largest, out=np.full_like(centred, np.nan), where=varies)  # no power overflows
    kurtosis: NDArray[np.float64] = (scaled**4).mean(axis=0) / (scaled**2).mean(axis=0) ** 2 - 3
    return kurtosis


def image_selectivity(responses: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """Image selectivity of Quian Quiroga et al. (2007), ``1 - 2 mean_j P(r > t_j)``.

    The thresholds ``t_j = min + j (max - min) / 1000``, j = 0..999, span the unit's responses; selectivity is high for
    a unit whose responses exceed most thresholds for few stimuli only. Signed responses are fine.

    Parameters
    ----------
    responses : array_like, (..., stimulus, ...)
    axis : int
        The axis of stimuli.

    Returns
    -------
    numpy.ndarray of float64, (...)
        0 for a unit that responds alike to all stimuli, NaN where a response is NaN.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli.

    Examples
    --------
    >>> image_selectivity([[0.0], [0.0], [0.0], [1.0]]).tolist()
    [0.5]
    """
    values = np.moveaxis(np.asarray(responses, dtype=np.float64), axis, 0)
    n = len(values)
    if n < 2:
        raise NotEnoughData(f"image selectivity: needs at least two stimuli, got {n}")
    flat = values.reshape(n, -1)
    out = np.zeros(flat.shape[1])
    for column, row in enumerate(flat.T):
        ordered = np.sort(row)
        if np.isnan(ordered[-1]):
            out[column] = np.nan
        elif ordered[-1] > ordered[0]:
            thresholds = ordered[0] + np.arange(1000) * ((ordered[-1] - ordered[0]) / 1000)
            above = n - np.searchsorted(ordered, thresholds, side="right")
            out[column] = 1 - 2 * (above / n).mean()
    return out.reshape(values.shape[1:])
