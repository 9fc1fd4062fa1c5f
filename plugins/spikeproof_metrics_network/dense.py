"""Norms of dense maps, and of chains of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_weight", "dense_norm", "lipschitz_product"]

Norm: TypeAlias = Literal["l2", "l1", "linf", "frobenius"]


def dense_norm(weight: ArrayLike, norm: Norm = "l2") -> float:
    """Operator norm of a matrix: how much it can lengthen a vector.

    Parameters
    ----------
    weight : array_like, (output, input)
    norm : {"l2", "l1", "linf", "frobenius"}
        How input and output are measured: the largest singular value, the largest column sum of absolute values, or the
        largest row sum. ``frobenius`` is an upper bound of ``l2``.

    Returns
    -------
    float

    Raises
    ------
    DataError
        If it is no matrix of finite numbers, or the norm is unknown.

    Examples
    --------
    >>> dense_norm([[3.0, 0.0], [0.0, 4.0]]), dense_norm([[1.0, -2.0]], "linf")
    (4.0, 3.0)
    """
    matrix = as_weight(weight)
    if norm == "l1":
        return float(np.abs(matrix).sum(axis=0).max())
    if norm == "linf":
        return float(np.abs(matrix).sum(axis=1).max())
    if norm == "frobenius":
        return float(np.linalg.norm(matrix))
    if norm != "l2":
        raise DataError(f"norm: choose l2, l1, linf or frobenius, got {norm!r}")
    if min(matrix.shape) <= 64:
        return float(np.linalg.norm(matrix, 2))
    # Only the largest is wanted: the top of the smaller Gram matrix, scaled so that it neither over- nor underflows.
    scale = float(np.abs(matrix).max())
    if scale == 0:
        return 0.0
    small = matrix / scale
    gram = small @ small.T if small.shape[0] <= small.shape[1] else small.T @ small
    last = len(gram) - 1
    top = linalg.eigvalsh(gram, subset_by_index=[last, last], overwrite_a=True, check_finite=False)
    return scale * float(np.sqrt(top[0]))


def lipschitz_product(weights: Sequence[ArrayLike], norm: Norm = "l2") -> float:
    """Upper bound on the Lipschitz constant of dense layers with activations of slope at most 1 between them.

    The product of their norms (Szegedy et al. 2014, arXiv:1312.6199): loose, since no input need be lengthened the most
    by every layer; :func:`lipsdp` is tighter.

    Parameters
    ----------
    weights : sequence of array_like, (output, input)
        From the input to the output.
    norm : {"l2", "l1", "linf", "frobenius"}
        See :func:`dense_norm`.

    Returns
    -------
    float

    Raises
    ------
    DataError
        If there is no weight, or one does not fit the next.

    Examples
    --------
    >>> lipschitz_product([[[2.0]], [[3.0]]])
    6.0
    """
    matrices = as_weights(weights)
    return float(np.prod([dense_norm(matrix, norm) for matrix in matrices]))


def as_weights(weights: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    """Check a chain of weights."""
    matrices = [as_weight(weight, f"weight {k}") for k, weight in enumerate(weights)]
    if not matrices:
        raise DataError("weights: at least one layer is needed")
    for k, (before, after) in enumerate(pairwise(matrices)):
        if before.shape[0] != after.shape[1]:
            raise DataError(
                f"weights: layer {k} gives {before.shape[0]} values, but layer {k + 1} takes {after.shape[1]}; give "
                "them as (output, input), from the input to the output"
            )
    return matrices


def as_weight(weight: ArrayLike, what: str = "weight") -> NDArray[np.float64]:
    """Check one weight."""
    matrix = np.asarray(weight, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise DataError(f"{what}: needs a matrix (output, input), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise DataError(f"{what}: holds values that are not finite")
    return matrix
