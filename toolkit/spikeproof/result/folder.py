"""The result folder on disk: claimed by one study, filled block by block, never half-written.

Every file is written beside its place and renamed into it, so that a crash at any moment leaves whole files only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from spikeproof.errors import ResultError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PROVENANCE", "REPORT", "STUDY", "TREE", "ResultFolder", "slug"]

PROVENANCE, STUDY, TREE, REPORT, BLOCKS = "provenance.json", "study.toml", "result.zarr", "report.html", "blocks"
_PARTIAL = ".partial"


def slug(text: str) -> str:
    """Return a file name for a text: readable, and different for different texts.

    Examples
    --------
    >>> slug("unit-3")
    'unit-3'
    """
    import hashlib

    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60]
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


class ResultFolder:
    """One study's result folder.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fresh = self._made = False

    @classmethod
    def claim(cls, path: Path, provenance: Mapping[str, Any], *, resume: bool) -> ResultFolder:
        """Take the folder for the study that ``provenance["fingerprint"]`` describes.

        Raises
        ------
        ResultError
            If the folder holds another study's result (what differs is named), holds this study's result and ``resume``
            is False, or holds files that no study wrote.
        """
        folder = cls(path)
        if path.exists() and not path.is_dir():
            raise ResultError(f"{path}: this is a file; choose another --out")
        folder._made = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultError(f"{path}: the result folder cannot be made: {error.strerror}") from None
        names = {item.name for item in path.iterdir() if not item.name.endswith(_PARTIAL)}
        if PROVENANCE in names:
            folder._check_same(provenance, resume=resume)
        else:
            folder._check_empty(names)
            folder._fresh = True
            folder.write_provenance(provenance)
        if STUDY not in names:
            folder._write(STUDY, tomli_w.dumps(dict(provenance["study"])).encode())
        return folder

    def release(self) -> None:
        """Give the folder back if it was empty when it was claimed and nothing was computed in it.

        A study that fails at once can then be corrected and run into the same folder.
        """
        if not self._fresh or self.complete or any((self.path / BLOCKS).glob("*")):
            return
        for name in (PROVENANCE, STUDY):
            (self.path / name).unlink(missing_ok=True)
        if self._made and not any(self.path.iterdir()):
            self.path.rmdir()

    def _check_empty(self, names: set[str]) -> None:
        if names:
            raise ResultError(
                f"{self.path}: the folder is not empty ({', '.join(sorted(names)[:3])}) and holds no result: "
                "choose another --out"
            )

    def _check_same(self, provenance: Mapping[str, Any], *, resume: bool) -> None:
        held = self.read_provenance()
        differs = sorted(
            key
            for key in {*held.get("fingerprint", {}), *provenance["fingerprint"]}
            if held.get("fingerprint", {}).get(key) != provenance["fingerprint"].get(key)
        )
        if differs:
            raise ResultError(
                f"{self.path}: the folder holds another study's result (it differs in {', '.join(differs)}): "
                "choose another --out, or delete the folder"
            )
        if not resume:
            state = "finished" if self.complete else "unfinished"
            raise ResultError(
                f"{self.path}: the folder already holds this study's {state} result: add --resume to use it, "
                "or choose another --out"
            )

    @property
    def complete(self) -> bool:
        """Whether the result was finished."""
        return self.read_provenance().get("status") == "complete" and (self.path / TREE).is_dir()

    def read_provenance(self) -> dict[str, Any]:
        """Read ``provenance.json``.

        Raises
        ------
        ResultError
            If the folder holds no result, or its provenance is damaged.
        """
        file = self.path / PROVENANCE
        try:
            provenance: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ResultError(
                f"{self.path}: no result here (no {PROVENANCE}): give the folder that `run` wrote"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ResultError(f"{file}: damaged: {error}") from None
        return provenance

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write ``provenance.json``."""
        self._write(PROVENANCE, (json.dumps(provenance, indent=1, ensure_ascii=False) + "\n").encode())

    def has_block(self, name: str) -> bool:
        """Whether the block of that name is finished."""
        return self._block(name).is_file()

    def write_block(self, name: str, tree: xr.DataTree) -> None:
        """Write one finished block."""
        place = self._block(name)
        place.parent.mkdir(exist_ok=True)
        partial = place.with_name(f"{place.name}.{uuid.uuid4().hex}{_PARTIAL}")
        try:
            tree.to_netcdf(partial, engine="h5netcdf")
            partial.replace(place)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ResultError(
                f"{place}: cannot be written: {error.strerror or error}; finished blocks are kept"
            ) from None

    def read_block(self, name: str) -> xr.DataTree:
        """Read one finished block into memory."""
        import xarray as xr

        try:
            with xr.open_datatree(self._block(name), engine="h5netcdf") as tree:
                # The encoding of one block (the width of its texts) must not decide how stacked blocks are written.
                bare: xr.DataTree = tree.load().map_over_datasets(lambda dataset: dataset.drop_encoding())
                return bare
        except (OSError, ValueError, KeyError) as error:
            raise ResultError(
                f"{self._block(name)}: damaged ({error}): delete it and run again with --resume"
            ) from None

    def finish(self, tree: xr.DataTree, provenance: Mapping[str, Any]) -> None:
        """Write the result's tree and the final provenance; drop the blocks."""
        partial = self.path / f"{TREE}.{uuid.uuid4().hex}{_PARTIAL}"
        try:
            # Zarr format 2: format 3 has no stable text type yet.
            tree.to_zarr(partial, mode="w", zarr_format=2, consolidated=False)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise ResultError(f"{self.path}: the result cannot be written: {error.strerror or error}") from None
        shutil.rmtree(self.path / TREE, ignore_errors=True)
        partial.rename(self.path / TREE)
        self.write_provenance(provenance)
        shutil.rmtree(self.path / BLOCKS, ignore_errors=True)
        for leftover in self.path.glob(f"*{_PARTIAL}"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def _block(self, name: str) -> Path:
        return self.path / BLOCKS / f"{name}.nc"

    def _write(self, name: str, content: bytes) -> None:
        partial = self.path / f"{name}.{uuid.uuid4().hex}{_PARTIAL}"
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path / name)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ResultError(f"{self.path / name}: cannot be written: {error.strerror or error}") from None
