"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics of single units."""
    yield MetricEntry(
        name="sensitivity",
        factory="spikeproof_metrics_unit.metrics.sensitivity:Sensitivity",
        summary="How far an attack moves the unit it aims at, in standard deviations of its clean responses.",
        scale="unit",
        domain="stimulus",
        aims=("unit",),
        reference="Guo et al. 2022, arXiv:2206.11228",
    )
    yield MetricEntry(
        name="measured-sensitivity",
        factory="spikeproof_metrics_unit.metrics.measured_sensitivity:MeasuredSensitivity",
        summary="Sensitivity from recorded responses to perturbed images: naive, signed by predictions, noise alone.",
        scale="unit",
        domain="stimulus",
        aims=("unit",),
        needs=("measured",),
        reference="Guo et al. 2022, arXiv:2206.11228",
    )
    yield MetricEntry(
        name="preference-flips",
        factory="spikeproof_metrics_unit.metrics.preference_flips:PreferenceFlips",
        summary="How often a non-preferred stimulus or category drives a unit like its preferred one, once attacked.",
        scale="unit",
        domain="stimulus",
        aims=("unit",),
        reference="Guo et al. 2022, arXiv:2206.11228",
    )
    yield MetricEntry(
        name="sparseness",
        factory="spikeproof_metrics_unit.metrics.sparseness:Sparseness",
        summary="Lifetime sparseness of each unit and population sparseness of each stimulus.",
        scale="unit",
        reference="Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273",
    )
    yield MetricEntry(
        name="selectivity",
        factory="spikeproof_metrics_unit.metrics.selectivity:Selectivity",
        summary="How well each unit tells each category from the rest (d', AUC), against permuted labels.",
        revision=2,
        scale="unit",
        needs=("labels",),
    )
    yield MetricEntry(
        name="image-selectivity",
        factory="spikeproof_metrics_unit.metrics.image_selectivity:ImageSelectivity",
        summary="How peaked units' responses are: image selectivity and kurtosis, along a perturbation.",
        scale="unit",
        kind="score",
        aims=("population", "behavior"),
        reference="Quian Quiroga et al. 2007, doi:10.1152/jn.00125.2007",
    )
    yield MetricEntry(
        name="category-selectivity",
        factory="spikeproof_metrics_unit.metrics.category_selectivity:CategorySelectivity",
        summary="d', AUC and selectivity index of units' best categories, along a perturbation.",
        scale="unit",
        kind="score",
        needs=("labels",),
        aims=("population", "behavior"),
        null="labels",
    )
    yield MetricEntry(
        name="reliability",
        factory="spikeproof_metrics_unit.metrics.reliability:Reliability",
        summary="How much of each unit's response comes back over repeats: split halves, noise ceiling, signal power.",
        scale="unit",
        needs=("repeats",),
        reference="Sahani & Linden 2003, Adv. Neural Inf. Process. Syst. 15; doi:10.1038/s41593-021-00962-x",
    )
    yield MetricEntry(
        name="population-sparseness",
        factory="spikeproof_metrics_unit.metrics.population_sparseness:PopulationSparseness",
        summary="How few units a stimulus drives, along a perturbation, against units shuffled over stimuli.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        null="units",
        reference="Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273",
    )
    yield MetricEntry(
        name="lifetime-sparseness",
        factory="spikeproof_metrics_unit.metrics.lifetime_sparseness:LifetimeSparseness",
        summary="How few stimuli drive a unit, mean over units, along a perturbation.",
        scale="unit",
        kind="score",
        aims=("population", "behavior"),
        reference="Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273",
    )
    yield MetricEntry(
        name="trial-reliability",
        factory="spikeproof_metrics_unit.metrics.trial_reliability:TrialReliability",
        summary="How much of units' responses comes back over repeats, of clean and of measured perturbed images.",
        scale="unit",
        kind="score",
        needs=("repeats",),
        null="presentations",
        reference="Sahani & Linden 2003, Adv. Neural Inf. Process. Syst. 15; doi:10.1038/s41593-021-00962-x",
    )
    yield MetricEntry(
        name="tuning",
        factory="spikeproof_metrics_unit.metrics.tuning:Tuning",
        summary="How far units follow one axis of another system's features, and are flat across it.",
        scale="unit",
        kind="score",
        comparison=True,
        aims=("population", "behavior"),
        null="stimuli",
        reference="Bao et al. 2020, doi:10.1038/s41586-020-2350-5",
    )
