"""Features of a layer, or of several that are joined, as encoders see them: one row a stimulus, or one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from spikeproof.encoding import Mapped
from spikeproof.engine.clean import read_back
from spikeproof.stimuli import StimulusSet
from spikeproof.types import ResponseModel

__all__ = ["Features", "read_features"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """A layer of one network, or several layers and networks whose features stand side by side.

    Where all of them give maps, so do they together: channels stand side by side, and finer maps are averaged over the
    positions of the coarsest.

    Parameters
    ----------
    layer : str
    models : tuple of ResponseModel
        All units of each layer, network by network.
    maps : tuple of (int, int, int)
        (channel, y, x) of each model; empty where some model gives no map.
    """

    layer: str
    models: tuple[ResponseModel, ...]
    maps: tuple[tuple[int, int, int], ...]

    @classmethod
    def opened(cls, layer: str, models: tuple[ResponseModel, ...]) -> Features:
        """Ask the networks for the shape of the layer's features."""
        shapes = [model.map_shape if isinstance(model, Mapped) else None for model in models]
        maps = tuple(shape for shape in shapes if shape is not None)
        return cls(layer=layer, models=models, maps=maps if len(maps) == len(models) else ())

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one stimulus's features: (channel, y, x) where all models give maps, otherwise (feature,)."""
        if not self.maps:
            return (sum(self.sizes),)
        channels, rows, columns = zip(*self.maps, strict=True)
        return (sum(channels), min(rows), min(columns))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many of the features are of each model; they stand in this order."""
        if not self.maps:
            return tuple(len(model.units) for model in self.models)
        _, rows, columns = self.shape
        return tuple(shape[0] * rows * columns for shape in self.maps)

    def of(self, images: torch.Tensor, skipped: frozenset[int] = frozenset()) -> torch.Tensor:
        """Features (row, ...) of images (row, channel, y, x), differentiable.

        Parameters
        ----------
        images : torch.Tensor
        skipped : frozenset of int
            Networks that are not run: their features are given as 0.
        """
        return self.together(
            [
                images.new_zeros(len(images), len(model.units)) if number in skipped else model.responses(images)
                for number, model in enumerate(self.models)
            ]
        )

    def together(self, responses: Sequence[torch.Tensor]) -> torch.Tensor:
        """Features (row, ...) of what each model responds, (row, unit)."""
        parts = list(responses)
        if len(parts) > 1 and self.maps:
            _, rows, columns = self.shape
            parts = [
                _averaged(part.reshape(len(part), *shape), rows, columns).flatten(1)
                for part, shape in zip(parts, self.maps, strict=True)
            ]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return joined.reshape(len(joined), *self.shape)


def _averaged(maps: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Maps (row, channel, y, x) averaged over as many cells, which share positions where they do not divide the map.

    Matrix products, since the gradient of torch's adaptive pooling is not deterministic on every device.
    """
    if maps.shape[2:] == (rows, columns):
        return maps
    down, across = (
        functional.adaptive_avg_pool1d(torch.eye(size, dtype=maps.dtype), cells).to(maps.device)
        for size, cells in zip(maps.shape[2:], (rows, columns), strict=True)
    )
    return down.T @ maps @ across


def read_features(features: Features, stimuli: StimulusSet, *, batch: int, device: str) -> NDArray[np.float32]:
    """Features of every stimulus, (stimulus, channel, y, x) or (stimulus, feature).

    Parameters
    ----------
    features : Features
    stimuli : StimulusSet
    batch : int
        Images in one pass.
    device : str

    Raises
    ------
    ModelError
        If a feature is not finite; the stimulus and the unit are named.
    """
    out = np.empty((len(stimuli), *features.shape), dtype=np.float32)
    done = 0
    for pixels in stimuli.chunks(batch):
        rows = slice(done, done + len(pixels))
        images = torch.as_tensor(pixels).to(device)
        parts: Sequence[NDArray[np.float64]] = [
            read_back(model, images, stimuli.ids[rows], head=False)[0] for model in features.models
        ]
        out[rows] = features.together([torch.from_numpy(part.astype(np.float32)) for part in parts]).numpy()
        done = rows.stop
    return out
