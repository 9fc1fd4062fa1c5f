"""Where an installed distribution came from: a wheel, a version control system, or a working tree."""

from __future__ import annotations

import json
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["origin_of"]


def origin_of(distribution: Distribution) -> str:
    """Return ``wheel``, ``git@COMMIT``, ``editable@COMMIT``, or ``editable`` where no commit is known.

    Read from ``direct_url.json`` (PEP 610); the commit of a working tree is read from its files, so that no
    process is started.
    """
    text = distribution.read_text("direct_url.json")
    if not text:
        return "wheel"
    try:
        direct = json.loads(text)
        vcs, local = direct.get("vcs_info"), direct.get("dir_info", {})
        if vcs:
            return f"{vcs['vcs']}@{vcs['commit_id']}"
        if not local.get("editable"):
            return "wheel"
        commit = _commit_of(Path(unquote(urlsplit(direct["url"]).path)))
    except (ValueError, KeyError, AttributeError, TypeError, OSError):
        return "unknown"
    return f"editable@{commit}" if commit else "editable"


def _commit_of(folder: Path) -> str:
    for parent in (folder, *folder.parents):
        marker = parent / ".git"
        if marker.is_dir():
            return _head(marker, marker)
        if marker.is_file():  # a linked working tree: the file names its own folder, which names the common one
            own = (parent / marker.read_text().partition("gitdir:")[2].strip()).resolve()
            common = own / "commondir"
            return _head(own, (own / common.read_text().strip()).resolve() if common.is_file() else own)
    return ""


def _head(own: Path, common: Path) -> str:
    head = (own / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    reference = head.partition(":")[2].strip()
    for folder in (own, common):
        if (folder / reference).is_file():
            return (folder / reference).read_text().strip()
    packed = common / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        commit, _, name = line.partition(" ")
        if name == reference:
            return commit
    return ""
