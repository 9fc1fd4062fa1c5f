"""What the host knows of a plugin and of a component, before anything of it is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spikeproof.plugin import (
    AttackEntry,
    EncoderEntry,
    Entry,
    MetricEntry,
    ModelEntry,
    ObjectiveEntry,
    ReadoutEntry,
    SourceEntry,
)

__all__ = ["HOOKS", "Chosen", "Kind", "PluginState", "PluginStatus", "Provided", "article"]

Kind = Literal["source", "model", "encoder", "readout", "objective", "attack", "metric"]
PluginState = Literal["active", "slow", "disabled", "incompatible", "failed", "candidate"]

HOOKS: Mapping[Kind, tuple[str, type[Entry]]] = {
    "source": ("spikeproof_sources", SourceEntry),
    "model": ("spikeproof_models", ModelEntry),
    "encoder": ("spikeproof_encoders", EncoderEntry),
    "readout": ("spikeproof_readouts", ReadoutEntry),
    "objective": ("spikeproof_objectives", ObjectiveEntry),
    "attack": ("spikeproof_attacks", AttackEntry),
    "metric": ("spikeproof_metrics", MetricEntry),
}
"""The hook of each kind, and the type of entry that it yields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """One plugin and how it fared.

    Parameters
    ----------
    name : str
        Name of the entry point; the stem of a one-off file.
    distribution : str
        Name of the installed distribution; the name of a one-off file.
    version : str
        Version of the distribution; the sha256 of a one-off file.
    state : str
        ``active``; ``slow``: usable, but loading it took more than 50 ms of CPU time; ``disabled`` by the
        environment; ``incompatible``: it requires another version of spikeproof; ``failed``; ``candidate``: named
        like a plugin, but without an entry point.
    error : str
        One line that says why it is not active; empty if it is.
    traceback : str
        Where it failed; empty unless it raised.
    origin : str
        ``wheel``, ``editable@COMMIT``, ``git@COMMIT`` or ``file@SHA256``.
    import_ms : float
        CPU time of loading it, ms.
    provides : tuple of (kind, str)
        Kind and name of each entry.
    """

    name: str
    distribution: str
    version: str
    state: PluginState
    error: str = ""
    traceback: str = ""
    origin: str = "wheel"
    import_ms: float = 0.0
    provides: tuple[tuple[Kind, str], ...] = ()

    @property
    def usable(self) -> bool:
        """Whether its components can be used."""
        return self.state in {"active", "slow"}

    @property
    def label(self) -> str:
        """Distribution, version and entry point, for messages: ``spikeproof-blur 0.1.0 (blur)``."""
        version = self.version[:12] if self.origin.startswith("file@") else self.version
        return f"{self.distribution} {version} ({self.name})".replace("  ", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """An entry and the plugin that provides it."""

    entry: Entry
    kind: Kind
    plugin: PluginStatus

    @property
    def qualified(self) -> str:
        """``DIST/NAME``: the spelling that is never ambiguous."""
        return f"{self.plugin.distribution}/{self.entry.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A component that a spec named.

    Parameters
    ----------
    entry, kind, plugin
        See :class:`Provided`.
    target : str, optional
        What follows the colon, unparsed.
    spec : str
        The spec as it was given.
    """

    entry: Entry
    kind: Kind
    plugin: PluginStatus
    target: str | None
    spec: str

    @property
    def label(self) -> str:
        """Kind and name, for messages: ``attack pgd``."""
        return f"{self.kind} {self.entry.name}"

    def provenance(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Say which component this is, as a JSON object.

        Parameters
        ----------
        parameters : mapping
            Values of its parameters (see :func:`spikeproof._host.parameter_values`).
        """
        return {
            "kind": self.kind,
            "name": self.entry.name,
            "target": self.target,
            "parameters": {key: _jsonable(value) for key, value in parameters.items()},
            "plugin": self.plugin.name,
            "distribution": self.plugin.distribution,
            "version": self.plugin.version,
            "origin": self.plugin.origin,
            "revision": self.entry.revision,
            "reference": self.entry.reference,
        }


def article(noun: str) -> str:
    """``noun`` with its article.

    >>> article("attack"), article("metric")
    ('an attack', 'a metric')
    """
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"


def _jsonable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no inf and no nan
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return str(value)
