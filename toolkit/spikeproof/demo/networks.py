"""Two small networks that read handwritten digits: one trained as usual, one adversarially.

Their weights lie beside this module; ``python -m spikeproof.demo.train`` made them.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load
from torch import nn

__all__ = ["DigitNetwork", "rectified", "robust", "standard"]


class DigitNetwork(nn.Module):
    """Reads 1 x 8 x 8 images in [0, 1] as ten digits; ``hidden`` has 64 units, before the rectification."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.hidden = nn.Linear(32 * 4 * 4, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (image, 10) of images (image, 1, 8, 8)."""
        features = torch.relu(self.conv2(torch.relu(self.conv1(images))))
        scores: torch.Tensor = self.head(torch.relu(self.hidden(features.flatten(1))))
        return scores


def standard() -> DigitNetwork:
    """Return the network that was trained on clean digits."""
    return _trained("standard")


def robust() -> DigitNetwork:
    """Return the network that was trained on adversarial digits (L2, norm 1)."""
    return _trained("robust")


def rectified(network: DigitNetwork, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rectified units of ``hidden``, (image, unit), on images (image, 1, 8, 8)."""
    captured: list[torch.Tensor] = []
    handle = network.hidden.register_forward_hook(lambda _module, _inputs, output: captured.append(output))
    with torch.no_grad():
        network(torch.from_numpy(images))
    handle.remove()
    return captured[0].clamp_min(0).double().numpy()


def _trained(name: str) -> DigitNetwork:
    network = DigitNetwork()
    weights = resources.files("spikeproof.demo").joinpath(f"digits_{name}.safetensors").read_bytes()
    network.load_state_dict(load(weights))
    return network.eval()
