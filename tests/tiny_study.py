"""A study that runs in a second through the command line: tiny networks and 24 images in three categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINE", "NETWORKS", "images", "write_tiny_study"]

NETWORKS = '''
import os
from pathlib import Path

import torch
from torch import nn


class Rounds(nn.Module):
    def forward(self, x):
        return (x * 64).round() / 64


class Cuts(nn.Module):
    def forward(self, x):
        return x.detach()


class Nan(nn.Module):
    def forward(self, x):
        return x + torch.where(x[:, :1] > -9, torch.nan, 0.0)


class NanOnGrey(nn.Module):
    """NaN where the image is nearly flat, as no noise image is."""

    def forward(self, x):
        return x + torch.where(x.flatten(1).std(1)[:, None, None, None] < 0.15, torch.nan, 0.0)


class Unplugged(nn.Module):
    """Breaks after two blocks while a file says so: 'raise', 'nan' or 'kill'."""

    def forward(self, x):
        how = Path("unplugged").read_text() if Path("unplugged").exists() else ""
        if how and len(list(Path("out/blocks").glob("*.nc"))) >= 2:
            if how == "kill":
                os.kill(os.getpid(), 9)
            if how == "raise":
                raise RuntimeError("the cable came off\\n  at the far end")
            return x * torch.nan
        return x


def build():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 12), nn.ReLU(), nn.Linear(12, 3))
    return net.eval()


def after(layer, part):
    parts = list(build())
    return nn.Sequential(*parts[:layer], part, *parts[layer:]).eval()


def masked():
    return after(3, Rounds())


def cut():
    return after(3, Cuts())


def nan():
    return after(3, Nan())


def nan_on_grey():
    return after(0, NanOnGrey())


def unplugged():
    return after(3, Unplugged())


def silent():
    net = build()
    with torch.no_grad():
        net[3].weight.zero_()
    return net


def headless():
    return build()[:1]


def number():
    return 3


def raises():
    raise ValueError("no weights\\nat all")
'''

LINE = (
    "run --source images:images.npz --model torch:nets.py:build --layer 3 --units 3 --epsilons 0.3 --stimuli 4 "
    "--aims unit --controls random --attack pgd --attack.steps 3 --metric sensitivity --draws 100 --device cpu"
)


def images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels (image, channel, y, x) and labels."""
    category = np.repeat(np.arange(3), 8)
    noise = np.random.default_rng(0).random((24, 1, 6, 6))
    return (0.3 * noise + 0.2 * category[:, None, None, None] + 0.1).astype(np.float32), category


def write_tiny_study(folder: Path) -> None:
    """Write ``nets.py`` and ``images.npz``."""
    (folder / "nets.py").write_text(NETWORKS)
    pixels, labels = images()
    np.savez(folder / "images.npz", x=pixels, y=labels)
