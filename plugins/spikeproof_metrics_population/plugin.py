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
