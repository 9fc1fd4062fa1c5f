"""What an attack on images holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from spikeproof.plugin import AttackEntry, Norm

from .registry import check, require
from .subject import Subject
from .toys import LinearUnits, images, noise, norms

ITEMS = (0, 1, 2, 3)
RADII: dict[Norm, tuple[float, ...]] = {"l1": (0.05, 0.15), "l2": (0.1, 0.5), "linf": (0.02, 0.1)}
"""Radii at which the box is out of reach, so that the gain on a linear unit is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """A toy attack: perturbed images (epsilon, item, channel, y, x) beside what they were made of."""

    perturbed: torch.Tensor
    clean: torch.Tensor
    epsilons: torch.Tensor
    objective: LinearUnits


def attacked(
    subject: Subject,
    norm: Norm,
    *,
    items: Sequence[int] = ITEMS,
    epsilons: Sequence[float] | None = None,
    low: float = 0.2,
    high: float = 0.8,
    seed: int = 0,
) -> Attacked:
    """Attack the linear units of some items; no ball binds a free attack."""
    clean, objective = images(items, low, high), LinearUnits.random(items)
    free = subject.entry.kind == "free"
    radii = torch.tensor((torch.inf,) if free else RADII[norm] if epsilons is None else epsilons)
    perturbed = subject.build()(objective, clean, radii, norm, noise(items, seed))
    return Attacked(perturbed=perturbed, clean=images(items, low, high), epsilons=radii, objective=objective)


def _on_images(entry: AttackEntry) -> bool:
    return entry.domain == "stimulus" and not entry.control and entry.kind != "minimal"


def _in_a_ball(entry: AttackEntry) -> bool:
    return _on_images(entry) and entry.kind != "free"


@check("attack", when=_in_a_ball)
def check_it_stays_in_the_ball(subject: Subject) -> None:
    """No perturbation is longer than its epsilon, in each norm that the entry names."""
    for norm in subject.norms:
        found = attacked(subject, norm)
        excess = norms(found.perturbed - found.clean, norm) / found.epsilons[:, None] - 1
        require(excess.max() <= 1e-4, f"{norm}: a perturbation exceeds its epsilon by {float(excess.max()):.2%}")


@check("attack", when=_on_images)
def check_it_stays_in_the_box(subject: Subject) -> None:
    """Perturbed pixels stay in [0, 1], for images that reach both ends and epsilons larger than the box."""
    for norm in subject.norms:
        perturbed = attacked(subject, norm, epsilons=(0.3, 3.0), low=0.0, high=1.0).perturbed
        ends = float(perturbed.min()), float(perturbed.max())
        require(ends[0] >= 0 and ends[1] <= 1, f"{norm}: perturbed pixels reach {ends[0]:.4g} and {ends[1]:.4g}")


@check("attack", when=_on_images)
def check_it_returns_images_like_the_clean_ones(subject: Subject) -> None:
    """The result is (epsilon, item, channel, y, x), finite, with the type of the clean images, without gradients."""
    norm = subject.norms[0]
    found = attacked(subject, norm)
    shape = (len(found.epsilons), *found.clean.shape)
    require(found.perturbed.shape == shape, f"expected shape {shape}, got {tuple(found.perturbed.shape)}")
    require(found.perturbed.dtype == found.clean.dtype, f"expected {found.clean.dtype}, got {found.perturbed.dtype}")
    require(not found.perturbed.requires_grad, "the result still requires gradients: detach it")
    require(torch.isfinite(found.perturbed).all(), "the result is not finite")


@check("attack", when=_in_a_ball)
def check_no_budget_changes_nothing(subject: Subject) -> None:
    """With epsilon 0, the images are the clean ones."""
    for norm in subject.norms:
        found = attacked(subject, norm, epsilons=(0.0, RADII[norm][0]))
        moved = float((found.perturbed[0] - found.clean).abs().max())
        require(moved <= 1e-6, f"{norm}: epsilon 0 moved a pixel by {moved:.3g}")


@check("attack", when=_on_images)
def check_the_clean_images_are_left_alone(subject: Subject) -> None:
    """The tensor of clean images that it is given is not written to."""
    norm = subject.norms[0]
    clean = images(ITEMS)
    subject.build()(LinearUnits.random(ITEMS), clean, torch.tensor(RADII[norm]), norm, noise(ITEMS))
    require(torch.equal(clean, images(ITEMS)), "it changed the clean images in place")


@check("attack", when=_on_images)
def check_an_item_alone_is_as_in_a_batch(subject: Subject) -> None:
    """What an item becomes depends on no other item, so that batches and workers can be chosen freely."""
    for norm in subject.norms:
        batch = attacked(subject, norm)
        for row, item in enumerate(ITEMS):
            alone = attacked(subject, norm, items=(item,))
            moved = float((alone.perturbed[:, 0] - batch.perturbed[:, row]).abs().max())
            require(moved <= 1e-4, f"{norm}: item {item} alone differs from itself in a batch by {moved:.3g}")


@check("attack", when=_on_images)
def check_the_same_seed_gives_the_same_images(subject: Subject) -> None:
    """Its only random numbers are those that it is given."""
    for norm in subject.norms:
        one, two = attacked(subject, norm), attacked(subject, norm)
        require(torch.equal(one.perturbed, two.perturbed), f"{norm}: two runs with one seed differ")


@check("attack", when=_in_a_ball)
def check_it_beats_random_directions(subject: Subject) -> None:
    """On a linear unit it gains more than the best of ten random directions of the same norm."""
    for norm in subject.norms:
        found = attacked(subject, norm)
        gain = _gain(found, found.perturbed - found.clean)
        radius = found.epsilons.view(-1, 1, 1, 1, 1)
        best = torch.full_like(gain, -torch.inf)
        for draw in range(10):
            direction = torch.randn(found.clean.shape, generator=torch.Generator().manual_seed(draw))
            unit = direction.sign() if norm == "linf" else direction / norms(direction[None], norm)[0].view(-1, 1, 1, 1)
            best = torch.maximum(best, _gain(found, radius * unit))
        worse = gain.mean(dim=1) <= best.mean(dim=1)
        require(
            not worse.any(),
            f"{norm}: mean gain on a linear unit is {[round(x, 4) for x in gain.mean(dim=1).tolist()]} at epsilons "
            f"{found.epsilons.tolist()}; the best of ten random directions gains "
            f"{[round(x, 4) for x in best.mean(dim=1).tolist()]}",
        )


def _gain(found: Attacked, shift: torch.Tensor) -> torch.Tensor:
    """Change of each linear unit, (epsilon, item)."""
    return (shift * found.objective.weights).flatten(2).sum(dim=2)
