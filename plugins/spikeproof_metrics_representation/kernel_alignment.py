"""Centred kernel alignment with linear kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import NotEnoughData

from .checking import CONSTANT, Undefined, as_matrix, same_rows, undefined_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["cka"]

BLOCK = 1024
"""Rows of a Gram matrix that are held at once."""


def cka(first: ArrayLike, second: ArrayLike, *, debiased: bool = True, undefined: Undefined = "refuse") -> float:
    """Linear CKA: ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with K, L the Gram matrices of centred responses.

    Invariant to rotation and to scaling of either. Computed from products of the features or of the stimuli, whichever
    is less work, block by block, so that no Gram matrix is held whole.

    Parameters
    ----------
    first, second : array_like, (stimulus, unit)
        Responses to the same stimuli.
    debiased : bool
        Estimate HSIC without bias (Song et al. 2007; Nguyen et al. 2021, arXiv:2010.15327). Biased CKA (Kornblith et
        al. 2019, arXiv:1905.00414) grows with the number of units over stimuli: 0.80 for independent responses of 160
        units to 40 stimuli, where the debiased one is 0 on average, and negative half of the time.
    undefined : {"refuse", "nan", "zero"}
        What to do where a representation does not vary over stimuli, or its debiased self-similarity is not positive.
        Kornblith's code gives NaN, Brain-Score's 0.

    Returns
    -------
    float

    Raises
    ------
    NotEnoughData
        If there are fewer than 4 stimuli (2 without debiasing).
    DataError
        If the two have different numbers of stimuli, a value is not finite, or it is undefined.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(10, 3))
    >>> round(cka(x, x @ np.diag([1.0, -1.0, 1.0])), 12)
    1.0
    """
    x, y = _centred(first, "first"), _centred(second, "second")
    same_rows(x, y, "CKA")
    stimuli = len(x)
    if stimuli < (4 if debiased else 2):
        raise NotEnoughData(
            f"CKA: needs at least {4 if debiased else 2} stimuli{' to be debiased' if debiased else ''}, got {stimuli}"
        )
    for name, values, raw in (("first", x, first), ("second", y, second)):
        if np.linalg.norm(values) <= CONSTANT * np.linalg.norm(np.asarray(raw, dtype=np.float64)):
            message = f"CKA: the {name} representation is the same for all stimuli, so that its CKA is undefined"
            return undefined_value(undefined, message)
    products = _products(x, y)
    cross, own, other = (
        _hsic(product, a, b, debiased=debiased)
        for product, (a, b) in zip(products, ((x, y), (x, x), (y, y)), strict=True)
    )
    empty = [value <= 1e-12 * whole for value, whole in zip((own, other), products[1:], strict=True)]
    if any(empty):
        name = "first" if empty[0] else "second"
        return undefined_value(
            undefined,
            f"CKA: the {name} representation's debiased similarity to itself is not positive: {stimuli} stimuli show "
            "no structure beyond noise; use more stimuli",
            NotEnoughData,
        )
    return float(cross / np.sqrt(own) / np.sqrt(other))


def _hsic(product: float, x: NDArray[np.float64], y: NDArray[np.float64], *, debiased: bool) -> float:
    """HSIC up to a factor, from <K, L> and the diagonals.

    Rows of a centred Gram matrix sum to zero: without the diagonal, as Song's estimator takes them, to minus that.
    """
    if not debiased:
        return product
    n = len(x)
    k, ell = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    diagonal = float(k @ ell)
    return product - diagonal + float(k.sum() * ell.sum()) / ((n - 1) * (n - 2)) - 2 / (n - 2) * diagonal


def _products(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """<K, L>, <K, K> and <L, L>, the squared norms of X'Y, X'X and Y'Y."""
    n, p, q = len(x), x.shape[1], y.shape[1]
    if n * (p + q) < 2 * p * q + p**2 + q**2:
        return _from_grams(x, y)
    cross = sum(float((part**2).sum()) for part in (x[:, i : i + BLOCK].T @ y for i in range(0, p, BLOCK)))
    return cross, _self_product(x), _self_product(y)


def _self_product(x: NDArray[np.float64]) -> float:
    """Squared norm of X'X, from its upper triangle of blocks."""
    total = 0.0
    for i in range(0, x.shape[1], BLOCK):
        left = x[:, i : i + BLOCK]
        total += float(((left.T @ left) ** 2).sum())
        rest = x[:, i + BLOCK :]
        if rest.shape[1]:
            total += 2 * float(((left.T @ rest) ** 2).sum())
    return total


def _from_grams(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    totals = np.zeros(3)
    for i in range(0, len(x), BLOCK):
        rows = slice(i, i + BLOCK)
        for columns, weight in ((rows, 1.0), (slice(i + BLOCK, None), 2.0)):
            k, ell = (values[rows] @ values[columns].T for values in (x, y))
            if k.size:
                totals += weight * np.array([np.vdot(k, ell), np.vdot(k, k), np.vdot(ell, ell)])
    return float(totals[0]), float(totals[1]), float(totals[2])


def _centred(values: ArrayLike, name: str) -> NDArray[np.float64]:
    matrix = as_matrix(values, f"CKA: {name} representation", rows="stimulus", columns="unit")
    return np.asarray(matrix - matrix.mean(axis=0))
