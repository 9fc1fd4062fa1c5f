"""From what stands on the line, and in a study file, to one study: pure functions on mappings."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from spikeproof.errors import UsageError

from .host_options import MODEL_KEYS, STUDY_KEYS, TOP_KEYS

__all__ = ["choose", "default_out", "set_host_values", "split_specs", "split_words", "tables"]

_LISTS = ("source", "model", "encoder", "attack", "metric")


def split_specs(values: Sequence[str], names: Collection[str]) -> list[str]:
    """Split the values of an option that names components.

    An option repeats or takes commas. A name holds no comma, but a target (what follows the colon) may: a comma in a
    target ends it only where the name of a component of this kind follows, alone or with a colon after it.

    Parameters
    ----------
    values : sequence of str
        As they stand on the line.
    names : collection of str
        Names of the components of this kind, plain and as ``DIST/NAME``.

    Examples
    --------
    >>> split_specs(["torch:f.py:a,torch:f.py:b"], ["torch"])
    ['torch:f.py:a', 'torch:f.py:b']
    >>> split_specs(["images:cats,dogs", "simulate:sparse"], ["images", "simulate"])
    ['images:cats,dogs', 'simulate:sparse']
    >>> split_specs(["sensitivity,cross-scale"], ["sensitivity", "cross-scale"])
    ['sensitivity', 'cross-scale']
    """
    known = sorted(map(re.escape, names), key=len, reverse=True)
    ends = re.compile(rf"\s*(?:{'|'.join(known)})\s*(?::|,|$)") if known else re.compile(r"(?!)")
    specs: list[str] = []
    for value in values:
        spec = ""
        rest = value
        while rest:
            piece, comma, rest = rest.partition(",")
            spec += piece
            if comma and ":" in spec and not ends.match(rest):
                spec += comma
                continue
            specs.append(spec.strip())
            spec = ""
        if spec:
            specs.append(spec.strip())
    return [spec for spec in specs if spec]


def split_words(values: Sequence[str]) -> list[str]:
    """Split the values of an option that repeats or takes commas.

    Examples
    --------
    >>> split_words(["unit,population", "behavior"])
    ['unit', 'population', 'behavior']
    """
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def tables(study: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the tables of one kind, to be changed in place; none where the study is malformed."""
    value = study.get(kind, [])
    items = [value] if isinstance(value, Mapping) else value
    return [item for item in items if isinstance(item, dict)] if isinstance(items, Sequence) else []


def choose(study: Mapping[str, Any], specs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Put the components that the line names into a study.

    Naming a component of a kind replaces all tables of that kind, with their parameters.

    Parameters
    ----------
    study : mapping
        What the study file holds; left as it is.
    specs : mapping of str to sequence of str
        Specs by kind (``source``, ``model``, ``encoder``, ``readout``, ``attack``, ``metric``).

    Examples
    --------
    >>> choose({"seed": 3, "attack": [{"use": "pgd", "steps": 5}]}, {"attack": ["silence"]})
    {'seed': 3, 'attack': [{'use': 'silence'}]}
    """
    chosen = copy.deepcopy(dict(study))
    for kind in (*_LISTS, "readout"):
        value = chosen.get(kind)
        if isinstance(value, str):
            chosen[kind] = {"use": value}
        elif isinstance(value, list):
            chosen[kind] = [{"use": item} if isinstance(item, str) else item for item in value]
    for kind in _LISTS:
        if specs.get(kind):
            chosen[kind] = [{"use": spec} for spec in specs[kind]]
    readouts = specs.get("readout", ())
    if len(readouts) > 1:
        raise UsageError(f"--readout: one readout only, got {', '.join(readouts)}")
    if readouts:
        chosen["readout"] = {"use": readouts[0]}
    return chosen


def set_host_values(study: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Put the values of spikeproof's own options into a study, in place: the line wins over the file.

    Parameters
    ----------
    study : dict
    values : mapping
        What stands on the line, by name of its option.

    Raises
    ------
    UsageError
        If a radius is no number, or layers are named where there is no model.

    Examples
    --------
    >>> study = {"model": [{"use": "torch:f.py:a"}]}
    >>> set_host_values(study, {"layer": ["l1,l2"], "units": "20", "epsilons": ["0.5,1"], "seed": 1})
    >>> study["model"], study["threat"], study["seed"]
    ([{'use': 'torch:f.py:a', 'layers': ['l1', 'l2'], 'units': 20}], {'epsilons': [0.5, 1.0]}, 1)
    """
    for name, key in MODEL_KEYS.items():
        if name in values:
            models = tables(study, "model")
            if not models:
                raise UsageError(f"--{name}: there is no model whose layers could be read: add --model SPEC")
            for model in models:
                model.pop(name, None)  # layers may be spelt layer
                model[key] = _host_value(name, values[name])
    study.update({name: _host_value(name, values[name]) for name in TOP_KEYS if name in values})
    for name, (table, key) in STUDY_KEYS.items():
        if name in values:
            target = study.setdefault(table, {})
            if isinstance(target, dict):
                target[key] = _host_value(name, values[name])


def default_out(study_file: Path | None) -> Path:
    """Return the result folder of a study that names none.

    Examples
    --------
    >>> default_out(Path("studies/v4.toml")).as_posix(), default_out(None).as_posix()
    ('results/v4', 'results/run')
    """
    return Path("results") / (study_file.stem if study_file is not None else "run")


def _host_value(name: str, value: Any) -> object:  # noqa: ANN401 - as Typer parsed it
    if name == "epsilons":
        return [_number(word) for word in split_words(value)]
    if name in ("stimuli", "units", "population", "longer_items"):
        return _count(value)
    return split_words(value) if isinstance(value, list) else value


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise UsageError(f"--epsilons: expected numbers such as 0.5,1, got {word!r}") from None


def _count(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else text
