"""Attacks on images, and their controls."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    """Projected gradient ascent, a random direction, and a flipped perturbation."""
    yield AttackEntry(
        name="pgd",
        factory="spikeproof_attacks.pgd:PGD",
        summary="Projected gradient ascent: two step schedules, best iterate kept, exact projection.",
        norms=("l2", "linf"),
        reference="10.48550/arXiv.1706.06083",
        effort="steps",
    )
    yield AttackEntry(
        name="random",
        factory="spikeproof_attacks.controls:Random",
        summary="Control: a random direction of the same norm as the attack's perturbation.",
        norms=("l2", "linf"),
        needs_gradients=False,
        control=True,
    )
    yield AttackEntry(
        name="flipped",
        factory="spikeproof_attacks.controls:Flipped",
        summary="Control: the attack's perturbation upside down, at the same norm.",
        norms=("l2", "linf"),
        needs_gradients=False,
        control=True,
    )
