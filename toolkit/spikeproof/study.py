"""The study: what is to be run, read from TOML or a mapping, checked key by key."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from .errors import BadStudy
from .plugin import Norm

__all__ = ["ComponentSpec", "ModelSpec", "Study", "Threat", "parse_study", "read_study"]

SCHEMA = 1
_TOP = (
    "schema",
    "description",
    "seed",
    "requires",
    "plugins",
    "source",
    "model",
    "readout",
    "objective",
    "threat",
    "attack",
    "metric",
    "statistics",
)


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


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The budget of stimulus-domain attacks.

    Parameters
    ----------
    norm : {"l2", "linf"}
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
class Study:
    """A whole study, checked; see ``docs/architecture.md``, "The study file"."""

    description: str
    seed: int
    requires: tuple[str, ...]
    plugins: tuple[str, ...]
    sources: tuple[ComponentSpec, ...]
    models: tuple[ModelSpec, ...]
    readout: ComponentSpec | None
    objectives: tuple[ComponentSpec, ...]
    threat: Threat | None
    attacks: tuple[ComponentSpec, ...]
    metrics: tuple[ComponentSpec, ...]
    draws: int

    def to_mapping(self) -> dict[str, Any]:
        """Return the study as it would be written: defaults filled in, ready for TOML."""
        out: dict[str, Any] = {"schema": SCHEMA}
        if self.description:
            out["description"] = self.description
        out["seed"] = self.seed
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
        if self.attacks:
            out["attack"] = [_component(spec) for spec in self.attacks]
        out["metric"] = [_component(spec) for spec in self.metrics]
        out["statistics"] = {"draws": self.draws}
        return out


def read_study(path: str | Path) -> dict[str, Any]:
    """Read a study file into a mapping.

    Raises
    ------
    BadStudy
        If there is no such file or it is not TOML (the line is named).
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [item.name for item in _siblings(path)], n=3)
        raise BadStudy(f"{path}: there is no such study file{_did_you_mean(near)}") from None
    except IsADirectoryError:
        raise BadStudy(f"{path}: this is a folder; give the study's TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadStudy(f"{path}: this is not valid TOML: {error}") from None


def parse_study(mapping: Mapping[str, Any], *, where: str = "study") -> Study:
    """Check a study mapping and fill in defaults.

    Parameters
    ----------
    mapping : mapping
        Keys of the study file.
    where : str
        What error messages call it (the file's name).

    Raises
    ------
    BadStudy
        If a key is unknown (near ones are named), a value has the wrong type or the study contradicts itself.

    Examples
    --------
    >>> study = parse_study({"source": {"use": "simulate:sparse"}, "metric": [{"use": "sparseness"}]})
    >>> study.seed, study.metrics[0].label
    (0, 'sparseness')
    """
    _known(mapping, _TOP, where, "the top level")
    schema = mapping.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise BadStudy(f"{where}: schema is {schema!r}; this spikeproof reads schema {SCHEMA}")
    sources = _components(mapping, "source", where)
    if not sources:
        raise BadStudy(
            f"{where}: no [[source]]: say where the recording or the images come from, such as use = 'nwb:FILE'"
        )
    models = tuple(
        _model(table, f"{where}, [[model]] {number}")
        for number, table in enumerate(_tables(mapping, "model", where), 1)
    )
    readout = _components(mapping, "readout", where)
    if len(readout) > 1:
        raise BadStudy(f"{where}, [readout]: one readout only, got {len(readout)}")
    attacks = _components(mapping, "attack", where)
    metrics = _components(mapping, "metric", where)
    if not metrics:
        raise BadStudy(f"{where}: no [[metric]]: say what to measure (`spikeproof show metric` lists them)")
    for kind, specs in (("attack", attacks), ("metric", metrics), ("model", models)):
        _unique(specs, f"{where}, [[{kind}]]")
    description = mapping.get("description", "")
    if not isinstance(description, str):
        raise BadStudy(f"{where}: description must be text, got {description!r}")
    return Study(
        description=description,
        seed=_integer(mapping.get("seed", 0), f"{where}: seed", minimum=0),
        requires=_texts(mapping.get("requires", ()), f"{where}: requires"),
        plugins=_texts(mapping.get("plugins", ()), f"{where}: plugins"),
        sources=sources,
        models=models,
        readout=readout[0] if readout else None,
        objectives=_components(mapping, "objective", where),
        threat=_threat(mapping["threat"], f"{where}, [threat]") if "threat" in mapping else None,
        attacks=attacks,
        metrics=metrics,
        draws=_statistics(mapping.get("statistics", {}), f"{where}, [statistics]"),
    )


def check_requirements(study: Study, where: str = "study") -> None:
    """Check that every distribution that ``requires`` names is installed in a version that it admits.

    Raises
    ------
    BadStudy
        Naming what is missing or has the wrong version, and the command that installs it.
    """
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    for text in study.requires:
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            raise BadStudy(f"{where}: requires: {text!r} is not a requirement: {error}") from None
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            raise BadStudy(f"{where}: requires {text!r}, which is not installed: pip install '{text}'") from None
        if not wanted.specifier.contains(found, prereleases=True):
            raise BadStudy(f"{where}: requires {text!r}, but version {found} is installed: pip install '{text}'")


def _threat(value: object, where: str) -> Threat:
    table = _table(value, where)
    _known(table, ("norm", "epsilons", "aims", "stimuli", "controls"), where, "it")
    norm = table.get("norm", "l2")
    if norm not in ("l2", "linf"):
        raise BadStudy(f"{where}: norm must be 'l2' or 'linf', got {norm!r}")
    epsilons = table.get("epsilons")
    if epsilons is None:
        raise BadStudy(f"{where}: epsilons is missing: the radii to attack with, such as epsilons = [0.5, 1.0]")
    radii = [epsilons] if isinstance(epsilons, int | float) else epsilons
    if not isinstance(radii, Sequence) or isinstance(radii, str) or not radii:
        raise BadStudy(f"{where}: epsilons must be a list of numbers, got {epsilons!r}")
    for radius in radii:
        if isinstance(radius, bool) or not isinstance(radius, int | float) or not math.isfinite(radius) or radius < 0:
            raise BadStudy(f"{where}: epsilons must be finite and not negative, got {radius!r}")
    if list(radii) != sorted(set(radii)):
        raise BadStudy(f"{where}: epsilons must ascend without repeats, got {list(radii)}")
    return Threat(
        norm=cast("Norm", norm),
        epsilons=tuple(float(radius) for radius in radii),
        aims=_names(table.get("aims", ("unit", "population", "behavior")), f"{where}: aims"),
        stimuli=_count(table.get("stimuli", "all"), f"{where}: stimuli"),
        controls=_names(table.get("controls", ("random", "flipped")), f"{where}: controls"),
    )


def _model(table: Mapping[str, Any], where: str) -> ModelSpec:
    table = dict(table)
    layers = table.pop("layers", table.pop("layer", None))
    if layers is None:
        raise BadStudy(f"{where}: layers is missing: name the layers to read, such as layers = ['layer4']")
    units = _count(table.pop("units", "all"), f"{where}: units")
    population = _count(table.pop("population", "all"), f"{where}: population")
    if population is not None and units is not None and units > population:
        raise BadStudy(f"{where}: {units} units cannot be aimed at in a population of {population}: lower units")
    spec = _spec(table, where)
    return ModelSpec(
        use=spec.use,
        label=spec.label if "name" in table else spec.use,
        parameters=spec.parameters,
        where=where,
        layers=_names(layers, f"{where}: layers"),
        units=units,
        population=population,
    )


def _statistics(value: object, where: str) -> int:
    table = _table(value, where)
    _known(table, ("draws",), where, "it")
    return _integer(table.get("draws", 1000), f"{where}: draws", minimum=100)


def _components(mapping: Mapping[str, Any], kind: str, where: str) -> tuple[ComponentSpec, ...]:
    tables = _tables(mapping, kind, where)
    return tuple(_spec(table, f"{where}, [[{kind}]] {number}") for number, table in enumerate(tables, 1))


def _spec(table: Mapping[str, Any], where: str) -> ComponentSpec:
    table = dict(table)
    use = table.pop("use", None)
    if not isinstance(use, str) or not use.strip():
        raise BadStudy(f"{where}: use is missing: name the component, such as use = 'pgd'")
    label = table.pop("name", use.partition(":")[0])
    if not isinstance(label, str) or not label or "/" in label.removeprefix(use.partition(":")[0]):
        raise BadStudy(f"{where}: name must be a word, got {label!r}")
    return ComponentSpec(use=use, label=label.rpartition("/")[2], parameters=table, where=where)


def _tables(mapping: Mapping[str, Any], kind: str, where: str) -> list[Mapping[str, Any]]:
    value = mapping.get(kind, [])
    tables = [value] if isinstance(value, Mapping | str) else value
    if not isinstance(tables, Sequence):
        raise BadStudy(f"{where}: {kind} must be a table [[{kind}]], got {value!r}")
    return [
        {"use": table} if isinstance(table, str) else _table(table, f"{where}, [[{kind}]] {number}")
        for number, table in enumerate(tables, 1)
    ]


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadStudy(f"{where}: expected a table, got {value!r}")
    return value


def _component(spec: ComponentSpec) -> dict[str, Any]:
    named = {} if spec.label in (spec.use, spec.use.partition(":")[0].rpartition("/")[2]) else {"name": spec.label}
    return {"use": spec.use, **named, **spec.parameters}


def _unique(specs: Sequence[ComponentSpec], where: str) -> None:
    labels = [spec.label for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            raise BadStudy(
                f"{where}: {label!r} stands {labels.count(label)} times: give each a name = '...' of its own"
            )


def _known(table: Mapping[str, Any], known: Sequence[str], where: str, what: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise BadStudy(f"{where}: unknown key {key!r}{_did_you_mean(near)} ({what} has {', '.join(known)})")


def _names(value: object, where: str) -> tuple[str, ...]:
    names = _texts(value, where)
    for name in names:
        if names.count(name) > 1:
            raise BadStudy(f"{where}: {name!r} is named twice")
    return names


def _texts(value: object, where: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence) or not all(isinstance(item, str) for item in values):
        raise BadStudy(f"{where} must be a list of texts, got {value!r}")
    return tuple(values)


def _count(value: object, where: str) -> int | None:
    return None if value == "all" else _integer(value, where, minimum=1, also=" or 'all'")


def _or_all(count: int | None) -> int | str:
    return "all" if count is None else count


def _integer(value: object, where: str, *, minimum: int, also: Literal["", " or 'all'"] = "") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise BadStudy(f"{where} must be a whole number of at least {minimum}{also}, got {value!r}")
    return value


def _siblings(path: Path) -> list[Path]:
    return list(path.parent.iterdir()) if path.parent.is_dir() else []


def _did_you_mean(near: Sequence[str]) -> str:
    return f": did you mean {' or '.join(map(repr, near))}?" if near else ""
