"""Square attack: random search with square windows, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .rows import Rows
from .square_windows import windows_of

__all__ = ["Square", "share"]

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries out of 10,000 after which the window's share of the image is halved."""
_BLOCK = 64
"""Queries whose random numbers are drawn at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """Random search with square windows (Andriushchenko et al. 2020, arXiv 1912.00049): asks for values only.

    Linf: from vertical stripes of random signs, each query sets a random square window to plus or minus epsilon, one
    sign a channel, and is kept if the value rises. L2: from a tiling, each query moves the perturbation of one window,
    and what is left of the budget, onto another, along a pattern of two opposite blobs. The windows' share of the image
    is halved nine times, as in the paper. What the pixel box cuts off goes to the other pixels, so that every candidate
    has norm epsilon where the box allows it. All epsilons share the random numbers of an item.

    Where a choice is aimed at, an image is left alone as soon as its choice is another (the one wanted), at this
    epsilon or a smaller one; with ``until = "end"`` the search goes on for the largest change that the ball allows.
    """

    queries: Annotated[int, "Values asked for, for each item and epsilon."] = 1000
    share: Annotated[float, "First window's share of the image, in (0, 1]."] = 0.8
    until: Annotated[
        Literal["success", "end"],
        "success: an image whose choice is as wanted is not asked about again (behavior, where the value tells); end: "
        "every query is made.",
    ] = "success"

    def __post_init__(self) -> None:
        if self.queries < 1:
            raise BadParameter(f"square: queries must be at least 1, got {self.queries}")
        if not 0 < self.share <= 1:
            raise BadParameter(f"square: share must be in (0, 1], got {self.share}")

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        rows = Rows(objective, clean, epsilons, norm)
        value = objective(clean)
        rows.keep(value.repeat(rows.count), rows.clean)
        level = self._level(objective, value)
        asked = (value < level).repeat(rows.count).nonzero()[:, 0]
        windows = windows_of(rows.clean, rows.radius, norm)
        now = windows.first(noise, rows.items)
        value = torch.full((len(now),), -torch.inf, dtype=value.dtype, device=clean.device)
        own, numbers = windows.only(asked), now[:0]
        for query in range(self.queries):
            if not len(asked):
                break
            tried = now[asked]
            if query > 0:
                if (query - 1) % _BLOCK == 0:
                    numbers = _drawn(noise, rows.items[asked], (_BLOCK, windows.numbers), clean)
                part = share(query - 1, self.queries, self.share)
                tried = own.moved(tried, part, numbers[:, (query - 1) % _BLOCK])
            there = objective(tried.reshape(-1, *clean.shape[1:]), rows.items[asked])
            better = there > value[asked]
            now[asked[better]], value[asked[better]] = tried[better], there[better]
            if (there >= level[rows.items[asked]]).any():
                left = ~_settled(value, level, rows.count)[asked]
                asked, numbers = asked[left], numbers[left] if query else numbers
                own = windows.only(asked)
        rows.keep(value, now.reshape(rows.clean.shape))
        return rows.best_of_smaller()

    def _level(self, objective: ItemObjective, value: torch.Tensor) -> torch.Tensor:
        """Value from which on an item is left alone, (item,)."""
        wanted = None if self.until == "end" or objective.decisions is None else objective.level
        return torch.full_like(value, torch.inf) if wanted is None else wanted.to(value)


def share(query: int, queries: int, first: float) -> float:
    """Share of the image that the window of a query covers.

    Examples
    --------
    >>> [share(query, 10_000, 0.8) for query in (0, 10, 11, 8001)]
    [0.8, 0.8, 0.4, 0.0015625]
    """
    at = query * 10_000 // queries
    return first * 0.5 ** sum(1.0 for last in _HALVED_AT if at > last)


def _settled(value: torch.Tensor, level: torch.Tensor, radii: int) -> torch.Tensor:
    """Rows (epsilon-major) whose item has reached its level, in this ball or in a smaller one."""
    return (value.reshape(radii, -1) >= level).cummax(dim=0).values.flatten()


def _drawn(noise: ItemNoise, items: torch.Tensor, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Uniform numbers (row, \\*shape), the same for all rows of an item, drawn for these items alone."""
    some, place = torch.unique(items, return_inverse=True)
    return noise.uniform(shape, like=like, items=some.tolist())[place]
