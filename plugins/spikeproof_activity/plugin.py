"""What this plugin provides: attacks in the response domain."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    """Yield the attacks on activity."""
    yield AttackEntry(
        name="silence",
        factory="spikeproof_activity.silence:Silence",
        summary="Silence k units: by the readout's weights, greedily, and at random.",
        domain="response",
        needs_gradients=False,
        reference="doi:10.1152/jn.90248.2008",
    )
    yield AttackEntry(
        name="flip",
        factory="spikeproof_activity.flip:Flip",
        summary="Flip the preferences of k units: by the readout's weights, by selectivity, greedily, and at random.",
        domain="response",
        needs_gradients=False,
        reference="arXiv:2206.11228",
    )
    yield AttackEntry(
        name="shift",
        factory="spikeproof_activity.shift:Shift",
        summary="Smallest displacement of the population that changes the readout's choice.",
        domain="response",
        needs_gradients=False,
        reference="arXiv:1511.04599",
    )
