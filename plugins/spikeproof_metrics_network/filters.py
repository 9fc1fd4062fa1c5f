"""Statistics of convolution filters (Gavrikov & Keuper 2022, arXiv:2203.15331, arXiv:2204.02481).

Networks trained to be robust have filters that are less sparse, more diverse and more orthogonal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["filter_orthogonality", "filter_sparsity", "filter_variance_entropy"]

Convention: TypeAlias = Literal["exact", "torchconvquality", "cnn-filter-db"]


def filter_sparsity(weights: ArrayLike, *, threshold: float = 0.01, convention: Convention = "exact") -> float:
    """Share of filters that are nearly zero: all weights below a share of the layer's largest.

    Parameters
    ----------
    weights : array_like, (output channel, input channel, y, x)
        Each (output, input) kernel is one filter.
    threshold : float
        The share, 1 % in the paper; strictly below counts.
    convention : {"exact", "torchconvquality", "cnn-filter-db"}
        A layer of zeros is entirely sparse, 1; in CNN-Filter-DB's notebook nothing lies strictly below zero, 0.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    DataError
        If these are no four-dimensional weights, or one is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> filter_sparsity(np.stack([np.ones((1, 3, 3)), np.full((1, 3, 3), 1e-3)]))
    0.5
    """
    filters = _filters(weights)
    return float(_sparse(filters, threshold, convention).mean())


def filter_variance_entropy(
    weights: ArrayLike,
    *,
    normalised: bool = False,
    without_sparse: bool = False,
    threshold: float = 0.01,
    convention: Convention = "exact",
) -> float:
    """Entropy, to base 10, of how the filters' variance spreads over their principal components.

    ``-sum v log10 v`` with v the shares of variance of the column-centred filters. 0: all filters are multiples of one
    pattern; log10(9) = 0.954: 3 x 3 filters vary alike in all directions. A share of 0 contributes 0.

    Parameters
    ----------
    weights : array_like, (output channel, input channel, y, x)
    normalised : bool
        Divide by ``T(n) = 1.2618047 / (1 + exp(-0.88767525 (log2 n - 2.30436435))) - 0.31050834``, the entropy that n
        random 3 x 3 filters have, fitted by the authors; values above 1 occur.
    without_sparse : bool
        Leave sparse filters (:func:`filter_sparsity`) out.
    threshold : float
        Of sparsity.
    convention : {"exact", "torchconvquality", "cnn-filter-db"}
        Where filters do not vary at all: ``exact`` refuses; the library gives 0 and the notebook NaN.

    Returns
    -------
    float

    Raises
    ------
    NotEnoughData
        If there are fewer than 2 filters, or 3 to be normalised.
    DataError
        If filters do not vary, are not 3 x 3 but to be normalised, or a weight is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> pattern = np.arange(9.0).reshape(3, 3)
    >>> round(filter_variance_entropy(np.stack([pattern, 2 * pattern, 5 * pattern])[:, None]), 12) + 0.0
    0.0
    """
    filters = _filters(weights)
    taps = np.shape(weights)[2:]
    if without_sparse:
        filters = filters[~_sparse(filters, threshold, convention)]
    if len(filters) < 2:
        raise NotEnoughData(f"filters: variance needs at least 2 filters, got {len(filters)}")
    if normalised and taps != (3, 3):
        raise DataError(f"filters: the entropy of random filters is known for 3 x 3 taps only, got {taps}")
    expected = _entropy_of_random_filters(len(filters)) if normalised else 1.0
    if expected <= 0:
        raise NotEnoughData(
            f"filters: the entropy of random filters is known for 3 filters or more, got {len(filters)}"
        )
    centred = filters - filters.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    total = variances.sum()
    if total <= 1e-26 * (filters**2).sum():
        if convention == "exact":
            raise DataError("filters: all filters of the layer are the same, so that their variance has no entropy")
        return 0.0 if convention == "torchconvquality" else float("nan")
    shares = variances[variances > 0] / total
    return float(-(shares * np.log10(shares)).sum() / expected)


def filter_orthogonality(weights: ArrayLike, *, convention: Convention = "exact") -> float:
    """``1 - mean |cosine|`` between the filters of different output channels; 1 if all are orthogonal.

    Parameters
    ----------
    weights : array_like, (output channel, input channel, y, x)
        Each output channel is one filter over all of its inputs.
    convention : {"exact", "torchconvquality", "cnn-filter-db"}
        A filter of zeros has no direction: ``exact`` refuses it; the library counts it as orthogonal to all others but
        subtracts its missing cosine with itself, so that a layer of zeros has ``1 - 1 / (n - 1)``.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    NotEnoughData
        If there are fewer than 2 output channels (the library divides by 0).
    DataError
        If a filter is zero, or a weight is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> filter_orthogonality(np.eye(4).reshape(4, 1, 2, 2))
    1.0
    """
    filters = _filters(weights)
    outputs = np.shape(weights)[0]
    if outputs < 2:
        raise NotEnoughData(f"filters: orthogonality needs at least 2 output channels, got {outputs}")
    rows = filters.reshape(outputs, -1)
    norms = np.linalg.norm(rows, axis=1)
    zero = np.flatnonzero(norms == 0)
    if zero.size and convention == "exact":
        raise DataError(
            f"filters: the filter of output channel {int(zero[0])} is zero ({zero.size} such filters) and has no "
            "direction; leave those channels out"
        )
    units = rows / np.where(norms == 0, 1.0, norms)[:, None]
    cosines = np.abs(units @ units.T)
    between = cosines.sum() - np.trace(cosines) + zero.size
    return float(1 - between / (outputs * (outputs - 1)))


def _filters(weights: ArrayLike) -> NDArray[np.float64]:
    """Every kernel as a row."""
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim != 4 or values.size == 0:
        raise DataError(f"filters: need weights (output channel, input channel, y, x), got {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"filters: {int((~np.isfinite(values)).sum())} weights are not finite")
    return values.reshape(values.shape[0] * values.shape[1], -1)


def _sparse(filters: NDArray[np.float64], threshold: float, convention: Convention) -> NDArray[np.bool_]:
    strongest = np.abs(filters).max()
    if strongest == 0:
        return np.full(len(filters), convention != "cnn-filter-db")
    return np.asarray(np.abs(filters).max(axis=1) < threshold * strongest)


def _entropy_of_random_filters(count: int) -> float:
    return float(1.2618047 / (1 + np.exp(-0.88767525 * (np.log2(count) - 2.30436435))) - 0.31050834)
