"""Error consistency: whether observers err on the same stimuli, beyond what their accuracies make likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ErrorConsistency", "error_consistency", "kappa_of_counts", "mean_kappa"]

Agreeing = Literal["one", "undefined"]
"""Kappa of two observers that are both always right, or both always wrong."""
Different = Literal["refuse", "undefined", "shared"]
"""What to do with two observers that did not see the same stimuli."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorConsistency:
    """What :func:`error_consistency` gives, for every pair of observers.

    Parameters
    ----------
    kappa : numpy.ndarray of float64, (..., observer, observer)
        Error consistency; NaN where the two saw no stimulus in common or, by choice, where it is 0/0.
    observed, expected : numpy.ndarray of float64, (..., observer, observer)
        Share of stimuli on which both are right or both wrong, and the share that their accuracies make likely.
    shared : numpy.ndarray of int, (..., observer, observer)
        Stimuli that both saw.
    accuracy : numpy.ndarray of float64, (..., observer)
        Of each observer on what it saw; NaN where it saw nothing.
    """

    kappa: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    shared: NDArray[np.intp]
    accuracy: NDArray[np.float64]


def error_consistency(
    correct: ArrayLike, *, agreeing: Agreeing = "one", different: Different = "refuse"
) -> ErrorConsistency:
    """Cohen's kappa between right and wrong choices (Geirhos, Meding & Wichmann 2020, arXiv:2006.16736).

    ``kappa = (c_obs - c_exp) / (1 - c_exp)`` with ``c_exp = p q + (1 - p)(1 - q)``, p and q being the accuracies of two
    observers and c_obs the share of stimuli on which both are right or both wrong. Conditions must not be pooled: give
    them as a leading dimension.

    Parameters
    ----------
    correct : array_like, (..., observer, stimulus)
        1 where right, 0 where wrong, NaN where not seen. Leading dimensions, such as conditions, are kept apart.
    agreeing : {"one", "undefined"}
        Two observers that agree on every stimulus: 1 as in model-vs-human, also where both are always right (0/0), or
        NaN where it is 0/0, as Brain-Score has it.
    different : {"refuse", "undefined", "shared"}
        Two observers that saw different stimuli under a condition: refuse, give NaN, or compare them on the stimuli
        that both saw. Observers that saw none there give NaN at once.

    Returns
    -------
    ErrorConsistency

    Raises
    ------
    DataError
        If a value is none of 0, 1 and NaN, or two observers saw different stimuli and ``different`` is ``"refuse"``.
    NotEnoughData
        If there are fewer than two observers, or no stimulus.

    Examples
    --------
    >>> result = error_consistency([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])
    >>> result.kappa.tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    values = np.asarray(correct, dtype=np.float64)
    if values.ndim < 2 or values.shape[-2] < 2:
        raise NotEnoughData("error consistency: needs at least two observers, (..., observer, stimulus)")
    if values.shape[-1] == 0:
        raise NotEnoughData("error consistency: there is no stimulus")
    missing = np.isnan(values)
    if not ((values == 0) | (values == 1) | missing).all():
        raise DataError("error consistency: values must be 1 (right), 0 (wrong) or NaN (not seen)")
    seen = (~missing).astype(np.float64)
    right = np.where(missing, 0.0, values)
    own = seen.sum(axis=-1)
    if (seen == seen[..., :1, :]).all():  # all saw the same: one product per condition
        shared = np.broadcast_to(own[..., None], (*own.shape, own.shape[-1]))
        first = np.broadcast_to(right.sum(axis=-1)[..., None], shared.shape)
    else:
        shared = seen @ _turned(seen)
        first = right @ _turned(seen)
        unequal = (shared != own[..., None]) | (shared != own[..., None, :])
        unequal &= (own > 0)[..., None] & (own > 0)[..., None, :]
        if different == "refuse" and unequal.any():
            *where, a, b = (int(k) for k in np.argwhere(unequal)[0])
            raise DataError(
                f"error consistency: observers {a} and {b} saw different stimuli"
                + (f" under condition {where[0] if len(where) == 1 else tuple(where)}" if where else "")
                + f" ({int(own[(*where, a)])} and {int(own[(*where, b)])}, {int(shared[(*where, a, b)])} of them the "
                "same): pass different='shared' to compare them on those, or 'undefined' to leave them out"
            )
        if different == "undefined":
            shared = np.where(unequal, 0.0, shared)
    second = _turned(first)
    kappa, observed, expected = kappa_of_counts(right @ _turned(right), first, second, shared, agreeing)
    return ErrorConsistency(
        kappa=kappa,
        observed=observed,
        expected=expected,
        shared=shared.astype(np.intp),
        accuracy=np.divide(right.sum(axis=-1), own, out=np.full_like(own, np.nan), where=own > 0),
    )


def kappa_of_counts(
    both: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    stimuli: NDArray[np.float64],
    agreeing: Agreeing = "one",
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kappa, observed and expected consistency from counts of stimuli.

    Parameters
    ----------
    both, first, second : numpy.ndarray, (...)
        Stimuli on which both observers are right, the first is, the second is; whole numbers.
    stimuli : numpy.ndarray, (...)
        Stimuli that both saw; where 0 all three are NaN.
    agreeing : {"one", "undefined"}

    Returns
    -------
    kappa, observed, expected : numpy.ndarray of float64, (...)
    """
    n = np.where(stimuli > 0, stimuli, 1.0)
    agree = n - first - second + 2 * both
    p, q, observed = first / n, second / n, agree / n
    expected = p * q + (1 - p) * (1 - q)
    certain = ((first == n) & (second == n)) | ((first == 0) & (second == 0))
    kappa = np.divide(observed - expected, 1 - expected, out=np.full_like(observed, np.nan), where=~certain)
    kappa = np.where(agree == n, 1.0 if agreeing == "one" else np.where(certain, np.nan, 1.0), kappa)
    none = stimuli <= 0
    return np.where(none, np.nan, kappa), np.where(none, np.nan, observed), np.where(none, np.nan, expected)


def mean_kappa(
    kappa: ArrayLike,
    first: ArrayLike | None = None,
    second: ArrayLike | None = None,
    *,
    undefined: Literal["refuse", "exclude"] = "refuse",
    absolute: bool = False,
) -> float:
    """Mean error consistency over conditions, then over pairs of observers.

    Parameters
    ----------
    kappa : array_like, (observer, observer) or (condition, observer, observer)
    first, second : array_like of int, optional
        The observers to compare with each other (models and humans, say); pairs of one observer with itself are left
        out. Without ``second``, all pairs within ``first``; without ``first``, all pairs.
    undefined : {"refuse", "exclude"}
        What to do with NaN: refuse, or leave it out of the means, as Brain-Score does.
    absolute : bool
        Take the absolute value of the mean, as Brain-Score does: an observer that errs where the other does not then
        counts as consistent. Our own numbers keep the sign.

    Returns
    -------
    float

    Raises
    ------
    NotEnoughData
        If there is no pair, or every kappa is undefined.
    DataError
        If a kappa is undefined and ``undefined`` is ``"refuse"``.

    Examples
    --------
    >>> kappa = [[[1.0, -0.2], [-0.2, 1.0]], [[1.0, -0.4], [-0.4, 1.0]]]
    >>> round(mean_kappa(kappa), 3), round(mean_kappa(kappa, absolute=True), 3)
    (-0.3, 0.3)
    """
    values = np.asarray(kappa, dtype=np.float64)
    values = values[None] if values.ndim == 2 else values
    observers = values.shape[-1]
    rows = np.arange(observers) if first is None else np.atleast_1d(np.asarray(first, dtype=np.intp))
    if second is None:
        pairs = [(a, b) for k, a in enumerate(rows) for b in rows[k + 1 :]]
    else:
        pairs = [(a, b) for a in rows for b in np.atleast_1d(np.asarray(second, dtype=np.intp)) if a != b]
    if not pairs:
        raise NotEnoughData("error consistency: there is no pair of observers to average over")
    cells = np.stack([values[:, a, b] for a, b in pairs], axis=1)
    gone = np.isnan(cells)
    if gone.any() and undefined == "refuse":
        raise DataError(
            f"error consistency: {int(gone.sum())} of {gone.size} kappas are undefined: pass undefined='exclude' to "
            "average over the others, and say so"
        )
    if gone.all():
        raise NotEnoughData("error consistency: every kappa is undefined")
    number = (~gone).sum(axis=0)
    per_pair = np.where(gone, 0.0, cells).sum(axis=0)[number > 0] / number[number > 0]
    mean = float(per_pair.mean())
    return abs(mean) if absolute else mean


def _turned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.swapaxes(values, -1, -2)
