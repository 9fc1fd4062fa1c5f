"""How the tests open the networks of ``hostile_nets.py``."""

from __future__ import annotations

from pathlib import Path

import torch
from spikeproof_torch.layer import LayerModel
from spikeproof_torch.model import TorchModel, TorchNetwork

FILE = Path(__file__).with_name("hostile_nets.py")
SHAPE = (1, 6, 6)


def opened(name: str, *, spatial: str = "mean", seed: int = 0) -> TorchNetwork:
    return TorchModel(target=f"{FILE}:{name}", spatial=spatial).load(seed=seed, device="cpu")


def layer(name: str, layer: str = "output", *, spatial: str = "mean") -> LayerModel:
    return opened(name, spatial=spatial).read(layer, image_shape=SHAPE)


def images(count: int = 4, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=dtype)
