"""What the archive holds: dandisets, their versions, assets, and the blobs and Zarr archives behind them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zarr_checksum.tree import ZarrChecksumTree

__all__ = ["Asset", "Blob", "Dandiset", "Holdings", "Version", "ZarrArchive", "md5", "zarr_checksum_of"]

PART = 64 * 2**20  # bytes; how the archive cuts uploads of up to 640 GB into parts


@dataclass
class Blob:
    """Bytes in the object store."""

    blob_id: str
    file: Path
    etag: str
    sha256: str
    modified: datetime
    embargoed: bool

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    @property
    def key(self) -> str:
        return f"blobs/{self.blob_id[:3]}/{self.blob_id[3:6]}/{self.blob_id}"


@dataclass
class ZarrArchive:
    """A folder of chunks in the object store."""

    zarr_id: str
    folder: Path
    name: str
    dandiset: str
    modified: datetime
    embargoed: bool

    def files(self) -> dict[str, Path]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return dict(sorted((path.relative_to(self.folder).as_posix(), path) for path in found))

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files().values())

    @property
    def checksum(self) -> str:
        held = {name: (path.stat().st_size, md5(path.read_bytes())) for name, path in self.files().items()}
        return zarr_checksum_of(held)


@dataclass(frozen=True)
class Asset:
    """One path in a version."""

    asset_id: str
    path: str
    blob: Blob | None
    zarr: ZarrArchive | None
    created: datetime
    modified: datetime
    sha256: bool
    """Whether the checksum task has run: a fresh upload has no sha2-256 yet."""

    @property
    def size(self) -> int:
        held = self.blob or self.zarr
        return held.size if held else 0

    @property
    def embargoed(self) -> bool:
        held = self.blob or self.zarr
        return held is not None and held.embargoed


@dataclass
class Version:
    """A draft or a published version."""

    version: str
    created: datetime
    modified: datetime
    status: str
    assets: dict[str, Asset] = field(default_factory=dict)


@dataclass
class Dandiset:
    """A dandiset and its versions, the draft first."""

    identifier: str
    name: str
    created: datetime
    modified: datetime
    embargoed: bool
    versions: dict[str, Version] = field(default_factory=dict)

    @property
    def most_recent(self) -> Version | None:
        published = [version for version in self.versions.values() if version.version != "draft"]
        return max(published, key=lambda version: version.created, default=None)


class Holdings:
    """Everything in the archive.

    Parameters
    ----------
    now : datetime, optional
        When the archive's clock starts; it moves on by 20 ms with every look, so that no two times are the same.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.dandisets: dict[str, Dandiset] = {}
        self.assets: dict[str, Asset] = {}
        self.blobs: dict[str, Blob] = {}
        self.zarrs: dict[str, ZarrArchive] = {}
        self._now = now or datetime.now(UTC).replace(microsecond=123456)

    def add(self, dandiset: str, version: str, files: dict[str, Path], *, embargoed: bool, sha256: bool) -> list[Asset]:
        """Put files (or folders, as Zarr) into a version; a published version gets its name as given."""
        holder = self.dandisets.get(dandiset) or self._dandiset(dandiset, embargoed)
        if version not in holder.versions:
            now = self._tick()
            holder.versions[version] = Version(version, now, now, "Published")
        place = holder.versions[version]
        added = []
        for path, file in files.items():
            local = Path(file)
            blob = zarr = None
            if local.is_dir():
                zarr = self._zarr(local, path, holder)
            else:
                blob = self._blob(local, holder.embargoed)
            now = self._tick()
            asset = Asset(str(uuid.uuid4()), path, blob, zarr, now, self._tick(), sha256)
            self.assets[asset.asset_id] = place.assets[path] = asset
            added.append(asset)
        place.modified = holder.modified = self._tick()
        return added

    def publish(self, dandiset: str) -> str:
        """Make a version of the draft as it is; return its name."""
        holder = self.dandisets[dandiset]
        now = self._tick()
        minute = now
        while (name := f"0.{minute:%y%m%d.%H%M}") in holder.versions:
            minute += timedelta(minutes=1)
        assets = dict(holder.versions["draft"].assets)
        holder.versions[name] = Version(name, now, now, "Published", assets)
        return name

    def replace_bytes(self, asset: Asset, file: Path) -> None:
        """Put other bytes behind an asset whose metadata stays as it was, as no archive should."""
        assert asset.blob is not None
        etag, sha256 = digests(file)
        held = asset.blob
        held.file, held.etag, held.sha256, held.modified = file, etag, sha256, self._tick()

    def finish_checksums(self) -> None:
        """Let the checksum task run for whatever has no sha2-256 yet."""
        for holder in self.dandisets.values():
            for version in holder.versions.values():
                for path, asset in version.assets.items():
                    version.assets[path] = self.assets[asset.asset_id] = replace(asset, sha256=True)

    def _dandiset(self, identifier: str, embargoed: bool) -> Dandiset:
        created, draft = self._tick(), self._tick()
        made = Dandiset(identifier, f"Dandiset {identifier}", created, created, embargoed)
        made.versions["draft"] = Version("draft", draft, draft, "Valid")
        self.dandisets[identifier] = made
        return made

    def _blob(self, file: Path, embargoed: bool) -> Blob:
        etag, sha256 = digests(file)
        for held in self.blobs.values():
            if held.etag == etag and held.file.stat().st_size == file.stat().st_size and held.embargoed == embargoed:
                return held
        blob = Blob(str(uuid.uuid4()), file, etag, sha256, self._tick(), embargoed)
        self.blobs[blob.key] = blob
        return blob

    def _zarr(self, folder: Path, path: str, holder: Dandiset) -> ZarrArchive:
        made = ZarrArchive(
            str(uuid.uuid4()), folder, path.rsplit("/", 1)[-1], holder.identifier, self._tick(), holder.embargoed
        )
        self.zarrs[made.zarr_id] = made
        return made

    def _tick(self) -> datetime:
        self._now += timedelta(milliseconds=20)
        return self._now


def md5(content: bytes) -> str:
    """What the object store calls a small object's ETag."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def zarr_checksum_of(files: Mapping[str, tuple[int, str]]) -> str:
    """The dandi-zarr-checksum of files, given by name with their size and md5."""
    tree = ZarrChecksumTree()
    for name, (size, digest) in files.items():
        tree.add_leaf(Path(name), size=size, digest=digest)
    return str(tree.process().digest)


def digests(file: Path) -> tuple[str, str]:
    """The dandi-etag (md5 of the md5s of 64 MiB parts, and how many they are) and the sha256 of a file."""
    whole, parts = hashlib.sha256(), list[bytes]()
    with file.open("rb") as stream:
        while True:
            part = hashlib.md5(usedforsecurity=False)
            left = PART
            while left and (block := stream.read(min(left, 2**20))):
                part.update(block)
                whole.update(block)
                left -= len(block)
            if left == PART and parts:
                break
            parts.append(part.digest())
            if left:
                break
    joined = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return f"{joined}-{len(parts)}", whole.hexdigest()
