"""What is asked of an archive's API, and how its answers are taken."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from archive import LocalArchive
from spikeproof.errors import DataError
from spikeproof_nwb.archive.assets import find
from spikeproof_nwb.archive.client import Client
from spikeproof_nwb.archive.instance import choose_instance
from spikeproof_nwb.archive.known import Known
from spikeproof_nwb.archive.spec import parse_spec

Answer = tuple[int, dict[str, str], str]


@pytest.fixture
def saying() -> Iterator[Callable[[dict[str, Answer]], str]]:
    """A server that says what it is told to, by path; its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answers: dict[str, Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = answers.get(self.path.partition("?")[0], (404, {}, "nothing"))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def client_of(url: str, limit: float = 1.0) -> Client:
    return Client(choose_instance(url, {}), limit)


def test_the_address_of_the_pages_will_do(archive: LocalArchive, tmp_path: Path) -> None:
    """Like the DANDI client, it is asked which address the API has."""
    archive.add("000001", "draft", {"a.nwb": Path(__file__)})
    client = client_of(archive.url.removesuffix("/api"))
    assert find(parse_spec("000001/a.nwb"), client, Known(tmp_path, "x")).assets[0].path == "a.nwb"
    assert [seen.path for seen in archive.requests][:2] == ["/server-info", "/api/info/"]
    assert client.api == archive.url


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/api/info/": (200, {}, "<html>log in</html>")},
        {"/api/info/": (200, {}, '{"services": 1}')},
        {"/server-info": (200, {}, "[]")},
    ],
)
def test_an_address_that_is_no_archive_is_said(
    answers: dict[str, Answer], saying: Callable[[dict[str, Answer]], str]
) -> None:
    with pytest.raises(
        DataError, match="does not say that it is a DANDI archive: give the address of the archive's API"
    ):
        client_of(saying(answers)).json("dandisets/000001/", "x")


def test_an_api_elsewhere_without_https_is_not_believed(saying: Callable[[dict[str, Answer]], str]) -> None:
    body = '{"services": {"api": {"url": "http://evil.example/api"}}}'
    with pytest.raises(DataError, match=r"names http://evil.example/api as its API, on another host without https"):
        client_of(saying({"/server-info": (200, {}, body)})).json("dandisets/000001/", "x")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            (200, {}, "<html>Please log in</html>"),
            "answered no JSON but '<html>Please log in</html>': is this an archive's",
        ),
        ((418, {}, "<p>I am\n a teapot</p>"), "answers 418 (I am a teapot) to http"),
        ((200, {}, "[1]"), "does not answer as a DANDI archive: check its address"),
        ((401, {}, '{"detail": "Who?"}'), "is not open: 127.0.0.1:"),
    ],
)
def test_an_answer_that_is_none_is_said(
    answer: Answer, said: str, saying: Callable[[dict[str, Answer]], str], tmp_path: Path
) -> None:
    url = saying({"/api/dandisets/000001/": answer}) + "/api"
    with pytest.raises(DataError, match=re.escape(said)):
        find(parse_spec("000001/a.nwb"), client_of(url), Known(tmp_path, "x"))


def test_a_listing_that_leads_elsewhere_is_not_followed(
    saying: Callable[[dict[str, Answer]], str], archive: LocalArchive, tmp_path: Path
) -> None:
    """A key must never go to another host."""
    listing = json.dumps({"next": f"{archive.url}/dandisets/", "results": []})
    url = saying({"/api/dandisets/000001/versions/0.1.2/assets/": (200, {}, listing)}) + "/api"
    with pytest.raises(DataError, match="which is not its own address: not followed"):
        find(parse_spec("000001@0.1.2/a.nwb"), client_of(url), Known(tmp_path, "x"))
    assert archive.requests == []


@pytest.mark.parametrize("body", ["{}", "[]", '{"results": [1]}', '{"results": null}'])
def test_a_listing_that_is_none_is_said(body: str, saying: Callable[[dict[str, Answer]], str], tmp_path: Path) -> None:
    url = saying({"/api/dandisets/000001/versions/0.1.2/assets/": (200, {}, body)}) + "/api"
    with pytest.raises(DataError, match="answered no listing: is this an archive's address"):
        find(parse_spec("000001@0.1.2/a.nwb"), client_of(url), Known(tmp_path, "x"))


def test_an_asset_without_any_digest_is_refused(saying: Callable[[dict[str, Answer]], str], tmp_path: Path) -> None:
    row = {"asset_id": "i", "path": "a.nwb", "size": 3, "metadata": {"digest": {}}}
    answers: dict[str, Answer] = {
        "/api/dandisets/000001/versions/0.1.2/assets/": (200, {}, json.dumps({"next": None, "results": [row]})),
        "/api/dandisets/000001/versions/0.1.2/assets/i/": (200, {}, '{"digest": {}}'),
    }
    with pytest.raises(DataError, match="gives no digest of it, so what is fetched cannot be verified: try later"):
        find(parse_spec("000001@0.1.2/a.nwb"), client_of(saying(answers) + "/api"), Known(tmp_path, "x"))


def test_metadata_that_a_listing_leaves_out_are_asked_for(
    saying: Callable[[dict[str, Answer]], str], tmp_path: Path
) -> None:
    row = {"asset_id": "i", "path": "a.nwb", "size": 3}
    answers: dict[str, Answer] = {
        "/api/dandisets/000001/versions/0.1.2/assets/": (200, {}, json.dumps({"next": None, "results": [row]})),
        "/api/dandisets/000001/versions/0.1.2/assets/i/": (200, {}, '{"digest": {"dandi:dandi-etag": "AB-1"}}'),
    }
    found = find(parse_spec("000001@0.1.2/a.nwb"), client_of(saying(answers) + "/api"), Known(tmp_path, "x"))
    assert found.assets[0].keys == ("dandi-etag-ab-1",)


def test_a_password_of_a_netrc_is_not_sent(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    archive.add("000001", "draft", {"a.nwb": Path(__file__)})
    client_of(archive.url).json("dandisets/000001/", "x")
    assert not any(seen.authorized for seen in archive.requests)


@pytest.mark.parametrize(("kind", "said"), [("silent", "keeps silent"), ("reset", "the connection to 127.0.0.1:")])
def test_an_api_that_fails_ends_in_an_error(kind: str, said: str, archive: LocalArchive) -> None:
    if kind == "silent":
        archive.faults.silent(side="api")
    else:
        archive.faults.reset(0, side="api", times=None)
    archive.add("000001", "draft", {"a.nwb": Path(__file__)})
    with pytest.raises(DataError, match=said):
        client_of(archive.url, 0.6).json("dandisets/000001/", "x")


def test_a_host_that_does_not_exist_is_said_and_offline_is_named() -> None:
    with pytest.raises(DataError, match=r"no host nowhere.invalid can be found: are you online\? What is in the cache"):
        client_of("https://nowhere.invalid/api", 0.5).json("dandisets/000001/", "x")


def test_nobody_is_asked_by_importing_or_building(archive: LocalArchive) -> None:
    client_of(archive.url)
    client_of(archive.url.removesuffix("/api"))
    assert archive.requests == []
