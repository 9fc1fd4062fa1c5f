"""What ``inspect`` says of a dandiset: its versions, its files, and what each holds, without fetching any."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from spikeproof.pictures import natural
from spikeproof.types import Inspection, InspectionTable

from .assets import Asset, NoSuchFile, asset_of, metadata_of
from .cache import Cache
from .client import PAGE, Client, NotFound
from .fetch import suffix_of
from .instance import Instance
from .known import Known
from .releases import release_of, version_about, versions_of
from .sizes import spelled
from .spec import DRAFT, Spec

__all__ = ["inspect_dandiset"]

_MOST_ASKED = 60
"""Files whose metadata are asked for one by one, where the archive's listing leaves them out."""
_NWB = re.compile(r"\.nwb(\.zarr)?/?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file, as the archive describes it."""

    path: str
    size: int
    metadata: Mapping[str, Any]
    asset: Asset | None
    zarr: bool

    @property
    def is_nwb(self) -> bool:
        return _NWB.search(self.path) is not None


def inspect_dandiset(spec: Spec, instance: Instance, client: Client | None, cache: Cache, known: Known) -> Inspection:
    """List a dandiset's versions, and the files of one version: all, those in a folder, or those of a pattern.

    Parameters
    ----------
    spec : Spec
    instance : Instance
    client : Client or None
        None asks nobody: only what is known from before is listed.
    cache : Cache
    known : Known

    Raises
    ------
    DataError
        If there is no such dandiset or version, it may not be seen, or the archive cannot be reached.
    """
    if client is None:
        return _from_cache(spec, instance, cache, known)
    versions = versions_of(spec, client)
    release = release_of(spec, client)
    known.release(spec, release.version, release.modified)
    about = version_about(spec, release.version, client)
    files, total = _files(spec, release.version, client, about)
    if (spec.path or spec.is_pattern) and not files:
        raise NoSuchFile(
            f"{spec.at(release.version)}: no file is called so; see `spikeproof inspect dandi:{spec.dandiset}`"
        )
    chosen = f"{release.version}, {'as named' if spec.version else 'the one that is read unless another is named'}"
    facts = [("archive", f"{instance.name} ({client.api})"), *_facts(about), ("version", chosen)]
    can, cannot = _verdict(spec, release.version, files, total)
    return Inspection(
        title=f"Dandiset {spec.dandiset}: {about.get('name') or 'no name'}",
        facts=tuple(facts),
        tables=(_versions(versions, release.version), _table(spec, release.version, files, total, cache)),
        can=can,
        cannot=cannot,
    )


def _files(spec: Spec, version: str, client: Client, about: Mapping[str, Any]) -> tuple[list[_File], int]:
    """Files that the target names, at most a page of them, and how many there are."""
    query = {"glob": spec.widened} if spec.is_pattern else {"path": spec.path} if spec.path else {}
    pages = client.pages(
        f"dandisets/{spec.dandiset}/versions/{version}/assets/",
        spec.at(version),
        order="path",
        metadata="true",
        **query,
    )
    try:
        rows = {str(row["path"]): row for row in islice(pages, PAGE)}
    except NotFound:  # the version was there a moment ago
        rows = {}
    named = [rows[path] for path in spec.matching(rows)]
    described: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = [
        (row, row["metadata"]) for row in named if isinstance(row.get("metadata"), dict)
    ]
    if len(described) < len(named):
        asked = metadata_of(named[:_MOST_ASKED], spec, version, client)
        described = [*asked, *((row, {}) for row in named[_MOST_ASKED:])]
    files = [
        _File(
            path=str(row["path"]),
            size=int(row["size"]),
            metadata=metadata,
            asset=asset_of(row, metadata),
            zarr=bool(row.get("zarr")),
        )
        for row, metadata in described
    ]
    return files, int(about.get("asset_count") or len(files)) if not spec.path else len(files)


def _facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the version says of itself, as far as it says anything."""
    metadata = about.get("metadata") if isinstance(about.get("metadata"), dict) else {}
    summary = dict(metadata or {}).get("assetsSummary") or {}
    said = [
        ("files", f"{int(about.get('asset_count') or 0):,}, {spelled(int(about.get('size') or 0))}"),
        ("subjects", str(summary.get("numberOfSubjects") or "")),
        ("cells", str(summary.get("numberOfCells") or "")),
        ("species", _names(summary.get("species"))),
        ("measured", _names(summary.get("variableMeasured"))),
        ("technique", _names(summary.get("measurementTechnique"))),
        ("licence", _names((metadata or {}).get("license"))),
        ("cite as", str((metadata or {}).get("citation") or "")),
    ]
    return [(name, value) for name, value in said if value]


def _verdict(spec: Spec, version: str, files: Sequence[_File], total: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can be done with the files, and what cannot."""
    nwb = [file for file in files if file.is_nwb]
    other = len(files) - len(nwb)
    cannot = [f"{other:,} of {len(files):,} files are no NWB files: they are not read"] if other else []
    if total > len(files):
        folder = posixpath.dirname(files[0].path) if files else ""
        cannot.append(
            f"{total - len(files):,} of {total:,} files are not listed: name a folder, such as "
            f"{spec.at(version, (folder or 'sub-1') + '/')}, or a pattern"
        )
    if not nwb:
        return (), (*cannot, "nothing can be read: no NWB file is here")
    first = spec.at(version, nwb[0].path)
    can = [f"recordings, by name: `spikeproof inspect {first}` says what this one holds"]
    if len(nwb) > 1:
        pattern = spec.at(version) if spec.is_pattern else spec.at(version, (spec.path or "**/") + "*.nwb")
        can.append(f"several as one: {pattern}")
    return tuple(can), tuple(cannot)


def _versions(rows: Iterable[Mapping[str, Any]], read: str) -> InspectionTable:
    ordered = sorted(rows, key=lambda row: (row["version"] == DRAFT, natural(str(row["version"]))), reverse=True)
    return InspectionTable(
        title="Versions",
        columns=("version", "files", "size", "status", "changed", ""),
        rows=tuple(
            (
                str(row["version"]),
                f"{int(row.get('asset_count') or 0):,}",
                spelled(int(row.get("size") or 0)),
                str(row.get("status") or ""),
                str(row.get("modified") or "")[:10],
                "listed below" if row["version"] == read else "",
            )
            for row in ordered
        ),
    )


def _table(spec: Spec, version: str, files: Sequence[_File], total: int, cache: Cache) -> InspectionTable:
    columns = {
        "path": [file.path for file in files],
        "size": [spelled(file.size) for file in files],
        "kind": [_kind(file) for file in files],
        "subject": [_listed(file.metadata.get("wasAttributedTo"), "identifier") for file in files],
        "species": [_species(file.metadata) for file in files],
        "session": [_listed(file.metadata.get("wasGeneratedBy"), "identifier", "name") for file in files],
        "measured": [_names(file.metadata.get("variableMeasured")) for file in files],
        "technique": [_names(file.metadata.get("measurementTechnique")) for file in files],
        "in the cache": ["yes" if _is_kept(file.asset, cache) else "" for file in files],
    }
    always = {"path", "size", "kind"}
    said = {name: values for name, values in columns.items() if name in always or any(values)}
    more = f", {len(files):,} of {total:,}" if total > len(files) else f", {len(files):,}"
    return InspectionTable(
        title=f"Files of {spec.at(version, '')}{more}",
        columns=tuple(said),
        rows=tuple(zip(*said.values(), strict=True)),
    )


def _kind(file: _File) -> str:
    if file.is_nwb:
        return "NWB in Zarr" if file.zarr else "NWB"
    return str(file.metadata.get("encodingFormat") or ("Zarr" if file.zarr else "?"))


def _is_kept(asset: Asset | None, cache: Cache) -> bool:
    return asset is not None and any(cache.path_of(key, suffix_of(asset.path)).exists() for key in asset.keys)


def _names(said: object) -> str:
    """Texts, or the names of things, each once."""
    items = said if isinstance(said, list) else [] if said is None else [said]
    return _listed(
        [item if isinstance(item, dict) else {"name": item} for item in items], "name", "value", "identifier"
    )


def _listed(said: object, *names: str) -> str:
    """One property of each of several things, the first that is there; each value once."""
    things = [thing for thing in said if isinstance(thing, dict)] if isinstance(said, list) else []
    values = [next((str(thing[name]) for name in names if thing.get(name)), "") for thing in things]
    return ", ".join(dict.fromkeys(value for value in values if value))


def _species(metadata: Mapping[str, Any]) -> str:
    people = metadata.get("wasAttributedTo")
    return _names([one.get("species") for one in people if isinstance(one, dict)] if isinstance(people, list) else [])


def _from_cache(spec: Spec, instance: Instance, cache: Cache, known: Known) -> Inspection:
    """What is known from before."""
    held = known.versions(spec.dandiset)
    rows = []
    for version, assets in sorted(held.items(), key=lambda item: natural(item[0])):
        named = {str(asset["path"]): asset for asset in assets}
        if spec.version in {None, version}:
            wanted = spec.matching(named)
            rows += [(version, Asset(**{k: v for k, v in named[path].items() if k != "as_of"})) for path in wanted]
    table = InspectionTable(
        title="Files that are known",
        columns=("version", "path", "size", "in the cache"),
        rows=tuple(
            (version, asset.path, spelled(asset.size), "yes" if _is_kept(asset, cache) else "no")
            for version, asset in rows
        ),
    )
    ready = [spec.at(version, asset.path) for version, asset in rows if _is_kept(asset, cache)]
    return Inspection(
        title=f"Dandiset {spec.dandiset}, from the cache",
        facts=(("archive", instance.name), ("cache", str(cache.root))),
        tables=(table,) if rows else (),
        can=tuple(f"`spikeproof inspect {name} --offline`" for name in ready[:3]),
        cannot=("only what was used before is listed: the archive was not asked (--offline)",)
        if rows
        else (f"nothing of {replace(spec, path='')} is known: run this once without --offline",),
    )
