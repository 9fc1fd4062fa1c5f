"""What this plugin provides: metrics of populations and of behaviour."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics."""
    yield MetricEntry(
        name="cross-scale",
        factory="spikeproof_metrics_population.cross_scale:CrossScale",
        summary="Where a perturbation aims against where its damage is read; 1 is as different as another image.",
        scale="all",
        domain="stimulus",
    )
