"""What this plugin provides: comparisons of representations."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics."""
    yield MetricEntry(
        name="cka",
        factory="spikeproof_metrics_representation.aligned_kernels:KernelAlignment",
        summary="Centred kernel alignment with the clean code and between systems, debiased unless asked otherwise.",
        scale="population",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="arXiv:1905.00414",
    )
    yield MetricEntry(
        name="rdm-similarity",
        factory="spikeproof_metrics_representation.rdm_similarity:RdmSimilarity",
        summary="Correlation of representational dissimilarity matrices with the clean code's and between systems.",
        scale="population",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="doi:10.3389/neuro.06.004.2008",
    )
    yield MetricEntry(
        name="rdm-ceiling",
        factory="spikeproof_metrics_representation.rdm_ceiling:RdmCeiling",
        summary="How well any model could do on a recording's RDM: noise ceilings over subjects, sessions or halves.",
        scale="population",
        reference="doi:10.1371/journal.pcbi.1003553",
    )
    yield MetricEntry(
        name="shape-distance",
        factory="spikeproof_metrics_representation.aligned_shapes:ShapeDistance",
        summary="Angle left after the best rotation onto the clean code and between systems: 0 is the same shape.",
        scale="population",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="arXiv:2110.14739",
    )
    yield MetricEntry(
        name="predictivity",
        factory="spikeproof_metrics_representation.predicted:LinearPredictivity",
        summary="Linear prediction of the reference's units on held-out stimuli, and the reverse; raw correlations.",
        scale="population",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="doi:10.1101/407007",
    )
    yield MetricEntry(
        name="stochastic-shape",
        factory="spikeproof_metrics_representation.noisy_shapes:StochasticShape",
        summary="Shape distance of responses with their trial-to-trial noise, after the best rotation.",
        scale="population",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="arXiv:2211.11665",
    )
    yield MetricEntry(
        name="rdm-evaluation",
        factory="spikeproof_metrics_representation.model_evaluation:ModelEvaluation",
        summary="How well systems' RDMs describe subjects' ones, with other subjects and stimuli, beside the ceiling.",
        scale="population",
        kind="study",
        reference="doi:10.7554/eLife.82566",
    )
