"""Files that a table is read from: what they are, and a digest of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from spikeproof.errors import DataError
from spikeproof.pictures import near_paths

__all__ = ["Kind", "digest_of", "file_digest", "kind_of"]

Kind = Literal["netCDF", "Zarr", "npy", "npz", "csv"]

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89HDF\r\n\x1a\n", "netCDF"),
    (b"CDF\x01", "netCDF"),
    (b"CDF\x02", "netCDF"),
    (b"CDF\x05", "netCDF"),
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npz"),
    (b"PK\x05\x06", "npz"),
)
_ENDINGS: dict[str, Kind] = {
    ".nc": "netCDF", ".nc4": "netCDF", ".cdf": "netCDF", ".h5": "netCDF", ".npy": "npy", ".npz": "npz",
    ".csv": "csv", ".tsv": "csv", ".txt": "csv",
}  # fmt: skip
_ZARR = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_READ = "a netCDF file, a Zarr folder, an npz, npy or csv file"


def kind_of(path: Path, where: str) -> Kind:
    """Tell what a file is by its first bytes, not by its name.

    Raises
    ------
    DataError
        If it is missing (near names are given), empty, or something that is not read here.
    """
    if path.is_dir():
        if any((path / name).exists() for name in _ZARR):
            return "Zarr"
        raise DataError(f"{where}: this folder is no Zarr store: give {_READ}. Images go into the option images")
    if not path.exists():
        raise DataError(f"{where}: no such file{near_paths(path)}")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise DataError(f"{where}: this file cannot be read ({error})") from error
    if not head:
        raise DataError(f"{where}: this file is empty (0 bytes): get it again")
    suffix = path.suffix.lower()
    if suffix == ".nwb":
        raise DataError(f"{where}: this is an NWB file: name it with nwb:{path.as_posix()}")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    expected = _ENDINGS.get(suffix)
    if expected == "csv" and b"\0" not in head and not head.lstrip().startswith(b"<"):
        return "csv"
    page = head.lstrip().startswith(b"<")
    what = "a web page or an error answer saved in its place?" if page else "is it damaged, or something else?"
    named = f"no {expected} file" if expected else f"not {_READ}"
    raise DataError(f"{where}: this file is {named}: it begins with {head[:16]!r} ({what})")


def file_digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the listing that ``sha256sum`` would print of its files, sorted by path."""
    if path.is_dir():
        return _listing((item.relative_to(path).as_posix(), file_digest(item)) for item in _files(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(parts: Sequence[tuple[str, str]]) -> str:
    """Digest of all parts: that of the only one, or of a listing of digests and roles.

    Parameters
    ----------
    parts : sequence of (str, str)
        Role (``"responses"``, ``"images"`` ...) and digest.
    """
    return parts[0][1] if len(parts) == 1 else _listing(iter(parts))


def _files(folder: Path) -> list[Path]:
    return sorted(item for item in folder.rglob("*") if item.is_file())


def _listing(parts: Iterator[tuple[str, str]]) -> str:
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in parts).encode()).hexdigest()
