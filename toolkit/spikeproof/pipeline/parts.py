"""The components of a study: found, built and checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from spikeproof.errors import BadStudy
from spikeproof.plugin import AttackEntry, EncoderEntry, Entry, MetricEntry, ObjectiveEntry, ReadoutEntry

if TYPE_CHECKING:
    from spikeproof._host import Host, Kind
    from spikeproof.study import ComponentSpec, EncoderSpec, ModelSpec, Study, Threat

__all__ = ["OTHER_UNIT", "Part", "Parts", "build_part", "build_parts"]

E = TypeVar("E", bound=Entry, covariant=True)

OTHER_UNIT = "other-unit"
"""The host's own control: one unit read under the perturbation made for another; it needs no images of its own."""


ENCODER_FIT, IN_SILICO_SPREAD = "encoder-fit", "in-silico-spread"
"""Metrics that every study with an encoder, and with several, has."""

RESERVED = ("code", "encoder", "items", "examples", "longer")
"""Groups of the result's tree that are not metrics."""


@dataclass(frozen=True, kw_only=True)
class Part(Generic[E]):
    """One component of a study, ready to use."""

    label: str
    entry: E
    component: Any
    provenance: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All components of a study."""

    sources: tuple[Part[Entry], ...]
    models: tuple[tuple[Part[Entry], ModelSpec], ...]
    encoders: tuple[tuple[Part[EncoderEntry], EncoderSpec], ...]
    readout: Part[ReadoutEntry] | None
    objectives: tuple[Part[ObjectiveEntry], ...]
    attacks: tuple[Part[AttackEntry], ...]
    controls: tuple[Part[AttackEntry], ...]
    metrics: tuple[Part[MetricEntry], ...]
    other_unit: bool

    def provenance(self) -> list[dict[str, Any]]:
        """Name, version, revision and parameters of every component."""
        models = [part for part, _ in self.models]
        encoders = [part for part, _ in self.encoders]
        readout = [self.readout] if self.readout is not None else []
        groups: tuple[Sequence[Part[Any]], ...] = (
            self.sources,
            models,
            encoders,
            readout,
            self.objectives,
            self.attacks,
            self.controls,
            self.metrics,
        )
        return [part.provenance for group in groups for part in group]


def build_parts(study: Study, host: Host, *, where: str) -> Parts:
    """Build every component that a study names.

    Raises
    ------
    UsageError
        If a component is unknown or ambiguous, or a parameter is wrong, with its place in the study.
    BadStudy
        If components do not fit each other (a norm that an attack does not search, a control used as an attack ...).
    """
    for spec in study.metrics:
        if spec.label in RESERVED:
            raise BadStudy(
                f"{spec.where}: {spec.label!r} is a name that the result keeps for itself: choose another name"
            )
    attacks = tuple(cast("Part[AttackEntry]", build_part(host, "attack", spec)) for spec in study.attacks)
    for part, spec in zip(attacks, study.attacks, strict=True):
        _check_attack(part, spec, study, where)
    objectives: tuple[Part[ObjectiveEntry], ...] = ()
    controls: tuple[Part[AttackEntry], ...] = ()
    other_unit = False
    if study.threat is not None:
        objectives = _objectives(study, study.threat, host, where)
        controls, other_unit = _controls(study.threat, host, where)
    elif study.objectives:
        raise BadStudy(f"{where}: [[objective]] needs a [threat] table whose aims name it")
    return Parts(
        sources=tuple(build_part(host, "source", spec) for spec in study.sources),
        models=tuple((build_part(host, "model", spec), spec) for spec in study.models),
        encoders=tuple(
            (cast("Part[EncoderEntry]", build_part(host, "encoder", spec)), spec) for spec in study.encoders
        ),
        readout=cast("Part[ReadoutEntry]", build_part(host, "readout", study.readout)) if study.readout else None,
        objectives=objectives,
        attacks=attacks,
        controls=controls,
        metrics=tuple(_metric(host, spec, study.seed) for spec in (*study.metrics, *_of_encoders(study))),
        other_unit=other_unit,
    )


def build_part(host: Host, kind: Kind, spec: ComponentSpec) -> Part[Entry]:
    """Find a component and build it with its parameters."""
    from spikeproof._host import parameter_values

    chosen = host.find(kind, spec.use, where=spec.where)
    component = host.build(chosen, spec.parameters, where=f"{spec.where} ({spec.label})", beside=spec.KEYS)
    return Part(
        label=spec.label,
        entry=chosen.entry,
        component=component,
        provenance={"label": spec.label, **chosen.provenance(parameter_values(component))},
    )


def _of_encoders(study: Study) -> Iterator[ComponentSpec]:
    """Yield the metrics that say how far in-silico systems are to be trusted: no such system goes without them."""
    from spikeproof.study import ComponentSpec

    have = {spec.use.rpartition("/")[2] for spec in study.metrics}
    wanted = [ENCODER_FIT] if study.encoders else []
    if len(study.encoders) > 1 and study.threat is not None and "unit" in study.threat.aims:
        wanted.append(IN_SILICO_SPREAD)
    for name in wanted:
        if name not in have:
            yield ComponentSpec(use=name, label=name, parameters={}, where=f"{study.encoders[0].where}: {name}")


def _metric(host: Host, spec: ComponentSpec, seed: int) -> Part[MetricEntry]:
    from .scored import ScoredMetric

    part = cast("Part[MetricEntry]", build_part(host, "metric", spec))
    if part.entry.kind != "score":
        return part
    return replace(part, component=ScoredMetric(score=part.component, entry=part.entry, seed=seed))


def _check_attack(part: Part[AttackEntry], spec: ComponentSpec, study: Study, where: str) -> None:
    if part.entry.control:
        raise BadStudy(f"{spec.where}: {part.label!r} is a control, not an attack: name it under controls in [threat]")
    if part.entry.domain == "response":
        return
    if study.threat is None:
        raise BadStudy(
            f"{where}: attack {part.label!r} perturbs images and needs a [threat] table with norm and epsilons"
        )
    norms = getattr(part.component, "norms", part.entry.norms)  # a target may narrow down what its entry names
    if study.threat.norm not in norms:
        raise BadStudy(
            f"{where}, [threat]: attack {part.label!r} does not search the norm {study.threat.norm!r}; "
            f"it has {', '.join(norms)}"
        )


def _objectives(study: Study, threat: Threat, host: Host, where: str) -> tuple[Part[ObjectiveEntry], ...]:
    from spikeproof.study import ComponentSpec

    given = {spec.label: spec for spec in study.objectives}
    unused = [label for label in given if label not in threat.aims]
    if unused:
        raise BadStudy(f"{where}: [[objective]] {unused[0]!r} is not among the aims {list(threat.aims)} of [threat]")
    aims = f"{where}, [threat]: aims"
    return tuple(
        cast(
            "Part[ObjectiveEntry]",
            build_part(
                host, "objective", given.get(aim) or ComponentSpec(use=aim, label=aim, parameters={}, where=aims)
            ),
        )
        for aim in threat.aims
    )


def _controls(threat: Threat, host: Host, where: str) -> tuple[tuple[Part[AttackEntry], ...], bool]:
    from spikeproof.study import ComponentSpec

    parts = []
    for name in threat.controls:
        if name == OTHER_UNIT:
            continue
        at = f"{where}, [threat]: controls"
        part = cast(
            "Part[AttackEntry]",
            build_part(host, "attack", ComponentSpec(use=name, label=name, parameters={}, where=at)),
        )
        if not part.entry.control:
            raise BadStudy(f"{at}: {name!r} is an attack, not a control: name it in [[attack]]")
        if threat.norm not in part.entry.norms:
            raise BadStudy(f"{at}: {name!r} has no norm {threat.norm!r}; it has {', '.join(part.entry.norms)}")
        parts.append(part)
    return tuple(parts), OTHER_UNIT in threat.controls
