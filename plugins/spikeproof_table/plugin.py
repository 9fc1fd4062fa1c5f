"""The source ``table:PATH``."""

from __future__ import annotations

from collections.abc import Iterable

from spikeproof.plugin import SourceEntry, hookimpl


@hookimpl
def spikeproof_sources() -> Iterable[SourceEntry]:
    """Yield the source of responses in tables and arrays."""
    yield SourceEntry(
        name="table",
        factory="spikeproof_table.source:Table",
        summary="Responses that are not NWB: netCDF, Zarr, npz, npy or csv, with images from a folder or a zip file.",
        target="PATH",
        suffixes=(".nc", ".nc4", ".zarr", ".npy", ".csv", ".tsv"),
    )
