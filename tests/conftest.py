"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, networks and golden values; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("SPIKEPROOF_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the shared data: no {folder}; set SPIKEPROOF_SHARED to the folder that holds data/ and golden/")
    return folder
