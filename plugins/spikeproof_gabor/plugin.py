"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import ModelEntry, hookimpl


@hookimpl
def spikeproof_models() -> Iterator[ModelEntry]:
    """Yield the model."""
    yield ModelEntry(
        name="gabor",
        factory="spikeproof_gabor.model:Gabor",
        summary="Simple and complex cells of a Gabor pyramid, as in models of V1: nothing to download.",
        reference="doi:10.1038/nature06713",
    )
