"""DeepFool: steps to the nearest border between classes, as if scores were linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import AttackError, BadParameter
from spikeproof.geometry import norm_of, shortest_step
from spikeproof.plugin import Norm
from spikeproof.types import Decisions, ItemNoise, ItemObjective

from .nearest import Nearest

__all__ = ["DeepFool"]

_POLISH = 3
"""Steps along the border that was crossed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFool:
    """DeepFool (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599), for L2, L1 and Linf.

    Each step goes to the nearest border between the clean choice and another class, as if the class scores were linear,
    and a little beyond, until the choice has changed; the border's distance is exact in the box, in the norm of the
    threat. Then it goes back on the line to the clean image as far as the choice stays changed, and along the border to
    where it is nearest; the paper stops beyond the border. Where the goal is another stimulus's class, each step goes
    to the border between that class and the one that leads.
    """

    steps: Annotated[int, "Most steps."] = 50
    candidates: Annotated[int, "Classes whose borders are tried: those of highest score on the clean image."] = 10
    overshoot: Annotated[float, "How far beyond the border a step goes, relative to its length."] = 0.02

    def __post_init__(self) -> None:
        for name in ("steps", "candidates"):
            if getattr(self, name) < 1:
                raise BadParameter(f"deepfool: {name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.overshoot < 1:
            raise BadParameter(f"deepfool: overshoot must be at least 0 and less than 1, got {self.overshoot}")

    def __call__(
        self,
        objective: ItemObjective,
        clean: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,  # noqa: ARG002
    ) -> torch.Tensor:
        """Perturbed images, (item, channel, y, x)."""
        decisions = objective.decisions
        if decisions is None:
            raise AttackError(
                "deepfool works on a choice among classes, and this objective reads none: aim at behavior"
            )
        nearest = Nearest(objective, clean, norm, "deepfool")
        if not len(nearest):
            return nearest.result()
        start = nearest.ask(clean[nearest.items])
        rivals = _rivals(decisions, nearest, self.candidates)
        points = nearest.clean.clone()
        for _ in range(self.steps):
            open_ = (~nearest.found).nonzero()[:, 0]
            if not len(open_):
                break
            points[open_] = self._step(decisions, nearest, points[open_], open_, rivals[open_])
            nearest.ask(points[open_], open_)
        nearest.shorten(start)
        nearest.polish(_POLISH)
        return nearest.result()

    def _step(
        self, decisions: Decisions, nearest: Nearest, points: torch.Tensor, rows: torch.Tensor, rivals: torch.Tensor
    ) -> torch.Tensor:
        """Go to the nearest of the borders that ``rivals`` (row, number) stand for, and beyond."""
        items = nearest.items[rows]
        with torch.enable_grad():
            leaf = points.detach().clone().requires_grad_()
            scores = decisions(leaf, items)
            toward = _toward(decisions, items)
            leader = scores.detach().scatter(1, decisions.partner_choice[items, None], -torch.inf).argmax(dim=1)
            left = torch.where(toward, leader, decisions.choice[items])
            best = points.clone()
            least = torch.full((len(points),), torch.inf, dtype=torch.float64, device=points.device)
            for number in range(rivals.shape[1]):
                rival = torch.where(toward, decisions.partner_choice[items], rivals[:, number])
                behind = scores.gather(1, left[:, None]) - scores.gather(1, rival[:, None])
                slope = -torch.autograd.grad(behind.sum(), leaf, retain_graph=True)[0]
                gap = behind.detach()[:, 0].double()
                least_gain = 1e-6 * scores.detach().abs().amax(dim=1).double()
                gain = torch.maximum(gap * (1 + self.overshoot), gap + least_gain)
                there = shortest_step(points, slope, gain, nearest.norm)
                rise = (slope.double() * (there - points).double()).flatten(1).sum(dim=1)
                size = norm_of(there - points, nearest.norm)
                nearer = (size < least) & (rise >= gap)
                # A border that the box keeps out of reach is gone to only where there is no other.
                nearer |= torch.isinf(least) & (rise > 0) & (best == points).flatten(1).all(dim=1)
                best[nearer] = there[nearer]
                least = torch.where(nearer & (rise >= gap), size, least)
                if bool(toward.all()):
                    break
        return best


def _rivals(decisions: Decisions, nearest: Nearest, candidates: int) -> torch.Tensor:
    """Classes of highest score on the clean image, other than the choice, (row, number)."""
    items = nearest.items
    with torch.no_grad():
        scores = decisions(nearest.clean, items)
    others = scores.scatter(1, decisions.choice[items, None], -torch.inf)
    return others.topk(min(candidates, scores.shape[1] - 1), dim=1).indices


def _toward(decisions: Decisions, items: torch.Tensor) -> torch.Tensor:
    goes = torch.tensor([direction == "toward" for direction in decisions.directions], device=items.device)
    return goes[items]
