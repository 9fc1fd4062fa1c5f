"""Freed memory is kept for the next pass."""

from __future__ import annotations

import subprocess
import sys

import pytest
from spikeproof.engine import heap

_PASSES = """
import resource
import numpy as np
{setting}
def passes(count):
    for _ in range(count):
        arrays = [np.ones(1 << 20) for _ in range(8)]  # 8 MiB each, freed together
        del arrays
passes(2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
passes(10)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(setting: str) -> int:
    line = [sys.executable, "-c", _PASSES.format(setting=setting)]
    return int(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told to keep memory")
def test_passes_ask_the_system_for_pages_once() -> None:
    if not heap.keep_freed_memory():
        pytest.skip("this C library has no mallopt of glibc")
    kept = _faults("from spikeproof.engine.heap import keep_freed_memory\nassert keep_freed_memory()")
    assert kept < 0.1 * _faults("")


def test_nothing_is_done_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert heap.keep_freed_memory.__wrapped__() is False


def test_nothing_is_done_with_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert heap.keep_freed_memory.__wrapped__() is False


def test_an_old_version_is_asked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Old:
        def gnu_get_libc_version(self) -> None: ...

        def mallopt(self, name: int, value: int) -> int:
            asked.append((name, value))
            return int(name != heap.MMAP_THRESHOLD or value <= 1 << 25)

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda _: Old())
    assert heap.keep_freed_memory.__wrapped__() is True
    assert asked == [(heap.MMAP_THRESHOLD, 1 << 29), (heap.MMAP_THRESHOLD, 1 << 25), (heap.TRIM_THRESHOLD, heap.KEPT)]
