"""What this plugin provides: trials of subjects, and metrics of behaviour."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import SourceEntry, hookimpl


@hookimpl
def spikeproof_sources() -> Iterator[SourceEntry]:
    """Yield the source of trials."""
    yield SourceEntry(
        name="trials",
        factory="spikeproof_metrics_behavior.source:TrialFiles",
        summary="What subjects chose on which image: CSV files laid out as in model-vs-human.",
        target="PATH",
        reference="arXiv:2106.07411",
    )
