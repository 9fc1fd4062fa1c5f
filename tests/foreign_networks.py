"""A small network as a user has it: its parameters require gradients."""

from __future__ import annotations

from typing import Any

import torch
from engine_doubles import Layer, Margin, make_grid
from spikeproof.engine import AttackedTarget, Grid, attack_target
from torch import nn


def network(seed: int = 0, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Softplus(),
            nn.Flatten(),
            nn.Linear(6 * 36, 8),
            nn.Softplus(),
            nn.Linear(8, 3),
        )
    with torch.no_grad():
        net[-1].weight *= 8
    return net.eval().to(dtype)


def pictures(count: int = 5, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return 0.2 + 0.6 * torch.rand((count, 1, 6, 6), generator=torch.Generator().manual_seed(1), dtype=dtype)


def grid_of(net: nn.Module, x: torch.Tensor, **changes: Any) -> Grid:
    layer = Layer(lambda x: net[:4](x), tuple(map(str, range(8))), head=net, classes=("a", "b", "c"))
    return make_grid(layer, x, **({"use_head": True, "epsilons": (0.2, 0.5)} | changes))


def attacked(grid: Grid, attack: Any, **changes: Any) -> AttackedTarget:
    given = {"decision": True, "unit": -1, "target": "behavior", "keep_images": True} | changes
    return attack_target(grid, attack, "theirs", given.pop("objective", Margin()), "behavior", **given)


def labels(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        chosen: torch.Tensor = net(x).argmax(dim=1)
    return chosen
