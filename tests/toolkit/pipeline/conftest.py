"""A small study that runs in a second: a tiny network, 24 images in three categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

NETWORK = """
import torch
from torch import nn

def build():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 12), nn.ReLU(), nn.Linear(12, 3))
    return net.eval()

def dead():
    net = build()
    with torch.no_grad():
        net[3].weight[2:5] = 0
    return net

def cut():
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach()
    return nn.Sequential(*build()[:3], Cut(), *build()[3:]).eval()

def masked():
    class Round(nn.Module):
        def forward(self, x):
            return (x * 64).round() / 64
    return nn.Sequential(*build()[:3], Round(), *build()[3:]).eval()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that holds ``nets.py`` and ``images.npz``."""
    (tmp_path / "nets.py").write_text(NETWORK)
    random = np.random.default_rng(0)
    category = np.repeat(np.arange(3), 8)
    pixels = 0.3 * random.random((24, 1, 6, 6)) + 0.2 * category[:, None, None, None] + 0.1
    np.savez(tmp_path / "images.npz", x=pixels.astype(np.float32), y=category)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study() -> dict[str, Any]:
    """The study, as a mapping."""
    return {
        "source": [{"use": "images:images.npz"}],
        "model": [{"use": "torch:nets.py:build", "layers": ["3"], "units": 4}],
        "readout": {"use": "head"},
        "threat": {
            "epsilons": [0.2, 0.4],
            "aims": ["unit", "population", "behavior"],
            "stimuli": 6,
            "controls": ["random", "flipped", "other-unit"],
        },
        "attack": [{"use": "pgd", "steps": 4}],
        "metric": [{"use": "cross-scale"}, {"use": "sensitivity"}],
        "statistics": {"draws": 100},
    }
