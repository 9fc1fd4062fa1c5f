"""Resolves ``[DIST/]NAME[:TARGET]`` to one component, or says what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NoReturn

from packaging.utils import canonicalize_name

from spikeproof.errors import AmbiguousName, BadParameter, ComponentNotFound
from spikeproof.plugin import SourceEntry

from .components import Chosen, Kind, PluginStatus, Provided, article

__all__ = ["resolve"]


def resolve(
    kind: Kind, spec: str, *, provided: Sequence[Provided], plugins: Sequence[PluginStatus], where: str = ""
) -> Chosen:
    """Find the component that ``spec`` names.

    Parameters
    ----------
    kind : str
    spec : str
        ``NAME``, ``NAME:TARGET``, ``DIST/NAME`` or ``DIST/NAME:TARGET``; all after the first colon is the target.
    provided : sequence of Provided
        All components, of every kind.
    plugins : sequence of PluginStatus
        All plugins; those that failed are named where nothing is found.
    where : str
        What a message begins with (``"study.toml, [[attack]] 1"``).

    Raises
    ------
    ComponentNotFound
        If no usable plugin provides it.
    AmbiguousName
        If several distributions do.
    BadParameter
        If the target is missing, or the component takes none.
    """
    place = f"{where}: " if where else ""
    head, colon, target = spec.partition(":")
    distribution, _, name = head.rpartition("/")
    found = [item for item in provided if item.kind == kind and item.entry.name == name]
    if distribution:
        found = [item for item in found if _same(item.plugin.distribution, distribution)]
    if not found:
        _not_found(kind, spec, provided=provided, plugins=plugins, place=place)
    if len(found) > 1:
        spellings = " or ".join(item.qualified + colon + target for item in found)
        raise AmbiguousName(f"{place}{kind} {name!r} is provided by {len(found)} distributions: write {spellings}")
    (item,) = found
    metavar = item.entry.target
    if metavar is None and colon:
        raise BadParameter(f"{place}{kind} {head!r} takes no target: write {head!r} without {colon + target!r}")
    if metavar is not None and not target and not metavar.startswith("["):
        raise BadParameter(f"{place}{kind} {head!r} needs a target: write {head}:{metavar}")
    return Chosen(entry=item.entry, kind=kind, plugin=item.plugin, target=target or None, spec=spec)


def _same(one: str, other: str) -> bool:
    return bool(canonicalize_name(one) == canonicalize_name(other))


def _not_found(
    kind: Kind, spec: str, *, provided: Sequence[Provided], plugins: Sequence[PluginStatus], place: str
) -> NoReturn:
    head, colon, target = spec.partition(":")
    name = head.rpartition("/")[2]
    same_kind = [item for item in provided if item.kind == kind]
    names = sorted({item.entry.name for item in same_kind})
    sentences = [f"{place}no {kind} named {head!r}"]
    elsewhere = [item.qualified for item in same_kind if item.entry.name == name]
    near = difflib.get_close_matches(name, names, 3)
    if elsewhere:
        sentences.append(f"It is provided as {' and '.join(elsewhere)}")
    elif near:
        sentences.append(f"Did you mean {' or '.join(repr(item + colon + target) for item in near)}?")
    elif proposals := _proposals(spec, same_kind):
        sentences.append(f"If it is a path or an object, say what reads it: {' or '.join(proposals)}")
    other = sorted({article(item.kind) for item in provided if item.entry.name == name and item.kind != kind})
    if other:
        sentences.append(f"{name!r} is {' and '.join(other)}")
    sentences.append(f"The {kind}s are: {', '.join(names)}" if names else f"No plugin provides {article(kind)}")
    broken = [plugin for plugin in plugins if plugin.state in {"failed", "incompatible"}]
    if broken:
        errors = "; ".join(f"{plugin.label}: {plugin.error}" for plugin in broken)
        sentences.append(f"These plugins could not be loaded: {errors}")
    disabled = [plugin.label for plugin in plugins if plugin.state == "disabled"]
    if disabled:
        sentences.append(f"These plugins are disabled: {', '.join(disabled)}")
    text = ". ".join(sentences).replace("?.", "?")
    raise ComponentNotFound(text)


def _proposals(spec: str, same_kind: Sequence[Provided]) -> list[str]:
    """Say how a path or ``package.module:object`` would be spelt: with each component that may read it."""
    if not any(mark in spec for mark in "/\\.:"):
        return []
    targeted = [item for item in same_kind if item.entry.target is not None]
    fitting = [
        item
        for item in targeted
        if isinstance(item.entry, SourceEntry)
        and any(spec.lower().endswith(end.lower()) for end in item.entry.suffixes)
    ]
    return [f"{item.entry.name}:{spec}" for item in fitting or targeted]
