"""What this plugin provides: trials of subjects, and metrics of behaviour."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, SourceEntry, hookimpl


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


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics."""
    yield MetricEntry(
        name="error-consistency",
        factory="spikeproof_metrics_behavior.metrics.error_consistency:ErrorConsistencyOfObservers",
        summary="Whether subjects and systems err on the same images, beyond what their accuracies explain (kappa).",
        scale="behavior",
        kind="study",
        needs=("trials",),
        reference="arXiv:2006.16736",
    )
    yield MetricEntry(
        name="choice-agreement",
        factory="spikeproof_metrics_behavior.metrics.choice_agreement:ChoiceAgreement",
        summary="How often subjects and systems choose the same category for an image, against chance.",
        scale="behavior",
        kind="study",
        needs=("trials",),
        reference="doi:10.7554/eLife.55978",
    )
    yield MetricEntry(
        name="behavioral-accuracy",
        factory="spikeproof_metrics_behavior.metrics.behavioral_accuracy:BehavioralAccuracy",
        summary="How often subjects, and systems that saw the same images, choose the right category.",
        scale="behavior",
        kind="study",
        needs=("trials",),
        reference="arXiv:2106.07411",
    )
