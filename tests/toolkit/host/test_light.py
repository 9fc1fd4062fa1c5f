"""Listing every plugin imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "numpy",
    "torch",
    "pandas",
    "xarray",
    "scipy",
    "sklearn",
    "pynwb",
    "h5py",
    "pydantic",
    "typer",
    "rich",
    "matplotlib",
}
SCRIPT = """
import json, sys
from spikeproof._host import Host
host = Host.discover(environ={"SPIKEPROOF_NO_PLUGINS": "1"})
for kind in ("source", "model", "encoder", "readout", "objective", "attack", "metric"):
    host.entries(kind)
print(json.dumps([sorted(sys.modules), [[p.name, p.state, p.error, p.import_ms] for p in host.plugins]]))
"""


def test_discovery_imports_the_standard_library_pluggy_and_packaging_only() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    modules, plugins = json.loads(run.stdout)
    assert not HEAVY & set(modules)
    built_in = {name: (state, error) for name, state, error, _ in plugins if state != "disabled"}
    broken = {name: found for name, found in built_in.items() if found[0] not in {"active", "slow"}}
    assert not broken
    assert {"nwb", "images", "simulate", "torch", "readouts", "objectives", "attacks", "activity"} <= set(built_in)
