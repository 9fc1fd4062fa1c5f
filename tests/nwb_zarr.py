"""Small Zarr stores in the layouts that hdmf-zarr writes: format 2 (until 0.13) and format 3 (from 0.14 on).

Made of an HDF5 file by h5py and zarr alone. ``tests/plugins/nwb/test_nwb_zarr_peer.py`` holds this against the real
writer, array by array and attribute by attribute.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numcodecs
import numpy as np
import zarr
from numpy.typing import NDArray

_RESERVED = {".specloc"}
_DATES = {"file_create_date", "session_start_time", "timestamps_reference_time"}  # stored as bytes


class _Reference(dict):  # type: ignore[type-arg]
    """Pickles as hdmf-zarr's own class does."""


_Reference.__module__, _Reference.__qualname__, _Reference.__name__ = (
    "hdmf_zarr.utils",
    "ZarrReference",
    "ZarrReference",
)


def write_store(source: Path, store: Path, version: int) -> Path:
    """Write an HDF5 file as a Zarr store of format 2 or 3; returns the store."""
    with h5py.File(source) as file:
        writer = (_Format2 if version == 2 else _Format3)(file, store)
        writer.group(file, store)
        writer.finish()
    return store


class _Writer:
    def __init__(self, file: h5py.File, store: Path) -> None:
        self.file = file
        self.store = store
        self.owner = _text(file.attrs.get("object_id", ""))

    def group(self, group: h5py.Group, folder: Path) -> None:
        attrs = {name: self.attribute(value) for name, value in group.attrs.items() if name not in _RESERVED}
        if group.name == "/":
            attrs[".specloc"] = "specifications"
        links = []
        folder.mkdir(parents=True)
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                links.append({"name": name, "path": link.path, "source": "."})
            elif isinstance(link, h5py.ExternalLink):
                links.append({"name": name, "path": link.path, "source": "../" + link.filename + ".zarr"})
            elif isinstance(group[name], h5py.Dataset):
                self.dataset(group[name], folder / name)
            else:
                self.group(group[name], folder / name)
        self.describe(folder, attrs, links)

    def attribute(self, value: Any) -> Any:
        if isinstance(value, h5py.Reference):
            return self.reference_attribute(str(self.file[value].name))
        if isinstance(value, np.ndarray):
            return [self.attribute(item) for item in value.tolist()]
        if isinstance(value, (bytes, str)):
            return _text(value)
        return value.item() if isinstance(value, np.generic) else value

    def dataset(self, dataset: h5py.Dataset, folder: Path) -> None:
        attrs = {name: self.attribute(value) for name, value in dataset.attrs.items()}
        if h5py.check_ref_dtype(dataset.dtype):
            paths = [str(self.file[reference].name) for reference in dataset[()]]
            self.references(folder, paths, attrs)
        elif h5py.check_string_dtype(dataset.dtype):
            texts = np.array([_text(value) for value in np.ravel(dataset[()])], dtype=object).reshape(dataset.shape)
            self.texts(folder, texts, attrs, _text(dataset[()]) if dataset.shape == () else None)
        elif any(h5py.check_ref_dtype(kind) for kind, _ in (dataset.dtype.fields or {}).values()):
            self.compound(folder, dataset, attrs)
        else:
            self.numbers(folder, dataset[()], attrs, dataset.chunks)

    def reference_attribute(self, path: str) -> Any:
        raise NotImplementedError

    def describe(self, folder: Path, attrs: dict[str, Any], links: list[dict[str, str]]) -> None:
        raise NotImplementedError

    def references(self, folder: Path, paths: list[str], attrs: dict[str, Any]) -> None:
        raise NotImplementedError

    def texts(self, folder: Path, texts: NDArray[Any], attrs: dict[str, Any], scalar: str | None) -> None:
        raise NotImplementedError

    def compound(self, folder: Path, dataset: h5py.Dataset, attrs: dict[str, Any]) -> None:
        raise NotImplementedError

    def numbers(
        self, folder: Path, values: NDArray[Any], attrs: dict[str, Any], chunks: tuple[int, ...] | None
    ) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError


class _Format2(_Writer):
    def reference_attribute(self, path: str) -> Any:
        return {"value": self._reference(path), "zarr_dtype": "object"}

    def describe(self, folder: Path, attrs: dict[str, Any], links: list[dict[str, str]]) -> None:
        _json(folder / ".zgroup", {"zarr_format": 2})
        attrs |= {"zarr_link": links} if links else {}
        if attrs:
            _json(folder / ".zattrs", attrs)

    def references(self, folder: Path, paths: list[str], attrs: dict[str, Any]) -> None:
        values = np.empty(len(paths), dtype=object)
        values[:] = [_Reference(self._reference(path)) for path in paths]
        self._objects(folder, values, attrs | {"zarr_dtype": "object"}, {"id": "pickle", "protocol": 5}, _pickled)

    def texts(self, folder: Path, texts: NDArray[Any], attrs: dict[str, Any], scalar: str | None) -> None:
        attrs |= {"zarr_dtype": "scalar" if scalar is not None else "str"}
        values = np.atleast_1d(texts)
        if "specifications" in folder.parts:
            self._objects(
                folder, values, attrs, numcodecs.JSON().get_config(), numcodecs.JSON().encode, compressed=False
            )
        elif folder.name in _DATES:
            values = np.array([text.encode() for text in values], dtype=object)
            attrs |= {} if scalar is not None else {"zarr_dtype": "bytes"}
            self._objects(folder, values, attrs, {"id": "vlen-bytes"}, numcodecs.VLenBytes().encode)
        else:
            self._objects(folder, values, attrs, {"id": "vlen-utf8"}, numcodecs.VLenUTF8().encode)

    def compound(self, folder: Path, dataset: h5py.Dataset, attrs: dict[str, Any]) -> None:
        held = {name: kind for name, (kind, _) in dataset.dtype.fields.items()}
        fields = [(name, "|O" if h5py.check_ref_dtype(kind) else kind.str) for name, kind in held.items()]
        values = np.empty(dataset.shape, dtype=fields)
        for row, stored in enumerate(dataset[()]):
            values[row] = tuple(
                _Reference(self._reference(str(self.file[item].name))) if isinstance(item, h5py.Reference) else item
                for item in stored
            )
        kinds = [{"name": name, "dtype": "object" if kind == "|O" else np.dtype(kind).name} for name, kind in fields]
        dtype = [list(field) for field in fields]
        attrs |= {"zarr_dtype": kinds}
        self._array(folder, values.shape, values.shape, dtype, attrs, [{"id": "pickle", "protocol": 5}])
        (folder / "0").write_bytes(_compressor().encode(_pickled(values)))

    def numbers(
        self, folder: Path, values: NDArray[Any], attrs: dict[str, Any], chunks: tuple[int, ...] | None
    ) -> None:
        scalar, whole = values.shape == (), np.atleast_1d(values)
        said = "scalar" if scalar else _kind(whole.dtype)
        pieces = chunks or tuple(max(size, 1) for size in whole.shape)
        names = whole.dtype.names
        kind = whole.dtype.str if names is None else [[name, whole.dtype[name].str] for name in names]
        self._array(folder, whole.shape, pieces, kind, attrs | {"zarr_dtype": said}, None)
        if whole.size:
            for index in np.ndindex(*(-(-size // piece) for size, piece in zip(whole.shape, pieces, strict=True))):
                part = whole[tuple(slice(i * piece, (i + 1) * piece) for i, piece in zip(index, pieces, strict=True))]
                chunk = np.zeros(pieces, dtype=whole.dtype)
                chunk[tuple(slice(0, size) for size in part.shape)] = part
                (folder / ".".join(map(str, index))).write_bytes(_compressor().encode(np.ascontiguousarray(chunk)))

    def finish(self) -> None:
        held = {}
        for path in sorted(self.store.rglob(".z*")):
            held[path.relative_to(self.store).as_posix()] = json.loads(path.read_text())
        _json(self.store / ".zmetadata", {"metadata": held, "zarr_consolidated_format": 1})

    def _reference(self, path: str) -> dict[str, Any]:
        target = self.file[path]
        held = target.attrs.get("object_id") if isinstance(target, h5py.Group) else None
        ids = {"object_id": None if held is None else _text(held), "source_object_id": self.owner}
        return {"source": ".", "path": path} | ids

    def _objects(
        self,
        folder: Path,
        values: NDArray[Any],
        attrs: dict[str, Any],
        codec: dict[str, Any],
        encode: Callable[[NDArray[Any]], Any],
        *,
        compressed: bool = True,
    ) -> None:
        self._array(folder, values.shape, values.shape, "|O", attrs, [codec], compressed=compressed)
        content = encode(values)
        (folder / ".".join(["0"] * values.ndim)).write_bytes(_compressor().encode(content) if compressed else content)

    def _array(
        self,
        folder: Path,
        shape: Any,
        chunks: Any,
        dtype: Any,
        attrs: Mapping[str, Any],
        filters: list[Any] | None,
        *,
        compressed: bool = True,
    ) -> None:
        folder.mkdir(parents=True)
        compressor = _compressor().get_config() if compressed else None
        plain = isinstance(dtype, list) and filters is None
        fill = base64.b64encode(bytes(np.dtype([tuple(field) for field in dtype]).itemsize)).decode() if plain else 0
        meta = {"chunks": list(chunks), "compressor": compressor, "dtype": dtype, "fill_value": fill}
        _json(folder / ".zarray", meta | {"filters": filters, "order": "C", "shape": list(shape), "zarr_format": 2})
        _json(folder / ".zattrs", dict(attrs))


class _Format3(_Writer):
    def reference_attribute(self, path: str) -> Any:
        return {"_REFERENCE": {"source": ".", "path": path}}

    def describe(self, folder: Path, attrs: dict[str, Any], links: list[dict[str, str]]) -> None:
        attrs |= {"_LINKS": links} if links else {}
        _json(folder / "zarr.json", {"attributes": attrs, "zarr_format": 3, "node_type": "group"})

    def references(self, folder: Path, paths: list[str], attrs: dict[str, Any]) -> None:
        self._array(folder, np.array(paths, dtype=object), "str", attrs | {"_DTYPE": "object_reference"})

    def texts(self, folder: Path, texts: NDArray[Any], attrs: dict[str, Any], scalar: str | None) -> None:
        said = {} if "specifications" in folder.parts else {"_DTYPE": "str"}
        self._array(folder, texts if scalar is None else scalar, "str", attrs | said)

    def compound(self, folder: Path, dataset: h5py.Dataset, attrs: dict[str, Any]) -> None:
        names = {name: bool(h5py.check_ref_dtype(kind)) for name, (kind, _) in dataset.dtype.fields.items()}
        fields = [(name, "<U512" if refers else dataset.dtype[name]) for name, refers in names.items()]
        values = np.empty(dataset.shape, dtype=fields)
        for row, stored in enumerate(dataset[()]):
            values[row] = tuple(
                str(self.file[item].name) if isinstance(item, h5py.Reference) else item for item in stored
            )
        said = {"_REFERENCE_FIELDS": [name for name, refers in names.items() if refers]}
        self._array(folder, values, values.dtype, attrs | said)

    def numbers(
        self, folder: Path, values: NDArray[Any], attrs: dict[str, Any], chunks: tuple[int, ...] | None
    ) -> None:
        said = {} if values.dtype.names else {"_DTYPE": _kind(values.dtype)}
        self._array(folder, values, values.dtype, attrs | said, chunks)

    def finish(self) -> None:
        """Nothing: the layout's own list of everything is optional."""

    def _array(self, folder: Path, values: Any, dtype: Any, attrs: dict[str, Any], chunks: Any = None) -> None:
        shape = np.shape(values)
        pieces = chunks or tuple(max(size, 1) for size in shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # text and compound types have no final specification yet
            array = zarr.create_array(
                store=folder, shape=shape, dtype=dtype, chunks=pieces, zarr_format=3, attributes=attrs
            )
            if np.size(values):
                array[...] = values


def _compressor() -> Any:
    return numcodecs.Blosc()


def _kind(dtype: np.dtype[Any]) -> Any:
    if dtype.names is None:
        return dtype.type.__name__
    return [{"name": name, "dtype": dtype[name].type.__name__} for name in dtype.names]


def _pickled(values: NDArray[Any]) -> bytes:
    module = ModuleType("hdmf_zarr.utils")
    module.ZarrReference = _Reference  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("hdmf_zarr", "hdmf_zarr.utils")}
    sys.modules["hdmf_zarr"], sys.modules["hdmf_zarr.utils"] = ModuleType("hdmf_zarr"), module
    try:
        return pickle.dumps(values, protocol=5)
    finally:
        for name, held in before.items():
            if held is None:
                del sys.modules[name]
            else:
                sys.modules[name] = held


def _json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, sort_keys=True))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
