"""Which version of a dandiset is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spikeproof.errors import DataError
from spikeproof.wording import did_you_mean

from .client import Client, NotFound
from .known import Known
from .spec import DRAFT, Spec

__all__ = ["Release", "known_release", "no_version", "release_of", "version_about", "versions_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The version that is read.

    Parameters
    ----------
    version : str
    modified : str
        When the draft was changed last, as the archive says; empty for a published version, which never changes.
    note : str
        How it was chosen, for the user.
    """

    version: str
    modified: str
    note: str


def release_of(spec: Spec, client: Client) -> Release:
    """Find the version: as named, or the latest published one, or the draft where none is.

    A published version that is named needs no request here: it never changes, and one that does not exist is noticed
    as soon as its files are looked for.
    """
    if spec.version not in {None, DRAFT}:
        return Release(version=str(spec.version), modified="", note="")
    about = _dandiset(spec, client)
    published = about.get("most_recent_published_version")
    if spec.version is None and published:
        version = str(published["version"])
        note = f"{spec.dandiset}: version {version} was read, the latest published one: name it as {spec.at(version)}"
        return Release(version=version, modified="", note=note + " to read the same later")
    draft = about.get("draft_version") or {}
    modified = str(draft.get("modified") or datetime.now(UTC).isoformat())
    said = "the draft" if spec.version else "the draft (nothing of it is published)"
    note = f"{spec.dandiset}: {said} was read as of {modified}: a draft may change"
    return Release(version=DRAFT, modified=modified, note=note)


def known_release(spec: Spec, known: Known) -> Release:
    """Find the version without asking anybody: as named, or what was the latest when the archive was asked last.

    Raises
    ------
    DataError
        If it was never asked.
    """
    if spec.version is not None:
        modified = known.draft_modified(spec.dandiset) if spec.version == DRAFT else ""
        note = f"{spec.dandiset}: the draft was read from the cache, as of {modified}" if modified else ""
        return Release(version=spec.version, modified=modified, note=note)
    version = known.latest(spec.dandiset)
    if version is None:
        raise DataError(
            f"{spec} is not in the cache: which version is the latest was never asked ({known.listed(spec.dandiset)}); "
            "run it once without --offline"
        )
    note = f"{spec.dandiset}: version {version} was read, the latest when the archive was asked last"
    return Release(version=version, modified=known.draft_modified(spec.dandiset) if version == DRAFT else "", note=note)


def _dandiset(spec: Spec, client: Client) -> dict[str, Any]:
    what = f"dandi:{spec.dandiset}"
    try:
        about = client.json(f"dandisets/{spec.dandiset}/", what)
    except NotFound:
        raise DataError(
            f"{what}: {client.instance.name} ({client.api}) has no dandiset {spec.dandiset}: check the number, or name "
            "another archive with --source.instance"
        ) from None
    if not isinstance(about, dict) or "draft_version" not in about:
        raise DataError(f"{what}: {client.api} does not answer as a DANDI archive: check its address")
    return about


def versions_of(spec: Spec, client: Client) -> list[dict[str, Any]]:
    """Every version of a dandiset, as the archive describes it."""
    _dandiset(spec, client)
    return list(client.pages(f"dandisets/{spec.dandiset}/versions/", f"dandi:{spec.dandiset}"))


def version_about(spec: Spec, version: str, client: Client) -> dict[str, Any]:
    """What the archive says of a version.

    Raises
    ------
    DataError
        If there is none of that name; the ones that there are are given.
    """
    try:
        about = client.json(f"dandisets/{spec.dandiset}/versions/{version}/info/", spec.at(version, ""))
    except NotFound:
        raise no_version(spec, client) from None
    return about if isinstance(about, dict) else {}


def no_version(spec: Spec, client: Client) -> DataError:
    """The error for a version that does not exist, with the ones that do."""
    names = [str(row["version"]) for row in versions_of(spec, client)]
    return DataError(
        f"dandi:{spec.dandiset} has no version {spec.version}"
        + did_you_mean(str(spec.version), names, otherwise=f": there are {', '.join(names)}")
    )
