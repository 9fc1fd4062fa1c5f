"""Values of arrays: numbers through zarr, text and references chunk by chunk; damage is refused, not filled in."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any, Literal, cast

import numcodecs  # type: ignore[import-untyped]
import numpy as np
import zarr
from numpy.typing import NDArray
from spikeproof.errors import DataError
from zarr.storage import LocalStore

from spikeproof_nwb.waiting import no_collection

from .nodes import Node
from .references import read_pickled

__all__ = ["check_whole", "numbers", "objects", "opened_array"]

_NEVER_CONSTANT = frozenset({"spike_times", "timestamps", "start_time", "stop_time", "id", "electrodes"})
"""Columns of which no piece of several rows holds one and the same value: a piece that is not there is lost."""


def check_whole(node: Node) -> str:
    """Refuse an array of which pieces are missing; return what to tell the user where they may be missing rightly.

    Format 2, as hdmf-zarr writes it, holds every chunk. Format 3 leaves out chunks that hold nothing but the fill
    value, so that a lost one cannot be told from those, except where all rows of a chunk cannot be equal.

    Raises
    ------
    DataError
        Naming the first missing chunk.
    """
    missing = node.missing_chunks()
    if not missing:
        return ""
    index = node.name.endswith("_index") or node.name in _NEVER_CONSTANT
    if node.version == 2 or (index and node.chunks and node.chunks[0] > 1 and node.shape[0] > 1):
        raise DataError(
            f"{node}: {len(missing):,} of its chunks are not there (the first is {missing[0]}): the store is damaged "
            "(copied in part?), and they would read as silence; get it again"
        )
    fill = node.meta.get("fill_value")
    return f"{node.path}: {len(missing):,} of its chunks are not in the store, which means that they hold {fill!r} only"


def opened_array(node: Node) -> zarr.Array[Any]:
    """Open an array of numbers with zarr, after making sure that decoding it runs no code.

    Raises
    ------
    DataError
        If its codecs are not known, or zarr cannot make sense of it.
    """
    if node.unknown_codecs:
        raise DataError(
            f"{node} is stored with {', '.join(node.unknown_codecs)}, which is not read (decoding it might run code, "
            "or takes a package that is not known here): write the store again with blosc, zstd or gzip"
        )
    try:
        with warnings.catch_warnings(), no_collection():
            warnings.simplefilter("ignore")  # that some types of format 3 have no final specification yet
            store = LocalStore(node.root, read_only=True)
            return zarr.open_array(
                store=store, path=node.path.strip("/"), mode="r", zarr_format=cast("Literal[2, 3]", node.version)
            )
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise DataError(
            f"{node} cannot be opened by zarr {zarr.__version__} ({error}); write the store again"
        ) from error


def numbers(node: Node, array: zarr.Array[Any], part: Any) -> NDArray[Any]:  # noqa: ANN401
    """Read a part of an array.

    Raises
    ------
    DataError
        If a chunk cannot be decoded.
    """
    try:
        with no_collection():  # zarr works in threads of its own
            return np.asarray(array[part])
    except (RuntimeError, OSError, ValueError, zarr.errors.BaseZarrError) as error:
        raise DataError(f"{node} cannot be read ({error}): the store is damaged; get it again") from error


def objects(node: Node) -> NDArray[Any]:
    """Read a whole array of text or of references: str, bytes, dicts, or tuples of them.

    Raises
    ------
    DataError
        If a chunk is missing or damaged, or is stored in a way that is not read.
    """
    check_whole(node)
    if node.version == 3:
        return numbers(node, opened_array(node), ...)
    *before, decode = _steps(node)
    out = np.empty(node.shape, dtype=object)
    grid = [range(-(-size // chunk)) for size, chunk in zip(node.shape, node.chunks, strict=True)]
    for index in product(*grid):
        content: Any = (node.folder / node.key(*index)).read_bytes()
        try:
            for step in before:
                content = step(content)
            elements = decode(content)
        except (RuntimeError, ValueError, OSError) as error:
            raise DataError(
                f"{node}: chunk {node.key(*index)} cannot be decoded ({error}): the store is damaged; get it again"
            ) from error
        piece = np.empty(len(elements), dtype=object)
        piece[:] = elements
        start = [number * chunk for number, chunk in zip(index, node.chunks, strict=True)]
        size = [min(chunk, whole - at) for chunk, whole, at in zip(node.chunks, node.shape, start, strict=True)]
        place = tuple(slice(at, at + many) for at, many in zip(start, size, strict=True))
        out[place] = piece.reshape(node.chunks)[tuple(slice(0, many) for many in size)]
    return out


def _steps(node: Node) -> list[Callable[[Any], Any]]:
    """What turns a chunk of objects of format 2 into a list of them, step by step."""
    filters = node.meta.get("filters") or []
    if not filters or node.meta.get("order", "C") != "C":
        raise DataError(f"{node}: objects without a filter, or in Fortran order, are not read; write the store again")
    *inner, last = reversed(filters)
    decoders: dict[str, Callable[[Any], Any]] = {
        "vlen-utf8": lambda content: numcodecs.VLenUTF8().decode(content).tolist(),
        "vlen-bytes": lambda content: numcodecs.VLenBytes().decode(content).tolist(),
        "json2": _json_elements,
        "pickle": lambda content: read_pickled(bytes(content), str(node)),
    }
    if last["id"] not in decoders:
        raise DataError(f"{node}: objects stored with {last['id']} are not read; export the file with hdmf-zarr again")
    compressor = node.meta.get("compressor")
    steps = [step for step in (compressor, *inner) if step is not None]
    unknown = [
        step["id"] for step in steps if step["id"] in {"pickle"} or step["id"] not in numcodecs.registry.codec_registry
    ]
    if unknown:
        raise DataError(f"{node} is compressed with {unknown[0]}, which is not known here; write the store again")
    codecs = [numcodecs.get_codec(dict(step)) for step in steps]
    return [codec.decode for codec in codecs] + [decoders[last["id"]]]


def _json_elements(content: bytes) -> list[Any]:
    *elements, _dtype, shape = json.loads(bytes(content))
    flat: list[Any] = elements
    for _ in shape[1:]:
        flat = [item for row in flat for item in row]
    return flat
