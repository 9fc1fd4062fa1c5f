"""Types of objects; those of extensions are what the file's cached specifications say they extend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import h5py

__all__ = ["Kinds"]

_CORE = frozenset({"core", "hdmf-common", "hdmf-experimental"})


class Kinds:
    """Answers which core type an object is of, reading an extension's specification at most once."""

    def __init__(self) -> None:
        self._bases: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, group: h5py.Group) -> str:
        """Type of an object; for a type of an extension, the core type that it extends, as far as the file says.

        Parameters
        ----------
        group : h5py.Group

        Returns
        -------
        str
            Empty where the object has no type.
        """
        kind, namespace = (_text(group.attrs.get(name, "")) for name in ("neurodata_type", "namespace"))
        if not kind or not namespace or namespace in _CORE:
            return kind
        key = (str(group.file.filename), namespace)
        if key not in self._bases:
            self._bases[key] = dict(_definitions(group.file, namespace))
        bases, seen = self._bases[key], {kind}
        while kind in bases and bases[kind] not in seen:
            kind = bases[kind]
            seen.add(kind)
        return kind


def _definitions(file: h5py.File, namespace: str) -> Iterator[tuple[str, str]]:
    """Each type that a namespace defines, with the one that it extends; newest version last."""
    cached = file.get(f"specifications/{namespace}")
    if not isinstance(cached, h5py.Group):
        return
    for version in cached.values():
        for source in version.values() if isinstance(version, h5py.Group) else ():
            try:
                held = json.loads(source[()])
            except (ValueError, TypeError):
                continue  # pynwb has read it, or has refused the file
            yield from _typed(held)


def _typed(held: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(held, dict):
        defined, extended = held.get("neurodata_type_def"), held.get("neurodata_type_inc")
        if isinstance(defined, str) and isinstance(extended, str):
            yield defined, extended
        for inner in held.values():
            yield from _typed(inner)
    elif isinstance(held, list):
        for inner in held:
            yield from _typed(inner)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
