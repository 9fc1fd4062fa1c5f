"""Reads a study's mapping, key by key, and fills in defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from spikeproof.compose import JOINS
from spikeproof.errors import BadStudy
from spikeproof.plugin import Norm

from .checks import check_known, check_unique, count_or_all, name_list, table_of, tables_of, text_list, whole_number
from .encoders import parse_encoders
from .model import SCHEMA, ComponentSpec, Engine, ModelSpec, Study, Threat

__all__ = ["parse_study"]

_TOP = (
    "schema",
    "description",
    "seed",
    "join",
    "manifest",
    "requires",
    "plugins",
    "source",
    "model",
    "encoder",
    "readout",
    "objective",
    "threat",
    "engine",
    "attack",
    "metric",
    "statistics",
)


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
    check_known(mapping, _TOP, where, "the top level")
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
        for number, table in enumerate(tables_of(mapping, "model", where), 1)
    )
    encoders = parse_encoders(
        [_spec(table, at) for table, at in _places(mapping, "encoder", where)], [model.label for model in models], where
    )
    readout = _components(mapping, "readout", where)
    if len(readout) > 1:
        raise BadStudy(f"{where}, [readout]: one readout only, got {len(readout)}")
    attacks = _components(mapping, "attack", where)
    metrics = _components(mapping, "metric", where)
    if not metrics:
        raise BadStudy(f"{where}: no [[metric]]: say what to measure (`spikeproof show metric` lists them)")
    for kind, specs in (("attack", attacks), ("metric", metrics), ("model", models), ("encoder", encoders)):
        check_unique(specs, f"{where}, [[{kind}]]")
    description = mapping.get("description", "")
    if not isinstance(description, str):
        raise BadStudy(f"{where}: description must be text, got {description!r}")
    join = mapping.get("join", "shared")
    if join not in JOINS:
        raise BadStudy(
            f"{where}: join must be 'shared' (the stimuli that every recording showed), 'union' (those that any did) "
            f"or 'rounds' (recordings of the same units, one after another), got {join!r}"
        )
    return Study(
        description=description,
        seed=whole_number(mapping.get("seed", 0), f"{where}: seed", minimum=0),
        join=join,
        manifests=name_list(mapping.get("manifest", ()), f"{where}: manifest"),
        requires=text_list(mapping.get("requires", ()), f"{where}: requires"),
        plugins=text_list(mapping.get("plugins", ()), f"{where}: plugins"),
        sources=sources,
        models=models,
        encoders=encoders,
        readout=readout[0] if readout else None,
        objectives=_components(mapping, "objective", where),
        threat=_threat(mapping["threat"], f"{where}, [threat]") if "threat" in mapping else None,
        engine=_engine(mapping.get("engine", {}), f"{where}, [engine]"),
        attacks=attacks,
        metrics=metrics,
        draws=_statistics(mapping.get("statistics", {}), f"{where}, [statistics]"),
    )


def _threat(value: object, where: str) -> Threat:
    table = table_of(value, where)
    check_known(table, ("norm", "epsilons", "aims", "stimuli", "controls"), where, "it")
    norm = table.get("norm", "l2")
    if norm not in ("l1", "l2", "linf"):
        raise BadStudy(f"{where}: norm must be 'l1', 'l2' or 'linf', got {norm!r}")
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
        aims=name_list(table.get("aims", ("unit", "population", "behavior")), f"{where}: aims"),
        stimuli=count_or_all(table.get("stimuli", "all"), f"{where}: stimuli"),
        controls=name_list(table.get("controls", ("random", "flipped")), f"{where}: controls"),
    )


def _engine(value: object, where: str) -> Engine:
    table = table_of(value, where)
    check_known(table, ("precision", "compile", "accelerate", "longer_items"), where, "it")
    precision = table.get("precision", "float32")
    if precision not in ("float32", "bf16-polish"):
        raise BadStudy(f"{where}: precision must be 'float32' or 'bf16-polish', got {precision!r}")
    for name in ("compile", "accelerate"):
        if not isinstance(table.get(name, False), bool):
            raise BadStudy(f"{where}: {name} must be true or false, got {table[name]!r}")
    items = table.get("longer_items", "auto")
    if items != "auto" and (isinstance(items, bool) or not isinstance(items, int) or items < 0):
        raise BadStudy(f"{where}: longer_items must be a whole number of at least 0 or 'auto', got {items!r}")
    return Engine(
        precision=cast("Literal['float32', 'bf16-polish']", precision),
        compile=table.get("compile", False),
        accelerate=table.get("accelerate", True),
        longer_items=None if items == "auto" else items,
    )


def _model(table: Mapping[str, Any], where: str) -> ModelSpec:
    table = dict(table)
    layers = table.pop("layers", table.pop("layer", None))
    if layers is None:
        raise BadStudy(f"{where}: layers is missing: name the layers to read, such as layers = ['layer4']")
    units = count_or_all(table.pop("units", "all"), f"{where}: units")
    population = count_or_all(table.pop("population", "all"), f"{where}: population")
    if population is not None and units is not None and units > population:
        raise BadStudy(f"{where}: {units} units cannot be aimed at in a population of {population}: lower units")
    spec = _spec(table, where)
    return ModelSpec(
        use=spec.use,
        label=spec.label if "name" in table else spec.use,
        parameters=spec.parameters,
        where=where,
        layers=name_list(layers, f"{where}: layers"),
        units=units,
        population=population,
    )


def _statistics(value: object, where: str) -> int:
    table = table_of(value, where)
    check_known(table, ("draws",), where, "it")
    return whole_number(table.get("draws", 1000), f"{where}: draws", minimum=100)


def _components(mapping: Mapping[str, Any], kind: str, where: str) -> tuple[ComponentSpec, ...]:
    return tuple(_spec(table, at) for table, at in _places(mapping, kind, where))


def _places(mapping: Mapping[str, Any], kind: str, where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Return the tables of a kind, each with where it stands."""
    tables = tables_of(mapping, kind, where)
    return [(table, f"{where}, [[{kind}]] {number}") for number, table in enumerate(tables, 1)]


def _spec(table: Mapping[str, Any], where: str) -> ComponentSpec:
    table = dict(table)
    use = table.pop("use", None)
    if not isinstance(use, str) or not use.strip():
        raise BadStudy(f"{where}: use is missing: name the component, such as use = 'pgd'")
    label = table.pop("name", use.partition(":")[0])
    if not isinstance(label, str) or not label or "/" in label.removeprefix(use.partition(":")[0]):
        raise BadStudy(f"{where}: name must be a word, got {label!r}")
    return ComponentSpec(use=use, label=label.rpartition("/")[2], parameters=table, where=where)
