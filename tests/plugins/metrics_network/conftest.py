"""Golden values: inputs, expected outputs and tolerances, by the name of their file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


class Golden:
    """One file of golden values."""

    def __init__(self, folder: Path, name: str) -> None:
        indices = [json.loads((folder / f"index_{part}.json").read_text()) for part in ("main", "brainscore")]
        self._index = next(index[name] for index in indices if name in index)
        with np.load(folder / f"{name}.npz") as arrays:
            self._arrays = dict(arrays)

    def __getitem__(self, name: str) -> Any:
        return self._arrays[f"in_{name}"]

    def out(self, name: str) -> Any:
        return self._arrays[f"out_{name}"]

    @property
    def outputs(self) -> list[str]:
        return sorted(name.removeprefix("out_") for name in self._arrays if name.startswith("out_"))

    def assert_close(self, ours: Any, name: str, **tolerance: float) -> None:
        rtol, atol = tolerance.get("rtol", self._index["rtol"]), tolerance.get("atol", self._index["atol"])
        np.testing.assert_allclose(ours, self.out(name), rtol=rtol, atol=atol, err_msg=name)


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], Golden]:
    return lambda name: Golden(shared / "golden", name)
