"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    """Provide the blur."""
    yield AttackEntry(
        name="blur",
        factory="spikeproof_blur.blur:Blur",
        summary="Moves the image toward its blurred version.",
        norms=("l2", "linf"),
        needs_gradients=False,
    )
