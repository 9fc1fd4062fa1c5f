"""Answers, as the two halves of the archive give them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Request", "html_not_found", "in_json", "in_xml"]

_NOT_FOUND = (
    '\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  <h1>Not Found</h1>'
    "<p>The requested resource was not found on this server.</p>\n</body>\n</html>\n"
)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: dict[str, str]
    """Names in lower case."""


@dataclass
class Answer:
    """What to answer: a body in memory, or ``length`` bytes of a file from ``start``."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    start: int = 0
    length: int = 0


def in_json(status: int, value: Any, allow: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): said for name, said in headers.items()}
    body = json.dumps(value).encode()
    return Answer(status, {"content-type": "application/json", "allow": allow, **named}, body)


def in_xml(status: int, code: str, message: str, **more: str) -> Answer:
    inner = "".join(f"<{name}>{said}</{name}>" for name, said in more.items())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{inner}'
        "<RequestId>F0000000</RequestId><HostId>local</HostId></Error>"
    )
    return Answer(status, {"content-type": "application/xml"}, body.encode())


def html_not_found() -> Answer:
    return Answer(404, {"content-type": "text/html; charset=utf-8"}, _NOT_FOUND.encode())
