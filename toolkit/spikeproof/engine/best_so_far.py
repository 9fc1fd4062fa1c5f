"""What a search has found so far, question by question: its course, which says whether it had come to its end."""

from __future__ import annotations

import torch

__all__ = ["BestSoFar"]


class BestSoFar:
    """The best that each item came to, after each question.

    Parameters
    ----------
    count : int
        Number of items.
    device : str or torch.device

    Attributes
    ----------
    values : list of torch.Tensor of float64, (item,)
        Best value after each question; minus infinity before an item was asked for.
    asked : list of torch.Tensor of bool, (item,)
        Which items each question was about.
    sizes : list of torch.Tensor of float64, (item,)
        Norm of the smallest perturbation that reached the goal; infinite before.

    Examples
    --------
    >>> found = BestSoFar(2, "cpu")
    >>> found.rose(torch.tensor([1.0, 3.0]), None)
    >>> found.rose(torch.tensor([2.0]), torch.tensor([0]))
    >>> found.values[-1].tolist()
    [2.0, 3.0]
    >>> found.asked[-1].tolist()
    [True, False]
    """

    def __init__(self, count: int, device: str | torch.device) -> None:
        self._none = torch.full((count,), -torch.inf, dtype=torch.float64, device=device)
        self.values: list[torch.Tensor] = []
        self.asked: list[torch.Tensor] = []
        self.sizes: list[torch.Tensor] = []

    def rose(self, value: torch.Tensor, items: torch.Tensor | None) -> None:
        """Write down values (row,) of some items (row,); of all of them, one each, by default."""
        before = self.values[-1] if self.values else self._none
        found = value.to(torch.float64)
        about = torch.full_like(before, items is None, dtype=torch.bool)
        if items is not None:
            about[items] = True
        self.asked.append(about)
        self.values.append(
            torch.maximum(before, found) if items is None else before.scatter_reduce(0, items, found, "amax")
        )

    def reached(self, size: torch.Tensor, items: torch.Tensor) -> None:
        """Write down norms (row,) of perturbations that reach the goal of their items (row,)."""
        before = self.sizes[-1] if self.sizes else -self._none
        self.sizes.append(before.scatter_reduce(0, items, size, "amin"))
