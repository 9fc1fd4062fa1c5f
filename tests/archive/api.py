"""The REST half: what the archive's API answers to what a reader asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .answers import Answer, Request, html_not_found, in_json
from .holdings import Asset, Dandiset, Holdings, Version, md5
from .store import Store

__all__ = ["API"]

_SUBJECT = re.compile(r"sub-([^_./]+)")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CONTEXT = "https://raw.githubusercontent.com/dandi/schema/master/releases/0.7.0/context.json"
_SCHEMAS = ["0.4.4", "0.5.1", "0.5.2", *(f"0.6.{minor}" for minor in range(11)), "0.7.0"]


class API:
    """Answers from the holdings.

    Parameters
    ----------
    token, stranger : str
        The owner's key, and that of a user who owns nothing.
    """

    def __init__(self, holdings: Holdings, store: Store, token: str, stranger: str) -> None:
        self.holdings, self.store = holdings, store
        self.token, self.stranger = token, stranger
        self.url = ""
        dandiset, version = r"/api/dandisets/(?P<dandiset>\d{6})/", r"versions/(?P<version>draft|\d+\.\d{6}\.\d{4})/"
        asset = rf"(?P<asset>{_UUID})/"
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            (r"/api/info/", "GET, OPTIONS", self._info),
            (r"/api/auth/token/", "GET, POST, OPTIONS", self._token),
            (dandiset, "GET, DELETE, HEAD, OPTIONS", self._dandiset),
            (dandiset + "versions/", "GET, HEAD, OPTIONS", self._versions),
            (dandiset + version, "GET, PUT, DELETE, HEAD, OPTIONS", self._version),
            (dandiset + version + "info/", "GET, HEAD, OPTIONS", self._version_info),
            (dandiset + version + "assets/", "GET, POST, HEAD, OPTIONS", self._assets),
            (dandiset + version + "assets/" + asset, "GET, PUT, DELETE, HEAD, OPTIONS", self._asset),
            (dandiset + version + "assets/" + asset + "info/", "GET, HEAD, OPTIONS", self._asset_info),
            (dandiset + version + "assets/" + asset + "download/", "GET, HEAD, OPTIONS", self._download),
            ("/api/assets/" + asset, "GET, HEAD, OPTIONS", self._asset),
            ("/api/assets/" + asset + "info/", "GET, HEAD, OPTIONS", self._asset_info),
            ("/api/assets/" + asset + "download/", "GET, HEAD, OPTIONS", self._download),
            (rf"/api/zarr/(?P<zarr>{_UUID})/", "GET, HEAD, OPTIONS", self._zarr),
            (rf"/api/zarr/(?P<zarr>{_UUID})/files/", "GET, POST, DELETE, HEAD, OPTIONS", self._zarr_files),
        ]
        self._routes = [(re.compile(pattern), allow, answer) for pattern, allow, answer in routes]

    def answer(self, request: Request) -> Answer:
        """Answer, with the slash that the archive insists on and the user that the token says."""
        for pattern, allow, answer in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                if pattern.fullmatch(request.path + "/"):
                    query = f"?{request.query}" if request.query else ""
                    return Answer(
                        301, {"content-type": "text/html; charset=utf-8", "location": request.path + "/" + query}
                    )
                continue
            if request.method not in {"GET", "HEAD"}:
                return in_json(405, {"detail": f'Method "{request.method}" not allowed.'}, allow)
            said = request.headers.get("authorization")
            if said is not None and said not in {f"token {self.token}", f"token {self.stranger}"}:
                return _unauthorized("Invalid token.", allow)
            user = None if said is None else said.removeprefix("token ")
            return answer(request, allow, user, **match.groupdict())
        return html_not_found()

    def _info(self, _request: Request, allow: str, _user: str | None) -> Answer:
        web = "http://127.0.0.1:8085"
        config = {
            "instance_name": "DEV-DANDI",
            "instance_identifier": "RRID:ABC_123456",
            "instance_url": f"{web}/",
            "doi_prefix": "10.80507",
            "licenses": ["spdx:CC-BY-4.0", "spdx:CC0-1.0"],
        }
        services = {
            "api": {"url": self.url},
            "webui": {"url": web},
            "jupyterhub": {"url": "https://hub.example.org/"},
        }
        said = {
            "instance_config": config,
            "schema_version": "0.7.0",
            "schema_url": f"{self.url}/schemas/?model=Dandiset",
            "allowed_schema_versions": _SCHEMAS,
            "version": "0.5.0",
            "services": services,
            "cli-minimal-version": "0.74.0",
            "cli-requires-python": ">=3.10",
            "cli-bad-versions": [],
        }
        return in_json(200, said, allow)

    def _token(self, _request: Request, allow: str, user: str | None) -> Answer:
        return in_json(200, user, allow) if user else _unauthorized(_NOBODY, allow)

    def _dandiset(self, _request: Request, allow: str, user: str | None, dandiset: str) -> Answer:
        held = self._allowed(dandiset, user, allow)
        if isinstance(held, Answer):
            return held
        recent = held.most_recent
        said = _about(held) | {
            "most_recent_published_version": None if recent is None else _summary(recent, held),
            "draft_version": _summary(held.versions["draft"], held),
        }
        return in_json(200, said, allow)

    def _versions(self, request: Request, allow: str, user: str | None, dandiset: str) -> Answer:
        held = self._allowed(dandiset, user, allow)
        if isinstance(held, Answer):
            return held
        order = dict(parse_qsl(request.query)).get("order", "created")
        rows = sorted(held.versions.values(), key=lambda version: version.created, reverse=order.startswith("-"))
        return self._page(request, allow, [_with_dandiset(row, held) for row in rows])

    def _version(self, _request: Request, allow: str, user: str | None, dandiset: str, version: str) -> Answer:
        found = self._found(dandiset, version, user, allow)
        return found if isinstance(found, Answer) else in_json(200, self._metadata(*found), allow)

    def _version_info(self, _request: Request, allow: str, user: str | None, dandiset: str, version: str) -> Answer:
        found = self._found(dandiset, version, user, allow)
        if isinstance(found, Answer):
            return found
        said = _with_dandiset(found[1], found[0])
        said |= {"asset_validation_errors": [], "version_validation_errors": []}
        return in_json(200, said | {"metadata": self._metadata(*found), "contact_person": "Doe, Jane"}, allow)

    def _assets(self, request: Request, allow: str, user: str | None, dandiset: str, version: str) -> Answer:
        found = self._found(dandiset, version, user, allow)
        if isinstance(found, Answer):
            return found
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        rows: list[Asset] = list(found[1].assets.values())
        if asked.get("path"):  # what the archive calls istartswith: a prefix, whatever its case
            rows = [row for row in rows if row.path.lower().startswith(asked["path"].lower())]
        if asked.get("glob"):  # only * means anything, and it crosses slashes
            pattern = re.compile(re.escape(asked["glob"]).replace(r"\*", ".*"), re.IGNORECASE | re.DOTALL)
            rows = [row for row in rows if pattern.fullmatch(row.path)]
        order = asked.get("order") or "created"
        if order.lstrip("-") not in {"created", "modified", "path"}:
            said = {"order": [f"Select a valid choice. {order} is not one of the available choices."]}
            return in_json(400, said, allow)
        rows.sort(key=lambda row: str(getattr(row, order.lstrip("-"))), reverse=order.startswith("-"))
        if asked.get("metadata", "").lower() == "true":
            return self._page(request, allow, [_row(row) | {"metadata": self._asset_metadata(row)} for row in rows])
        return self._page(request, allow, [_row(row) for row in rows])

    def _asset(self, _request: Request, allow: str, user: str | None, asset: str, **place: str) -> Answer:
        found = self._one(asset, user, allow, **place)
        return found if isinstance(found, Answer) else in_json(200, self._asset_metadata(found), allow)

    def _asset_info(self, _request: Request, allow: str, user: str | None, asset: str, **place: str) -> Answer:
        found = self._one(asset, user, allow, **place)
        if isinstance(found, Answer):
            return found
        return in_json(200, _row(found) | {"metadata": self._asset_metadata(found)}, allow)

    def _download(self, _request: Request, allow: str, user: str | None, asset: str, **place: str) -> Answer:
        found = self._one(asset, user, allow, **place)
        if isinstance(found, Answer):
            return found
        if found.blob is None:
            said = "Unable to provide download link for zarr assets. Please browse the zarr files directly to do so."
            return in_json(400, said, allow)
        return _redirect(self.store.sign(found.blob.key, found.path.rsplit("/", 1)[-1]), allow)

    def _zarr(self, _request: Request, allow: str, user: str | None, zarr: str) -> Answer:
        held = self.holdings.zarrs.get(zarr)
        allowed = None if held is None else self._allowed(held.dandiset, user, allow)
        if held is None or isinstance(allowed, Answer):
            return allowed if isinstance(allowed, Answer) else _missing(allow)
        said = {"name": held.name, "dandiset": held.dandiset, "zarr_id": held.zarr_id, "status": "Complete"}
        counted = {"checksum": held.checksum, "file_count": len(held.files()), "size": held.size}
        return in_json(200, said | counted, allow)

    def _zarr_files(self, request: Request, allow: str, user: str | None, zarr: str) -> Answer:
        held = self.holdings.zarrs.get(zarr)
        allowed = None if held is None else self._allowed(held.dandiset, user, allow)
        if held is None or isinstance(allowed, Answer):
            return allowed if isinstance(allowed, Answer) else _missing(allow)
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        prefix, after, limit = asked.get("prefix", ""), asked.get("after", ""), int(asked.get("limit", "1000"))
        if asked.get("download", "").lower() == "true" or request.method == "HEAD":
            return _redirect(self.store.sign(f"zarr/{zarr}/{prefix}"), allow)
        files = {name: file for name, file in held.files().items() if name.startswith(prefix) and name > after}
        listed = list(files.items())[:limit]
        more = None
        if len(files) > limit:
            going_on = {"prefix": prefix, "after": listed[-1][0], "limit": str(limit)}
            more = f"{self.url.removesuffix('/api')}{request.path}?{urlencode(going_on)}"
        rows = []
        for name, file in listed:
            etag = md5(file.read_bytes())
            said = held.modified.replace(microsecond=0).isoformat(sep=" ")
            rows.append({"Key": name, "LastModified": said, "ETag": etag, "Size": file.stat().st_size})
        return in_json(200, {"next": more, "results": rows}, allow)

    def _page(self, request: Request, allow: str, rows: Sequence[dict[str, Any]]) -> Answer:
        """One page; the count on the first only, and the links' query in order of its names."""
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        number, size = asked.get("page", "1"), asked.get("page_size", "100")
        if not number.isdecimal() or int(number) < 1:
            return in_json(404, {"detail": "Invalid page."}, allow)
        page = int(number)
        each = min(int(size), 1000) if size.isdecimal() and int(size) > 0 else 100
        begin = (page - 1) * each

        def link(to: int) -> str:
            query = {name: said for name, said in asked.items() if name != "page"}
            query |= {"page": str(to)} if to > 1 else {}
            said = urlencode(sorted(query.items()))
            return f"{self.url.removesuffix('/api')}{request.path}" + (f"?{said}" if said else "")

        said = {
            "count": len(rows) if page == 1 else None,
            "next": link(page + 1) if len(rows) > begin + each else None,
            "previous": link(page - 1) if page > 1 else None,
            "results": list(rows[begin : begin + each]),
        }
        return in_json(200, said, allow)

    def _allowed(self, dandiset: str, user: str | None, allow: str) -> Dandiset | Answer:
        held = self.holdings.dandisets.get(dandiset)
        if held is None:
            return _missing(allow)
        return self._closed(held.embargoed, user, allow) or held

    def _closed(self, embargoed: bool, user: str | None, allow: str) -> Answer | None:
        if not embargoed or user == self.token:
            return None
        if user is None:
            return _unauthorized(_NOBODY, allow)
        return in_json(403, {"detail": "You do not have permission to perform this action."}, allow)

    def _found(self, dandiset: str, version: str, user: str | None, allow: str) -> tuple[Dandiset, Version] | Answer:
        held = self._allowed(dandiset, user, allow)
        if isinstance(held, Answer):
            return held
        return (held, held.versions[version]) if version in held.versions else _missing(allow)

    def _one(
        self, asset: str, user: str | None, allow: str, dandiset: str | None = None, version: str | None = None
    ) -> Asset | Answer:
        if dandiset is None or version is None:
            found = self.holdings.assets.get(asset)
            if found is None:
                return html_not_found()
            return self._closed(found.embargoed, user, allow) or found
        place = self._found(dandiset, version, user, allow)
        if isinstance(place, Answer):
            return place
        held = {row.asset_id: row for row in place[1].assets.values()}
        return held[asset] if asset in held else _missing(allow)

    def _asset_metadata(self, asset: Asset) -> dict[str, Any]:
        access = {"schemaKey": "AccessRequirements", "status": "dandi:OpenAccess"}
        if asset.embargoed:
            access |= {"status": "dandi:EmbargoedAccess", "embargoedUntil": "2099-01-01"}
        if asset.blob is not None:
            encoding, place = "application/x-nwb", self.store.plain(asset.blob.key)
            digest = {"dandi:dandi-etag": asset.blob.etag}
            if asset.sha256:
                digest["dandi:sha2-256"] = asset.blob.sha256
        else:
            assert asset.zarr is not None
            encoding, place = "application/x-zarr", self.store.plain(f"zarr/{asset.zarr.zarr_id}/")
            digest = {"dandi:dandi-zarr-checksum": asset.zarr.checksum}
        return {
            "schemaKey": "Asset",
            "schemaVersion": "0.7.0",
            "encodingFormat": encoding,
            "id": f"dandiasset:{asset.asset_id}",
            "access": [access],
            "path": asset.path,
            "identifier": asset.asset_id,
            "contentUrl": [f"{self.url}/assets/{asset.asset_id}/download/", place],
            "contentSize": asset.size,
            "digest": digest,
            "@context": _CONTEXT,
        }

    def _metadata(self, dandiset: Dandiset, version: Version) -> dict[str, Any]:
        web, name = "http://127.0.0.1:8085", f"{dandiset.identifier}/{version.version}"
        page = f"{web}/dandiset/{name}"
        title = f"{dandiset.name} (Version {version.version})"
        person = {
            "name": "Doe, Jane",
            "email": "j@example.org",
            "roleName": ["dcite:ContactPerson", "dcite:Author"],
            "schemaKey": "Person",
            "includeInCitation": True,
        }
        standard = {
            "name": "Neurodata Without Borders (NWB)",
            "schemaKey": "StandardsType",
            "identifier": "RRID:SCR_015242",
        }
        named = (_SUBJECT.match(path.rsplit("/", 1)[-1]) for path in version.assets)
        subjects = {match[1] for match in named if match is not None}
        summary = {
            "species": [],
            "approach": [],
            "schemaKey": "AssetsSummary",
            "dataStandard": [standard],
            "numberOfBytes": sum(asset.size for asset in version.assets.values()),
            "numberOfFiles": len(version.assets),
            "numberOfSubjects": len(subjects),
            "variableMeasured": [],
            "measurementTechnique": [],
        }
        status = "dandi:EmbargoedAccess" if dandiset.embargoed else "dandi:OpenAccess"
        return {
            "id": f"DEV-DANDI:{name}",
            "url": page,
            "name": dandiset.name,
            "access": [{"status": status, "schemaKey": "AccessRequirements"}],
            "license": ["spdx:CC-BY-4.0"],
            "version": version.version,
            "@context": _CONTEXT,
            "citation": f"Doe, Jane (2026) {title} [Data set]. DANDI Archive. {page}",
            "schemaKey": "Dandiset",
            "identifier": f"DEV-DANDI:{dandiset.identifier}",
            "repository": web,
            "contributor": [person],
            "dateCreated": dandiset.created.isoformat(),
            "description": "local test",
            "assetsSummary": summary,
            "schemaVersion": "0.7.0",
            "manifestLocation": [f"{self.url}/dandisets/{dandiset.identifier}/versions/{version.version}/assets/"],
        }


_NOBODY = "Authentication credentials were not provided."


def _missing(allow: str) -> Answer:
    return in_json(404, {"detail": "Not found."}, allow)


def _unauthorized(said: str, allow: str) -> Answer:
    return in_json(401, {"detail": said}, allow, www_authenticate='Bearer realm="api"')


def _redirect(to: str, allow: str) -> Answer:
    return Answer(302, {"content-type": "text/html; charset=utf-8", "location": to, "allow": allow})


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def _about(dandiset: Dandiset) -> dict[str, Any]:
    return {
        "identifier": dandiset.identifier,
        "created": _time(dandiset.created),
        "modified": _time(dandiset.modified),
        "contact_person": "Doe, Jane",
        "embargo_status": "EMBARGOED" if dandiset.embargoed else "OPEN",
        "star_count": 0,
        "is_starred": False,
    }


def _summary(version: Version, dandiset: Dandiset) -> dict[str, Any]:
    return {
        "version": version.version,
        "name": dandiset.name,
        "asset_count": len(version.assets),
        "active_uploads": 0,
        "size": sum(asset.size for asset in version.assets.values()),
        "status": version.status,
        "created": _time(version.created),
        "modified": _time(version.modified),
        "release_notes": "",
    }


def _with_dandiset(version: Version, dandiset: Dandiset) -> dict[str, Any]:
    return _summary(version, dandiset) | {"dandiset": _about(dandiset)}


def _row(asset: Asset) -> dict[str, Any]:
    return {
        "asset_id": asset.asset_id,
        "blob": None if asset.blob is None else asset.blob.blob_id,
        "zarr": None if asset.zarr is None else asset.zarr.zarr_id,
        "path": asset.path,
        "size": asset.size,
        "created": _time(asset.created),
        "modified": _time(asset.modified),
    }
