"""Norms, and the directions in which linear functions rise fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .box import rows_of

if TYPE_CHECKING:
    from spikeproof.plugin import Norm

__all__ = ["ascent_direction", "norm_of"]


def norm_of(delta: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Norm of each item.

    Parameters
    ----------
    delta : torch.Tensor, (item, ...)
    norm : {"l1", "l2", "linf"}

    Returns
    -------
    torch.Tensor of float64, (item,)

    Examples
    --------
    >>> delta = torch.tensor([[3.0, -4.0]])
    >>> [norm_of(delta, norm).item() for norm in ("l1", "l2", "linf")]
    [7.0, 5.0, 4.0]
    """
    flat = rows_of(delta).to(torch.float64)
    if norm == "linf":
        return flat.abs().amax(dim=1)
    if norm == "l1":
        return flat.abs().sum(dim=1)
    scale = flat.abs().amax(dim=1)  # squares of tiny or huge entries would leave the range of floats
    safe = torch.where(scale > 0, scale, 1.0)
    length: torch.Tensor = torch.linalg.vector_norm(flat / safe[:, None], dim=1)
    return length * scale


def ascent_direction(gradient: torch.Tensor, norm: Norm) -> tuple[torch.Tensor, torch.Tensor]:
    """Direction of unit norm along which a linear function with this gradient rises fastest, where there is no box.

    The gradient's scale drops out, from 1e-30 to 1e30 alike: it is divided by its largest entry before anything else.
    Inside the box, see :func:`steepest_step`.

    Parameters
    ----------
    gradient : torch.Tensor, (item, ...)
    norm : {"l1", "l2", "linf"}

    Returns
    -------
    direction : torch.Tensor, (item, ...)
        For L1 the sign of the largest entry, at that entry (shared among equals); for L2 g / \\|\\|g\\|\\|_2; for Linf
        sign(g). Zero where the gradient is zero or not finite.
    flat : torch.Tensor of bool, (item,)
        True where there is no direction: the gradient is zero or not finite.

    Examples
    --------
    >>> direction, flat = ascent_direction(torch.tensor([[3e-15, 4e-15], [0.0, 0.0]]), "l2")
    >>> direction, flat
    (tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]]), tensor([False,  True]))
    """
    rows = rows_of(gradient)
    largest = rows.abs().amax(dim=1)
    flat = ~torch.isfinite(largest) | (largest == 0)
    if flat.any():
        rows = torch.where(flat[:, None], 0.0, rows)
    if norm == "linf":
        return rows.sign().reshape(gradient.shape), flat
    if norm == "l1":
        top = rows.sign() * (rows.abs() == largest[:, None])
        count = top.abs().sum(dim=1, keepdim=True).clamp(min=1)
        return (top / count).reshape(gradient.shape), flat
    rows = rows / torch.where(flat, 1.0, largest)[:, None]
    length = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).to(rows.dtype)
    return (rows / torch.where(flat, 1.0, length)[:, None]).reshape(gradient.shape), flat
