"""Groups and arrays of a Zarr folder, as its metadata files describe them: formats 2 and 3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from spikeproof.errors import DataError

__all__ = ["Node", "children", "read_node"]

_META = frozenset({".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json"})

_CODECS = frozenset(
    {"blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "delta", "fixedscaleoffset", "shuffle", "bitround"}
    | {"quantize", "packbits", "astype", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3", "bytes"}
    | {"transpose", "sharding_indexed", "vlen-utf8", "vlen-bytes"}
)
"""Codecs that do nothing but arithmetic. ``pickle`` is not among them: decoding it can run code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A group or an array.

    Parameters
    ----------
    root : pathlib.Path
        The store's folder.
    path : str
        Absolute path inside the store, ``"/"`` for the root group.
    version : int
        Zarr format, 2 or 3.
    meta : mapping
        What ``.zarray`` or ``zarr.json`` says; empty for a group of format 2.
    attrs : mapping
        User attributes.
    is_array : bool
    """

    root: Path
    path: str
    version: int
    meta: Mapping[str, Any] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    is_array: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.root / self.path.strip("/")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array."""
        return tuple(self.meta["shape"])

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of each file's piece of an array."""
        if self.version == 2:
            return tuple(self.meta["chunks"])
        return tuple(self.meta["chunk_grid"]["configuration"]["chunk_shape"])

    @property
    def codecs(self) -> tuple[str, ...]:
        """Names of everything that chunks pass through, those inside shards too."""
        if self.version == 2:
            steps = [self.meta.get("compressor"), *(self.meta.get("filters") or ())]
            return tuple(str(step["id"]) for step in steps if step is not None)
        return tuple(_names(self.meta["codecs"]))

    @property
    def unknown_codecs(self) -> tuple[str, ...]:
        """Codecs that are not known to be harmless, or not known at all."""
        return tuple(name for name in self.codecs if name.removeprefix("numcodecs.") not in _CODECS)

    def key(self, *index: int) -> str:
        """File of one chunk, relative to the array's folder."""
        if self.version == 2:
            return str(self.meta.get("dimension_separator", ".")).join(map(str, index)) or "0"
        encoding = self.meta["chunk_key_encoding"]
        separator = encoding.get("configuration", {}).get("separator", "." if encoding["name"] == "v2" else "/")
        parts = [str(number) for number in index]
        return separator.join(["c", *parts]) if encoding["name"] == "default" else separator.join(parts) or "0"

    def missing_chunks(self) -> list[str]:
        """Chunks that have no file."""
        if 0 in self.shape:
            return []
        grid = [range(-(-size // chunk)) for size, chunk in zip(self.shape, self.chunks, strict=True)]
        held = {entry.name for entry in self.folder.iterdir()}
        keys = (self.key(*index) for index in product(*grid))
        return [key for key in keys if key not in held and not ("/" in key and (self.folder / key).is_file())]

    def __str__(self) -> str:
        return f"{self.root}, {self.path}"


def read_node(root: Path, path: str) -> Node:
    """Read what the metadata files say of one folder.

    Raises
    ------
    DataError
        If the folder has no metadata although it holds something, or its metadata cannot be read.
    """
    folder = root / path.strip("/")
    if (folder / "zarr.json").is_file():
        meta = _json(folder / "zarr.json")
        kind = meta.get("node_type")
        if meta.get("zarr_format") != 3 or kind not in ("group", "array"):
            raise DataError(f"{folder / 'zarr.json'} describes neither a group nor an array of Zarr format 3")
        attrs = meta.get("attributes", {})
        return _checked(Node(root=root, path=path, version=3, meta=meta, attrs=attrs, is_array=kind == "array"))
    attrs = _json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
    if (folder / ".zarray").is_file():
        meta = _json(folder / ".zarray")
        return _checked(Node(root=root, path=path, version=2, meta=meta, attrs=attrs, is_array=True))
    if (folder / ".zgroup").is_file():
        return Node(root=root, path=path, version=2, attrs=attrs)
    raise DataError(
        f"{folder} has no .zgroup, .zarray or zarr.json, so its content cannot be told: the store is damaged "
        "(copied in part?); get it again, with hidden files"
    )


def children(node: Node) -> Iterator[Node]:
    """Groups and arrays in a group, by name.

    Raises
    ------
    DataError
        As :func:`read_node`; also if the store's list of everything (``.zmetadata``) names something that is not there.
    """
    names = sorted(entry.name for entry in node.folder.iterdir() if entry.is_dir())
    for name in names:
        folder = node.folder / name
        if not any(folder.iterdir()) and node.version == 2:
            continue  # an empty folder says nothing
        yield read_node(node.root, f"{node.path.rstrip('/')}/{name}")


def check_complete(root: Path) -> None:
    """Refuse a store that lacks something that its consolidated metadata lists.

    Raises
    ------
    DataError
        Naming the first thing that is missing.
    """
    listed: list[str] = []
    if (root / ".zmetadata").is_file():
        listed = [key for key in _json(root / ".zmetadata").get("metadata", {}) if Path(key).name in _META]
    elif (root / "zarr.json").is_file():
        inline = _json(root / "zarr.json").get("consolidated_metadata") or {}
        listed = [f"{path}/zarr.json" for path in inline.get("metadata", {})]
    missing = [key for key in listed if not (root / key).is_file()]
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(
            f"{root} lists {missing[0]}{more} in its consolidated metadata, but the file is not there: the store is "
            "damaged (copied in part?); get it again, with hidden files"
        )


def _checked(node: Node) -> Node:
    """Refuse an array whose description lacks what reading it takes."""
    if not node.is_array:
        return node
    try:
        good = len(node.shape) == len(node.chunks) and all(size > 0 for size in node.chunks)
        node.unknown_codecs  # noqa: B018 - fails where they are not listed
    except (KeyError, TypeError) as error:
        raise DataError(f"{node}: its metadata is damaged ({type(error).__name__}: {error}); get it again") from error
    if not good:
        raise DataError(f"{node}: its shape {node.shape} and chunks {node.chunks} do not fit: the store is damaged")
    return node


def _names(codecs: Iterable[Any]) -> Iterator[str]:
    for codec in codecs:
        yield str(codec["name"])
        inner = codec.get("configuration", {})
        yield from _names([*inner.get("codecs", ()), *inner.get("index_codecs", ())])


def _json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): the store is damaged; get it again") from error
    if not isinstance(held, dict):
        raise DataError(f"{path} holds no JSON object: the store is damaged; get it again")
    return held
