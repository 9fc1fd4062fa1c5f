"""The source ``dandi:ID[@VERSION]/PATH-OR-GLOB``."""

from __future__ import annotations

import math
import os
import shlex
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated

from spikeproof.errors import BadParameter

from spikeproof_nwb.reading import Reading, inspect_place, load_recording

from .assets import Found, find
from .cache import Cache, choose_cache
from .client import Client
from .instance import Instance, choose_instance
from .known import Known
from .place import Access, Stream
from .spec import Spec, parse_spec

if TYPE_CHECKING:
    from spikeproof.types import Inspection, Recording

__all__ = ["DANDI"]

OFFLINE = "SPIKEPROOF_OFFLINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DANDI(Reading):
    """NWB files of a DANDI archive, by name: what ``nwb:`` gives of the same files.

    A pattern gives one recording for each file that it matches, in natural order. The version that was read, the time
    of a draft's last change, and the asset's id stand in ``identity``.

    Examples
    --------
    >>> DANDI(target="000207@0.220126.1903/sub-4/*.nwb", window=(0.2, 1.7)).stream
    'auto'
    """

    target: Annotated[str, "Dandiset, version and file, or a pattern of files."]
    instance: Annotated[
        str | None, "Archive: a name such as ember-dandi, or an address; $DANDI_INSTANCE, or dandi, by default."
    ] = None
    stream: Annotated[
        Stream, "Whether large files are streamed (auto: above 10 MB), all are, or none: then they are fetched whole."
    ] = "auto"
    cache: Annotated[
        str | None, "Folder where fetched files are kept; $SPIKEPROOF_CACHE, or the system's, by default."
    ] = None
    offline: Annotated[bool, "Read from the cache alone, as --offline does anywhere on a line."] = False
    timeout: Annotated[float, "Seconds without progress after which the archive is given up."] = 45.0

    def __post_init__(self) -> None:
        Reading.__post_init__(self)
        parse_spec(self.target)
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise BadParameter(f"timeout = {self.timeout} s: it must be above 0, such as 45")

    def load(self) -> Recording | tuple[Recording, ...]:
        """Find, fetch or stream, and read every file that the target names.

        Returns
        -------
        Recording or tuple of Recording
            Where the target is a pattern: one for each file that it matches.

        Raises
        ------
        DataError
            If the archive has no such thing, shows it to others only, or cannot be reached; if what came is not what
            it holds; or if a file cannot be trusted. The message says what, where and the way out.
        """
        spec, instance, client, cache, known = self._parts()
        found = find(spec, client, known)
        access = self._access(spec, found, client, cache, known)
        loaded = []
        for asset in found.assets:
            recording = load_recording(access.place(asset), self)
            where = {
                "archive": instance.api or instance.web,
                "dandiset": spec.dandiset,
                "version": found.release.version,
                "asset": asset.identifier,
                "path": asset.path,
            }
            if found.release.modified:
                where["version_modified"] = found.release.modified
            notes = (found.release.note, *recording.notes) if found.release.note else recording.notes
            loaded.append(replace(recording, identity={**recording.identity, **where}, notes=notes))
        return tuple(loaded) if spec.is_pattern else loaded[0]

    def inspect(self) -> Inspection:
        """List versions and files, or say what one file holds.

        Raises
        ------
        DataError
            As ``load``.
        """
        from .inspecting import inspect_dandiset

        spec, instance, client, cache, known = self._parts()
        if spec.is_folder or spec.is_pattern:
            return inspect_dandiset(spec, instance, client, cache, known)
        found = find(spec, client, known)
        place = self._access(spec, found, client, cache, known).place(found.assets[0])
        inspection = inspect_place(place, self)
        about = [("archive", f"{instance.name} ({instance.api or instance.web})"), ("file", place.label)]
        about += [("version", found.release.note or found.release.version)]
        return replace(inspection, facts=(*about, *inspection.facts), run=self._run_line(inspection.run, place.source))

    def _parts(self) -> tuple[Spec, Instance, Client | None, Cache, Known]:
        instance, cache = choose_instance(self.instance), choose_cache(self.cache)
        offline = self.offline or os.environ.get(OFFLINE, "") not in {"", "0"}
        client = None if offline else Client(instance, self.timeout)
        return parse_spec(self.target), instance, client, cache, Known(cache.root, instance.name)

    def _access(self, spec: Spec, found: Found, client: Client | None, cache: Cache, known: Known) -> Access:
        return Access(spec=spec, release=found.release, client=client, cache=cache, known=known, stream=self.stream)

    def _run_line(self, line: str, source: str) -> str:
        """The suggested line, with this source's own options."""
        words = shlex.split(line)
        if source not in words:
            return line
        usual = {field.name: field.default for field in fields(self)}
        ours = [
            word
            for name in ("instance", "stream", "cache")
            if getattr(self, name) != usual[name]
            for word in (f"--source.{name}", str(getattr(self, name)))
        ]
        at = words.index(source) + 1
        return shlex.join([*words[:at], *ours, *words[at:]])
