"""A network of a file, shown images at a size of its own: ``torch:v4_networks.py:at("zoo.py", "resnet20", 64)``."""

from __future__ import annotations

import runpy

import torch
from torch import nn
from torch.nn import functional

__all__ = ["at"]


class Resized(nn.Module):
    """Images at another size, averaged where they shrink, so that networks of different sizes share perturbations.

    Parameters
    ----------
    size : int
        Pixels along each side.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (image, channel, y, x) at the size."""
        return functional.interpolate(images, self.size, mode="bilinear", antialias=True, align_corners=False)


def at(file: str, name: str, size: int) -> nn.Module:
    """Build the network ``name`` of a Python file, which is run, behind a change of size.

    Parameters
    ----------
    file, name : str
    size : int
        Pixels along each side.
    """
    network = runpy.run_path(file)[name]()
    return nn.Sequential(Resized(size), network).eval()
