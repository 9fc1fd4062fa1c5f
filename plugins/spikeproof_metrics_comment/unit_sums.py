"""Scores of systems against a recording that are sums over the recorded units.

A score of any subset of n units is then a sum over the subset, divided by what depends on the subset alone and is the
same for all systems; so that rankings by thousands of subsets are one cumulative sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import NotEnoughData
from threadpoolctl import threadpool_limits

__all__ = ["Kind", "shares", "subset_norms"]

Floats = NDArray[np.float64]
Kind = Literal["cka", "rdm", "ridge"]
"""Debiased linear CKA; correlation of squared Euclidean RDMs; ridge predictivity, mean over units."""

_ALPHAS = np.logspace(-2, 6, 9)


def shares(kind: Kind, recorded: Floats, system: Floats, name: str, fold: NDArray[np.intp]) -> Floats:
    """What every recorded unit adds to a system's score, (unit,).

    Parameters
    ----------
    kind : {"cka", "rdm", "ridge"}
    recorded : numpy.ndarray, (stimulus, unit)
    system : numpy.ndarray, (stimulus, unit_other)
    name : str
        Of the system, for messages.
    fold : numpy.ndarray of int, (stimulus,)
        In which fold each stimulus is predicted by ridge regression.

    Returns
    -------
    numpy.ndarray of float64, (unit,)
        The score of a subset is their sum over it divided by :func:`subset_norms`.

    Raises
    ------
    NotEnoughData
        If the system's responses hardly differ between stimuli, so that nothing can be like them.
    """
    if kind == "ridge":
        return _held_out_correlation(system, recorded, fold)
    likeness = _u_centred(system @ system.T) if kind == "cka" else _rdm(system)
    size = float((likeness * likeness).sum()) if kind == "cka" else float((likeness**2).sum() / 2)
    if kind == "cka" and size <= 1e-12 * float((system**2).sum()) ** 2:
        raise NotEnoughData(f"sample-size: responses of {name} do not differ between stimuli")
    if size == 0:
        raise NotEnoughData(f"sample-size: all stimuli are equally far from each other for {name}")
    if kind == "cka":
        return np.asarray(((likeness @ recorded) * recorded).sum(axis=0) / np.sqrt(size))
    # Sum over pairs of (x_i - x_j)^2 v_ij, unit by unit: v is the system's centred RDM.
    own = (recorded**2 * likeness.sum(axis=0)[:, None]).sum(axis=0) - ((likeness @ recorded) * recorded).sum(axis=0)
    return np.asarray(own / np.sqrt(size))


def subset_norms(
    kinds: Sequence[Kind],
    recorded: Floats,
    order: NDArray[np.intp],
    sizes: Sequence[int],
    kept: Sequence[NDArray[np.bool_]],
) -> dict[Kind, Floats]:
    """What sums over the first units of an order are divided by to be scores, (set, size) by kind.

    Parameters
    ----------
    kinds : sequence of str
    recorded : numpy.ndarray, (stimulus, unit)
    order : numpy.ndarray of int, (unit,)
    sizes : sequence of int
        Ascending.
    kept : sequence of numpy.ndarray of bool, (stimulus,)
        Sets of stimuli.

    Returns
    -------
    dict of str to numpy.ndarray, (set, size)
        NaN where a debiased CKA is not defined: the units are not like themselves beyond chance.
    """
    out = {kind: np.empty((len(kept), len(sizes))) for kind in kinds}
    kernel = np.zeros((len(recorded), len(recorded)))
    done = 0
    for place, size in enumerate(sizes):
        part = recorded[:, order[done:size]]
        kernel += part @ part.T
        done = size
        for number, keep in enumerate(kept):
            own = kernel if keep.all() else kernel[np.ix_(keep, keep)]
            for kind in kinds:
                squared = float(size) ** 2
                if kind == "cka":
                    squared = float((_u_centred(own) ** 2).sum())
                elif kind == "rdm":
                    squared = float((_centred_pairs(_squared_distances(own)) ** 2).sum() / 2)
                out[kind][number, place] = np.sqrt(squared) if squared > 0 else np.nan
    return out


def _u_centred(kernel: Floats) -> Floats:
    """Centre a kernel so that its diagonal is zero and every row sums to zero (Szekely & Rizzo 2014).

    The inner product of two such kernels over n (n - 3) is the unbiased HSIC of Song et al. (2012).
    """
    n = len(kernel)
    out = kernel - np.diag(np.diag(kernel))
    rows = out.sum(axis=0) / (n - 2)
    out = out - rows[:, None] - rows[None] + out.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


def _squared_distances(kernel: Floats) -> Floats:
    own = np.diag(kernel)
    return np.asarray(own[:, None] + own[None] - 2 * kernel)


def _rdm(responses: Floats) -> Floats:
    """Squared Euclidean distances less their mean over pairs, (stimulus, stimulus), zero on the diagonal."""
    return _centred_pairs(_squared_distances(responses @ responses.T))


def _centred_pairs(distance: Floats) -> Floats:
    n = len(distance)
    np.fill_diagonal(distance, 0.0)
    out = distance - distance.sum() / (n * (n - 1))
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


def _held_out_correlation(features: Floats, responses: Floats, fold: NDArray[np.intp]) -> Floats:
    """Pearson correlation of held-out predictions with responses, (unit,); 0 where the prediction does not vary.

    Both are centred within folds: means of training sets are low where those of test sets are high, so that pooled
    predictions from nothing would correlate negatively.
    """
    predicted, actual = np.empty_like(responses), np.empty_like(responses)
    with threadpool_limits(1):
        for number in np.unique(fold):
            test = fold == number
            scaler = StandardScaler().fit(features[~test])
            model = RidgeCV(alphas=_ALPHAS).fit(scaler.transform(features[~test]), responses[~test])
            # One recorded unit gives a vector.
            made = model.predict(scaler.transform(features[test])).reshape(int(test.sum()), -1)
            predicted[test], actual[test] = (part - part.mean(axis=0) for part in (made, responses[test]))
    a, b = predicted, actual
    length = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    floor = 1e-12 * np.abs(responses).max(axis=0) ** 2 * len(responses)
    return np.asarray(np.divide((a * b).sum(axis=0), length, out=np.zeros(len(length)), where=length > floor))
