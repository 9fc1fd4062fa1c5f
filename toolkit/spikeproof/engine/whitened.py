"""Jacobians of the population with respect to the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from spikeproof.errors import AttackError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_NUMBERS", "jacobian_of"]

MOST_NUMBERS = 2**28
"""Entries of the Jacobian of one image that are held; a gibibyte in float32."""


def jacobian_of(function: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Jacobian of each row of a function of images, by one backward pass for each of its numbers.

    Parameters
    ----------
    function : callable
        Numbers (row, number) of images (row, channel, y, x); a row depends on its own image alone.
    images : torch.Tensor, (row, channel, y, x)

    Returns
    -------
    torch.Tensor, (row, number, channel, y, x)

    Raises
    ------
    AttackError
        If the Jacobian of one image would not fit in memory.
    ModelError
        If the numbers are cut off from the image.

    Examples
    --------
    >>> jacobian_of(lambda x: torch.stack([x.sum(1), x.square().sum(1)], 1), torch.tensor([[1.0, 2.0]]))
    tensor([[[1., 1.],
             [2., 4.]]])
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        numbers = function(leaf)
        count, pixels = numbers.shape[1], leaf[0].numel()
        if count * pixels > MOST_NUMBERS:
            raise AttackError(
                f"the Jacobian of {count} units by {pixels} pixels is too large to be held: give the [[model]] a "
                f"population of {MOST_NUMBERS // pixels} or fewer (a seeded sample)"
            )
        if not numbers.requires_grad:
            raise ModelError(
                "the responses are cut off from the image (detached, or computed under no_grad), so no gradient "
                "exists: read another layer, or use an attack that needs no gradients"
            )
        slopes = leaf.new_empty((len(leaf), count, *leaf.shape[1:]))
        for number in range(count):
            more = number + 1 < count
            slopes[:, number] = torch.autograd.grad(numbers[:, number].sum(), leaf, retain_graph=more)[0]
    return slopes
