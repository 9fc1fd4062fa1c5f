"""A choice among classes as other libraries want it: a module that maps images to class scores."""

from __future__ import annotations

import torch
from spikeproof.types import Decisions
from torch import nn

__all__ = ["Classifier"]


class Classifier(nn.Module):
    """The classifier that reads some items, which all share it.

    It holds no part of the user's network, so nothing that a library sets on a module (modes, gradients, devices)
    reaches that. An attack may show it any number of images, in any order: every item that it serves stands for every
    other one.

    Parameters
    ----------
    decisions : Decisions
    items : torch.Tensor of int, (served,)
        Of one reader.
    dtype : torch.dtype
        Type of the images that the network takes; libraries may work in another one.
    """

    def __init__(self, decisions: Decisions, items: torch.Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self._decisions, self._items, self._dtype = decisions, items, dtype
        # Libraries look at a parameter to find the device.
        self.device_of = nn.Parameter(torch.empty(0, device=items.device), requires_grad=False)
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (row, class) of images (row, channel, y, x)."""
        count = len(images)
        items = self._items if count == len(self._items) else self._items[:1].expand(count)
        return self._decisions(images.to(self._dtype), items)
