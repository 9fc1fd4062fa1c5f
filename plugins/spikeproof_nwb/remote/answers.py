"""What a server answers to a request for a range: whether it is that range, of the file that was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from spikeproof.errors import DataError

from .ranges import Range

__all__ = ["RangeIgnored", "blocks", "check", "etag_of", "host_of", "said"]

_BLOCK = 256 * 1024
"""Bytes received at a time, so that little is held in memory and little is lost when a connection breaks."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangeIgnored(Exception):
    """The server sends the whole file, whatever is asked for."""


def check(response: requests.Response, label: str, etag: str, size: int, asked: Range) -> None:
    """Make sure that an answer is the part that was asked for, of the file that was meant.

    Parameters
    ----------
    response : requests.Response
    label : str
        What messages call the file.
    etag : str
        ETag of the file; empty where that is not known.
    size : int
        Its bytes.
    asked : (int, int)

    Raises
    ------
    RangeIgnored
        If it is all of the file instead.
    DataError
        If it is something else: asking again would not help.
    """
    status, host = response.status_code, host_of(response.url)
    if status in {404, 410}:
        raise DataError(f"{label}: its content is not at {host} any more (status {status})")
    if status in {412, 416}:
        raise _changed(label, host, f"status {status}")
    if status not in {200, 206}:
        raise DataError(f"{label}: {host} answers {status} ({said(response)}) to a request for a range")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DataError(f"{label}: {host} packs the content though it was asked not to: a proxy is in the way")
    if etag and etag_of(response) not in {"", etag}:
        raise _changed(label, host, f"its ETag is {etag_of(response)}, not {etag}")
    start, stop = asked
    if status == 200:
        length = int(response.headers.get("Content-Length", size))
        if length != size:
            raise _changed(label, host, f"it has {length:,} bytes, not {size:,}")
        if asked != (0, size):
            raise RangeIgnored
        return
    got = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if got is None or int(got[1]) != start or int(got[2]) >= stop:
        raise DataError(
            f"{label}: {host} was asked for bytes {start} to {stop - 1} and sent "
            f"{response.headers.get('Content-Range', 'others')}: it does not serve ranges as it should"
        )
    if int(got[3]) != size:
        raise _changed(label, host, f"it has {int(got[3]):,} bytes, not {size:,}")


def blocks(response: requests.Response, most: int) -> Iterator[bytes]:
    """The body, block after block as it comes, and never more of it than was asked for."""
    while most > 0 and (block := response.raw.read1(min(_BLOCK, most), decode_content=False)):
        most -= len(block)
        yield block


def etag_of(response: requests.Response) -> str:
    """The ETag of an answer, without its quotation marks; empty if there is none."""
    return str(response.headers.get("ETag", "")).removeprefix("W/").strip('"')


def said(response: requests.Response) -> str:
    """What an error answer says, in a few words."""
    text = " ".join(re.sub(r"<[^>]*>", " ", response.text[:2000]).split())
    return f"status {response.status_code}" + (f": {text[:120]}" if text else "")


def host_of(url: str) -> str:
    """The server of a URL, with its port."""
    return urlsplit(url).netloc


def _changed(label: str, host: str, why: str) -> DataError:
    return DataError(
        f"{label} is another file at {host} than the archive says, or was changed while it was read ({why}): "
        "run it again; if this goes on, tell the archive's keepers"
    )
