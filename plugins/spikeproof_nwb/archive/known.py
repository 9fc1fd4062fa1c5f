"""What was found before, written down beside the cache: which files a target named, and their digests."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .files import locked, write_whole
from .spec import DRAFT, Spec

__all__ = ["Known"]


class Known:
    """Remembers, one file a dandiset.

    A published version never changes, so what was found in it holds for ever. What was found in a draft holds while
    the archive says that the draft was not changed; without a network it is used all the same, and that is said.

    Parameters
    ----------
    root : pathlib.Path
        Of the cache.
    instance : str
        Name of the archive.
    """

    def __init__(self, root: Path, instance: str) -> None:
        self._folder = root / "known" / re.sub(r"[^A-Za-z0-9.-]", "_", instance)

    def release(self, spec: Spec, version: str, modified: str) -> None:
        """Write down which version is the latest, and when the draft was changed last."""
        held = self._read(spec.dandiset)
        new = dict(held)
        if spec.version is None:
            new["latest"] = version
        if version == DRAFT:
            new["draft_modified"] = modified
        if new != held:
            self._change(spec.dandiset, new)

    def remember(self, spec: Spec, version: str, modified: str, assets: Sequence[dict[str, Any]]) -> None:
        """Write down what a target named."""
        paths = [asset["path"] for asset in assets]
        self._change(
            spec.dandiset,
            {
                "versions": {
                    version: {
                        "assets": {asset["path"]: dict(asset, as_of=modified) for asset in assets},
                        "targets": {spec.path: {"paths": paths, "as_of": modified}},
                    }
                }
            },
        )

    def assets(self, spec: Spec, version: str, modified: str | None) -> list[dict[str, Any]] | None:
        """What a target named when it was asked last, or None if that is not known.

        Parameters
        ----------
        spec : Spec
        version : str
        modified : str or None
            When the draft was changed last; None takes what is known, however old.
        """
        held = self._read(spec.dandiset).get("versions", {}).get(version, {})
        target = held.get("targets", {}).get(spec.path)
        if target is None:
            alone = None if spec.is_pattern else held.get("assets", {}).get(spec.path)
            target = None if alone is None else {"paths": [spec.path], "as_of": alone["as_of"]}
        if target is None or modified not in {None, target["as_of"]}:
            return None
        rows = [held["assets"].get(path) for path in target["paths"]]
        if None in rows or (modified is not None and any(row["as_of"] != modified for row in rows)):
            return None
        return [{name: value for name, value in row.items() if name != "as_of"} for row in rows]

    def latest(self, dandiset: str) -> str | None:
        """The version that was the latest when it was asked last."""
        said = self._read(dandiset).get("latest")
        return None if said is None else str(said)

    def draft_modified(self, dandiset: str) -> str:
        """When the draft was changed last, as far as is known."""
        return str(self._read(dandiset).get("draft_modified", ""))

    def versions(self, dandiset: str) -> dict[str, list[dict[str, Any]]]:
        """What is known of each version: its assets."""
        held = self._read(dandiset).get("versions", {})
        return {version: list(said.get("assets", {}).values()) for version, said in held.items()}

    def listed(self, dandiset: str) -> str:
        """What is known of a dandiset, in a few words."""
        held = self.versions(dandiset)
        said = [f"{path['path']} at {version}" for version, paths in held.items() for path in paths]
        if not said:
            return f"nothing of dandiset {dandiset} is"
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        return f"known of it: {', '.join(said[:3])}{more}"

    def _file(self, dandiset: str) -> Path:
        return self._folder / f"{dandiset}.json"

    def _read(self, dandiset: str) -> dict[str, Any]:
        try:
            held = json.loads(self._file(dandiset).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}  # never written, or not by us: it is found anew
        return held if isinstance(held, dict) else {}

    def _change(self, dandiset: str, new: dict[str, Any]) -> None:
        file = self._file(dandiset)
        with suppress(OSError):  # a cache that only may be read is of use all the same; a fetch will say it if not
            file.parent.mkdir(parents=True, exist_ok=True)
            with locked(file.with_suffix(".lock")):
                write_whole(file, json.dumps(_merged(self._read(dandiset), new), indent=1).encode())


def _merged(held: dict[str, Any], new: dict[str, Any], depth: int = 4) -> dict[str, Any]:
    """Both, the new one where they differ; assets and targets are taken whole."""
    out = dict(held)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(out.get(name), dict) and depth > 1
        out[name] = _merged(out[name], value, depth - 1) if both else value
    return out
