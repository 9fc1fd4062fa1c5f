"""Confidence and margin of choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import softmax
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Certainty", "confidence", "margins"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What :func:`confidence` gives, each (...).

    Parameters
    ----------
    choice : numpy.ndarray of int
        Class of the largest score, the first of several.
    confidence : numpy.ndarray of float64
        Its probability, 1 / classes to 1.
    margin : numpy.ndarray of float64
        Its probability less that of the runner-up; 0 where two are largest.
    entropy : numpy.ndarray of float64
        Of the probabilities, in bits.
    """

    choice: NDArray[np.intp]
    confidence: NDArray[np.float64]
    margin: NDArray[np.float64]
    entropy: NDArray[np.float64]


def confidence(scores: ArrayLike, *, scale: Literal["logits", "probabilities"] = "logits") -> Certainty:
    """Probability of what is chosen, and by how much it leads.

    Parameters
    ----------
    scores : array_like, (..., class)
    scale : {"logits", "probabilities"}
        Logits are turned into probabilities by softmax; probabilities must sum to 1.

    Returns
    -------
    Certainty

    Raises
    ------
    NotEnoughData
        If there are fewer than two classes.
    DataError
        If a score is not finite, or probabilities are negative or do not sum to 1.

    Examples
    --------
    >>> result = confidence([0.7, 0.2, 0.1], scale="probabilities")
    >>> result.choice.item(), result.confidence.item(), round(result.margin.item(), 3)
    (0, 0.7, 0.5)
    """
    values = _scores(scores)
    if scale == "probabilities":
        if (values < 0).any() or not np.allclose(values.sum(axis=-1), 1, rtol=0, atol=1e-6):
            raise DataError(
                "confidence: probabilities must not be negative and sum to 1; pass scale='logits' for logits"
            )
        p = values
    else:
        p = softmax(values, axis=-1)
    top = np.sort(p, axis=-1)[..., -2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(p > 0, p * np.log2(p), 0.0).sum(axis=-1)
    return Certainty(
        choice=np.asarray(p.argmax(axis=-1), dtype=np.intp),
        confidence=top[..., 1],
        margin=top[..., 1] - top[..., 0],
        entropy=np.asarray(entropy + 0.0),
    )


def margins(scores: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Score of the true class less the largest of the others, ``z_y - max_{k != y} z_k``.

    Parameters
    ----------
    scores : array_like, (..., class)
        Logits, or any scores of which the largest is chosen.
    labels : array_like of int, (...)
        The true class.

    Returns
    -------
    numpy.ndarray of float64, (...)
        In units of the scores; below 0 where another class is chosen, 0 on the border.

    Raises
    ------
    NotEnoughData
        If there are fewer than two classes.
    DataError
        If a score is not finite, a label is no class, or the shapes do not fit.

    Examples
    --------
    >>> margins([[2.0, 0.5, 1.0], [0.0, 3.0, 1.0]], [0, 2]).tolist()
    [1.0, -2.0]
    """
    values, true = _scores(scores), np.asarray(labels, dtype=np.intp)
    if true.shape != values.shape[:-1]:
        raise DataError(f"margin: labels {true.shape} do not fit scores {values.shape}")
    if ((true < 0) | (true >= values.shape[-1])).any():
        raise DataError(f"margin: labels must be classes from 0 to {values.shape[-1] - 1}")
    own = np.take_along_axis(values, true[..., None], axis=-1)[..., 0]
    others = values.copy()
    np.put_along_axis(others, true[..., None], -np.inf, axis=-1)
    margin: NDArray[np.float64] = own - others.max(axis=-1)
    return margin


def _scores(scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] < 2:
        raise NotEnoughData("confidence: needs scores of at least two classes, (..., class)")
    if not np.isfinite(values).all():
        raise DataError(f"confidence: {int((~np.isfinite(values)).sum())} scores are not finite")
    return values
