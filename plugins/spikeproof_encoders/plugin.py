"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import EncoderEntry, hookimpl


@hookimpl
def spikeproof_encoders() -> Iterator[EncoderEntry]:
    """Yield the encoders."""
    yield EncoderEntry(
        name="ridge",
        factory="spikeproof_encoders.ridge:Ridge",
        summary="Ridge regression on a layer's features, each unit with a penalty of its own.",
    )
    yield EncoderEntry(
        name="pls",
        factory="spikeproof_encoders.pls:PLS",
        summary="Partial least squares on a layer's features, each unit with its number of components.",
    )
    yield EncoderEntry(
        name="factorised",
        factory="spikeproof_encoders.factorised:Factorised",
        summary="Where times what: a spatial mask times weights of channels, for each unit.",
        reference="arXiv:1711.02653",
    )
    yield EncoderEntry(
        name="poisson",
        factory="spikeproof_encoders.poisson:Poisson",
        summary="Poisson generalised linear model with an L2 penalty on principal components of a layer's features.",
        reference="doi:10.1088/0954-898X_15_4_002",
    )
    yield EncoderEntry(
        name="average",
        factory="spikeproof_encoders.average:Average",
        summary="Mean of the predictions of several encoders, by default ridge and factorised.",
    )
    yield EncoderEntry(
        name="ready",
        factory="spikeproof_encoders.ready:Ready",
        summary="Ready models, one for each unit: their outputs, put on the units' scale.",
    )
