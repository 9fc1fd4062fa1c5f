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
    yield MetricEntry(
        name="shape-bias",
        factory="spikeproof_metrics_behavior.metrics.shape_bias:ShapeBiasOfObservers",
        summary="Choices of the shape against choices of the texture, where the two conflict.",
        scale="behavior",
        kind="study",
        reference="arXiv:1811.12231",
    )
    yield MetricEntry(
        name="image-level",
        factory="spikeproof_metrics_behavior.metrics.image_level:ImageLevelConsistency",
        summary="Whether the same images are hard for subjects and for systems (i1, i1n, i2, i2n, with ceilings).",
        scale="behavior",
        kind="study",
        needs=("trials",),
        reference="doi:10.1523/JNEUROSCI.0388-18.2018",
    )
    yield MetricEntry(
        name="own-choices",
        factory="spikeproof_metrics_behavior.metrics.own_choices:OwnChoices",
        summary="Whether a readout chooses as the subject did on the same presentation (kappa, agreement).",
        scale="behavior",
        kind="study",
        needs=("trials",),
    )
    yield MetricEntry(
        name="choice-consistency",
        factory="spikeproof_metrics_behavior.metrics.choice_consistency:ChoiceConsistency",
        summary="Kappa between choices on clean and on perturbed stimuli, and between the choices of systems.",
        scale="behavior",
        kind="score",
        needs=("choices", "labels"),
        comparison=True,
        null="stimuli",
        reference="arXiv:2006.16736",
    )
    yield MetricEntry(
        name="confidence",
        factory="spikeproof_metrics_behavior.metrics.confidence:ConfidenceOfReadout",
        summary="How sure a fitted readout is of its choices, and by how much it leads, clean and perturbed.",
        scale="behavior",
        kind="score",
        needs=("readout", "labels"),
    )
    yield MetricEntry(
        name="choice-accuracy",
        factory="spikeproof_metrics_behavior.metrics.choice_accuracy:ChoiceAccuracy",
        summary="How often choices are right, along a perturbation: the robust accuracy of an attack.",
        scale="behavior",
        kind="score",
        needs=("choices", "labels"),
        null="labels",
        reference="arXiv:1706.06083",
    )
    yield MetricEntry(
        name="shape-choices",
        factory="spikeproof_metrics_behavior.metrics.shape_choices:ShapeChoices",
        summary="Shape bias of a code's choices on images of two cues, along a perturbation.",
        scale="behavior",
        kind="score",
        needs=("choices",),
        reference="arXiv:1811.12231",
    )
