"""The norm of a linear torch module, as it acts on inputs of one shape."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .bounds import NormBound
from .dense import dense_norm
from .lanczos import largest_singular_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["operator_norm"]

DENSE = 2**22
"""Entries of a matrix that is written out whole."""


def operator_norm(module: nn.Module, shape: tuple[int, ...], *, steps: int, seed: int) -> NormBound:
    """Norm of what a linear module does to inputs of a shape (without the batch), its bias left out.

    Parameters
    ----------
    module : torch.nn.Module
        Linear in its input, up to an attribute ``bias``.
    shape : tuple of int
    steps, seed : int
        Of Lanczos's method, where the matrix is too large to be written out.
    """
    linear: Any = copy.deepcopy(module).to(device="cpu", dtype=torch.float64)
    if getattr(linear, "bias", None) is not None:
        linear.bias = None
    example = torch.zeros((1, *shape), dtype=torch.float64)
    with torch.no_grad():
        target = linear(example).shape[1:]
    inputs, outputs = math.prod(shape), math.prod(target)
    if inputs * outputs <= DENSE:
        return NormBound.exact(dense_norm(_written_out(linear, example, inputs, outputs)))
    leaf = example.clone().requires_grad_()
    image = linear(leaf)

    def transposed(vector: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(image, leaf, vector, retain_graph=True)[0]

    def gram(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        given = torch.from_numpy(vector)
        with torch.no_grad():
            if inputs <= outputs:
                moved = transposed(linear(given.reshape(1, *shape)))
            else:
                moved = linear(transposed(given.reshape(1, *target)))
        result: NDArray[np.float64] = moved.reshape(-1).numpy()
        return result

    return largest_singular_value(gram, min(inputs, outputs), steps=steps, seed=seed)


def _written_out(linear: nn.Module, example: torch.Tensor, inputs: int, outputs: int) -> NDArray[np.float64]:
    """The matrix, or its transpose, by as many unit vectors as the smaller of its sides has entries."""
    if inputs <= outputs:
        with torch.no_grad():
            columns: NDArray[np.float64] = (
                linear(torch.eye(inputs, dtype=torch.float64).reshape(inputs, *example.shape[1:]))
                .reshape(inputs, outputs)
                .numpy()
            )
        return columns
    leaf = example.clone().requires_grad_()
    values = linear(leaf).reshape(-1)
    rows = [torch.autograd.grad(value, leaf, retain_graph=True)[0].reshape(-1).numpy() for value in values]
    return np.stack(rows)
