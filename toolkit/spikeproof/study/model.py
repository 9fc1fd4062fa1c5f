"""The study as checked: what is to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from spikeproof.compose import Join
from spikeproof.plugin import Norm

__all__ = ["SCHEMA", "Choose", "ComponentSpec", "EncoderSpec", "Engine", "ModelSpec", "Study", "Threat"]

SCHEMA = 1

Choose = Literal["unit", "all"]
"""Whether each unit has a layer of its own, or all units share one."""


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """One component that a study asks for.

    Parameters
    ----------
    use : str
        ``[DIST/]NAME[:TARGET]``.
    label : str
        What it is called in the result: ``name`` of its table, or the part of ``use`` before the colon.
    parameters : mapping
        Its parameters, as written.
    where : str
        Where it stands, for error messages (``study.toml, [[attack]] 1``).
    """

    use: str
    label: str
    parameters: Mapping[str, Any]
    where: str

    KEYS: ClassVar[tuple[str, ...]] = ("use", "name")
    """Keys of its table that are not its parameters."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec(ComponentSpec):
    """A model, the layers to read, and how many of their live units are used (None: all).

    Parameters
    ----------
    layers : tuple of str
        Layers to read, each a system of its own.
    units : int or None
        How many units are aimed at one by one: a seeded sample of the population.
    population : int or None
        How many units make up the population: a seeded sample of the live ones.
    """

    layers: tuple[str, ...]
    units: int | None
    population: int | None

    KEYS: ClassVar[tuple[str, ...]] = ("use", "name", "layers", "units", "population")


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(ComponentSpec):
    """An encoder, what it reads, and how far it is trusted.

    Parameters
    ----------
    models : tuple of str
        Labels of the models whose features it reads, side by side; empty for the only one.
    layers : tuple of str
        Layers among which one is chosen; empty for those of the model's table.
    choose : {"unit", "all"}
        Whether the layer is chosen for each unit, or one for all.
    folds : int
        How many folds the stimuli are split into.
    min_fit : float
        Held-out correlation below which a unit is left out of the in-silico system.
    units : int or None
        How many units are aimed at one by one; None for all.
    """

    models: tuple[str, ...]
    layers: tuple[str, ...]
    choose: Choose
    folds: int
    min_fit: float
    units: int | None

    FOLDS: ClassVar[int] = 5
    """Folds of an encoder that names none."""
    MIN_FIT: ClassVar[float] = 0.2
    """Gate of an encoder that names none."""
    KEYS: ClassVar[tuple[str, ...]] = ("use", "name", "model", "layers", "choose", "folds", "min_fit", "units")


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The budget of stimulus-domain attacks.

    Parameters
    ----------
    norm : {"l1", "l2", "linf"}
    epsilons : tuple of float
        Radii, ascending, in the norm's units on images in [0, 1].
    aims : tuple of str
        Names of objectives.
    stimuli : int or None
        How many stimuli are attacked (the first of a seeded order); None for all.
    controls : tuple of str
        Names of controls; ``other-unit`` is the host's own.
    """

    norm: Norm
    epsilons: tuple[float, ...]
    aims: tuple[str, ...]
    stimuli: int | None
    controls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How searches run; their results differ by rounding, or as far as the documentation says of ``precision``.

    Parameters
    ----------
    precision : {"float32", "bf16-polish"}
        Arithmetic of the search; the second ends with a few steps in float32. What is reported is float32 in any case.
    compile : bool
        Whether the network that is searched on is compiled.
    accelerate : bool
        Whether a search may run on a faster equivalent of the network and on the part of the image that a unit
        depends on, both compared with the network first.
    longer_items : int or None
        How many items of each aim are searched 10 times longer, to see what that gains; None for as many as cost a
        twentieth of the search, from 2 to 32.
    """

    precision: Literal["float32", "bf16-polish"] = "float32"
    compile: bool = False
    accelerate: bool = True
    longer_items: int | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """A whole study, checked; see ``docs/architecture.md``, "The study file"."""

    description: str
    seed: int
    join: Join
    manifests: tuple[str, ...]
    requires: tuple[str, ...]
    plugins: tuple[str, ...]
    sources: tuple[ComponentSpec, ...]
    models: tuple[ModelSpec, ...]
    encoders: tuple[EncoderSpec, ...]
    readout: ComponentSpec | None
    objectives: tuple[ComponentSpec, ...]
    threat: Threat | None
    engine: Engine
    attacks: tuple[ComponentSpec, ...]
    metrics: tuple[ComponentSpec, ...]
    draws: int

    def to_mapping(self) -> dict[str, Any]:
        """Return the study as it would be written: defaults filled in, ready for TOML."""
        out: dict[str, Any] = {"schema": SCHEMA}
        if self.description:
            out["description"] = self.description
        out["seed"] = self.seed
        out["join"] = self.join
        if self.manifests:
            out["manifest"] = list(self.manifests)
        if self.requires:
            out["requires"] = list(self.requires)
        if self.plugins:
            out["plugins"] = list(self.plugins)
        out["source"] = [_component(spec) for spec in self.sources]
        if self.models:
            out["model"] = [
                {
                    **_component(spec),
                    "layers": list(spec.layers),
                    "units": _or_all(spec.units),
                    "population": _or_all(spec.population),
                }
                for spec in self.models
            ]
        if self.encoders:
            out["encoder"] = [_encoder(spec) for spec in self.encoders]
        if self.readout is not None:
            out["readout"] = _component(self.readout)
        if self.objectives:
            out["objective"] = [_component(spec) for spec in self.objectives]
        if self.threat is not None:
            threat = self.threat
            out["threat"] = {
                "norm": threat.norm,
                "epsilons": list(threat.epsilons),
                "aims": list(threat.aims),
                "stimuli": _or_all(threat.stimuli),
                "controls": list(threat.controls),
            }
            engine = self.engine
            out["engine"] = {
                "precision": engine.precision,
                "compile": engine.compile,
                "accelerate": engine.accelerate,
                "longer_items": "auto" if engine.longer_items is None else engine.longer_items,
            }
        if self.attacks:
            out["attack"] = [_component(spec) for spec in self.attacks]
        out["metric"] = [_component(spec) for spec in self.metrics]
        out["statistics"] = {"draws": self.draws}
        return out


def _component(spec: ComponentSpec) -> dict[str, Any]:
    named = {} if spec.label in (spec.use, spec.use.partition(":")[0].rpartition("/")[2]) else {"name": spec.label}
    return {"use": spec.use, **named, **spec.parameters}


def _encoder(spec: EncoderSpec) -> dict[str, Any]:
    return {
        **_component(spec),
        **({"model": list(spec.models)} if spec.models else {}),
        **({"layers": list(spec.layers)} if spec.layers else {}),
        "choose": spec.choose,
        "folds": spec.folds,
        "min_fit": spec.min_fit,
        "units": _or_all(spec.units),
    }


def _or_all(count: int | None) -> int | str:
    return "all" if count is None else count
