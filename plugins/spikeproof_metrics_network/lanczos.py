"""The largest singular value of a linear map that is only known by what it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from spikeproof.types import generator

from .bounds import NormBound

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAILURE", "largest_singular_value"]

FAILURE = 1e-12
"""Probability, over the random start, that an upper bound does not hold."""

MEMORY = 2**26
"""Numbers (512 MiB) that the Krylov basis may hold."""


def largest_singular_value(
    gram: Callable[[NDArray[np.float64]], NDArray[np.float64]], size: int, *, steps: int, seed: int
) -> NormBound:
    """Bound the largest singular value by Lanczos's method from a random start.

    After k steps the Ritz value is below ``(1 - e)`` times the largest eigenvalue with a probability of at most
    ``1.648 sqrt(n) exp(-sqrt(e) (2 k - 1))`` (Kuczynski & Wozniakowski 1992, doi:10.1137/0613066, theorem 4.2),
    whatever the spectrum. Solved for e at a probability of 1e-12, that is an upper bound.

    Parameters
    ----------
    gram : callable
        Applies A'A, or AA', to a vector (size,).
    size : int
    steps : int
        Fewer where the basis would not fit into 512 MiB, or exceed ``size``.
    seed : int
        Of the start.
    """
    steps = max(1, min(steps, size, MEMORY // size))
    basis = np.empty((steps, size))
    start = generator(seed, "lanczos", size).standard_normal(size)
    vector = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(steps), np.zeros(steps)
    for k in range(steps):
        basis[k] = vector
        image = gram(vector)
        diagonal[k] = float(vector @ image)
        # Twice is enough: the basis stays orthogonal to rounding, and no Ritz value is found twice.
        for _ in range(2):
            image = image - (basis[: k + 1] @ image) @ basis[: k + 1]
        beside[k] = float(np.linalg.norm(image))
        top = float(linalg.eigvalsh_tridiagonal(diagonal[: k + 1], beside[:k])[-1]) if k else diagonal[0]
        if k + 1 == size or beside[k] <= 1e-14 * max(top, np.finfo(float).tiny):
            # The random start has a part in every eigenspace: what cannot be left holds the largest eigenvalue.
            return NormBound.exact(math.sqrt(max(top, 0.0)), "exact (Krylov space exhausted)")
        vector = image / beside[k]
    lower = math.sqrt(max(top, 0.0))
    short = (math.log(1.648 * math.sqrt(size) / FAILURE) / (2 * steps - 1)) ** 2
    if short >= 1:
        return NormBound(lower=lower, upper=math.inf, how=f"none: {steps} Lanczos steps are too few")
    how = f"{steps} Lanczos steps from a random start; fails with probability {FAILURE:g}"
    return NormBound(lower=lower, upper=lower / math.sqrt(1 - short), how=how)
