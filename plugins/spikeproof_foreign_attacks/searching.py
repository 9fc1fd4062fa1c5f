"""Runs another library's attack on the items of a batch, so that no item depends on the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of
from spikeproof.plugin import Norm
from spikeproof.types import Decisions, ItemNoise, ItemObjective

from .classifier import Classifier
from .randomness import Drawn, seeded

__all__ = ["Goal", "Run", "each_radius", "one_shortened", "search", "within"]

LARGEST_SEED = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What one call is to reach: images, the classes that are to be left or reached, and who reads them.

    Parameters
    ----------
    classifier : Classifier
    images : torch.Tensor, (item, channel, y, x)
    labels : torch.Tensor of int, (item,)
        Chosen classes to leave; with ``targeted`` the classes to reach.
    targeted : bool
    norm : {"l1", "l2", "linf"}
    seed : int
    classes : int
        How many classes there are.
    """

    classifier: Classifier
    images: torch.Tensor
    labels: torch.Tensor
    targeted: bool
    norm: Norm
    seed: int
    classes: int

    def reseeded(self) -> AbstractContextManager[Drawn]:
        """Start the random numbers anew, so that no radius depends on those before it."""
        return seeded(self.seed, self.images.device)


Run = Callable[[Goal, Sequence[float]], tuple[torch.Tensor, bool]]
"""One call of a library: perturbed images (epsilon, item, channel, y, x) for radii that are all larger than 0, and
whether any random number was drawn."""


def search(
    objective: ItemObjective,
    clean: torch.Tensor,
    epsilons: torch.Tensor,
    norm: Norm,
    noise: ItemNoise,
    run: Run,
    *,
    together: bool,
    who: str,
) -> torch.Tensor:
    """Perturbed images (epsilon, item, channel, y, x); at epsilon 0 the clean ones.

    Items that different classifiers read (folds of a readout) are attacked in calls of their own. The first item of
    each call goes alone: if the attack drew random numbers for it, all others go alone too, each with its own seed,
    because a library draws for the batch as a whole; if it drew none, they go together.

    Parameters
    ----------
    objective, clean, epsilons, norm, noise
        As of an attack.
    run : Run
    together : bool
        Call with all items even if the attack draws random numbers.
    who : str
        What messages call the attack.

    Raises
    ------
    spikeproof.errors.AttackError
        If the objective reads no choice, or has a direction that is neither away from it nor toward another's.
    """
    decisions = objective.decisions
    if decisions is None:
        raise AttackError(
            f"{who} works on a choice among classes, and this objective reads none: aim at behavior (a unit dressed up "
            "as two classes would fail in silence where it is suppressed: their cross-entropy has no gradient there)"
        )
    perturbed = clean.expand(len(epsilons), *clean.shape).clone()
    radii = [float(radius) for radius in epsilons]
    live = [place for place, radius in enumerate(radii) if radius > 0]
    if not live:
        return perturbed
    with torch.no_grad():
        classes = int(decisions(clean[:1]).shape[1])
    seeds = (noise.uniform((), like=torch.zeros((), dtype=torch.float64)) * LARGEST_SEED).long().tolist()
    where = torch.tensor(live, device=clean.device)
    for items, targeted in _calls(decisions, who):

        def solve(some: torch.Tensor, targeted: bool = targeted) -> bool:
            labels = (decisions.partner_choice if targeted else decisions.choice)[some]
            goal = Goal(
                classifier=Classifier(decisions, some, clean.dtype),
                images=clean[some].contiguous(),
                labels=labels,
                targeted=targeted,
                norm=norm,
                seed=seeds[int(some[0])],
                classes=classes,
            )
            with torch.enable_grad():
                found, drawn = run(goal, [radii[place] for place in live])
            perturbed[where[:, None], some] = found.detach().to(perturbed)
            return drawn

        if together:
            solve(items)
        elif solve(items[:1]):
            for item in items[1:]:
                solve(item[None])
        elif len(items) > 1:
            solve(items[1:])
    return perturbed


def _calls(decisions: Decisions, who: str) -> Iterator[tuple[torch.Tensor, bool]]:
    """Items that may share a call, and whether a class is to be reached rather than left."""
    for direction in dict.fromkeys(decisions.directions):
        if direction not in ("away", "toward"):
            raise AttackError(
                f"{who} leaves a choice ('away') or reaches another ('toward'), and this objective goes {direction!r}"
            )
        goes = torch.tensor([one == direction for one in decisions.directions], device=decisions.reader.device)
        for reader in torch.unique(decisions.reader[goes]).tolist():
            yield (goes & (decisions.reader == reader)).nonzero()[:, 0], direction == "toward"


def each_radius(
    goal: Goal, epsilons: Sequence[float], once: Callable[[float], torch.Tensor]
) -> tuple[torch.Tensor, bool]:
    """Call an attack of one radius for each of several, with the same random numbers."""
    found, drawn = [], False
    for radius in epsilons:
        with goal.reseeded() as seen:
            found.append(once(radius))
        drawn = drawn or seen.any
    return torch.stack(found), drawn


def one_shortened(goal: Goal, epsilons: Sequence[float], once: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, bool]:
    """Call an attack that looks for the smallest perturbation, and shorten what it found to each radius."""
    with goal.reseeded() as seen:
        found = once()
    return within(found, goal.images, epsilons, goal.norm), seen.any


def within(perturbed: torch.Tensor, clean: torch.Tensor, epsilons: Sequence[float], norm: Norm) -> torch.Tensor:
    """What is left of the smallest perturbations that an attack found inside each ball, (epsilon, item, ...).

    A perturbation that is too large is shortened along its line; under Linf, each pixel is clipped.
    """
    shift = perturbed.to(torch.float64) - clean.to(torch.float64)
    size = norm_of(shift, norm).view(-1, *[1] * (clean.ndim - 1))
    kept = [
        shift.clamp(-radius, radius) if norm == "linf" else shift * (radius / size.clamp(min=radius))
        for radius in epsilons
    ]
    return torch.stack([clean + one.to(clean.dtype) for one in kept])
