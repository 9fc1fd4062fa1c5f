"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    """Yield one attack a library; the target is the name of the library's own."""
    yield AttackEntry(
        name="foolbox",
        factory="spikeproof_foreign_attacks.from_foolbox:FoolboxAttack",
        summary="An attack of Foolbox on the choice.",
        target="NAME",
        norms=("l1", "l2", "linf"),
        aims=("behavior",),
        install='pip install "spikeproof[foolbox]"',
        reference="10.21105/joss.02607",
    )
    yield AttackEntry(
        name="torchattacks",
        factory="spikeproof_foreign_attacks.from_torchattacks:TorchattacksAttack",
        summary="An attack of torchattacks on the choice.",
        target="NAME",
        norms=("l1", "l2", "linf"),
        aims=("behavior",),
        install="pip install --no-deps torchattacks==3.5.1",
        reference="10.48550/arXiv.2010.01950",
    )
    yield AttackEntry(
        name="art",
        factory="spikeproof_foreign_attacks.from_art:ArtAttack",
        summary="An attack of the Adversarial Robustness Toolbox on the choice.",
        target="NAME",
        norms=("l1", "l2", "linf"),
        aims=("behavior",),
        install='pip install "spikeproof[art]"',
        reference="10.48550/arXiv.1807.01069",
    )
