"""Starting is cheap: what is imported, and CPU time, with all dependencies installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = {
    "numpy",
    "torch",
    "xarray",
    "pandas",
    "pynwb",
    "hdmf",
    "h5py",
    "dandi",
    "sklearn",
    "matplotlib",
    "scipy",
    "zarr",
}
PROBE = """
import io, json, sys
from contextlib import redirect_stdout
from spikeproof.cli import execute

with redirect_stdout(io.StringIO()):
    code = execute(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def modules_after(*line: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROBE, *line], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout)
    assert code == 0
    return set(modules)


@pytest.mark.parametrize("line", [["--help"], ["--version"], []])
def test_the_root_imports_typer_only(line: list[str]) -> None:
    loaded = modules_after(*line)
    assert not loaded & (HEAVY | {"pydantic", "rich", "pluggy", "importlib.metadata"})
    toolkit = {name for name in loaded if name.startswith("spikeproof.") and not name.startswith("spikeproof.cli.")}
    assert toolkit <= {"spikeproof.cli", "spikeproof.errors", "spikeproof.lazy"}


@pytest.mark.parametrize(
    "line",
    [["plugins"], ["plugins", "--json"], ["show"], ["show", "attack"], ["run", "--help"], ["inspect", "--help"]]
    + [[name, "--help"] for name in ("stimuli", "demo", "report", "explain", "show", "plugins")],
    ids=" ".join,
)
def test_listings_and_help_import_nothing_heavy(line: list[str]) -> None:
    assert not modules_after(*line) & HEAVY


def test_plugins_does_without_pydantic() -> None:
    assert "pydantic" not in modules_after("plugins")


def cpu_ms(line: list[str], runs: int = 5) -> float:
    resource = pytest.importorskip("resource")

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(usage.ru_utime + usage.ru_stime)

    times = []
    for _ in range(runs):
        before = spent()
        subprocess.run([sys.executable, "-m", "spikeproof", *line], capture_output=True, check=True)
        times.append((spent() - before) * 1000)
    return min(times)


@pytest.mark.parametrize(("line", "limit"), [(["--help"], 200), (["plugins"], 400), (["run", "--help"], 400)])
def test_starting_takes_little_cpu_time(line: list[str], limit: float) -> None:
    assert cpu_ms(line) < limit


@pytest.mark.parametrize(("said", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(said: dict[str, str], policy: str) -> None:
    probe = (
        "import atexit, os, spikeproof.cli as cli\n"
        "atexit.register(lambda: print(os.environ['OMP_WAIT_POLICY']))\n"
        "cli.main()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | said
    done = subprocess.run(
        [sys.executable, "-c", probe, "--version"], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split()[-1] == policy
