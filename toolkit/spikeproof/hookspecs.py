"""The hooks of the group ``spikeproof``. Each is collected from every plugin and yields typed entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .plugin import (
        AttackEntry,
        EncoderEntry,
        MetricEntry,
        ModelEntry,
        ObjectiveEntry,
        ReadoutEntry,
        SourceEntry,
    )
    from .result import Result

hookspec = pluggy.HookspecMarker("spikeproof")


@hookspec
def spikeproof_sources() -> Iterable[SourceEntry]:  # type: ignore[empty-body]
    """Yield sources of recordings and images. The factory is a ``spikeproof.types.Source``."""


@hookspec
def spikeproof_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """Yield kinds of networks. The factory is a ``spikeproof.types.Model``."""


@hookspec
def spikeproof_encoders() -> Iterable[EncoderEntry]:  # type: ignore[empty-body]
    """Yield maps from a network's features to recorded units. The factory is a ``spikeproof.types.Encoder``."""


@hookspec
def spikeproof_readouts() -> Iterable[ReadoutEntry]:  # type: ignore[empty-body]
    """Yield classifiers on unit responses. The factory is a ``spikeproof.types.Readout``."""


@hookspec
def spikeproof_objectives() -> Iterable[ObjectiveEntry]:  # type: ignore[empty-body]
    """Yield objectives. The factory is a ``spikeproof.types.Objective``."""


@hookspec
def spikeproof_attacks() -> Iterable[AttackEntry]:  # type: ignore[empty-body]
    """Yield attacks and controls: ``spikeproof.types.Attack``, ``.ResponseAttack`` or ``.Control``."""


@hookspec
def spikeproof_metrics() -> Iterable[MetricEntry]:  # type: ignore[empty-body]
    """Yield metrics. The factory is a ``spikeproof.types.Metric``."""


@hookspec
def spikeproof_result(result: Result) -> None:
    """Observe a finished result. An exception is logged and never stops the host."""
