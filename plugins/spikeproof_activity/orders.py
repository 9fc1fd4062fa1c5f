"""Orders in which units are silenced or flipped, each a choice made on training stimuli only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import f_classif

__all__ = ["greedy_order", "selectivity_order", "weight_order"]

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


def selectivity_order(responses: Floats, labels: NDArray[np.str_]) -> NDArray[np.intp]:
    """Units by how well each alone tells the categories apart, the best first: the F of an analysis of variance.

    With two categories F is d' squared, up to a factor that all units share.

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
    labels : numpy.ndarray of str, (stimulus,)

    Returns
    -------
    numpy.ndarray of int, (unit,)
        Columns; ties keep the order of the columns, and units that never vary come last.

    Examples
    --------
    >>> responses = np.array([[1.0, 0.0], [0.0, 0.1], [1.0, 9.0], [0.0, 9.1]])
    >>> selectivity_order(responses, np.array(["cat", "cat", "dog", "dog"])).tolist()
    [1, 0]
    """
    merit = np.full(responses.shape[1], -1.0)
    varies = np.ptp(responses, axis=0) > 0
    if varies.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            found = f_classif(responses[:, varies], labels)[0]
        merit[varies] = np.nan_to_num(found, nan=0.0, posinf=np.finfo(np.float64).max)
    return np.argsort(-merit, kind="stable")


def greedy_order(weights: Floats, intercepts: Floats, responses: Floats, replaced: Floats) -> NDArray[np.intp]:
    """Order in which each step replaces the responses of the unit that leaves the fewest clean choices standing.

    Among units that change equally many choices, the one that lowers the mean margin (chosen class over the runner-up)
    most goes first: early on no single unit changes any choice. One step costs one pass over (unit, stimulus, class),
    because replacing unit i moves the decision values by the rank-one term (replaced_i - r_i) w_i.

    Parameters
    ----------
    weights : numpy.ndarray, (class, unit)
        Per unit of raw response.
    intercepts : numpy.ndarray, (class,)
    responses : numpy.ndarray, (stimulus, unit)
        Training stimuli.
    replaced : numpy.ndarray, (unit,) or (stimulus, unit)
        What a unit responds once it is silenced, or flipped.

    Returns
    -------
    numpy.ndarray of int, (unit,)
        Columns, the first to be replaced first.

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
    shift = replaced - responses
    moves = np.stack([lead(np.outer(shift[:, i], weights[:, i])) for i in range(shift.shape[1])])
    left = list(range(shift.shape[1]))
    order: list[int] = []
    while left:
        worst = (leads + moves[left]).max(axis=2)  # (unit, stimulus): the closest rival's lead
        changed = (worst > 0).sum(axis=1)
        best = left[int(np.lexsort((-worst.mean(axis=1), -changed))[0])]
        leads = leads + moves[best]
        order.append(best)
        left.remove(best)
    return np.asarray(order, dtype=np.intp)
