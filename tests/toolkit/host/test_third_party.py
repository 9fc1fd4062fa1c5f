"""A plugin in its own distribution, built as a wheel, is used exactly as a built-in is."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from spikeproof._host import Host, parameter_values

SCRIPT = """
import json
from spikeproof._host import Host
host = Host.discover(environ={"SPIKEPROOF_PLUGINS": "spikeproof-blur"})
chosen = host.find("attack", "spikeproof-blur/blur")
component = host.build(chosen, {"width": "5"}, where="here")
parameters = [[item.name, item.default, item.help] for item in host.parameters(chosen)]
print(json.dumps({"provenance": chosen.provenance({"width": component.width}), "parameters": parameters,
                  "state": chosen.plugin.state}))
"""


@pytest.mark.slow
def test_a_wheel_installed_into_a_fresh_environment_is_found_and_used(third_party_python: Path) -> None:
    run = subprocess.run([third_party_python, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["state"] in {"active", "slow"}
    assert found["parameters"] == [["width", 3, "Width of the box, pixels; odd."]]
    assert found["provenance"] == {
        "kind": "attack",
        "name": "blur",
        "target": None,
        "parameters": {"width": 5},
        "plugin": "blur",
        "distribution": "spikeproof-blur",
        "version": "0.3.1",
        "origin": "wheel",
        "revision": 1,
        "reference": None,
    }


def test_a_wheel_on_the_path_stays_in_the_budget(
    third_party_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipfile.ZipFile(third_party_wheel).extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    host = Host.discover(environ={})
    chosen = host.find("attack", "blur")
    assert (chosen.plugin.distribution, chosen.plugin.version) == ("spikeproof-blur", "0.3.1")
    blur = host.build(chosen, {}, where="here")
    assert parameter_values(blur) == {"width": 3}
    clean = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    epsilons = torch.tensor([0.0, 0.1, 100.0])
    shift = blur(None, clean, epsilons, "l2", None) - clean  # type: ignore[operator]
    norms = shift.flatten(2).norm(dim=2)
    assert (norms <= epsilons[:, None] * (1 + 1e-6)).all()
    assert norms[1].tolist() == pytest.approx([0.1] * 3, rel=1e-5)
    for name in [name for name in sys.modules if name.startswith("spikeproof_blur")]:
        del sys.modules[name]
