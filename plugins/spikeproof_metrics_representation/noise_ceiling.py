"""How well any model could do, given how much subjects differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from spikeproof.errors import NotEnoughData

from .checking import Undefined
from .compare import RdmComparison, as_rdms, centred, check_method, compare_rdms, midranks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["NoiseCeiling", "rdm_noise_ceiling"]


class NoiseCeiling(NamedTuple):
    """Bounds on the mean similarity to the subjects that the true RDM would have.

    Parameters
    ----------
    lower : float
        Each subject against the pool of the others.
    upper : float
        Each subject against the pool of all, itself included: no single RDM does better (exactly so for ``cosine`` and
        ``corr``).
    """

    lower: float
    upper: float


def rdm_noise_ceiling(
    rdms: ArrayLike,
    method: RdmComparison = "cosine",
    *,
    pool: Literal["method", "mean"] = "method",
    undefined: Undefined = "refuse",
) -> NoiseCeiling:
    """Noise ceiling of the RDMs of several subjects (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553).

    Parameters
    ----------
    rdms : array_like, (subject, pair)
        NaN (a pair that was not measured) must stand at the same pairs for all subjects.
    method : str
        See :func:`compare_rdms`.
    pool : {"method", "mean"}
        ``method``, as rsatoolbox: RDMs are brought to the same scale before they are averaged, each by its root mean
        square (``cosine``, ``cosine_cov``), its z-scores (``corr``, ``corr_cov``) or its ranks (``spearman``,
        ``rho-a``, and, as an approximation, ``tau-a`` and ``tau-b``); ``bures`` and the rest take the plain mean.
        ``mean``, as Brain-Score's ``rsa_ceiling``: the plain mean.
    undefined : {"refuse", "nan", "zero"}
        See :func:`compare_rdms`.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    NotEnoughData
        If there is one subject only (rsatoolbox returns [1, 1]).
    DataError
        As :func:`compare_rdms`.

    Examples
    --------
    >>> lower, upper = rdm_noise_ceiling([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], "corr")
    >>> round(lower, 6), round(upper, 6)
    (0.5, 0.866025)
    """
    check_method(method)
    values, _, _ = as_rdms(rdms, "set of subjects")
    subjects = len(values)
    if subjects < 2:
        raise NotEnoughData(
            "noise ceiling: needs the RDMs of at least 2 subjects, got 1; a single subject has no ceiling"
        )
    whole = np.atleast_2d(np.asarray(rdms, dtype=np.float64))
    scaled = pooling_scale(values, method) if pool == "method" else values
    total = scaled.sum(axis=0)
    upper: list[float] = []
    lower: list[float] = []
    full = np.full(whole.shape[1], np.nan)
    kept = ~np.isnan(whole).any(axis=0)
    for own, rdm in zip(scaled, values, strict=True):
        for pooled, bound in ((total / subjects, upper), ((total - own) / (subjects - 1), lower)):
            predicted, measured = full.copy(), full.copy()
            predicted[kept], measured[kept] = pooled, rdm
            bound.append(compare_rdms(predicted, measured, method, undefined=undefined)[0, 0])
    return NoiseCeiling(float(np.mean(lower)), float(np.mean(upper)))


def pooling_scale(values: NDArray[np.float64], method: RdmComparison) -> NDArray[np.float64]:
    """RDMs brought to the scale on which a method pools them; a zero or constant one contributes nothing."""
    if method in {"spearman", "rho-a", "tau-a", "tau-b"}:
        return midranks(values)
    if method in {"corr", "corr_cov"}:
        values = centred(values)
    elif method not in {"cosine", "cosine_cov"}:
        return values
    spread = np.sqrt((values**2).mean(axis=1, keepdims=True))
    return values / np.where(spread > 0, spread, 1.0)
