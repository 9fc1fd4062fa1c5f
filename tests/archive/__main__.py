"""An archive in a process of its own: ``python -m archive`` with ``tests`` on the path.

The first line on stdout is JSON with ``api`` (its URL), ``token`` and ``assets`` (path to its presigned
``url``, ``size``, ``etag`` and ``sha256``); every
line read from stdin is answered with JSON of what was asked and sent since the one before; it ends with stdin.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .server import LocalArchive


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="archive", description=__doc__)
    parser.add_argument("--dandiset", default="000001")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--bandwidth", type=float, default=None, help="bytes per second of one connection")
    parser.add_argument("files", nargs="+", help="PATH_IN_DANDISET=LOCAL_FILE")
    said = parser.parse_args()
    with LocalArchive(latency=said.latency, bandwidth=said.bandwidth) as archive:
        files = {path: Path(file) for path, _, file in (pair.partition("=") for pair in said.files)}
        added = archive.add(said.dandiset, "draft", files)
        about = {
            asset.path: {
                "url": archive.signed(asset),
                "size": asset.size,
                "etag": asset.blob.etag,
                "sha256": asset.blob.sha256,
            }
            for asset in added
            if asset.blob is not None
        }
        _say({"api": archive.url, "token": archive.token, "assets": about})
        done = 0
        for _ in sys.stdin:
            fresh = archive.requests[done:]
            done += len(fresh)
            store = [seen for seen in fresh if seen.side == "s3"]
            _say(
                {
                    "requests": len(store),
                    "bytes": sum(seen.sent for seen in store),
                    "api_requests": len(fresh) - len(store),
                    "ranges": [seen.range for seen in store],
                }
            )


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
