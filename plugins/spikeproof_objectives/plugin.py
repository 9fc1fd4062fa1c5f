"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import ObjectiveEntry, hookimpl


@hookimpl
def spikeproof_objectives() -> Iterator[ObjectiveEntry]:
    """Yield the objectives."""
    yield ObjectiveEntry(
        name="unit",
        factory="spikeproof_objectives.unit:Unit",
        summary="The response of one unit: up, down, or whichever moves it more.",
        scale="unit",
        local=True,
        reference="Guo et al. (2022), arXiv:2206.11228",
    )
    yield ObjectiveEntry(
        name="population",
        factory="spikeproof_objectives.population:Population",
        summary="The population vector: away from itself, or toward that of another stimulus.",
        scale="population",
    )
    yield ObjectiveEntry(
        name="behavior",
        factory="spikeproof_objectives.behavior:Behavior",
        summary="The choice of the readout or of the network's own head: away from itself, or toward another's.",
        scale="behavior",
        decision=True,
        reference="Carlini and Wagner (2017), doi:10.1109/SP.2017.49",
    )
