"""Metrics of the network in a study: found, refused by name, filed and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof

NETWORK = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 4))

class Exponential(nn.Module):
    def forward(self, x):
        return torch.exp(x.flatten(1)[:, :5])
"""


@pytest.mark.slow
def test_networks_are_looked_into_and_recordings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=rng.random((6, 1, 6, 6), dtype=np.float32))
    np.savez(
        tmp_path / "counts.npz",
        responses=rng.poisson(5.0, (4, 6)).astype(float),
        stimulus_id=[f"{k:05d}" for k in range(6)],
    )
    counts = {"use": f"table:{tmp_path / 'counts.npz'}", "dims": ["unit", "stimulus"], "response_units": "spikes"}
    result = spikeproof.run(
        {
            "source": [{"use": f"images:{tmp_path / 'images.npz'}"}, counts],
            "model": [
                {"use": f"torch:{tmp_path / 'network.py'}:build", "layers": ["0", "output"], "units": 1, "name": "net"},
                {
                    "use": f"torch:{tmp_path / 'network.py'}:Exponential",
                    "layers": ["output"],
                    "units": 1,
                    "name": "exp",
                },
            ],
            "threat": {"norm": "l2", "epsilons": [0.5], "aims": ["population"], "stimuli": 2, "controls": ["random"]},
            "attack": {"use": "pgd", "steps": 3},
            "metric": [{"use": "lipschitz"}, {"use": "filters", "draws": 5}],
            "statistics": {"draws": 100},
        },
        out=tmp_path / "out",
        device="cpu",
    )
    refused = {item["what"]: item["reason"] for item in result.refused}
    for metric in ("lipschitz", "filters"):
        assert refused[f"{metric} of recording"] == f"{metric} looks into a network: recording has none"
        assert not result.has(metric, "recording")
        assert result.has(metric, "net output")
    assert "there is no rule for the operation getitem" in refused["lipschitz of exp output"]
    assert "set bounds to lower" in refused["lipschitz of exp output"]
    assert "no two-dimensional convolution" in refused["filters of exp output"]
    for layer in ("0", "output"):
        summary = result.summary("lipschitz", f"net {layer}").sel(statistic="estimate")
        assert 0 < float(summary["lower"]) <= float(summary["upper"])
        assert summary["attack_stretch"]["perturbation"].values.tolist() == ["pgd", "pgd, random"]
        assert float(np.nanmax(summary["attack_stretch"])) <= float(summary["upper"])
        assert summary["steps"]["step"].values[-1].endswith("units (read from the layer)")
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Lipschitz constant, at most" in report
    assert "orthogonality of filters" in report
