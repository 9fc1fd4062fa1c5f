"""Whatever goes wrong between us and a server ends in the right bytes or in one clear error, within a bounded time."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import urllib3
from archive import Asset, LocalArchive
from spikeproof.errors import DataError
from spikeproof_nwb.archive.client import new_session
from spikeproof_nwb.remote import transfer as transfer_module
from spikeproof_nwb.remote.partial import Partial
from spikeproof_nwb.remote.transfer import Transfer

SIZE = 300_000
CONTENT = np.random.default_rng(1).integers(0, 256, SIZE).astype(np.uint8).tobytes()


class Fetching:
    """One file of a local archive, and a transfer of it into a folder."""

    def __init__(self, archive: LocalArchive, asset: Asset, folder: Path) -> None:
        self.archive, self.asset, self.folder = archive, asset, folder
        self.resolved = 0

    def resolve(self) -> tuple[str, Mapping[str, str]]:
        self.resolved += 1
        return self.archive.signed(self.asset), {}

    def fetch(self, *ranges: tuple[int, int], limit: float = 5.0, threads: int = 4, **more: Any) -> None:
        assert self.asset.blob is not None
        given: dict[str, Any] = {
            "label": "dandi:000001/x.nwb",
            "etag": self.asset.blob.etag,
            "resolve": self.resolve,
            "session": new_session(),
            "limit": limit,
            "threads": threads,
        }
        with Partial(self.folder, SIZE) as partial:
            transfer = Transfer(**given | {"partial": partial} | more)
            try:
                transfer.fetch([gap for start, stop in ranges for gap in partial.missing(start, stop)])
            finally:
                transfer.close()

    def kept(self) -> int:
        """Bytes that are kept, every one of which is right."""
        with Partial(self.folder, SIZE) as partial:
            view, right = bytearray(SIZE), 0
            partial.missing(0, SIZE)
            partial.readinto(0, memoryview(view))
            start = 0
            for gap, end in [*partial.missing(0, SIZE), (SIZE, SIZE)]:
                assert view[start:gap] == CONTENT[start:gap]
                right, start = right + gap - start, end
            return right


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_module, "_LEAST", 10_000)
    monkeypatch.setattr(transfer_module, "_MOST", 20_000)
    monkeypatch.setattr(transfer_module, "_GAP", 100)


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Fetching]:
    (tmp_path / "x.nwb").write_bytes(CONTENT)
    with LocalArchive() as archive:
        (asset,) = archive.add("000001", "draft", {"x.nwb": tmp_path / "x.nwb"})
        yield Fetching(archive, asset, tmp_path / "kept")


def test_ranges_come_in_parallel_and_are_kept(fetching: Fetching) -> None:
    fetching.fetch((0, 50_000), (100_000, 200_000))
    assert fetching.kept() == 150_000
    assert fetching.archive.sent == 150_000
    assert len(fetching.archive.requests) > 4
    assert fetching.resolved == 1


FAULTS: dict[str, Callable[[LocalArchive], None]] = {
    "503_with_retry_after": lambda archive: archive.faults.status(503, retry_after=0.05, times=3),
    "429_with_retry_after": lambda archive: archive.faults.status(429, retry_after=0.05, times=3),
    "500": lambda archive: archive.faults.status(500, retry_after=0.01, times=2),
    "reset_in_mid_body": lambda archive: archive.faults.reset(5000, times=3),
    "body_cut_short": lambda archive: archive.faults.cut(5000, times=3),
    "slow_first_byte": lambda archive: archive.faults.slow_first_byte(0.3, times=2),
    "expired_in_mid_stream": lambda archive: archive.faults.expire(after=3),
    "expired_twice": lambda archive: (archive.faults.expire(after=2), archive.faults.expire(after=6))[0],
    "ignores_ranges": lambda archive: archive.faults.ignore_range(),
    "ignores_ranges_once": lambda archive: archive.faults.ignore_range(times=1),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("threads", [1, 4])
def test_passing_fault_ends_in_the_right_bytes(
    fetching: Fetching, fault: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    FAULTS[fault](fetching.archive)
    began = time.monotonic()
    fetching.fetch((0, 90_000), (120_000, 260_000), threads=threads)
    assert time.monotonic() - began < 5
    assert fetching.kept() >= 230_000
    assert fetching.resolved == {"expired_in_mid_stream": 2, "expired_twice": 3}.get(fault, 1)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for hundredths of what is waited for between tries."""
    asleep = Transfer._sleep
    monkeypatch.setattr(Transfer, "_sleep", lambda self, seconds: asleep(self, seconds / 100))


LASTING: dict[str, tuple[Callable[[LocalArchive], None], float, str]] = {
    "busy": (
        lambda archive: archive.faults.status(503, times=None),
        30.0,
        r"is busy or broken \(status 503\) \(6 tries in 0 s\): try again later",
    ),
    "busy_for_long": (
        lambda archive: archive.faults.status(429, retry_after=3600, times=None),
        30.0,
        r"is busy or broken \(status 429\), and it asks to wait 3600 s: try again after that",
    ),
    "always_cut": (
        lambda archive: archive.faults.cut(0, times=None),
        30.0,
        r"the connection to .* broke \(ProtocolError\) \(6 tries in",
    ),
    "silent": (lambda archive: archive.faults.silent(), 0.4, "keeps silent"),
    "port_closed": (lambda archive: archive.close_port("s3"), 30.0, r"nobody answers at .* \(connection refused\)"),
    "gone": (
        lambda archive: archive.faults.status(404, times=None),
        30.0,
        r"its content is not at \S+ any more \(status 404\)",
    ),
    "odd": (
        lambda archive: archive.faults.status(405, times=None),
        30.0,
        r"answers 405 \(status 405: SlowDown\) to a request for a range",
    ),
    "refused": (
        lambda archive: archive.faults.status(403, times=None),
        30.0,
        r"refuses the content, also at a fresh address \(status 403: SlowDown\): if it is embargoed, check that your",
    ),
    "past_the_end": (
        lambda archive: archive.faults.status(416, times=None),
        30.0,
        r"is another file at \S+ than the archive says, or was changed while it was read \(status 416\): run it again",
    ),
}


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("threads", [1, 4])
def test_lasting_fault_ends_in_one_clear_error_soon(
    fetching: Fetching, fault: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    strike, limit, said = LASTING[fault]
    fetching.fetch((0, 20_000))
    strike(fetching.archive)
    began = time.monotonic()
    with pytest.raises(DataError, match="^dandi:000001/x.nwb.*" + said):
        fetching.fetch((0, 90_000), (120_000, 260_000), limit=limit, threads=threads)
    assert time.monotonic() - began < 2
    assert fetching.kept() == 20_000


def test_what_came_before_the_fault_is_kept_and_not_fetched_again(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fetching.archive.faults.cut(4000, times=1)
    with pytest.raises(DataError, match="its content is not at"):
        fetching.fetch((0, 10_000), threads=1, session=Once(new_session()))
    assert fetching.kept() == 4000
    asked = len(fetching.archive.requests)
    fetching.fetch((0, 10_000))
    assert fetching.kept() == 10_000
    assert [seen.range for seen in fetching.archive.requests[asked:]] == ["bytes=4000-9999"]


class Once:
    """A session whose second request finds nothing."""

    def __init__(self, session: requests.Session) -> None:
        self.session, self.asked = session, 0

    def get(self, url: str, **more: Any) -> requests.Response:
        self.asked += 1
        return self.session.get(url if self.asked == 1 else url.replace("/blobs/", "/nothing/").split("?")[0], **more)

    def close(self) -> None:
        self.session.close()


def test_file_that_changes_on_the_server_is_never_mixed(fetching: Fetching, tmp_path: Path) -> None:
    fetching.fetch((0, 10_000), etag="")
    (tmp_path / "other.nwb").write_bytes(CONTENT[::-1])
    fetching.archive.change(fetching.asset, tmp_path / "other.nwb")
    old = fetching.asset.blob
    assert old is not None
    with pytest.raises(DataError, match=r"is another file at .* \(status 412\): run it again"):
        fetching.fetch((0, 50_000), etag="e" * 32 + "-1")
    assert fetching.kept() == 10_000


ODD: dict[str, tuple[int, dict[str, str], str]] = {
    "other_etag": (206, {"ETag": '"b"', "Content-Range": "bytes 0-99/300000"}, r"\(its ETag is b, not a\)"),
    "other_size": (206, {"Content-Range": "bytes 0-99/200000"}, r"\(it has 200,000 bytes, not 300,000\)"),
    "other_length": (200, {"Content-Length": "7"}, r"\(it has 7 bytes, not 300,000\)"),
    "other_range": (206, {"Content-Range": "bytes 5-99/300000"}, r"asked for bytes 0 to 99 and sent bytes 5-99/300000"),
    "no_range": (206, {}, r"asked for bytes 0 to 99 and sent others: it does not serve ranges as it should"),
    "packed": (206, {"Content-Encoding": "gzip"}, r"packs the content though it was asked not to: a proxy is in the"),
}


@pytest.mark.parametrize(("status", "headers", "said"), ODD.values(), ids=ODD)
def test_answer_that_is_not_what_was_asked_for_is_refused(
    tmp_path: Path, status: int, headers: dict[str, str], said: str
) -> None:
    class Answering:
        def get(self, url: str, **_: object) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer.url = status, url
            answer.headers.update(headers)
            answer.raw = urllib3.HTTPResponse(io.BytesIO(b"x" * 100), preload_content=False)
            return answer

        def close(self) -> None: ...

    with Partial(tmp_path / "kept", SIZE) as partial:
        transfer = Transfer(
            label="x.nwb",
            etag="a",
            resolve=lambda: ("http://store.example/x", {}),
            partial=partial,
            session=Answering(),  # type: ignore[arg-type]
            limit=1.0,
            threads=1,
        )
        with pytest.raises(DataError, match=r"^x\.nwb.*store\.example.*" + said):
            transfer.fetch([(0, 100)])
        assert partial.missing(0, 100) == [(0, 100)]


def test_large_file_on_a_server_without_ranges_is_refused(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_module, "_WHOLE", 1000)
    fetching.archive.faults.ignore_range()
    with pytest.raises(DataError, match=re.escape("0.0 GB, whatever part is asked for, so it cannot be streamed")):
        fetching.fetch((0, 90_000))


def test_server_without_ranges_is_asked_once_for_everything(fetching: Fetching) -> None:
    fetching.archive.faults.ignore_range()
    fetching.fetch((0, 90_000), threads=1)
    assert fetching.kept() == SIZE
    assert fetching.archive.requests[-1].sent == SIZE


def test_broken_whole_file_begins_anew(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    fetching.archive.faults.ignore_range()
    fetching.archive.faults.cut(100_000, times=2)  # of the request for a range, and of the one for the whole file
    fetching.fetch((0, 10), threads=1)
    assert fetching.kept() == SIZE
    assert [seen.sent for seen in fetching.archive.requests[1:]][:1] == [100_000]
    assert fetching.archive.requests[-1].sent == SIZE
