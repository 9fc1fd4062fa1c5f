"""The distances between stimuli that RDMs of a study may have, of means or of single presentations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

from .checking import CONSTANT
from .crossnobis import rdm_crossnobis
from .noise import noise_precision
from .rdm import rdm_correlation, rdm_mahalanobis, rdm_matrix, rdm_poisson, rdm_squared_euclidean, rdm_vector
from .repeats import stack_repeats
from .unbalanced import rdm_unbalanced

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.types import Repeats

__all__ = ["SAID", "Distance", "Side", "is_flat", "rdm_of", "reads_presentations"]

Distance: TypeAlias = Literal["correlation", "squared-euclidean", "poisson", "mahalanobis", "crossnobis"]

SAID: dict[Distance, str] = {
    "correlation": "1 - r over units",
    "squared-euclidean": "squared Euclidean distance per unit",
    "poisson": (
        "symmetrised Kullback-Leibler divergence of Poisson counts per unit, rates shrunk to a Gamma prior of mean 1 "
        "and weight 0.1 (van den Bosch et al. 2025)"
    ),
    "mahalanobis": (
        "squared Mahalanobis distance per unit, in the noise of single presentations (covariance shrunk to its "
        "diagonal, Schaefer & Strimmer 2005, doi:10.2202/1544-6115.1175); squared Euclidean distance per unit where "
        "responses are computed by a network and have no noise"
    ),
    "crossnobis": (
        "squared Mahalanobis distance per unit, cross-validated over repeats and so without the bias of noise (Walther "
        "et al. 2016, doi:10.1016/j.neuroimage.2015.12.012; where stimuli differ in repeats, over all pairs of "
        "presentations of different ranks); squared Euclidean distance per unit where responses are computed by a "
        "network and have no noise"
    ),
}
"""What a distance is, in a definition."""


_ROUNDING = 1e-12
"""Distances that differ by less, in units of the squared patterns, are the same."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Responses whose distances are wanted.

    Parameters
    ----------
    values : numpy.ndarray of float64, (stimulus, unit)
        Means over repeats.
    stimuli : numpy.ndarray of str, (stimulus,)
    repeats : Repeats, optional
        Single presentations of the same stimuli and units.
    noiseless : bool
        Whether the responses are computed, and have no noise.
    what : str
        What messages call it.
    """

    values: NDArray[np.float64]
    stimuli: NDArray[np.str_]
    repeats: Repeats | None
    noiseless: bool
    what: str


def reads_presentations(distance: Distance) -> bool:
    """Whether a distance needs single presentations."""
    return distance in {"mahalanobis", "crossnobis"}


def rdm_of(side: Side, distance: Distance, metric: str) -> NDArray[np.float64]:
    """RDM of one side, its stimuli in the order of the side.

    Parameters
    ----------
    side : Side
    distance : {"correlation", "squared-euclidean", "poisson", "mahalanobis", "crossnobis"}
    metric : str
        What messages call the metric.

    Returns
    -------
    numpy.ndarray of float64, (pair,)

    Raises
    ------
    NotEnoughData
        If a distance needs repeats that a noisy side has not, or correlations are not defined.
    DataError
        If Poisson distances are wanted of responses that are negative.

    Examples
    --------
    >>> side = Side(values=np.eye(3), stimuli=np.array(list("abc")), repeats=None, noiseless=True, what="model")
    >>> rdm_of(side, "crossnobis", "toy").round(6).tolist()
    [0.666667, 0.666667, 0.666667]
    """
    if distance == "correlation":
        _refuse_flat(side, metric)
        return rdm_correlation(side.values)
    if distance == "poisson":
        lowest = float(side.values.min())
        if lowest < 0:
            raise DataError(
                f"{metric}: poisson distances need counts, which are not negative, and the smallest response of the "
                f"{side.what} is {lowest:.4g}: set distance to another"
            )
        return rdm_poisson(side.values)
    if distance == "squared-euclidean" or (side.noiseless and side.repeats is None):
        return rdm_squared_euclidean(side.values)
    shown = side.repeats
    if shown is None:
        raise NotEnoughData(
            f"{metric}: {distance} distances need single presentations of repeated stimuli, and there are none of the "
            f"{side.what}: set distance to squared-euclidean or correlation"
        )
    names, place, counts = np.unique(shown.stimuli, return_inverse=True, return_counts=True)
    if counts.max() < 2 or len(names) < len(side.stimuli):
        raise NotEnoughData(
            f"{metric}: {distance} distances need repeats, and there are too few of the {side.what} (a half of two "
            "repeats has one each): set distance to squared-euclidean or correlation"
        )
    precision = noise_precision(shown.responses, place)
    if distance == "mahalanobis":
        return rdm_mahalanobis(side.values, precision)
    if counts.min() < 2:
        raise NotEnoughData(
            f"{metric}: stimulus {str(names[counts.argmin()])!r} of the {side.what} was presented once "
            f"({int((counts < 2).sum())} such stimuli), but crossnobis distances need two presentations of each: leave "
            "it out, or set distance to mahalanobis"
        )
    return _in_order(_crossnobis(shown.responses, place, counts, precision), names, side.stimuli)


def is_flat(rdm: NDArray[np.float64], side: Side, distance: Distance) -> bool:
    """Whether all distances are the same but for rounding."""
    if distance == "correlation":
        scale = 1.0
    elif distance == "poisson":
        scale = max(float(np.abs(rdm).max()), float(side.values.max()))
    else:
        of_means = distance == "squared-euclidean" or side.repeats is None
        scale = float(np.abs(rdm).max())
        scale = max(scale, float((side.values**2).mean(axis=1).max())) if of_means else scale
    return bool(np.ptp(rdm) <= _ROUNDING * scale)


def _crossnobis(
    responses: NDArray[np.float64],
    place: NDArray[np.intp],
    counts: NDArray[np.intp],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distances between the stimuli in the order of their numbers."""
    if counts.min() == counts.max():
        return rdm_crossnobis(stack_repeats(responses, place)[0], precision)
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(place), dtype=np.intp)
    rank[order] = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rdm_unbalanced(responses, place, "mahalanobis", folds=rank, precision=precision)


def _in_order(rdm: NDArray[np.float64], names: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.float64]:
    """The RDM of sorted names in another order of them."""
    rows = np.searchsorted(names, wanted)
    return rdm_vector(rdm_matrix(rdm)[np.ix_(rows, rows)])


def _refuse_flat(side: Side, metric: str) -> None:
    """Refuse what has no correlation over units."""
    values = side.values
    if values.shape[1] < 3:
        raise NotEnoughData(
            f"{metric}: the {side.what} has {values.shape[1]} units, but correlation distances need at least 3: "
            "set distance to squared-euclidean"
        )
    spread = np.linalg.norm(values - values.mean(axis=1, keepdims=True), axis=1)
    flat = np.flatnonzero(spread <= CONSTANT * np.linalg.norm(values, axis=1))
    if flat.size:
        raise NotEnoughData(
            f"{metric}: all {values.shape[1]} units of the {side.what} respond alike to stimulus "
            f"{str(side.stimuli[flat[0]])!r} ({flat.size} such stimuli), so that its correlation distances are "
            "undefined: leave it out, or set distance to squared-euclidean"
        )
