"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import MetricEntry, hookimpl


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    """Yield the metrics of in-silico systems."""
    yield MetricEntry(
        name="encoder-fit",
        factory="spikeproof_insilico.encoder_fit:EncoderFit",
        summary="How well an encoder predicts held-out responses of each recorded unit, raw and noise-corrected.",
        scale="unit",
        needs=("encoder",),
        reference="Schrimpf et al. 2020, doi:10.1016/j.neuron.2020.07.040",
    )
    yield MetricEntry(
        name="in-silico-spread",
        factory="spikeproof_insilico.in_silico_spread:InSilicoSpread",
        summary="Sensitivity of the same in-silico units by several encoders: their spread is part of the interval.",
        scale="unit",
        domain="stimulus",
        aims=("unit",),
        needs=("encoder",),
        kind="study",
        reference="Guo et al. 2022, arXiv:2206.11228",
    )
