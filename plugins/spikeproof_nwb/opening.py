"""Opening a file on this machine, and refusing one that is not NWB 2."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from packaging.version import InvalidVersion, Version
from spikeproof.errors import DataError

__all__ = ["digest", "nwb_version", "opened"]

_FIRST = Version("2.0.0")
_PIECE = 1 << 21
"""Bytes that are hashed at once: large, so that a thread which does it seldom has to ask for the interpreter."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises
    ------
    DataError
        If the file is missing (near names of the folder are given), a folder, empty, truncated or not HDF5, or if it
        turns out to be damaged while it is read.
    """
    _check_path(path)
    try:
        # What is large is read once and in order: a cache of its chunks would be one more copy of them.
        file = h5py.File(path, "r", locking="best-effort", rdcc_nbytes=1 << 20)
    except OSError as error:
        raise _unopened(path, error) from error
    with file:
        yield file


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder: name one .nwb file in it, or a Zarr folder (NAME.nwb.zarr)")
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise DataError(f"no file {path}: there is no folder {folder}")
        names = [entry.name for entry in folder.iterdir()]
        near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
        listed = near or sorted(name for name in names if name.endswith(".nwb"))[:5]
        hint = f"; near names in {folder}: {', '.join(listed)}" if listed else f"; {folder} holds no .nwb file"
        raise DataError(f"no file {path}{hint}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): the download failed; get it again")


def _unopened(path: Path, error: OSError) -> DataError:
    truncated = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", str(error))
    if truncated:
        has, needs = (int(number) for number in truncated.groups())
        return DataError(
            f"{path} is truncated: it holds {has:,} of {needs:,} bytes; the download stopped early: get it again"
        )
    if isinstance(error, PermissionError):
        return DataError(f"{path} may not be read: check its permissions")
    try:
        with path.open("rb") as file:
            head = file.read(40)
    except OSError as unreadable:
        return DataError(f"{path} cannot be read: {unreadable}")
    if b"\x89HDF\r\n\x1a\n" not in head:
        what = "a web page or an error answer saved in its place" if head.lstrip()[:1] == b"<" else "something else"
        return DataError(
            f"{path} is not HDF5, so not an NWB file: it begins with {head[:24]!r} ({what}); download the file again"
        )
    return DataError(f"{path} is a damaged HDF5 file ({error}): get it again")


def digest(path: Path) -> str:
    """Sha256 of the file's bytes, hexadecimal."""
    with path.open("rb") as file:
        made = hashlib.sha256()
        while piece := file.read(_PIECE):
            made.update(piece)
        return made.hexdigest()


def nwb_version(file: h5py.File, label: str) -> str:
    """Version of the format that the file says it has.

    Raises
    ------
    DataError
        If there is no version, or it is earlier than 2.0.0 (1.x, and pre-releases such as ``2.0b``).
    """
    raw = file.attrs.get("nwb_version")
    if raw is None and isinstance(file.get("nwb_version"), h5py.Dataset):
        raw = file["nwb_version"][()]  # where 1.x kept it
    if raw is None:
        held = ", ".join(list(file)[:6]) or "nothing"
        raise DataError(
            f"{label} is HDF5 but says no nwb_version, so it is not an NWB file (it holds: {held}); "
            "name an NWB 2 file, or write this data as one with pynwb"
        )
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    if re.match(r"(NWB-)?1\.", text):
        raise DataError(
            f"{label} is {text}: NWB 1.x files are laid out differently and are not read; get the NWB 2 version "
            "from the archive, or convert it with pynwb"
        )
    try:
        version = Version(text)
    except InvalidVersion:
        raise DataError(
            f"{label} says nwb_version {text!r}, which is not a version: write it again with pynwb"
        ) from None
    if version < _FIRST:
        raise DataError(
            f"{label} is NWB {text}, a pre-release of NWB 2.0.0 whose tables differ: convert it "
            "(read it with the library that wrote it, write it with a current pynwb or MatNWB)"
        )
    return text
