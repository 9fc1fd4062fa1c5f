"""A zip file of images, read in place: nothing is extracted."""

from __future__ import annotations

import difflib
import hashlib
import weakref
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO

from spikeproof.errors import DataError

from .catalogue import Catalogue, Order
from .decode import SUFFIXES
from .files import catalogue_files, find_images, hidden

__all__ = ["catalogue_zip"]

_ENCRYPTED = 0x1
_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def catalogue_zip(path: Path, where: str, *, inside: str = "", order: Order = "natural") -> Catalogue:
    """List the images of a zip file and read every image's header.

    The file is opened once and its images are read in place, one at a time. Where everything stands in one folder, as
    zip programs write it, that folder is taken off the names, and this is noted.

    Parameters
    ----------
    path : pathlib.Path
    where : str
        The source as the user gave it, for messages.
    inside : str
        Folder inside the zip file that holds the images; the whole file by default.
    order : {"natural", "sorted"}

    Raises
    ------
    DataError
        If it is damaged, encrypted or compressed in a way that cannot be read, two members share a name, or as for a
        folder (:func:`catalogue_folder`).
    """
    members = _Members(path, where)
    notes = list(members.notes)
    prefix = f"{inside.strip('/')}/" if inside.strip("/") else ""
    here = [name for name in members.names if name.startswith(prefix)]
    if prefix and not here:
        raise DataError(f"{where}: the zip file holds no folder {inside!r}{_near_folders(prefix, members.names)}")
    if not prefix:
        prefix = _wrapper(here)
        if prefix:
            notes.append(f"all images stand in the folder {prefix!r} of the zip file: it is no part of their names")
    found = find_images(
        [name.removeprefix(prefix) for name in here if not name.endswith("/")],
        [name.removeprefix(prefix).rstrip("/") for name in here if name.endswith("/") and name != prefix],
        where,
        order=order,
        container="zip file",
        inside=lambda name: (PurePosixPath(path.as_posix()) / prefix / name).as_posix(),
    )
    members.check([prefix + name for name in found.names], where)

    def digest(rows: Sequence[int]) -> str:  # noqa: ARG001 -- one file: its digest stands for all its images
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    listed = catalogue_files(
        found,
        lambda row: members.open(prefix + found.names[row]),
        where,
        digest=digest,
        kind="zip file of images",
    )
    return replace(listed, notes=(*notes, *listed.notes))


class _Members:
    """The members of a zip file that stays open for as long as its images may be read."""

    def __init__(self, path: Path, where: str) -> None:
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(
                f"{where}: this file cannot be read as a zip file ({error}): it is damaged or something else; "
                "get it again"
            ) from error
        weakref.finalize(self, self._file.close)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self.notes: tuple[str, ...] = ()
        infos = self._file.infolist()
        # Old zip programs of Windows write backslashes, against the format (APPNOTE 6.3.10, section 4.4.17.1).
        slashed = [info.filename.replace("\\", "/") for info in infos]
        changed = sum(name != info.filename for name, info in zip(slashed, infos, strict=True))
        if changed:
            self.notes = (f"{changed} names in the zip file have backslashes: they were read as folders",)
        self._twice = {name for name, count in Counter(slashed).items() if count > 1}
        self._infos = dict(zip(slashed, infos, strict=True))
        self.names = tuple(self._infos)

    def check(self, names: Sequence[str], where: str) -> None:
        """Refuse images that cannot be read, before any of them is."""
        for name in names:
            info = self._infos[name]
            if name in self._twice:
                raise DataError(f"{where}: the zip file holds {name!r} twice: which one was shown? Remove the other")
            if info.flag_bits & _ENCRYPTED:
                raise DataError(f"{where}: {name!r} is encrypted in the zip file: make a zip file without a password")
            if info.compress_type not in _READABLE:
                raise DataError(
                    f"{where}: {name!r} is compressed by method {info.compress_type}, which Python cannot read: make "
                    "the zip file anew with the usual compression (deflate)"
                )

    def open(self, name: str) -> IO[bytes]:
        return self._file.open(self._infos[name])


def _wrapper(names: Sequence[str]) -> str:
    """The folder, with its slash, in which all images stand; empty if there is none."""
    images = [name.split("/") for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES and not hidden(name)]
    common: list[str] = []
    for parts in zip(*(image[:-1] for image in images), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "".join(f"{part}/" for part in common)


def _near_folders(prefix: str, names: Sequence[str]) -> str:
    folders = {f"{parent}/" for name in names for parent in map(str, PurePosixPath(name).parents) if parent != "."}
    near = difflib.get_close_matches(prefix, sorted(folders), n=3, cutoff=0.5) or sorted(folders)[:5]
    return f"; there are {', '.join(near)}" if near else "; it holds no folders"
