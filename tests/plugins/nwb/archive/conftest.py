"""An archive with small files, and a cache of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive import LocalArchive
from spikeproof_nwb.archive.cache import Cache
from spikeproof_nwb.archive.client import Client
from spikeproof_nwb.archive.instance import choose_instance
from spikeproof_nwb.archive.source import DANDI

Dandi = Callable[..., DANDI]
FIRST, SECOND = "sub-1/sub-1_ses-1.nwb", "sub-2/sub-2_ses-1.nwb"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DANDI_INSTANCE", "DANDI_API_KEY", "SPIKEPROOF_CACHE", "SPIKEPROOF_CACHE_SIZE", "SPIKEPROOF_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def archive() -> Iterator[LocalArchive]:
    with LocalArchive() as served:
        yield served


@pytest.fixture
def blob(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of so many bytes that compress badly."""

    def write(size: int = 300_000, seed: int = 0, name: str = "") -> Path:
        path = tmp_path / (name or f"blob-{size}-{seed}")
        path.write_bytes(np.random.default_rng(seed).bytes(size))
        return path

    return write


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10**9)


@pytest.fixture
def client(archive: LocalArchive) -> Client:
    return Client(choose_instance(archive.url), 2.0)


@pytest.fixture
def dandi(archive: LocalArchive, tmp_path: Path) -> Dandi:
    """The source, pointed at the local archive and at a cache of this test's own."""

    def made(target: str, **parameters: Any) -> DANDI:
        given = {"instance": archive.url, "cache": str(tmp_path / "cache"), "timeout": 5.0, **parameters}
        return DANDI(target=target, **given)

    return made
