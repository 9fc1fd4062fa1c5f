"""What this plugin provides: metrics of the network itself."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics."""
    yield MetricEntry(
        name="lipschitz",
        factory="spikeproof_metrics_network.lipschitz:Lipschitz",
        summary="How far a layer's units can move with the image: certified upper bound, slopes at images, attacks.",
        scale="population",
        kind="network",
        domain="stimulus",
        reference="arXiv:1312.6199",
    )
    yield MetricEntry(
        name="attack-directions",
        factory="spikeproof_metrics_network.directions:AttackDirections",
        summary="In how many independent directions of the image a population can be attacked.",
        scale="population",
        kind="network",
        reference="arXiv:1710.02266",
    )
    yield MetricEntry(
        name="filters",
        factory="spikeproof_metrics_network.filter_statistics:FilterStatistics",
        summary="Sparsity, variance entropy and orthogonality of convolution filters, beside random filters.",
        scale="population",
        kind="network",
        reference="arXiv:2203.15331",
    )
