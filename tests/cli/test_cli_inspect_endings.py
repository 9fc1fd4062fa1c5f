"""Which source inspects a file or folder whose name several could claim."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.nwb.zarr", "spikeproof: error: a.nwb.zarr is a folder without .zgroup or zarr.json, so no Zarr store"),
        ("a.zarr", "spikeproof: error: table:a.zarr: "),
    ],
)
def test_the_longer_ending_decides(cli: Cli, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).mkdir()
    done = cli("inspect", name)
    assert done.code == 1
    assert done.err.startswith(said)
