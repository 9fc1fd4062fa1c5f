"""A noise precision, checked and ready to whiten patterns with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PrecisionRoot"]

_BLOCK = 128
"""Rows and columns that are compared at once, 128 KB."""


class PrecisionRoot:
    """A precision matrix as ``L L'``, so that ``x' P y = (L'x)' (L'y)``.

    Half the work of multiplying by P itself, and a check on the way: what has no root is no precision.

    Parameters
    ----------
    precision : array_like, (channel, channel) or (channel,), optional
        None is the identity.
    channels : int
        Number of channels that it must fit.

    Raises
    ------
    DataError
    """

    def __init__(self, precision: ArrayLike | None, channels: int) -> None:
        self._diagonal: NDArray[np.float64] | None = None
        self._lower: NDArray[np.float64] | None = None
        if precision is None:
            return
        matrix = np.asarray(precision, dtype=np.float64)
        if matrix.shape not in {(channels,), (channels, channels)}:
            raise DataError(f"precision: shape {matrix.shape} does not fit {channels} channels")
        if not np.isfinite(matrix.sum()):
            raise DataError("precision: holds values that are not finite")
        if matrix.ndim == 1:
            if (matrix <= 0).any():
                raise DataError(f"precision: the diagonal must be positive, got {matrix.min():g}")
            self._diagonal = np.sqrt(matrix)
            return
        if _asymmetry(matrix) > 1e-8 * max(matrix.max(), -matrix.min()):
            raise DataError("precision: must be symmetric; an inverse that is not has lost its accuracy")
        # The transpose of the copy is in the order that LAPACK works on in place.
        lower, failed = linalg.lapack.dpotrf(np.array(matrix).T, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise DataError(
                "precision: is not positive definite, so that distances could be negative without any noise; "
                "estimate it with shrinkage (noise_precision)"
            )
        self._lower = lower  # above the diagonal stands what is not looked at

    def apply(self, values: NDArray[np.float64], *, overwrite: bool = False) -> NDArray[np.float64]:
        """Rows x' times L; with ``overwrite``, in the memory of the rows."""
        if self._diagonal is not None:
            return np.multiply(values, self._diagonal, out=values if overwrite else None)
        if self._lower is not None:
            # x' L is (L' x)': BLAS's triangular product, on the transposes, which are Fortran-ordered views.
            return np.asarray(
                linalg.blas.dtrmm(1.0, self._lower, values.T, trans_a=1, lower=1, overwrite_b=int(overwrite)).T
            )
        return values


def _asymmetry(matrix: NDArray[np.float64]) -> float:
    """Largest difference between a square matrix and its transpose, without another matrix of its size."""
    largest = 0.0
    for start in range(0, len(matrix), _BLOCK):
        row = slice(start, start + _BLOCK)
        for other in range(start, len(matrix), _BLOCK):
            column = slice(other, other + _BLOCK)
            gap = matrix[row, column] - matrix[column, row].T
            largest = max(largest, float(gap.max()), -float(gap.min()))
    return largest
