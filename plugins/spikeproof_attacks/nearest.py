"""What all searches for the smallest perturbation share: the nearest point of each item that reaches its goal."""

from __future__ import annotations

import torch
from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of, shortest_step
from spikeproof.plugin import Norm
from spikeproof.types import ItemObjective

__all__ = ["Nearest"]

_PAST = 1e-6
"""By how much of itself a step to the level is lengthened, so that rounding does not leave it short."""
_SHORTENED = 12
"""Questions on the line from the clean image to a point."""
_SETTLED = 1e-6
"""Relative width of the bracket on that line at which it is left alone."""


class Nearest:
    """The nearest point of each row that reaches its goal; where none does, the point of largest value.

    A row is an item whose goal can be reached at all: those whose level is infinite are left out, and stay clean.

    Parameters
    ----------
    objective : ItemObjective
    clean : torch.Tensor, (item, ...)
    norm : {"l1", "l2", "linf"}
    who : str
        What messages call the attack.

    Attributes
    ----------
    clean : torch.Tensor, (row, ...)
    level : torch.Tensor, (row,)
        Value at which each row's goal is reached.
    points : torch.Tensor, (row, ...)
        Nearest points so far.
    size : torch.Tensor of float64, (row,)
        Norms of their perturbations; infinite where the goal is not reached.
    value : torch.Tensor of float64, (row,)
        Values at these points.

    Raises
    ------
    spikeproof.errors.AttackError
        If the objective has no goal.
    """

    def __init__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, who: str) -> None:
        level = objective.level
        if level is None:
            raise AttackError(
                f"{who} looks for the smallest perturbation that reaches a goal, and this objective has none"
            )
        self._objective, self._all, self.norm = objective, clean, norm
        self.items = torch.isfinite(level).nonzero()[:, 0]
        self.clean, self.level = clean[self.items], level[self.items]
        self.points = self.clean.clone()
        self.size = torch.full((len(self),), torch.inf, dtype=torch.float64, device=clean.device)
        self.value = torch.full_like(self.size, -torch.inf)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def found(self) -> torch.Tensor:
        """Whether each row's goal has been reached, (row,)."""
        return torch.isfinite(self.size)

    def begin(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and gradients (row, ...) at the clean images, which the host may know already."""
        if len(self) == len(self._all):
            value, slope = self._objective.value_and_gradient(self.clean)
        else:
            value, slope = self._objective.value_and_gradient(self.clean, self.items)
        self.keep(self.clean, value)
        return value, slope

    def look(self, points: torch.Tensor, rows: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and gradients (row, ...) at points, which are kept where they reach the goal and are nearer."""
        value, slope = self._objective.value_and_gradient(points, self.items if rows is None else self.items[rows])
        self.keep(points, value, rows)
        return value, slope

    def ask(self, points: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Values (row,) at points, which are kept where they reach the goal and are nearer."""
        value = self._objective(points, self.items if rows is None else self.items[rows])
        self.keep(points, value, rows)
        return value

    def keep(self, points: torch.Tensor, value: torch.Tensor, rows: torch.Tensor | None = None) -> None:
        """Keep points (row, ...) with these values where they are better than what is kept."""
        rows = torch.arange(len(self), device=points.device) if rows is None else rows
        size = torch.where(value >= self.level[rows], norm_of(points - self.clean[rows], self.norm), torch.inf)
        value = value.to(torch.float64)
        better = size < self.size[rows]
        better |= ~self.found[rows] & (value > self.value[rows])
        taken = rows[better]
        self.points[taken] = points[better]
        self.size[taken], self.value[taken] = size[better], value[better]

    def shorten(self, value: torch.Tensor, which: torch.Tensor | None = None) -> None:
        """Go back on the line to the clean image, whose values (row,) are given, as far as the goal stays reached.

        Regula falsi with the Illinois rule, between a part of the way that does not reach the goal and one that does.
        """
        rows = (self.found & (self.size > 0) & (True if which is None else which)).nonzero()[:, 0]
        far, start, level = self.points[rows], self.clean[rows], self.level[rows].double()
        low, high = torch.zeros_like(level), torch.ones_like(level)
        below, above = value[rows].double() - level, self.value[rows] - level
        side = torch.zeros_like(level)
        for _ in range(_SHORTENED):
            open_ = ((high - low > _SETTLED * high) & (below < 0)).nonzero()[:, 0]
            if not len(open_):
                break
            a, b, under, over = (one[open_] for one in (low, high, below, above))
            # Half way where a value is zero or not finite; otherwise where the line between both meets the level.
            part = torch.where((over > 0) & torch.isfinite(under), (a * over - b * under) / (over - under), (a + b) / 2)
            part = torch.minimum(torch.maximum(part, a + 1e-3 * (b - a)), b - 1e-7 * b)
            part = torch.where(part > a, part, (a + b) / 2)
            wide = part.to(start.dtype).view(-1, *[1] * (start.ndim - 1))
            points = start[open_] + wide * (far[open_] - start[open_])
            height = self.ask(points, rows[open_]).double() - level[open_]
            past = height >= 0
            low[open_], high[open_] = torch.where(past, a, part), torch.where(past, part, b)
            now = torch.where(past, 1.0, -1.0).to(side)
            again = side[open_] == now
            below[open_] = torch.where(past, torch.where(again, under / 2, under), height)
            above[open_] = torch.where(past, height, torch.where(again, over / 2, over))
            side[open_] = now

    def polish(self, steps: int, which: torch.Tensor | None = None) -> None:
        """Slide along the border of the goal to where the perturbation is smallest.

        At each point the nearest one of the linear approximation is tried (exact in the box), and brought to the level
        along its own line; where that is no nearer, a shorter way there. On a linear objective the first is the answer.
        """
        rows = (self.found & (self.size > 0) & (True if which is None else which)).nonzero()[:, 0]
        if not len(rows):
            return
        clean, level = self.clean[rows], self.level[rows]
        shape = (-1, *[1] * (clean.ndim - 1))
        value, slope = self.look(self.points[rows], rows)
        share = torch.ones_like(self.size[rows])
        for _ in range(steps):
            here = self.points[rows]
            aim = self._nearest_linear(here, clean, slope, (level - value).double())
            points = here + share.to(here.dtype).view(shape) * (aim - here)
            there, turned = self.look(points, rows)
            missing = (level - there).double()
            rise = (turned.double() * (points - clean).double()).flatten(1).sum(dim=1)
            factor = torch.where(rise > 0, 1 + missing / rise, 1.0).clamp(0.5, 2) * (1 + _PAST)
            scaled = (clean + factor.to(clean.dtype).view(shape) * (points - clean)).clamp(0, 1)
            before = self.size[rows].clone()
            reached = self.ask(scaled, rows)
            nearer = self.size[rows] < before
            share = torch.where(nearer, (2 * share).clamp(max=1), share / 2)
            wide = nearer.view(shape)
            # The gradient at the point before it was brought to the level stands for that at the level.
            slope, value = torch.where(wide, turned, slope), torch.where(nearer, reached, value)

    def _nearest_linear(
        self, here: torch.Tensor, clean: torch.Tensor, slope: torch.Tensor, missing: torch.Tensor
    ) -> torch.Tensor:
        """Points nearest to the clean images at which the linear approximation around ``here`` meets the level."""
        back = (slope.double() * (here - clean).double()).flatten(1).sum(dim=1)
        return shortest_step(clean, slope, (missing + back) * (1 + _PAST), self.norm)

    def result(self) -> torch.Tensor:
        """Points of all items, (item, ...); those whose goal cannot be reached are clean."""
        everything = self._all.clone()
        everything[self.items] = self.points
        return everything
