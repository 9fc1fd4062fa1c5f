"""How hdmf-zarr writes links, references and types: until 0.13 (Zarr format 2), and from 0.14 on (format 3)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeproof.errors import DataError

from .nodes import Node

__all__ = ["Link", "Target", "attributes", "is_references", "is_scalar", "links", "reference", "resolve"]

_RESERVED = frozenset(
    {"zarr_dtype", "zarr_link", "_LINKS", "_DTYPE", "_REFERENCE_FIELDS", "_ARRAY_DIMENSIONS", ".specloc"}
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link or a reference leads: a store's folder as written, and a path in it.

    ``owner`` is the object id of the file that was meant, where the writer noted it.
    """

    source: str
    path: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that stands in a group under a name."""

    name: str
    target: Target


def links(node: Node) -> list[Link]:
    """The links of a group.

    Raises
    ------
    DataError
        If one has no name or no path.
    """
    held = node.attrs.get("zarr_link" if node.version == 2 else "_LINKS", [])
    try:
        return [Link(str(link["name"]), _target(link, node)) for link in held]
    except (KeyError, TypeError) as error:
        raise DataError(f"{node}: its list of links is damaged ({held!r}); get the store again") from error


def attributes(node: Node) -> dict[str, Any]:
    """User attributes, without what only serves the storage; references become :class:`Target`."""
    return {name: _attribute(value, node) for name, value in node.attrs.items() if name not in _RESERVED}


def is_references(node: Node) -> bool:
    """Whether an array holds references and nothing else."""
    if node.version == 2:
        return node.attrs.get("zarr_dtype") == "object"
    return node.attrs.get("_DTYPE") == "object_reference"


def is_scalar(node: Node) -> bool:
    """Whether an array stands for a single value."""
    return node.shape == () or (node.version == 2 and node.attrs.get("zarr_dtype") == "scalar")


def reference(value: object, node: Node) -> Target:
    """The target of one element of an array of references.

    Raises
    ------
    DataError
        If the element is none.
    """
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        value = json.loads(value)
    if isinstance(value, str):
        return Target(".", value)
    if isinstance(value, Mapping) and "path" in value:
        return _target(value, node)
    raise DataError(f"{node}: {value!r} is no reference to an object of the file: the store is damaged")


def resolve(target: Target, root: Path, object_id: str) -> Path:
    """Folder of the store that a target is in.

    Sources are relative to the folder of the store that holds the link. Versions before 0.11 wrote where the file was
    when it was made: where the owner's object id is this file's, this file is meant.
    """
    if target.source in ("", ".") or (target.owner and target.owner == object_id):
        return root
    return Path(os.path.normpath(root / target.source))


def _target(held: Mapping[str, Any], node: Node) -> Target:
    path = held["path"]
    if not isinstance(path, str):
        raise DataError(f"{node}: a link or reference has no path ({dict(held)!r}): the store is damaged")
    return Target(str(held.get("source") or "."), path, str(held.get("source_object_id") or ""))


def _attribute(value: Any, node: Node) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, Mapping):
        if "_REFERENCE" in value:
            return _target(value["_REFERENCE"], node)
        if value.get("zarr_dtype") == "object":
            inner = value["value"]
            return [_target(item, node) for item in inner] if isinstance(inner, list) else _target(inner, node)
        return json.dumps(value)
    return value
