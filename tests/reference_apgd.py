"""APGD as its authors coded it (auto-attack, and its copy in torchattacks), written down plainly for a batch of items.

The code departs from the paper in four places, each of which can be switched off:

* ``rounded``: checkpoints are 22 % of the steps apart, then 3 % fewer each time but at least 6 %, each rounded *down*;
  for 100 steps they are the paper's.
* ``at_most``: the step is halved where *at most* 75 % of the steps rose; the paper says fewer than 75 %.
* ``raw``: a step counts as a rise if its value is above that of the *iterate before*, even where the search had gone
  back to its best point in between; and the first is compared with zero. The paper compares with where the step began.
* ``spared``: nothing is halved for lack of progress at the first checkpoint.

The projection is onto the ball, then onto the box; ours is onto both at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["reference_apgd"]


def reference_apgd(
    ask: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    clean: torch.Tensor,
    start: torch.Tensor,
    eps: float,
    norm: Any,
    steps: int,
    *,
    rounded: bool = True,
    at_most: bool = True,
    raw: bool = True,
    spared: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Best points (item, ...), and the values of all iterates (step + 1, item)."""

    def wide(row: torch.Tensor) -> torch.Tensor:
        return row.view(-1, *[1] * (clean.ndim - 1))

    def inside(points: torch.Tensor) -> torch.Tensor:
        shift = points - clean
        if norm == "linf":
            return (clean + shift.clamp(-eps, eps)).clamp(0, 1)
        length = wide(shift.flatten(1).norm(dim=1))
        return (clean + shift * (eps / length.clamp(min=eps))).clamp(0, 1)

    marks = _rounded_down(steps) if rounded else _by_the_paper(steps)
    points, before = start.clone(), start.clone()
    value, slope = ask(points)
    trace = [value]
    best, reached, best_slope = points.clone(), value.clone(), slope.clone()
    size = torch.full_like(value, 2 * eps)
    rose, last = torch.zeros_like(value), 0
    began = torch.zeros_like(value) if raw else value
    checked, halved = reached.clone(), torch.full_like(value, spared, dtype=torch.bool)
    for step in range(1, steps + 1):
        way = slope.sign() if norm == "linf" else slope / wide(slope.flatten(1).norm(dim=1))
        moved = inside(points + wide(size) * way)
        if step > 1:
            moved = inside(points + 0.75 * (moved - points) + 0.25 * (points - before))
        before, points = points, moved
        value, slope = ask(points)
        trace.append(value)
        rose += value > began
        began = value
        better = value > reached
        best, best_slope = torch.where(wide(better), points, best), torch.where(wide(better), slope, best_slope)
        reached = torch.maximum(reached, value)
        if step in marks and step < steps:
            share = 0.75 * (step - last)
            few = rose <= share if at_most else rose < share
            halved = few | (~halved & (checked >= reached))
            size = torch.where(halved, size / 2, size)
            points, slope = torch.where(wide(halved), best, points), torch.where(wide(halved), best_slope, slope)
            if not raw:
                began = torch.where(halved, reached, value)
            rose, last, checked = torch.zeros_like(value), step, reached.clone()
    return best, torch.stack(trace)


def _rounded_down(steps: int) -> set[int]:
    gap, least, fall = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    marks, at = set(), 0
    while at + gap <= steps:
        at += gap
        marks.add(at)
        gap = max(gap - fall, least)
    return marks


def _by_the_paper(steps: int) -> set[int]:
    before, now, marks = 0, 22, set()
    while now <= 100:
        marks.add(-(-now * steps // 100))
        before, now = now, now + max(now - before - 3, 6)
    return marks
