"""The source ``images:PATH``."""

from __future__ import annotations

from collections.abc import Iterable

from spikeproof.plugin import SourceEntry, hookimpl


@hookimpl
def spikeproof_sources() -> Iterable[SourceEntry]:
    """Yield the source of images."""
    yield SourceEntry(
        name="images",
        factory="spikeproof_images.source:Images",
        summary="Images: a folder or a zip file, with a folder per category or flat, or an npz file with x and y.",
        target="PATH",
        suffixes=(".npz", ".zip", "/"),
    )
