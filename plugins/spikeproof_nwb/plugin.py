"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import SourceEntry, hookimpl


@hookimpl
def spikeproof_sources() -> Iterator[SourceEntry]:
    """Yield the sources ``nwb:PATH`` and ``dandi:ID/PATH``."""
    yield SourceEntry(
        name="nwb",
        factory="spikeproof_nwb.source:NWB",
        summary="Responses per presentation from NWB files: spikes or traces, any table, every row, half-open windows.",
        target="PATH",
        suffixes=(".nwb", ".nwb.zarr"),
        install="pip install pynwb h5py",
        reference="10.7554/eLife.78362",
    )
    yield SourceEntry(
        name="dandi",
        factory="spikeproof_nwb.archive.source:DANDI",
        summary="NWB files of a DANDI archive, by name: fetched or streamed, verified, and kept in a cache.",
        target="ID[@VERSION]/PATH",
        install="pip install dandi requests filelock platformdirs",
    )
