"""Attacks on images, and their controls."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    """Searches in a ball, a random direction, and a flipped perturbation."""
    yield AttackEntry(
        name="pgd",
        factory="spikeproof_attacks.pgd:PGD",
        summary="Projected gradient ascent: two step schedules, best iterate kept, exact projection.",
        norms=("l1", "l2", "linf"),
        reference="10.48550/arXiv.1706.06083",
        effort="steps",
    )
    yield AttackEntry(
        name="fgm",
        factory="spikeproof_attacks.fgm:FGM",
        summary="Fast gradient method: one step, exact in the ball and the box.",
        norms=("l1", "l2", "linf"),
        reference="10.48550/arXiv.1412.6572",
    )
    yield AttackEntry(
        name="apgd",
        factory="spikeproof_attacks.apgd:APGD",
        summary="Auto-PGD: momentum, and steps that are halved at checkpoints where progress stalls.",
        norms=("l1", "l2", "linf"),
        reference="10.48550/arXiv.2003.01690",
        effort="steps",
    )
    yield AttackEntry(
        name="mi-fgsm",
        factory="spikeproof_attacks.mifgsm:MIFGSM",
        summary="Iterated gradient steps with momentum, for perturbations that transfer.",
        norms=("l2", "linf"),
        reference="10.48550/arXiv.1710.06081",
        effort="steps",
    )
    yield AttackEntry(
        name="guo",
        factory="spikeproof_attacks.guo:Guo",
        summary="Many random starts, twice the radius first, steps that shorten when they stall.",
        norms=("l2", "linf"),
        reference="10.48550/arXiv.2206.11228",
        effort="steps",
    )
    yield AttackEntry(
        name="square",
        factory="spikeproof_attacks.square:Square",
        summary="Random search with square windows; needs no gradients.",
        norms=("l2", "linf"),
        needs_gradients=False,
        reference="10.48550/arXiv.1912.00049",
        effort="queries",
    )
    yield AttackEntry(
        name="universal",
        factory="spikeproof_attacks.universal:Universal",
        summary="One perturbation for all stimuli: gradient ascent on the mean of the objective.",
        norms=("l1", "l2", "linf"),
        kind="universal",
        reference="10.48550/arXiv.1610.08401",
        effort="steps",
    )
    yield AttackEntry(
        name="latent",
        factory="spikeproof_attacks.latent:Latent",
        summary="A bounded shift at a hidden layer that moves the objective, and the image that reaches it.",
        norms=("l1", "l2", "linf"),
        hidden=True,
        reference="10.48550/arXiv.1905.05186",
        effort="rounds",
    )
    yield AttackEntry(
        name="toward",
        factory="spikeproof_attacks.toward:Toward",
        summary="The image in the ball whose population vector is nearest to another stimulus's.",
        norms=("l1", "l2", "linf"),
        aims=("population",),
        reference="10.48550/arXiv.1511.05122",
        effort="steps",
    )
    yield AttackEntry(
        name="metamer",
        factory="spikeproof_attacks.metamer:Metamer",
        summary="Another image, from noise or another stimulus, with the same population vector.",
        norms=("l1", "l2", "linf"),
        aims=("population",),
        kind="free",
        reference="10.1038/s41593-023-01442-0",
    )
    yield AttackEntry(
        name="eigen",
        factory="spikeproof_attacks.eigen:Eigen",
        summary="Along the direction of the image that the population notices most, or least (eigen:least).",
        target="[most|least]",
        norms=("l2",),
        aims=("population",),
        reference="10.48550/arXiv.1710.02266",
    )
    yield AttackEntry(
        name="fmn",
        factory="spikeproof_attacks.fmn:FMN",
        summary="Fast minimum-norm attack: the smallest perturbation that reaches a goal, along its border.",
        norms=("l1", "l2", "linf"),
        kind="minimal",
        aims=("unit", "behavior"),
        reference="10.48550/arXiv.2102.12827",
        effort="steps",
    )
    yield AttackEntry(
        name="deepfool",
        factory="spikeproof_attacks.deepfool:DeepFool",
        summary="DeepFool: the smallest perturbation that changes a choice, border by border.",
        norms=("l1", "l2", "linf"),
        kind="minimal",
        aims=("behavior",),
        reference="10.48550/arXiv.1511.04599",
    )
    yield AttackEntry(
        name="threshold",
        factory="spikeproof_attacks.threshold:Threshold",
        summary="Smallest epsilon at which gradient ascent takes a unit to a level, or changes a choice.",
        norms=("l1", "l2", "linf"),
        kind="minimal",
        aims=("unit", "behavior"),
        effort="steps",
    )
    yield AttackEntry(
        name="random",
        factory="spikeproof_attacks.controls:Random",
        summary="Control: a random direction of the same norm as the attack's perturbation.",
        norms=("l1", "l2", "linf"),
        needs_gradients=False,
        control=True,
    )
    yield AttackEntry(
        name="flipped",
        factory="spikeproof_attacks.controls:Flipped",
        summary="Control: the attack's perturbation upside down, at the same norm.",
        norms=("l1", "l2", "linf"),
        needs_gradients=False,
        control=True,
    )
