"""Finds what a target names: the version, and the assets in it."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from spikeproof.errors import DataError

from .client import Client, NotFound
from .known import Known
from .releases import Release, known_release, no_version, release_of
from .spec import Spec

__all__ = [
    "Asset",
    "Found",
    "NoSuchFile",
    "asset_of",
    "find",
    "metadata_of",
]

_AT_ONCE = 8


class NoSuchFile(DataError):
    """The version holds no file of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, or one Zarr archive, as the archive describes it.

    Parameters
    ----------
    path : str
        In the dandiset.
    identifier : str
        The archive's id of it.
    size : int
        In bytes.
    sha256 : str
        Hexadecimal; empty where the archive has not computed it yet.
    etag : str
        The archive's own digest (``dandi-etag``, md5 of the md5s of its parts).
    zarr : str
        Id of the Zarr archive; empty for a file.
    zarr_checksum : str
    """

    path: str
    identifier: str
    size: int
    sha256: str = ""
    etag: str = ""
    zarr: str = ""
    zarr_checksum: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """What it is called in the cache: by each of its digests, the strongest first."""
        named = (("sha256", self.sha256), ("dandi-etag", self.etag), ("dandi-zarr-checksum", self.zarr_checksum))
        return tuple(f"{name}-{value}" for name, value in named if value)

    @property
    def digest(self) -> str:
        """Sha256, or the archive's own digest with its name."""
        if self.sha256:
            return self.sha256
        return f"dandi-zarr-checksum:{self.zarr_checksum}" if self.zarr_checksum else f"dandi-etag:{self.etag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a target names."""

    release: Release
    assets: tuple[Asset, ...]


def find(spec: Spec, client: Client | None, known: Known, release: Release | None = None) -> Found:
    """Find the assets that a target names.

    Parameters
    ----------
    spec : Spec
    client : Client or None
        None asks nobody: what was found before is found again.
    known : Known
        What was found before, and where it is written down.
    release : Release, optional
        The version, if it was found already.

    Raises
    ------
    DataError
        If there is no such dandiset, version or file (near names are given), or it may not be seen, or (asking
        nobody) it was never found before.
    """
    if client is None:
        release = release or known_release(spec, known)
        assets = known.assets(spec, release.version, None)
        if assets is None:
            raise DataError(
                f"{spec.at(release.version)} is not in the cache: it was never found with a network "
                f"({known.listed(spec.dandiset)}); run it once without --offline"
            )
    else:
        if release is None:
            release = release_of(spec, client)
            known.release(spec, release.version, release.modified)
        assets = known.assets(spec, release.version, release.modified)
        if assets is None:
            asked = _asked(spec, release.version, client)
            assets = [asdict(asset) for asset in asked]
            known.remember(spec, release.version, release.modified, assets)
    return Found(release=release, assets=tuple(Asset(**asset) for asset in assets))


def _rows_of(spec: Spec, version: str, client: Client, **query: str) -> list[dict[str, Any]]:
    """Rows of a version's listing of assets.

    Raises
    ------
    DataError
        If there is no such dandiset or version.
    """
    what = spec.at(version, "")
    try:
        return list(client.pages(f"dandisets/{spec.dandiset}/versions/{version}/assets/", what, **query))
    except NotFound:
        raise no_version(spec, client) from None


def _asked(spec: Spec, version: str, client: Client) -> list[Asset]:
    """Ask the archive which assets these are, and what their digests are."""
    if spec.is_folder:
        raise DataError(
            f"{spec} names no file: write {spec.at(version, (spec.path or '**/') + '*.nwb')} for all of them, or see "
            f"what there is with `spikeproof inspect {spec}`"
        )
    query = {"glob": spec.widened} if spec.is_pattern else {"path": spec.path}
    rows = {str(row["path"]): row for row in _rows_of(spec, version, client, metadata="true", **query)}
    paths = spec.matching(rows)  # the archive's own match is a prefix, whatever its case
    if not paths:
        raise _no_path(spec, version, rows, client)
    chosen = [rows[path] for path in paths]
    described = metadata_of(chosen, spec, version, client)
    assets = []
    for row, metadata in described:
        asset = asset_of(row, metadata)
        if asset is None:
            raise DataError(
                f"{spec.at(version, str(row['path']))}: the archive gives no digest of it, so what is fetched cannot "
                "be verified: try later"
            )
        assets.append(asset)
    return assets


def metadata_of(
    rows: Iterable[Mapping[str, Any]], spec: Spec, version: str, client: Client
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each row with its asset's metadata: as listed, or else asked for, a few requests at a time."""

    def one(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        listed = row.get("metadata")
        if isinstance(listed, dict) and listed.get("digest"):
            return row, listed
        path = f"dandisets/{spec.dandiset}/versions/{version}/assets/{row['asset_id']}/"
        what = spec.at(version, str(row["path"]))
        try:
            said = client.json(path, what)
        except NotFound:
            raise DataError(f"{what} was listed, but is gone now: the draft is being changed; run it again") from None
        return row, said if isinstance(said, dict) else {}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, rows))


def asset_of(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> Asset | None:
    """An asset of its row and its metadata; None where the archive gives no digest of it."""
    digests = metadata.get("digest") or {}
    asset = Asset(
        path=str(row["path"]),
        identifier=str(row["asset_id"]),
        size=int(row["size"]),
        sha256="" if row.get("zarr") else str(digests.get("dandi:sha2-256") or "").lower(),
        etag="" if row.get("zarr") else str(digests.get("dandi:dandi-etag") or "").lower(),
        zarr=str(row.get("zarr") or ""),
        zarr_checksum=str(digests.get("dandi:dandi-zarr-checksum") or "") if row.get("zarr") else "",
    )
    return asset if asset.keys else None


def _no_path(spec: Spec, version: str, rows: Iterable[str], client: Client) -> NoSuchFile:
    if spec.is_pattern:
        everything = [str(row["path"]) for row in _rows_of(spec, version, client, order="path")]
        fixed = posixpath.dirname(spec.path.partition("*")[0].partition("?")[0].partition("[")[0])
        below = [path for path in everything if path.startswith(fixed + "/")] if fixed else everything
        some = ", ".join((below or everything)[:3])
        held = f"; there are, among {len(everything):,}: {some}" if everything else ": the version is empty"
        return NoSuchFile(f"{spec.at(version)}: no file matches{held}")
    other_case = [path for path in rows if path.lower() == spec.path.lower()]
    longer = [path for path in rows if path.startswith(spec.path + "/")]
    if longer:
        return NoSuchFile(
            f"{spec.at(version)} is a folder of {len(longer)} files: write "
            f"{spec.at(version, spec.path + '/*.nwb')} for those in it"
        )
    near = other_case or _near(spec.path, [str(row["path"]) for row in _rows_of(spec, version, client, order="path")])
    hint = f": did you mean {' or '.join(near)}?" if near else f": see `spikeproof inspect dandi:{spec.dandiset}`"
    return NoSuchFile(f"{spec.at(version)}: there is no file {spec.path!r}{hint}")


def _near(path: str, paths: list[str]) -> list[str]:
    """Paths that are nearly this one: the whole of it, or its last part."""
    name = posixpath.basename(path)
    same = [other for other in paths if posixpath.basename(other) == name]
    return same[:3] or difflib.get_close_matches(path, paths, n=3, cutoff=0.6)
