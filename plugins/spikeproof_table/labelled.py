"""netCDF files and Zarr stores, through xarray: our own layout, Brain-Score's assemblies, and others once told."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

from .block import AXES, Block, Column, check_dims, column_values, listed
from .files import Kind

__all__ = ["describe_labelled", "groups_of", "opened", "read_labelled"]

_ALIASES = {"neuroid": "unit", "repetition": "repeat", "image": "stimulus"}
"""What other layouts call our axes: Brain-Score's assemblies are presentation x neuroid [x time_bin]."""

_PREFERRED = ("response", "responses", "data", "__xarray_dataarray_variable__")
"""Names of variables that are taken for the responses; the last is what xarray calls an unnamed array in a file."""


def read_labelled(
    path: Path, kind: Kind, where: str, *, group: str | None, responses: str | None, dims: Sequence[str]
) -> Block:
    """Read the responses and every coordinate of a netCDF file or a Zarr store.

    Parameters
    ----------
    path : pathlib.Path
    kind : {"netCDF", "Zarr"}
    where : str
        The source as the user gave it, for messages.
    group : str, optional
        Path of the group that holds the variables.
    responses : str, optional
        Name of the variable; needed if several could be meant.
    dims : sequence of str
        Names for its axes, in their order, where the file calls them otherwise.

    Raises
    ------
    DataError
        If the file is damaged, the group or the variable is not there, or its axes have no names that are known.
    """
    with opened(path, kind, group, where) as file:
        name, notes = _choose(file, responses, where)
        variable = file[name]
        own = tuple(map(str, variable.dims))
        called = _axis_names(name, own, variable.shape, dims, where, notes)
        block_dims = check_dims([called[dim] for dim in own], variable.shape, where)
        values = variable.values
        columns: dict[str, Column] = {}
        left_out: dict[str, str] = {}
        for other in map(str, (*file.coords, *file.data_vars)):
            if other == name:
                continue
            item = file[other]
            reason = _unusable(item, called, promoted=other in file.data_vars)
            held = None if reason else column_values(np.asarray(item.values))
            if held is None:
                left_out[other] = reason or "values that are neither numbers nor text"
                continue
            columns[other] = Column(
                dims=tuple(called[str(dim)] for dim in item.dims), values=held, attrs=_plain(item.attrs)
            )
        said = variable.attrs.get("units", "")
    if left_out:
        notes.append("variables that were left out: " + ", ".join(f"{key} ({why})" for key, why in left_out.items()))
    return Block(
        values=values,
        dims=block_dims,
        columns=columns,
        units=said if isinstance(said, str) else "",
        notes=tuple(notes),
    )


@contextmanager
def opened(path: Path, kind: Kind, group: str | None, where: str) -> Iterator[xr.Dataset]:
    """Open a netCDF file or a Zarr store lazily; whatever is wrong in it is refused by name.

    Raises
    ------
    DataError
        If the group does not exist (near names are given), nothing stands in it, or the file is damaged.
    """
    if kind == "Zarr":
        _refuse_pickles(path, where)
    try:
        _check_group(groups_of(path, kind), group, where)
        with _opened(path, kind, group) as file:
            if not file.variables:
                _refuse_empty(groups_of(path, kind), group, where)
            yield file
    except DataError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{where}: this {kind} file is damaged or cannot be read ({reason}): get it again") from error


def _check_group(groups: Sequence[str], group: str | None, where: str) -> None:
    if group is None or group.strip("/") in groups:
        return
    meant = did_you_mean(group.strip("/"), groups, otherwise=".")
    there = listed([name for name in groups if name]) or "none but the root"
    raise DataError(f"{where}: group = {group!r}: there is no such group{meant} Groups are {there}")


def _refuse_empty(groups: Sequence[str], group: str | None, where: str) -> NoReturn:
    inner = [name for name in groups if name and name != (group or "").strip("/")]
    hint = f"it has groups {listed(inner)}: name one with group" if inner else "it holds no variables"
    place = f"in group {group!r}" if group else "at the root"
    raise DataError(f"{where}: nothing stands {place} of this file; {hint}")


def _opened(path: Path, kind: Kind, group: str | None) -> xr.Dataset:
    options: dict[str, Any] = {"decode_timedelta": False, "group": group, "engine": "h5netcdf"}
    if kind == "Zarr":
        options |= {"engine": "zarr", "consolidated": False}
    elif _classic(path):
        # scipy maps the file into memory and warns if arrays outlive it: read it as a copy
        options |= {"engine": "scipy", "mmap": False}
    else:
        options |= {"phony_dims": "access"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=xr.SerializationWarning)
        return xr.open_dataset(path, **options)


def _classic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == b"CDF"


def groups_of(path: Path, kind: Kind) -> list[str]:
    """Paths of all groups, the root as ``""``."""
    if kind == "Zarr":
        marks = [item.parent for name in (".zgroup", "zarr.json") for item in path.rglob(name)]
        found = {mark.relative_to(path).as_posix() for mark in marks if not _is_array(mark)}
        return sorted("" if name == "." else name for name in found | {"."})
    if _classic(path):
        return [""]
    groups = [""]
    with h5py.File(path, "r", locking="best-effort") as file:
        file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
    return groups


def _is_array(folder: Path) -> bool:
    mark = folder / "zarr.json"
    return mark.exists() and json.loads(mark.read_text()).get("node_type") == "array"


def _refuse_pickles(path: Path, where: str) -> None:
    """A Zarr array may say that its values are pickles, which run code when they are read."""
    for name in (".zarray", "zarr.json"):
        for item in path.rglob(name):
            try:
                said = json.loads(item.read_text())
            except ValueError as error:
                raise DataError(
                    f"{where}: {item.relative_to(path).as_posix()} is not JSON ({error}): the store is damaged; get "
                    "it again"
                ) from error
            if "pickle" in set(_codecs(said)):
                array = item.parent.relative_to(path).as_posix()
                raise DataError(
                    f"{where}: array {array!r} holds Python objects, which would have to be unpickled (that can run "
                    "code): save it as numbers or as text"
                )


def _codecs(said: object) -> Iterator[str]:
    """Names of all codecs in the metadata of an array."""
    if isinstance(said, Mapping):
        for key, value in said.items():
            if key in ("id", "name") and isinstance(value, str):
                yield value.removeprefix("numcodecs.")
            elif key != "attributes":
                yield from _codecs(value)
    elif isinstance(said, list):
        for value in said:
            yield from _codecs(value)


def _choose(file: xr.Dataset, responses: str | None, where: str) -> tuple[str, list[str]]:
    shapes = [f"{name} ({_shape(file[name])})" for name in file.data_vars]
    if responses is not None:
        if responses in file.variables:
            return responses, []
        meant = did_you_mean(responses, map(str, file.variables), otherwise=".")
        raise DataError(
            f"{where}: responses = {responses!r}: there is no such variable{meant} Variables are "
            f"{listed(shapes) or 'none'}"
        )
    for name in _PREFERRED:
        if name in file.data_vars:
            return name, [] if name == _PREFERRED[0] else [f"responses are the variable {name!r}"]
    able = [str(name) for name, item in file.data_vars.items() if item.ndim >= 2 and item.dtype.kind in "iuf"]
    if len(able) != 1:
        raise DataError(
            f"{where}: which variable holds the responses? Name it with responses; variables are "
            f"{listed(shapes) or 'none'}"
        )
    return able[0], [f"responses are the variable {able[0]!r}, the only one of numbers along several axes"]


def _axis_names(
    name: str, own: tuple[str, ...], shape: tuple[int, ...], dims: Sequence[str], where: str, notes: list[str]
) -> dict[str, str]:
    """Our name of each axis of the responses."""
    if dims:
        if len(dims) != len(own):
            raise DataError(
                f"{where}: dims names {len(dims)} axes ({', '.join(dims)}), but {name} has {len(own)}: "
                f"{', '.join(own)}, of shape {shape}"
            )
        return dict(zip(own, dims, strict=True))
    called = {dim: dim if dim in AXES else _ALIASES.get(dim, "") for dim in own}
    unknown = [dim for dim in own if not called[dim]]
    if unknown or "unit" not in called.values():
        what = ", ".join(f"{dim} ({size})" for dim, size in zip(own, shape, strict=True)) or "none"
        raise BadParameter(
            f"{where}: the axes of {name} are {what}, and responses need presentation or stimulus, and unit: say which "
            'is which with dims, in this order, such as dims = ["presentation", "unit"]. A variable along one axis, '
            "such as a list of spikes, is no table of responses"
        )
    other = {dim: ours for dim, ours in called.items() if dim != ours}
    if other:
        notes.append("axes of the file: " + ", ".join(f"{dim} is {ours}" for dim, ours in other.items()))
    return called


def _unusable(item: xr.DataArray, called: Mapping[str, str], *, promoted: bool) -> str:
    """Why a variable cannot be kept as a coordinate; empty if it can."""
    others = [str(dim) for dim in item.dims if dim not in called]
    if others:
        return f"stands along {', '.join(others)}, which the responses do not have"
    if promoted and item.ndim > 1:
        return f"another array of numbers, {_shape(item)}"
    return ""


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in attrs.items() if isinstance(value, (str, int, float))}


def _shape(item: xr.DataArray) -> str:
    return " x ".join(f"{dim} {size}" for dim, size in item.sizes.items()) or "one value"


def describe_labelled(path: Path, kind: Kind, group: str | None, where: str) -> list[tuple[str, str, str]]:
    """Name, axes with their lengths, and type of every variable."""
    with opened(path, kind, group, where) as file:
        return [(str(name), _shape(file[name]), str(file[name].dtype)) for name in (*file.data_vars, *file.coords)]
