"""Orders in which units are silenced, each a choice made on training stimuli only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["greedy_order", "weight_order"]

Floats = NDArray[np.float64]


def weight_order(weights: Floats, responses: Floats) -> NDArray[np.intp]:
    """Units by the norm of their readout weights, per standard deviation of the unit, the largest first.

    Weights are centred over classes first: adding the same number to every class changes no choice.

    Parameters
    ----------
    weights : numpy.ndarray, (class, unit)
        Per unit of raw response.
    responses : numpy.ndarray, (stimulus, unit)
        They give the standard deviations.

    Returns
    -------
    numpy.ndarray of int, (unit,)
        Columns; ties keep the order of the columns.

    Examples
    --------
    >>> weight_order(np.array([[1.0, 3.0], [-1.0, -3.0]]), np.array([[0.0, 0.0], [9.0, 1.0]])).tolist()
    [0, 1]
    """
    centred = weights - weights.mean(axis=0)
    strength = np.linalg.norm(centred, axis=0) * responses.std(axis=0)
    return np.argsort(-strength, kind="stable")


def greedy_order(weights: Floats, intercepts: Floats, responses: Floats, level: Floats) -> NDArray[np.intp]:
    """Order in which each step silences the unit that leaves the fewest clean choices standing.

    Among units that change equally many choices, the one that lowers the mean margin (chosen class over the runner-up)
    most goes first: early on no single unit changes any choice. One step costs one pass over (unit, stimulus, class),
    because silencing unit i moves the decision values by the rank-one term (level_i - r_i) w_i.

    Parameters
    ----------
    weights : numpy.ndarray, (class, unit)
        Per unit of raw response.
    intercepts : numpy.ndarray, (class,)
    responses : numpy.ndarray, (stimulus, unit)
        Training stimuli.
    level : numpy.ndarray, (unit,)
        Response of a silenced unit.

    Returns
    -------
    numpy.ndarray of int, (unit,)
        Columns, the first to be silenced first.

    Examples
    --------
    >>> w = np.array([[0.0, 0.0], [0.1, 5.0]])
    >>> greedy_order(w, np.array([2.0, 0.0]), np.array([[1.0, 1.0], [1.0, 1.5]]), np.zeros(2)).tolist()
    [1, 0]
    """
    decision = responses @ weights.T + intercepts
    choice = decision.argmax(axis=1)
    rows = np.arange(len(responses))
    rival = np.ones(decision.shape, dtype=bool)
    rival[rows, choice] = False  # the chosen class drops out: what is left is rivals' lead over it

    def lead(values: Floats) -> Floats:
        """Each rival's value less the chosen class's, (stimulus, class - 1)."""
        chosen: Floats = values[rows, choice][:, None]
        return (values - chosen)[rival].reshape(len(rows), -1)

    leads = lead(decision)
    moves = np.stack([lead(np.outer(level[i] - responses[:, i], weights[:, i])) for i in range(len(level))])
    left = list(range(len(level)))
    order: list[int] = []
    while left:
        worst = (leads + moves[left]).max(axis=2)  # (unit, stimulus): the closest rival's lead
        changed = (worst > 0).sum(axis=1)
        best = left[int(np.lexsort((-worst.mean(axis=1), -changed))[0])]
        leads = leads + moves[best]
        order.append(best)
        left.remove(best)
    return np.asarray(order, dtype=np.intp)
