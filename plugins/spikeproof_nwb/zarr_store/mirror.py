"""A store's structure as an HDF5 file in memory: groups, attributes, links, references, text; numbers by shape only.

pynwb then checks a Zarr store by the very code that checks an HDF5 file. Arrays of numbers are datasets of the right
shape and type whose values HDF5 cannot read; :mod:`.views` reads them from the store instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .conventions import Target, attributes, is_references, is_scalar, links, reference, resolve
from .nodes import Node, check_complete, children, read_node
from .values import check_whole, numbers, objects, opened_array

__all__ = ["LINKED", "Mirror", "address", "mirror"]

_NOWHERE = "values stand in the Zarr store"
"""Name of a file that does not exist: reading these datasets through HDF5 fails instead of giving zeros."""
LINKED = ".linked"
"""Group of the mirror that holds what stands in other stores; :mod:`.views` hides it."""
_TEXT = h5py.string_dtype()
_FIXED_TEXT = frozenset({"fixed_length_utf32", "null_terminated_bytes"})
_DEPTH = 8
"""Links may lead from store to store so often; more is a circle."""


@dataclass(slots=True)
class Mirror:
    """The image of an HDF5 file, and where its values are.

    Parameters
    ----------
    image : bytes
        The HDF5 file.
    arrays : dict of int to Node
        Address of a dataset -> the array that holds its values. (A path is not unique: links lead to it too.)
    unread : dict of int to str
        Address of a dataset whose values are not read -> the reason.
    linked : dict of str to (str, str)
        Path of a link into another store -> that store as the link names it, and where its content was written.
    notes : list of str
        What to tell the user.
    """

    image: bytes = b""
    arrays: dict[int, Node] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)
    linked: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def mirror(root: Path) -> Mirror:
    """Mirror a store.

    Raises
    ------
    DataError
        If the store is damaged: metadata or chunks are missing, or references lead nowhere.
    """
    check_complete(root)
    made = Mirror()
    top = read_node(root, "/")
    if top.is_array:
        raise DataError(f"{root} is a Zarr array, not an NWB file: name the folder that holds it all")
    with h5py.File(f"{uuid.uuid4()}.nwb", "w", driver="core", backing_store=False) as file:
        writing = _Writing(file, made, root, str(top.attrs.get("object_id", "")))
        writing.group(top, "/", 0)
        writing.finish()
        location = str(top.attrs.get(".specloc", "specifications"))
        if location in file:
            file.attrs[".specloc"] = file[location].ref
        file.flush()
        made.image = file.id.get_file_image()
    return made


def address(dataset: h5py.Dataset) -> int:
    """Where a dataset stands in its file: the same by whatever path it was reached."""
    return int(h5py.h5o.get_info(dataset.id).addr)


class _Writing:
    """Writes one mirror: first everything that can be referred to, then what refers to it."""

    def __init__(self, file: h5py.File, made: Mirror, root: Path, object_id: str) -> None:
        self.file = file
        self.made = made
        self.root = root
        self.object_id = object_id
        self.nodes: list[tuple[Node, str]] = []
        self.places: dict[tuple[Path, str], str] = {}

    def group(self, node: Node, place: str, depth: int) -> None:
        """Write a group with everything in it."""
        group = self.file.require_group(place)
        self.nodes.append((node, place))
        self.places[node.root, node.path] = place
        for child in children(node):
            here = f"{place.rstrip('/')}/{child.name}"
            if child.is_array:
                self.array(child, here)
            else:
                self.group(child, here, depth)
        for link in links(node):
            here = f"{place.rstrip('/')}/{link.name}"
            if link.name in group:
                raise DataError(f"{node}: {link.name!r} is both a link and an object: the store is damaged")
            self.link(link.target, node, here, depth)

    def link(self, target: Target, node: Node, place: str, depth: int) -> None:
        """Write a link; what it leads to in another store is written aside."""
        home = resolve(target, node.root, self.object_id if node.root == self.root else "")
        if home == self.root == node.root:
            self.file[place] = h5py.SoftLink(target.path)
            return
        if depth >= _DEPTH or not (home / target.path.strip("/")).is_dir():
            self.file[place] = h5py.ExternalLink(target.source, target.path)
            return
        goal = read_node(home, "/" + target.path.strip("/"))
        there = f"/{LINKED}/{len(self.made.linked)}"
        self.made.linked[place] = (target.source, there)
        if goal.is_array:
            self.array(goal, there)
        else:
            self.group(goal, there, depth + 1)
        self.file[place] = h5py.SoftLink(there)

    def array(self, node: Node, place: str) -> None:
        """Write a dataset: values of text and of scalars, nothing but the shape of numbers and references."""
        self.nodes.append((node, place))
        self.places[node.root, node.path] = place
        if is_references(node):
            self.file.create_dataset(place, shape=node.shape, dtype=h5py.ref_dtype)
            return
        dtype = _dtype(node)
        if dtype is None:
            self.unread(node, place)
        elif dtype == _TEXT or is_scalar(node):
            self.copied(node, place, dtype)
        elif 0 in node.shape:
            self.file.create_dataset(place, shape=node.shape, dtype=dtype)
        else:
            elsewhere = [(_NOWHERE, 0, h5py.h5f.UNLIMITED)]
            written = self.file.create_dataset(place, shape=node.shape, dtype=dtype, external=elsewhere)
            self.made.arrays[address(written)] = node

    def copied(self, node: Node, place: str, dtype: Any) -> None:  # noqa: ANN401 - a dtype, of numpy or h5py
        """Write a dataset with its values."""
        values = _text(node) if dtype == _TEXT else _checked_numbers(node)
        self.file.create_dataset(place, data=values.ravel()[0] if is_scalar(node) else values, dtype=dtype)

    def unread(self, node: Node, place: str) -> None:
        """Write a dataset that is there by its shape and says why its values are not."""
        fields = _fields(node)
        dtype = _TEXT if fields is None else np.dtype(fields)
        written = self.file.create_dataset(place, shape=node.shape, dtype=dtype)
        self.made.unread[address(written)] = f"{node}: values of type {_type(node)} are not read from Zarr stores"

    def finish(self) -> None:
        """Write attributes and references, now that all they may refer to is there."""
        for node, place in self.nodes:
            target = self.file[place]
            for name, value in attributes(node).items():
                target.attrs[name] = self.attribute(value, node, name)
            if node.is_array and is_references(node):
                values = [self.referred(reference(value, node), node) for value in np.ravel(objects(node)).tolist()]
                filled = np.empty(len(values), dtype=h5py.ref_dtype)
                filled[:] = values
                if values:
                    target[...] = filled.reshape(node.shape)

    def attribute(self, value: Any, node: Node, name: str) -> Any:  # noqa: ANN401 - whatever an attribute holds
        """A value that h5py can write."""
        if isinstance(value, Target):
            return self.referred(value, node)
        if isinstance(value, list):
            if any(isinstance(item, Target) for item in value):
                return np.array([self.referred(item, node) for item in value], dtype=h5py.ref_dtype)
            if name == "colnames" or any(isinstance(item, str) for item in value):
                return np.array([str(item) for item in value], dtype=_TEXT)
            return np.array(value)
        return "" if value is None else value

    def referred(self, target: Target, node: Node) -> h5py.Reference:
        """Reference to what a target names, wherever it was written."""
        home = resolve(target, node.root, self.object_id if node.root == self.root else "")
        place = self.places.get((home, "/" + target.path.strip("/")))
        if place is None:
            raise DataError(
                f"{node} refers to {target.path} of {'this store' if home == node.root else home}, which is not there: "
                "the store is damaged (copied in part?); get it again"
            )
        return self.file[place].ref


def _text(node: Node) -> NDArray[Any]:
    values = objects(node) if _is_object(node) else _checked_numbers(node)
    flat = [
        value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value) for value in values.flat
    ]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(values.shape)


def _checked_numbers(node: Node) -> NDArray[Any]:
    check_whole(node)
    return numbers(node, opened_array(node), ...)


def _is_object(node: Node) -> bool:
    return node.version == 3 or node.meta["dtype"] == "|O"


def _type(node: Node) -> str:
    held = node.meta["dtype" if node.version == 2 else "data_type"]
    return held if isinstance(held, str) else str(held.get("name", held) if isinstance(held, dict) else held)


def _dtype(node: Node) -> Any:  # noqa: ANN401 - a dtype, of numpy or h5py
    """Type of a dataset in the mirror; None where its values are not read."""
    if node.version == 2:
        held = node.meta["dtype"]
        if isinstance(held, list):
            fields = _fields(node)
            return (
                None
                if fields is None or any(kind == _TEXT or kind == h5py.ref_dtype for _, kind in fields)
                else np.dtype(fields)
            )
        if held == "|O":
            return None if isinstance(node.attrs.get("zarr_dtype"), list) else _TEXT
        kind = np.dtype(held)
        return _TEXT if kind.kind in "SU" else kind if kind.kind in "biufc" else None
    held = node.meta["data_type"]
    if held == "string" or (
        isinstance(held, dict) and held.get("name") in {"fixed_length_utf32", "null_terminated_bytes"}
    ):
        return _TEXT
    if isinstance(held, str):
        try:
            return np.dtype(held)
        except TypeError:
            return None
    return _compound(node)


def _compound(node: Node) -> np.dtype[Any] | None:
    """Type of compound values that are all numbers; None for any other."""
    fields = _fields(node)
    return None if fields is None or any(kind == _TEXT for _, kind in fields) else np.dtype(fields)


def _fields(node: Node) -> list[tuple[str, Any]] | None:
    """Fields of a compound type, text and references as text; None if it is none, or not understood."""
    try:
        return list(_field_types(node)) or None
    except (TypeError, KeyError, ValueError):
        return None


def _field_types(node: Node) -> Iterator[tuple[str, Any]]:
    held = node.meta["dtype" if node.version == 2 else "data_type"]
    fields = held if isinstance(held, list) else held["configuration"]["fields"]
    for name, kind in fields:
        plain = kind if isinstance(kind, str) and kind != "|O" else None
        yield name, _TEXT if plain is None or np.dtype(plain).kind in "OSU" else np.dtype(plain)
