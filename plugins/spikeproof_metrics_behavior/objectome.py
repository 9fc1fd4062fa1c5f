"""Image-level d' as in Rajalingham, Issa et al. (2018): false alarms are pooled over trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri
from spikeproof.errors import DataError, NotEnoughData

from .image_level import CAP, correlation
from .image_rates import ImageTrials

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ObjectomeConsistency", "ObjectomeMetrics", "objectome_consistency", "objectome_metrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectomeMetrics:
    """What :func:`objectome_metrics` gives: d', NaN where there was no trial.

    Parameters
    ----------
    o1 : numpy.ndarray of float64, (object,)
    i1, i1n : numpy.ndarray of float64, (image,)
    i2, i2n : numpy.ndarray of float64, (image, object)
        Against each distractor.
    """

    o1: NDArray[np.float64]
    i1: NDArray[np.float64]
    i1n: NDArray[np.float64]
    i2: NDArray[np.float64]
    i2n: NDArray[np.float64]


def objectome_metrics(trials: ImageTrials, rows: ArrayLike | None = None) -> ObjectomeMetrics:
    """Behavioural d' of objects and images (Rajalingham, Issa et al. 2018, doi:10.1523/JNEUROSCI.0388-18.2018).

    Hits: choices of object o on its image i (against distractor d for i2). False alarms: choices of o on all trials
    that show another object (d for i2) and offer o as distractor, pooled over trials. d' = z(hits) - z(false alarms),
    capped at 5 in magnitude. ``n``: less the mean over images of the same object (and distractor).

    Parameters
    ----------
    trials : ImageTrials
    rows : array_like of int, optional
        Positions of the trials to take, such as a half.

    Returns
    -------
    ObjectomeMetrics

    Examples
    --------
    >>> trials = ImageTrials(
    ...     image=[0] * 5 + [1] * 5, distractor=[1] * 5 + [0] * 5, choice=[0, 0, 0, 0, 1, 1, 1, 1, 1, 0], truth=[0, 1]
    ... )
    >>> objectome_metrics(trials).o1.round(4).tolist()
    [1.6832, 1.6832]
    """
    offered, taken = trials.counts(None if rows is None else np.asarray(rows, dtype=np.intp))
    hits = offered - taken
    truth = trials.truth
    member = (truth[None] == np.arange(trials.objects)[:, None]).astype(np.float64)
    shown, fooled = member @ offered, member @ taken  # (object shown, object offered)
    alarms = _share(fooled.sum(axis=0), shown.sum(axis=0))
    i1 = _dprime(_share(hits.sum(axis=1), offered.sum(axis=1)), alarms[truth])
    i2 = _dprime(_share(hits, offered), _share(fooled, shown).T[truth])
    object_hits = _share(shown.sum(axis=1) - fooled.sum(axis=1), shown.sum(axis=1))
    return ObjectomeMetrics(
        o1=_dprime(object_hits, alarms), i1=i1, i1n=_centred(i1[:, None], member)[:, 0], i2=i2, i2n=_centred(i2, member)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectomeConsistency:
    """What :func:`objectome_consistency` gives.

    Parameters
    ----------
    first, second : float
        Internal consistency of each observer: one half against the other.
    raw : float
        Mean correlation between halves of the two.
    consistency : float
        ``raw`` over the root of the product of the internal consistencies; may exceed 1 where these are low.
    entries : int
        Entries that all four halves have.
    """

    first: float
    second: float
    raw: float
    consistency: float
    entries: int


def objectome_consistency(
    first: ArrayLike, second: ArrayLike, *, pairs: Literal["crossed", "all"] = "crossed"
) -> ObjectomeConsistency:
    """Noise-corrected consistency of two observers (Rajalingham, Issa et al. 2018).

    Parameters
    ----------
    first, second : array_like, (half, ...)
        The same metric of :func:`objectome_metrics` on the two halves of each observer's trials.
    pairs : {"crossed", "all"}
        Pairs of halves that ``raw`` averages: the first of one observer with the second of the other and the reverse,
        or all four. The authors' code had both at different times.

    Returns
    -------
    ObjectomeConsistency

    Raises
    ------
    DataError
        If there are not two halves each, of one shape.
    NotEnoughData
        If fewer than two entries are in all four halves, one does not vary, or an internal consistency is not above 0.

    Examples
    --------
    >>> result = objectome_consistency([[1, 2, 3, 4], [1, 2, 4, 3]], [[2, 1, 3, 4], [1, 2, 3, 4]], pairs="all")
    >>> round(result.raw, 3), round(result.consistency, 3)
    (0.8, 1.0)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim < 2 or len(a) != 2:
        raise DataError(f"objectome consistency: needs two halves each, of one shape, got {a.shape} and {b.shape}")
    halves = [part.ravel() for part in (*a, *b)]
    everywhere = np.isfinite(halves).all(axis=0)
    a0, a1, b0, b1 = (part[everywhere] for part in halves)
    what = "objectome consistency"
    own, entries = correlation(a0, a1, what)
    other, _ = correlation(b0, b1, what)
    crossed = [(a0, b1), (a1, b0)]
    compared = crossed if pairs == "crossed" else [*crossed, (a0, b0), (a1, b1)]
    raw = float(np.mean([correlation(x, y, what)[0] for x, y in compared]))
    if own <= 0 or other <= 0:
        raise NotEnoughData(
            f"{what}: the internal consistencies are {own:.3g} and {other:.3g}, but must be above 0 to correct for "
            f"noise: take more trials (uncorrected consistency: {raw:.3g})"
        )
    return ObjectomeConsistency(
        first=own, second=other, raw=raw, consistency=raw / float(np.sqrt(own * other)), entries=entries
    )


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _dprime(hits: NDArray[np.float64], alarms: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.clip(ndtri(hits) - ndtri(alarms), -CAP, CAP))


def _centred(values: NDArray[np.float64], member: NDArray[np.float64]) -> NDArray[np.float64]:
    there = ~np.isnan(values)
    mean = _share(member @ np.where(there, values, 0.0), member @ there)
    return np.asarray(values - mean[member.argmax(axis=0)])
