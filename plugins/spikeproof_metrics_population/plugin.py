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
    yield MetricEntry(
        name="dropping-curve",
        factory="spikeproof_metrics_population.dropping_curve:DroppingCurve",
        summary="Decoder accuracy against the number of units, held out over stimuli.",
        scale="population",
        needs=("labels",),
        reference="doi:10.3389/fnsys.2014.00102",
    )
    yield MetricEntry(
        name="decoder-accuracy",
        factory="spikeproof_metrics_population.decoder_accuracy:DecoderAccuracy",
        summary="How often the code's own choices are right, against shuffled categories.",
        scale="behavior",
        needs=("labels", "choices"),
    )
    yield MetricEntry(
        name="identification",
        factory="spikeproof_metrics_population.identification:Identification",
        summary="How often a stimulus is recognised by the population from held-out repeats.",
        scale="population",
        needs=("repeats",),
    )
    yield MetricEntry(
        name="match",
        factory="spikeproof_metrics_population.match:Match",
        summary="How near an image comes to a population vector that it was to match, and how metamers differ.",
        scale="population",
        domain="stimulus",
        aims=("population",),
        needs=("goal",),
        reference="doi:10.1038/s41593-023-01442-0",
    )
    yield MetricEntry(
        name="silencing",
        factory="spikeproof_metrics_population.silencing:Silencing",
        summary="Choices and accuracy against units silenced: is the choice carried by few units or by many?",
        scale="behavior",
        domain="response",
        needs=("readout", "choices"),
        attacks=("silence",),
        reference="doi:10.1152/jn.90248.2008",
    )
    yield MetricEntry(
        name="margin",
        factory="spikeproof_metrics_population.margin:Margin",
        summary="Smallest shift of the population that changes the choice, beside random directions.",
        scale="behavior",
        domain="response",
        needs=("readout", "choices", "minimal"),
        reference="arXiv:1511.04599",
    )
    yield MetricEntry(
        name="smallest-perturbation",
        factory="spikeproof_metrics_population.smallest:SmallestPerturbation",
        summary="Smallest perturbation of the image that reaches a goal, beside control directions.",
        scale="all",
        domain="stimulus",
        aims=("unit", "behavior"),
        needs=("minimal",),
        reference="arXiv:2102.12827",
    )
    yield MetricEntry(
        name="dimensionality",
        factory="spikeproof_metrics_population.dimensionality:Dimensionality",
        summary="Participation ratio and exponent of the eigenspectrum, against units shuffled over stimuli.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        null="units",
        reference="doi:10.1038/s41586-019-1346-5",
    )
    yield MetricEntry(
        name="decoding",
        factory="spikeproof_metrics_population.decoded:Decoding",
        summary="Accuracy of decoders trained and tested on the same responses: what they hold of the category.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("labels",),
        null="labels",
    )
    yield MetricEntry(
        name="decoder-transfer",
        factory="spikeproof_metrics_population.decoded:DecoderTransfer",
        summary="Accuracy of decoders trained on clean responses and tested on perturbed ones, over other stimuli.",
        scale="population",
        kind="score",
        comparison=True,
        between=False,
        aims=("population", "behavior"),
        needs=("labels",),
        null="stimuli",
    )
    yield MetricEntry(
        name="capacity",
        factory="spikeproof_metrics_population.manifold_capacity:Capacity",
        summary="Capacity, radius and dimension of the categories' manifolds, against shuffled categories.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("labels",),
        null="labels",
        reference="doi:10.1103/PhysRevX.8.031003",
    )
    yield MetricEntry(
        name="readout-concentration",
        factory="spikeproof_metrics_population.weights_spread:ReadoutConcentration",
        summary="How many units a linear readout of the categories rests on.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("labels",),
        null="labels",
        reference="doi:10.1152/jn.90248.2008",
    )
    yield MetricEntry(
        name="best-units",
        factory="spikeproof_metrics_population.compact_readout:BestUnitsReadout",
        summary="Accuracy of readouts of the k best units beside k random ones: how few do as well as all?",
        scale="population",
        needs=("labels",),
        reference="doi:10.1152/jn.90248.2008",
    )
    yield MetricEntry(
        name="spectrum",
        factory="spikeproof_metrics_population.shared_spectrum:Spectrum",
        summary="Eigenspectrum of what repeats share (cvPCA), and its exponent, flagged where data are too few.",
        scale="population",
        needs=("repeats",),
        reference="doi:10.1038/s41586-019-1346-5",
    )
    yield MetricEntry(
        name="fisher",
        factory="spikeproof_metrics_population.category_information:CategoryInformation",
        summary="Linear Fisher information between categories, corrected for bias, and what noise correlations cost.",
        scale="population",
        needs=("labels", "repeats"),
        reference="doi:10.1371/journal.pcbi.1004218",
    )
    yield MetricEntry(
        name="few-units",
        factory="spikeproof_metrics_population.few_units:FewUnits",
        summary="Accuracy of decoders of some of the units, the best or any, along a perturbation.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("labels",),
        null="labels",
        reference="doi:10.1152/jn.90248.2008",
    )
    yield MetricEntry(
        name="information",
        factory="spikeproof_metrics_population.trial_information:TrialInformation",
        summary="Linear Fisher information between categories, of clean and of measured perturbed images.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("labels", "repeats"),
        null="labels",
        reference="doi:10.1371/journal.pcbi.1004218",
    )
    yield MetricEntry(
        name="shared-spectrum",
        factory="spikeproof_metrics_population.trial_spectrum:TrialSpectrum",
        summary="Exponent and share of the variance that repeats share, of clean and of measured perturbed images.",
        scale="population",
        kind="score",
        aims=("population", "behavior"),
        needs=("repeats",),
        null="presentations",
        reference="doi:10.1038/s41586-019-1346-5",
    )
