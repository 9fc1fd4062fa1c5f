"""Whole images around the parts of them that a search looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .grid import Grid
    from .models import View

__all__ = ["pasted"]


def pasted(grid: Grid, views: Sequence[View], stimuli: Sequence[int], images: torch.Tensor) -> torch.Tensor:
    """Whole images (epsilon, item, channel, y, x) around the parts of them that were searched.

    Parameters
    ----------
    grid : Grid
    views : sequence of View
        How each item was looked at.
    stimuli : sequence of int
        Row of each item's clean image.
    images : torch.Tensor, (epsilon, item, channel, y, x)
    """
    if views[0].window is None:
        return images
    rows = torch.as_tensor(stimuli, device=images.device)
    whole = grid.clean[rows].repeat(len(images), 1, 1, 1, 1).reshape(len(images), len(rows), *grid.clean.shape[1:])
    for row, view in enumerate(views):
        view.crop(whole[:, row])[:] = images[:, row]
    return whole
