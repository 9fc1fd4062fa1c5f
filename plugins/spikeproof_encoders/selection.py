"""Choosing hyperparameters inside the training folds, per unit, and predicting what was held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.types import generator

__all__ = ["WHOLE", "Selected", "select", "squared_error"]

WHOLE = -1
"""Number that stands for the fit on all stimuli."""

_PARTS = 5
"""Into how many parts a training set of one fold only is dealt."""

Rows = NDArray[np.intp]
Loss = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What was chosen, and what it predicts.

    Parameters
    ----------
    numbers : numpy.ndarray of int, (fit,)
        The fold that each fit was made without; the last is :data:`WHOLE`.
    candidate : numpy.ndarray of int, (fit, unit)
        Index of the candidate that was chosen.
    held_out : numpy.ndarray of float64, (stimulus, unit)
        Prediction of each stimulus by the fit without its fold.
    """

    numbers: NDArray[np.intp]
    candidate: NDArray[np.intp]
    held_out: NDArray[np.float64]


def squared_error(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over stimuli of squared errors, (candidate, unit)."""
    return np.asarray(((predicted - measured) ** 2).sum(axis=1), dtype=np.float64)


def select(
    path: Callable[[Rows, Rows], NDArray[np.float64]],
    responses: NDArray[np.float64],
    folds: NDArray[np.intp],
    *,
    seed: int,
    loss: Loss = squared_error,
) -> Selected:
    """Choose one candidate per unit and fold by the folds that are left, each predicted from the others.

    A fold is predicted by a fit that saw neither it nor, where its hyperparameters were chosen, any response to it. A
    training set that is one fold only is dealt into five parts, drawn with the seed. The first of equally good
    candidates is chosen: the caller lists the strongest regularisation first.

    Parameters
    ----------
    path : callable
        Fits all candidates on training rows and predicts other rows: ``path(training, others)`` gives
        (candidate, other row, unit).
    responses : numpy.ndarray of float64, (stimulus, unit)
    folds : numpy.ndarray of int, (stimulus,)
    seed : int
    loss : callable
        ``loss(predicted, measured)`` of (candidate, row, unit) and (row, unit): a sum over rows, (candidate, unit).
    """
    numbers = np.unique(folds)
    known: dict[frozenset[int], NDArray[np.float64]] = {}

    def without(*held: int) -> tuple[Rows, NDArray[np.float64]]:
        """Rows of the folds that are held out, and what every candidate predicts for them."""
        key, rows = frozenset(held), np.isin(folds, held)
        if key not in known:  # two folds left out are asked for twice: once for the choice without either
            known[key] = path(np.flatnonzero(~rows), np.flatnonzero(rows))
        return np.flatnonzero(rows), known[key]

    def losses(held: int | None) -> NDArray[np.float64]:
        left = [int(number) for number in numbers if number != held]
        if len(left) == 1:
            return _of_parts(path, responses, np.flatnonzero(folds == left[0]), seed, loss)
        total = []
        for other in left:
            rows, predicted = without(other) if held is None else without(held, other)
            here = folds[rows] == other
            total.append(loss(predicted[:, here], responses[rows[here]]))
        return np.asarray(np.sum(total, axis=0))

    chosen = []
    held_out = np.empty_like(responses)
    for number in numbers.tolist():
        best = losses(number).argmin(axis=0)
        rows, predicted = without(number)
        held_out[rows] = np.take_along_axis(predicted, best[None, None, :], axis=0)[0]
        chosen.append(best)
    chosen.append(losses(None).argmin(axis=0))
    return Selected(numbers=np.append(numbers, WHOLE), candidate=np.asarray(chosen, dtype=np.intp), held_out=held_out)


def _of_parts(
    path: Callable[[Rows, Rows], NDArray[np.float64]],
    responses: NDArray[np.float64],
    rows: Rows,
    seed: int,
    loss: Loss,
) -> NDArray[np.float64]:
    part = np.arange(len(rows)) % _PARTS
    part = part[generator(seed, "encoder", "parts").permutation(len(rows))]
    total = []
    for number in np.unique(part):
        others = rows[part == number]
        total.append(loss(path(rows[part != number], others), responses[others]))
    return np.asarray(np.sum(total, axis=0))
