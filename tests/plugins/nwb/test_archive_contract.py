"""The local archive answers as a real one was recorded to answer.

Every request of the recording that reads is made again, in its order and with the same content behind it, and status,
headers, redirects and the whole JSON (keys, types and values) are compared. Writes are not replayed: their effect is
put in place, since no reader writes. Not compared, each for its reason:

- times, and what is random (names of blobs, assets and Zarr archives map one to one; signatures by their parts);
- ``content-length`` of the API's answers, which were compressed on the wire when they were recorded;
- ``status`` of a draft, which a background task of the archive moves from Pending to Valid;
- digests of the Zarr chunks, whose bytes were not recorded, and how long their embargo lasts;
- bodies of the object store's errors beyond their code, which hold random ids;
- the object store's answer for an embargoed object without a signature: the recording's store was a stand-in that
  let it pass, the real one says 403, and so do we.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from archive import LocalArchive
from archive.holdings import zarr_checksum_of

JSON = dict[str, Any]
FREE = {"created", "modified", "dateCreated", "LastModified", "embargoedUntil", "status"}
FREE |= {"ETag", "checksum", "dandi:dandi-zarr-checksum"}
HEADERS = ("content-type", "allow", "www-authenticate", "accept-ranges", "content-range", "content-disposition")
ZARR = {".zgroup": 24, "x/.zarray": 335, "x/0.0": 384, "x/0.1": 384, "x/1.0": 388, "x/1.1": 384}


class Replay:
    """Recorded names and what they are called here."""

    def __init__(self, archive: LocalArchive, shared: Path, folder: Path) -> None:
        self.archive, self.shared, self.folder = archive, shared, folder
        self.names: dict[str, str] = {}
        self.signed: dict[str, str] = {}

    def here(self, text: str) -> str:
        for recorded, name in self.names.items():
            text = text.replace(recorded, name)
        return text

    def put_in_place(self, entry: JSON) -> None:
        """Give the local archive what a recorded write gave the real one."""
        url, body = urlsplit(entry["url"]), entry["body"]
        if entry["status"] != 200 or not isinstance(body, dict):
            return
        if url.path == "/api/dandisets/":
            embargoed = body["embargo_status"] == "EMBARGOED"
            self.archive.add(body["identifier"], "draft", {}, embargoed=embargoed)
            self.archive.holdings.dandisets[body["identifier"]].name = body["draft_version"]["name"]
        elif url.path.endswith("/assets/"):
            (asset,) = self.archive.add(url.path.split("/")[3], "draft", {body["path"]: self.content(body)})
            if asset.blob is not None:
                recorded = body["blob"]
                self.names[f"blobs/{recorded[:3]}/{recorded[3:6]}/{recorded}"] = asset.blob.key
                self.names[recorded] = asset.blob.blob_id
            else:
                assert asset.zarr is not None
                self.names[body["zarr"]] = asset.zarr.zarr_id
            self.names[body["asset_id"]] = asset.asset_id

    def content(self, body: JSON) -> Path:
        if body["zarr"] is None:
            sizes = {path.stat().st_size: path for path in (self.shared / "data" / "nwb").glob("dandi000207*")}
            sizes |= {path.stat().st_size: path for path in (self.shared / "data" / "nwb").glob("pynapple*")}
            return sizes[body["size"]]
        for name, size in ZARR.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"zarr_format": 2}, indent=4).ljust(size)[:size])
        return self.folder

    def ask(self, entry: JSON) -> Asked:
        url = self.signed.get(entry["url"]) or self.here(entry["url"])
        headers = {} if entry["req_range"] is None else {"Range": entry["req_range"]}
        if entry["auth"]:
            headers["Authorization"] = "token " + ("wrong" if "bad token" in entry["label"] else self.archive.token)
        return asked(url, method=entry["method"], **headers)

    def compare_location(self, recorded: str, said: str) -> None:
        if "X-Amz-Signature" not in recorded:
            assert said == self.here(recorded)
            return
        self.signed[recorded] = said
        ours, theirs = urlsplit(said), urlsplit(self.here(recorded))
        assert (ours.netloc, ours.path) == (theirs.netloc, theirs.path)
        parts = parse_qs(ours.query, strict_parsing=True)
        assert list(parts) == list(parse_qs(theirs.query))
        kept = {"response-content-disposition", "X-Amz-Algorithm", "X-Amz-Expires", "X-Amz-SignedHeaders"}
        for name in kept & set(parts):
            assert parts[name] == parse_qs(theirs.query)[name]


def same(recorded: Any, said: Any, where: str) -> None:
    """The same keys, types and values, but for the values that are free."""
    assert type(said) is type(recorded), where
    if isinstance(recorded, dict):
        assert set(said) == set(recorded), where
        for key, value in recorded.items():
            if key in FREE:
                assert type(said[key]) is type(value), f"{where}/{key}"
            else:
                same(value, said[key], f"{where}/{key}")
    elif isinstance(recorded, list):
        assert len(said) == len(recorded), where
        for place, (ours, theirs) in enumerate(zip(said, recorded, strict=True)):
            same(theirs, ours, f"{where}/{place}")
    else:
        assert said == recorded, where


@pytest.fixture(scope="module")
def trace(shared: Path) -> list[JSON]:
    found = shared / "golden" / "dandi_api_trace.json"
    if not found.is_file():
        pytest.skip(f"needs the recording of a real archive: no {found}")
    read: list[JSON] = json.loads(found.read_text())
    return read


@pytest.fixture
def replay(shared: Path, tmp_path: Path) -> Iterator[Replay]:
    with LocalArchive() as archive:
        yield Replay(archive, shared, tmp_path / "z.ome.zarr")


def test_archive_answers_every_recorded_read_as_the_real_one_did(trace: list[JSON], replay: Replay) -> None:
    hosts = sorted({urlsplit(entry["url"]).netloc for entry in trace})
    replay.names = {
        f"http://{hosts[0]}/": replay.archive.url.removesuffix("api"),
        f"http://{hosts[0]}": replay.archive.url.removesuffix("/api"),
        f"http://{hosts[1]}": replay.archive.store_url,
        "https://hub.dandiarchive.org/": "https://hub.example.org/",
    }
    replay.names |= {
        entry["body"]: replay.archive.token
        for entry in trace
        if entry["url"].endswith("/auth/token/") and entry["status"] == 200
    }
    zarr_written = False
    compared: dict[int, int] = {}
    for number, entry in enumerate(trace):
        if entry["method"] not in {"GET", "HEAD"}:
            replay.put_in_place(entry)
            zarr_written = zarr_written or "/finalize/" in entry["url"]
            continue
        if "/zarr/" in entry["url"] and entry["label"] == "zarr upload" and not zarr_written:
            continue  # the listing of a Zarr archive that is being written
        where = f"request {number}, {entry['label']}: {entry['method']} {entry['url']}"
        status, headers, body = replay.ask(entry)
        if entry["label"] == "embargo anon direct S3":
            assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True), where
            continue
        assert status == entry["status"], where
        for name in HEADERS:
            assert headers.get(name) == entry["headers"].get(name), f"{where}: {name}"
        if "location" in entry["headers"]:
            replay.compare_location(entry["headers"]["location"], headers["location"])
        compared[status] = compared.get(status, 0) + 1
        if "etag" in entry["headers"]:  # the object store
            assert parsedate_to_datetime(headers["last-modified"]), where
            assert headers["content-length"] == entry["headers"]["content-length"], where
            if "zarr" not in entry["url"]:
                assert headers["etag"] == entry["headers"]["etag"], where
            assert re.fullmatch(rf"<{len(body)} bytes>|.*", str(entry["body"]), re.DOTALL)
        elif status == 416:
            assert b"<Code>InvalidRange</Code>" in body, where
        elif headers["content-type"] == "application/json" and entry["method"] == "GET":
            recorded = parsed(entry["body"])
            same(json.loads(replay.here(json.dumps(recorded))), json.loads(body), where)
        elif entry["method"] == "GET":
            assert body.decode() == replay.here(entry["body"]), where
    assert compared[200] >= 25
    assert {206, 301, 302, 400, 401, 404, 416} <= set(compared)


def parsed(body: Any) -> Any:
    """A recorded body, which stands there parsed or as text."""
    return json.loads(body) if isinstance(body, str) and body[:1] in {"{", "["} else body


def test_checksum_of_a_zarr_archive_is_the_recorded_one_of_the_recorded_chunks(trace: list[JSON]) -> None:
    listed = next(entry["body"] for entry in trace if entry["label"] == "zarr files" and entry["status"] == 200)
    zarr = r"/api/zarr/[0-9a-f-]{36}/"
    said = next(entry["body"] for entry in trace if re.fullmatch(zarr, urlsplit(entry["url"]).path))
    rows = parsed(listed)["results"]
    checksum = parsed(said)["checksum"]
    assert zarr_checksum_of({row["Key"]: (row["Size"], row["ETag"]) for row in rows}) == checksum


def test_archive_says_the_same_as_the_real_one_to_a_page_past_the_last(tmp_path: Path) -> None:
    files = {f"sub-{number}.nwb": tmp_path / "a.nwb" for number in range(5)}
    (tmp_path / "a.nwb").write_bytes(b"x")
    with LocalArchive() as archive:
        archive.add("000001", "draft", files)
        assets = "/dandisets/000001/versions/draft/assets/"
        first = fetched(archive.url + assets + "?page_size=2&order=-path&glob=SUB*&path=sub")
        last = fetched(archive.url + assets + "?page=3&page_size=2")
        assert (first["count"], last["count"], len(last["results"]), last["next"]) == (5, None, 1, None)
        assert [row["path"] for row in first["results"]] == ["sub-4.nwb", "sub-3.nwb"]
        assert first["next"] == archive.url + assets + "?glob=SUB%2A&order=-path&page=2&page_size=2&path=sub"
        assert last["previous"] == archive.url + assets + "?page=2&page_size=2"
        assert fetched(archive.url + assets + "?page_size=5000")["next"] is None


def test_published_version_keeps_what_the_draft_held_then(tmp_path: Path) -> None:
    (tmp_path / "a.nwb").write_bytes(b"x")
    (tmp_path / "b.nwb").write_bytes(b"y")
    with LocalArchive() as archive:
        archive.add("000001", "draft", {"a.nwb": tmp_path / "a.nwb"})
        name = archive.publish("000001")
        archive.add("000001", "draft", {"b.nwb": tmp_path / "b.nwb"})
        dandiset = fetched(f"{archive.url}/dandisets/000001/")
        assert dandiset["most_recent_published_version"]["version"] == name
        assert dandiset["draft_version"]["asset_count"] == 2
        listed = fetched(f"{archive.url}/dandisets/000001/versions/")
        assert [row["version"] for row in listed["results"]] == ["draft", name]
        assert fetched(f"{archive.url}/dandisets/000001/versions/{name}/assets/")["count"] == 1


def test_faults_look_on_the_wire_as_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nwb").write_bytes(bytes(range(256)) * 4000)
    with LocalArchive() as archive:
        (asset,) = archive.add("000001", "draft", {"a.nwb": tmp_path / "a.nwb"})
        url = archive.signed(asset)
        whole = asked(url, Range="bytes=0-999999")
        assert (whole.status, whole.body) == (206, (tmp_path / "a.nwb").read_bytes()[:1000000])
        archive.faults.status(503, retry_after=7)
        refused = asked(url)
        assert (refused.status, refused.headers["retry-after"]) == (503, "7")
        archive.faults.reset(1000)
        with pytest.raises(ConnectionResetError):
            asked(url)
        archive.faults.cut(1000)
        with pytest.raises(http.client.IncompleteRead):
            asked(url)
        archive.faults.ignore_range(times=1)
        ignored = asked(url, Range="bytes=0-9")
        assert (ignored.status, len(ignored.body)) == (200, 1024000)
        archive.faults.corrupt()
        assert asked(url).body != (tmp_path / "a.nwb").read_bytes()
        archive.faults.slow_first_byte(5.0, match="slow=1")
        with pytest.raises(TimeoutError):
            asked(url + "&slow=1", timeout=0.1)
        archive.faults.silent(times=1, match="silent=1")
        with pytest.raises(TimeoutError):
            asked(url + "&silent=1", timeout=0.1)
        archive.faults.expire(after=1)
        assert [asked(url, Range="bytes=0-9").status for _ in range(3)] == [206, 403, 403]
        assert asked(archive.signed(asset), Range="bytes=0-9").status == 206
        assert asked(archive.signed(asset), **{"If-Match": '"other"'}).status == 412
        assert asked(archive.signed(asset), Authorization="token x").status == 400
        archive.close_port("s3")
        with pytest.raises(ConnectionRefusedError):
            asked(url)
        assert archive.requests[0].range == "bytes=0-999999"
        assert (archive.requests[0].status, archive.requests[0].sent) == (206, 1000000)


def test_embargoed_dandiset_opens_to_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "a.nwb").write_bytes(b"x")
    with LocalArchive() as archive:
        (asset,) = archive.add("000002", "draft", {"a.nwb": tmp_path / "a.nwb"}, embargoed=True)
        url = f"{archive.url}/assets/{asset.asset_id}/download/"
        assert asked(url).status == 401
        assert asked(url, Authorization=f"token {archive.stranger}").status == 403
        assert asked(url, Authorization=f"token {archive.token}").status == 302
        assert asset.blob is not None
        assert asked(f"{archive.store_url}/dandi-dandisets/{asset.blob.key}").status == 403


class Asked(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def asked(url: str, *, method: str = "GET", timeout: float = 10.0, **headers: str) -> Asked:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=timeout)) as connection:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers)
        with connection.getresponse() as answer:
            return Asked(answer.status, {name.lower(): said for name, said in answer.getheaders()}, answer.read())


def fetched(url: str) -> Any:
    return json.loads(asked(url).body)
