"""The inputs of a study, opened and tried before any work is done: its recording, networks and layers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeproof.errors import BadStudy, ModelError
from spikeproof.progress import listening

if TYPE_CHECKING:
    from spikeproof.compose import Composition, Join
    from spikeproof.plugin import Entry, ReadoutEntry
    from spikeproof.recording import Recording
    from spikeproof.study import ModelSpec
    from spikeproof.types import Network, ResponseModel

    from .ledger import Ledger
    from .parts import Part, Parts

__all__ = ["OpenLayer", "load_recording", "name_of", "open_layers", "open_networks"]


@dataclass(frozen=True, kw_only=True)
class OpenLayer:
    """A layer that was found and tried, and can be read.

    Parameters
    ----------
    network : Network
    layer : str
    spec : ModelSpec
        Its table in the study.
    model : ResponseModel
        All of its units.
    """

    network: Network
    layer: str
    spec: ModelSpec
    model: ResponseModel

    @property
    def called(self) -> str:
        """Name of the network in the result."""
        return name_of(self.spec, self.network)

    @property
    def name(self) -> str:
        """Name of the system."""
        return f"{self.called} {self.layer}"


def name_of(spec: ModelSpec, network: Network) -> str:
    """Return ``name`` of the model's table, or what the network calls itself."""
    return network.name if spec.label == spec.use else spec.label


def load_recording(parts: Parts, join: Join, ledger: Ledger, manifests: Sequence[str] = ()) -> Composition:
    """Load every source and compose them into one recording; manifests say which of its stimuli were perturbed."""
    from spikeproof.compose import compose_all, recordings_of

    loaded: list[Recording] = []
    several = len({part.label for part in parts.sources}) < len(parts.sources)
    for part in parts.sources:
        with ledger.timed(f"source {part.label}"), listening(ledger.progress):
            found = recordings_of(part.component.load(), f"source {part.label}")
        for recording in found:
            whose = recording.identity.get("source", part.label) if several or len(found) > 1 else part.label
            ledger.note(*(f"{whose}: {note}" for note in recording.notes))
        loaded += found
    if manifests:
        from spikeproof.closed_loop.attach import with_manifests

        with ledger.timed("manifests"):
            named, notes = with_manifests(loaded, manifests)
        ledger.note(*notes)
        loaded = list(named)
    with ledger.timed("joining the sources"), listening(ledger.progress):
        composed = compose_all(loaded, join)
    ledger.note(*composed.notes)
    return composed


def open_networks(parts: Parts, *, seed: int, device: str) -> list[tuple[Part[Entry], ModelSpec, Network]]:
    """Open every network of the study.

    Raises
    ------
    BadStudy
        If two networks are called alike: their results could not be told apart.
    """
    networks = [(part, spec, part.component.load(seed=seed, device=device)) for part, spec in parts.models]
    first: dict[str, str] = {}
    for _, spec, network in networks:
        name = name_of(spec, network)
        if name in first:
            raise BadStudy(
                f"{spec.where}: {first[name]!r} and {spec.use!r} are both called {name!r} in the result: "
                "give one of them a name = '...' of its own"
            )
        first[name] = spec.use
    return networks


def open_layers(
    networks: Sequence[tuple[Part[Entry], ModelSpec, Network]],
    recording: Recording,
    readout: Part[ReadoutEntry] | None,
    ledger: Ledger,
    *,
    serving: Collection[str] = (),
) -> list[OpenLayer]:
    """Open every layer of the study, so that one that cannot be read is refused before any work is done.

    Models whose labels are in ``serving`` give features to an encoder and are left out.

    Raises
    ------
    ModelError
        If a layer does not exist or cannot be read, or the readout is a head that the network does not have.
    """
    layers: list[OpenLayer] = []
    for _, spec, network in networks:
        if spec.label in serving:
            continue
        if recording.stimuli is None:
            ledger.refuse(f"model {name_of(spec, network)}", "a model needs images: this source has no images")
            continue
        for name in spec.layers:
            model = network.read(name, image_shape=recording.stimuli.shape)
            layer = OpenLayer(network=network, layer=name, spec=spec, model=model)
            if readout is not None and readout.entry.head and model.classes is None:
                raise ModelError(
                    f"{layer.name}: the readout 'head' needs one row of class scores an image, which this network does "
                    "not give: use a fitted readout such as 'logistic'"
                )
            layers.append(layer)
    return layers
