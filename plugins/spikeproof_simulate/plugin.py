"""The source ``simulate:KIND``."""

from __future__ import annotations

from collections.abc import Iterable

from spikeproof.plugin import SourceEntry, hookimpl


@hookimpl
def spikeproof_sources() -> Iterable[SourceEntry]:
    """Yield the source of simulated recordings."""
    yield SourceEntry(
        name="simulate",
        factory="spikeproof_simulate.source:Simulation",
        summary="Recordings of known truth: KIND is sparse, distributed, redundant or aligned.",
        target="KIND",
    )
