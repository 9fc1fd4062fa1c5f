"""What this plugin provides: the tests of the comment on Guo et al. (2022)."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics."""
    yield MetricEntry(
        name="sparse-or-distributed",
        factory="spikeproof_metrics_comment.sparse_or_distributed:SparseOrDistributed",
        summary="Whether few units or many carry the choice: what flipping the best k units does, and random ones.",
        scale="behavior",
        domain="response",
        aims=("behavior",),
        needs=("readout", "choices"),
        attacks=("flip",),
        reference="arXiv:2206.11228",
    )
    yield MetricEntry(
        name="sample-size",
        factory="spikeproof_metrics_comment.sample_size:SampleSize",
        summary="Scores and rankings of models against the number of recorded units, and how many a stable one takes.",
        scale="population",
        kind="study",
    )
    yield MetricEntry(
        name="neither-necessary-nor-sufficient",
        factory="spikeproof_metrics_comment.existence:NeitherNecessaryNorSufficient",
        summary="Unit sensitivity against robustness of choices, over networks and layers: correlation, 2 x 2 table.",
        scale="all",
        kind="study",
        domain="stimulus",
        aims=("unit", "behavior"),
    )
