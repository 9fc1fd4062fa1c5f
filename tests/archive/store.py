"""The object store's half: presigned URLs, ranges, preconditions."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

from .answers import Answer, Request, in_xml
from .holdings import Holdings, md5

__all__ = ["BUCKET", "Store"]

BUCKET = "dandi-dandisets"
EXPIRES = 21600  # s, as the archive signs


class Store:
    """Objects by key, behind URLs that were signed here or, where nothing is embargoed, without."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self.url = ""
        self._signed: dict[str, tuple[str, bool]] = {}
        self._lock = threading.Lock()

    def plain(self, key: str) -> str:
        """The URL of an object, unsigned."""
        return f"{self.url}/{BUCKET}/{quote(key)}"

    def sign(self, key: str, filename: str | None = None) -> str:
        """A presigned URL; ``filename`` is what a browser will call the download."""
        now = datetime.now(UTC)
        with self._lock:
            signature = hashlib.sha256(f"{key} {now} {len(self._signed)}".encode()).hexdigest()
            self._signed[signature] = (key, True)
        said = "" if filename is None else _disposition(filename) + "&"
        credential = f"localAccessKey%2F{now:%Y%m%d}%2Fus-east-1%2Fs3%2Faws4_request"
        return (
            f"{self.plain(key)}?{said}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}"
            f"&X-Amz-Date={now:%Y%m%dT%H%M%SZ}&X-Amz-Expires={EXPIRES}&X-Amz-SignedHeaders=host"
            f"&X-Amz-Signature={signature}"
        )

    def expire(self) -> None:
        """Let every URL that was signed so far expire."""
        with self._lock:
            self._signed = {signature: (key, False) for signature, (key, _) in self._signed.items()}

    def answer(self, request: Request) -> Answer:
        prefix, key = f"/{BUCKET}/", unquote(request.path)
        if not key.startswith(prefix):
            return in_xml(404, "NoSuchBucket", "The specified bucket does not exist")
        key = key[len(prefix) :]
        asked = parse_qs(request.query)
        signature = asked.get("X-Amz-Signature", [""])[0]
        if signature and "authorization" in request.headers:
            return in_xml(400, "InvalidArgument", "Only one auth mechanism allowed")
        refused = self._refused(key, signature)
        if refused is not None:
            return refused
        found = self._object(key)
        if found is None:
            return in_xml(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        file, etag, modified, kind, _ = found
        wanted = request.headers.get("if-match", etag)
        if wanted.strip('"') != etag and wanted != "*":
            return in_xml(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        headers = {
            "content-type": kind,
            "etag": f'"{etag}"',
            "last-modified": format_datetime(modified.replace(microsecond=0), usegmt=True),
            "accept-ranges": "bytes",
        }
        if "response-content-disposition" in asked and request.method == "GET":
            headers["content-disposition"] = asked["response-content-disposition"][0]
        size = file.stat().st_size
        start, stop = _range(request.headers.get("range"), size)
        if start >= size > 0 or (start == stop and size > 0):
            said = request.headers.get("range", "").removeprefix("bytes=")
            return in_xml(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
                RangeRequested=said,
                ActualObjectSize=f"{size}",
            )
        partial = (start, stop) != (0, size) or _RANGE.fullmatch(request.headers.get("range", "")) is not None
        if partial:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        return Answer(206 if partial else 200, headers, file=file, start=start, length=stop - start)

    def _refused(self, key: str, signature: str) -> Answer | None:
        if not signature:
            found = self._object(key)
            closed = found is not None and found[4]
            return in_xml(403, "AccessDenied", "Access Denied") if closed else None
        signed, fresh = self._signed.get(signature, ("", False))
        if signed != key:
            return in_xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        if not fresh:
            return in_xml(
                403,
                "AccessDenied",
                "Request has expired",
                Expires="2020-01-01T00:00:00Z",
                ServerTime="2020-01-01T06:00:01Z",
            )
        return None

    def _object(self, key: str) -> tuple[Path, str, datetime, str, bool] | None:
        """File, ETag, time of change, media type, and whether it is embargoed."""
        blob = self.holdings.blobs.get(key)
        if blob is not None:
            return blob.file, blob.etag, blob.modified, "application/octet-stream", blob.embargoed
        head, _, rest = key.partition("/")
        zarr_id, _, name = rest.partition("/")
        zarr = self.holdings.zarrs.get(zarr_id) if head == "zarr" else None
        file = zarr.files().get(name) if zarr is not None else None
        if zarr is None or file is None:
            return None
        etag = md5(file.read_bytes())
        guessed = "application/json" if file.name.startswith(".z") else mimetypes.guess_type(file.name)[0]
        return file, etag, zarr.modified, guessed or "application/octet-stream", zarr.embargoed


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _range(said: str | None, size: int) -> tuple[int, int]:
    """Start and stop of what was asked for; the whole object where that is not one well-formed range."""
    match = _RANGE.fullmatch(said or "")
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    return int(first), size if not last else max(min(int(last) + 1, size), int(first))


def _disposition(filename: str) -> str:
    return "response-content-disposition=" + quote(f'attachment; filename="{filename}"', safe="")
