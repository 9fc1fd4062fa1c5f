"""What an attack that looks for the smallest perturbation holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from spikeproof.geometry import norm_of, shortest_step, step_in_box
from spikeproof.plugin import AttackEntry, Norm

from .attacks import ITEMS
from .registry import check, require
from .subject import Subject
from .toys import LinearUnits, images, noise

__all__ = ["LinearGoals"]

SLACK = 1.05
"""How much longer than the smallest a perturbation may be on a linear unit."""
DIRECTIONS = 10
"""Random directions that an attack must beat."""


class LinearGoals(LinearUnits):
    """Linear units whose goal is the response to a grey image: there the second of two classes is chosen.

    Parameters
    ----------
    weights : torch.Tensor, (item, channel, y, x)
    """

    @property
    def level(self) -> torch.Tensor:
        """Response to a grey image, (item,)."""
        return 0.5 * self.weights.flatten(1).sum(dim=1)

    def reached(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whether the response is at least that, (row,)."""
        return self(images, items) >= (self.level if items is None else self.level[items])

    @classmethod
    def below(cls, items: Sequence[int], clean: torch.Tensor) -> LinearGoals:
        """Return units that respond less to these images than to a grey one."""
        units = cls(LinearUnits.random(items).weights)
        short = (units.level - units(clean)).sign()
        return cls(units.weights * short.view(-1, 1, 1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A toy attack: perturbed images (item, channel, y, x) beside what they were made of."""

    perturbed: torch.Tensor
    clean: torch.Tensor
    objective: LinearGoals

    def norms(self, norm: Norm) -> torch.Tensor:
        """Norms of the perturbations, (item,)."""
        return norm_of(self.perturbed.double() - self.clean.double(), norm)

    @property
    def missing(self) -> torch.Tensor:
        """What the clean responses lack, (item,)."""
        return (self.objective.level - self.objective(self.clean)).double()


def reached(
    subject: Subject, norm: Norm, *, items: Sequence[int] = ITEMS, low: float = 0.1, high: float = 0.9, seed: int = 0
) -> Reached:
    """Take the linear units of some items to their level."""
    clean = images(items, low, high).clamp(0, 1)
    objective = LinearGoals.below(items, clean)
    perturbed = subject.build()(objective, clean.clone(), norm, noise(items, seed))
    return Reached(perturbed=perturbed, clean=clean, objective=objective)


def _is_minimal(entry: AttackEntry) -> bool:
    return entry.kind == "minimal"


@check("attack", when=_is_minimal)
def check_it_reaches_the_goal(subject: Subject) -> None:
    """It takes a linear unit to its level, in each norm that the entry names."""
    for norm in subject.norms:
        found = reached(subject, norm)
        short = ~found.objective.reached(found.perturbed)
        require(not short.any(), f"{norm}: {int(short.sum())} of {len(short)} linear units do not reach their level")


@check("attack", when=_is_minimal)
def check_its_perturbation_is_small(subject: Subject) -> None:
    """On a linear unit it is at most 5 % longer than the smallest, and no longer than a random direction needs."""
    for norm in subject.norms:
        found = reached(subject, norm)
        size = found.norms(norm)
        nearest = shortest_step(found.clean, found.objective.weights, found.missing, norm)
        least = norm_of(nearest.double() - found.clean.double(), norm)
        excess = float((size / least).max()) - 1
        require(excess <= SLACK - 1, f"{norm}: a perturbation is {excess:.1%} longer than the smallest")
        for draw in range(DIRECTIONS):
            direction = torch.randn(found.clean.shape, generator=torch.Generator().manual_seed(draw))
            along = step_in_box(found.clean, direction, size, norm)
            beaten = found.objective(along) > found.objective.level
            require(not beaten.any(), f"{norm}: a random direction of the same norm goes beyond the level")


@check("attack", when=_is_minimal)
def check_the_box_holds_for_the_smallest_perturbation(subject: Subject) -> None:
    """Perturbed pixels stay in [0, 1], for images with many pixels at both ends."""
    for norm in subject.norms:
        perturbed = reached(subject, norm, low=-0.3, high=1.3).perturbed
        ends = float(perturbed.min()), float(perturbed.max())
        require(ends[0] >= 0 and ends[1] <= 1, f"{norm}: perturbed pixels reach {ends[0]:.4g} and {ends[1]:.4g}")


@check("attack", when=_is_minimal)
def check_it_returns_one_image_an_item(subject: Subject) -> None:
    """The result is (item, channel, y, x), finite, with the type of the clean images, without gradients."""
    found = reached(subject, subject.norms[0])
    require(
        found.perturbed.shape == found.clean.shape,
        f"expected shape {tuple(found.clean.shape)}, got {tuple(found.perturbed.shape)}",
    )
    require(found.perturbed.dtype == found.clean.dtype, f"expected {found.clean.dtype}, got {found.perturbed.dtype}")
    require(not found.perturbed.requires_grad, "the result still requires gradients: detach it")
    require(torch.isfinite(found.perturbed).all(), "the result is not finite")


@check("attack", when=_is_minimal)
def check_what_is_reached_already_is_left_alone(subject: Subject) -> None:
    """Where the clean image reaches the goal, the clean image is returned; and it is never written to."""
    norm = subject.norms[0]
    clean = images(ITEMS)
    objective = LinearGoals.below(ITEMS, clean)
    there = LinearGoals(-objective.weights)
    perturbed = subject.build()(there, clean, norm, noise(ITEMS))
    require(torch.equal(perturbed, images(ITEMS)), "it moved images that reached the goal before")
    require(torch.equal(clean, images(ITEMS)), "it changed the clean images in place")


@check("attack", when=_is_minimal)
def check_a_smallest_perturbation_does_not_depend_on_company_or_time(subject: Subject) -> None:
    """An item alone is as in a batch, and two runs with one seed are the same."""
    for norm in subject.norms:
        batch, again = reached(subject, norm), reached(subject, norm)
        require(torch.equal(batch.perturbed, again.perturbed), f"{norm}: two runs with one seed differ")
        for row, item in enumerate(ITEMS):
            alone = reached(subject, norm, items=(item,))
            moved = float((alone.perturbed[0] - batch.perturbed[row]).abs().max())
            require(moved <= 1e-4, f"{norm}: item {item} alone differs from itself in a batch by {moved:.3g}")
