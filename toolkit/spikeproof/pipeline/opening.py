"""A study with its inputs opened and tried, before any work is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof._host import Host
from spikeproof.errors import BadStudy
from spikeproof.measured import clean_part
from spikeproof.result import environment
from spikeproof.study import Study, check_requirements, parse_study

from .in_silico import open_encoders, serving
from .inputs import load_recording, name_of, open_layers, open_networks
from .parts import build_parts
from .systems import systems

if TYPE_CHECKING:
    from spikeproof.compose import Composition
    from spikeproof.measured import Shown
    from spikeproof.recording import Recording

    from .fits import Fits
    from .in_silico import OpenEncoder
    from .inputs import OpenLayer
    from .ledger import Ledger
    from .parts import Parts
    from .systems import System

__all__ = ["OpenStudy", "open_study"]


@dataclass(frozen=True, kw_only=True)
class OpenStudy:
    """All that a study works on.

    Parameters
    ----------
    where : str
        What messages call the study.
    study : Study
    host : Host
    parts : Parts
    composed : Composition
        What the sources gave, perturbed stimuli among it.
    recording : Recording
        The clean part of it.
    shown : Shown, optional
        Presentations of perturbed stimuli.
    models : mapping of str to mapping
        Identity of each network.
    layers : sequence of OpenLayer
    encoders : sequence of OpenEncoder
    batch : int or "tuned"
    device : str
    """

    where: str
    study: Study
    host: Host
    parts: Parts
    composed: Composition
    recording: Recording
    shown: Shown | None
    models: Mapping[str, Mapping[str, str]]
    layers: list[OpenLayer]
    encoders: list[OpenEncoder]
    batch: int | Literal["tuned"]
    device: str

    def systems(self, fits: Fits, ledger: Ledger) -> Iterator[System]:
        """Yield its systems one by one; fits of encoders are read from ``fits``, or made and kept there."""
        return systems(
            self.recording,
            self.layers,
            self.parts.readout,
            ledger,
            seed=self.study.seed,
            batch=self.batch if isinstance(self.batch, int) else 64,
            device=self.device,
            shown=self.shown,
            encoders=self.encoders,
            whole=self.composed.recording,
            fits=fits,
        )

    @property
    def fingerprint(self) -> dict[str, str]:
        """Digests of what decides the numbers, part by part, so that a mismatch can be named."""
        return _fingerprint(self.study, self.parts, self.recording, self.models)

    def provenance(self) -> dict[str, Any]:
        """What a result says of where it comes from."""
        parts = self.parts.provenance()
        return {
            "study": self.study.to_mapping(),
            "fingerprint": self.fingerprint,
            "components": parts,
            "data": dict(self.recording.identity),
            "sources": [dict(source) for source in self.composed.sources],
            "models": {name: dict(identity) for name, identity in self.models.items()},
            "environment": environment(self.device, {part["distribution"] for part in parts}),
        }


def open_study(
    mapping: Mapping[str, Any],
    *,
    where: str,
    device: str,
    batch: int | Literal["tuned"] | None,
    ledger: Ledger,
) -> OpenStudy:
    """Check a study, find its components, load its sources and open its networks.

    Raises
    ------
    SpikeproofError
        See :func:`spikeproof.pipeline.execute`.
    """
    study = parse_study(mapping, where=where)
    check_requirements(study, where)
    host = Host.discover(files=[Path(file) for file in study.plugins])
    parts = build_parts(study, host, where=where)
    device = _device(device)
    rows = _batch(batch, device)
    ledger.progress.start("loading", 0)
    composed = load_recording(parts, study.join, ledger, study.manifests)
    recording, shown = clean_part(composed.recording)
    networks = open_networks(parts, seed=study.seed, device=device)
    models = {name_of(spec, network): dict(network.identity) for _, spec, network in networks}
    layers = open_layers(networks, recording, parts.readout, ledger, serving=serving(parts))
    encoders = open_encoders(networks, recording, parts, ledger)
    ledger.progress.finish()
    return OpenStudy(
        where=where,
        study=study,
        host=host,
        parts=parts,
        composed=composed,
        recording=recording,
        shown=shown,
        models=models,
        layers=layers,
        encoders=encoders,
        batch=rows,
        device=device,
    )


def _fingerprint(
    study: Study, parts: Parts, recording: Recording, models: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Digest what decides the numbers, part by part, so that a mismatch can be named."""
    written = study.to_mapping()
    components = [
        {key: part[key] for key in ("kind", "name", "distribution", "version", "revision", "origin")}
        for part in parts.provenance()
    ]
    digested = {
        **{f"the study's {key}": value for key, value in written.items()},
        "the data": {key: value for key, value in recording.identity.items() if key.endswith("digest")},
        "the models' weights": {name: identity.get("weights", "") for name, identity in models.items()},
        "the models' code": {name: identity.get("file_sha256", "") for name, identity in models.items()},
        "the components' versions": components,
    }
    return {
        key: hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
        for key, value in digested.items()
    }


def _batch(batch: object, device: str) -> int | Literal["tuned"]:
    if batch is None:
        return 512 if device == "cuda" else 64
    if batch == "tuned":
        return "tuned"
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise BadStudy(f"--batch must be a whole number of at least 1 or 'tuned', got {batch!r}")
    return batch


def _device(device: str) -> str:
    if device not in ("auto", "cpu", "cuda"):
        raise BadStudy(f"--device must be 'auto', 'cpu' or 'cuda', got {device!r}")
    if device == "cpu":
        return device
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadStudy("--device cuda: this machine has no usable CUDA device; use --device cpu")
    return "cuda" if torch.cuda.is_available() else "cpu"
