"""Decision values of a batch of items, differentiable in the images and in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from spikeproof.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BoundDecisions", "apart"]


class BoundDecisions:
    """What attacks on a choice among classes may ask (``spikeproof.types.Decisions``).

    Whoever differentiates the values, and however (``torch.autograd.grad``, ``.backward()``), reaches the images only:
    the graph behind them is kept apart, so no parameter of the network collects a gradient or costs the time of one.

    Parameters
    ----------
    read : callable
        Decision values (row, class) of images (row, channel, y, x) and their items (row,).
    choice, partner_choice : torch.Tensor of int, (item,)
    directions : tuple of str, (item,)
    reader : torch.Tensor of int, (item,)
    passed : callable
        Is told the items whose gradients were taken, and which of these gradients are finite.
    """

    def __init__(
        self,
        read: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *,
        choice: torch.Tensor,
        partner_choice: torch.Tensor,
        directions: tuple[str, ...],
        reader: torch.Tensor,
        passed: Callable[[torch.Tensor, torch.Tensor], None],
    ) -> None:
        self._read, self._passed = read, passed
        self.choice, self.partner_choice = choice, partner_choice
        self.directions, self.reader = directions, reader

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Decision values, (row, class)."""
        return apart(images, self._read, items, self._passed)


def apart(
    images: torch.Tensor,
    read: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    items: torch.Tensor | None,
    passed: Callable[[torch.Tensor, torch.Tensor], None],
) -> torch.Tensor:
    """Numbers (row, number) read of images (row, channel, y, x) and their items, with a graph of their own."""
    rows = torch.arange(len(images), device=images.device) if items is None else items
    if not (torch.is_grad_enabled() and images.requires_grad):
        with torch.no_grad():
            return read(images, rows)
    values: torch.Tensor = _Apart.apply(images, read, rows, passed)  # type: ignore[no-untyped-call]
    return values


class _Apart(torch.autograd.Function):
    """A function of images whose graph is its own."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        images: torch.Tensor,
        read: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        rows: torch.Tensor,
        passed: Callable[[torch.Tensor, torch.Tensor], None],
    ) -> torch.Tensor:
        with torch.enable_grad():
            ctx.leaf = images.detach().requires_grad_()
            ctx.values = read(ctx.leaf, rows)
        ctx.rows, ctx.passed = rows, passed
        if not ctx.values.requires_grad:
            raise ModelError(
                "the decision values are cut off from the image (detached, or computed under no_grad), so no gradient "
                "exists: use an attack that needs no gradients"
            )
        detached: torch.Tensor = ctx.values.detach().clone()  # some attacks write into the values that they get
        return detached

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:  # noqa: ANN401
        # Kept, because some attacks ask for one class after the other.
        gradient = torch.autograd.grad(ctx.values, ctx.leaf, upstream, retain_graph=True)[0]
        finite = torch.isfinite(gradient).flatten(1).all(dim=1)
        ctx.passed(ctx.rows, finite)
        if not finite.all():
            gradient = torch.where(finite.view(-1, *[1] * (gradient.ndim - 1)), gradient, 0.0)
        return gradient, None, None, None
