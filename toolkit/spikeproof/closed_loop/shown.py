"""The clean images of a study as they are shown, in grey levels, and what the model answers to images of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.engine.clean import read_back

from .rounding import LEVELS, level_norm, to_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.engine import Grid
    from spikeproof.plugin import Scale

__all__ = ["ShownGrid"]


class ShownGrid:
    """The clean images of a grid as they are shown, and what the model answers to them.

    Parameters
    ----------
    grid : Grid
    code : Code
        The clean code of the system.
    categories : mapping of str to str
        Category of each stimulus, where there are any.
    """

    def __init__(self, grid: Grid, code: Code, categories: Mapping[str, str]) -> None:
        self.grid, self.code, self.categories = grid, code, categories

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """Clean images as they are shown, (stimulus, channel, y, x)."""
        return to_levels(self.grid.clean.cpu().numpy())

    @cached_property
    def answers(self) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
        """Responses (stimulus, unit) and choices (stimulus,) to the clean images as they are shown."""
        return self.read(self.levels, np.arange(len(self.grid.stimulus_ids)))

    def read(
        self, levels: NDArray[np.uint8], stimuli: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
        """Responses (image, unit) and choices (image,) of images in grey levels, made of these rows of the grid."""
        grid = self.grid
        names = [grid.stimulus_ids[row] for row in stimuli]
        responses, scores = [], []
        for start in range(0, len(levels), grid.batch):
            part = torch.as_tensor(levels[start : start + grid.batch].astype(np.float32) / np.float32(LEVELS))
            found, logits = read_back(
                grid.model,
                part.to(device=grid.device, dtype=grid.clean.dtype),
                names[start : start + grid.batch],
                head=grid.use_head,
            )
            responses.append(found)
            scores += [] if logits is None else [logits]
        every = np.concatenate(responses)
        return every, grid.choices(every, np.concatenate(scores) if scores else None, stimuli)

    def norm(self, levels: NDArray[np.uint8], stimulus: int) -> float:
        """Norm of what images in grey levels differ in from a clean image as it is shown."""
        difference = levels.astype(np.int64) - self.levels[stimulus].astype(np.int64)
        return level_norm(np.asarray(difference), self.grid.norm)

    def effect(
        self,
        responses: NDArray[np.float64],
        choices: NDArray[np.intp] | None,
        clean: NDArray[np.float64],
        clean_choices: NDArray[np.intp] | None,
        *,
        scale: Scale,
        unit: int,
    ) -> NDArray[np.float64]:
        """What is predicted at the scale that was aimed at, (image,); see the manifest's ``predicted_effect``."""
        if scale == "unit" and unit >= 0:
            return np.asarray(responses[:, unit] - clean[:, unit])
        if scale == "behavior" and choices is not None and clean_choices is not None:
            return np.asarray(choices != clean_choices, dtype=np.float64)
        return np.asarray(self.code.population_distance(responses, clean))
