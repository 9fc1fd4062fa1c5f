"""Features of a layer, as encoders see them: one row a stimulus, or one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spikeproof.encoding import Mapped
from spikeproof.engine.clean import read_back
from spikeproof.stimuli import StimulusSet
from spikeproof.types import ResponseModel

__all__ = ["Features", "read_features"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """A layer of one network, or of several whose features stand side by side.

    Parameters
    ----------
    layer : str
    models : tuple of ResponseModel
        All units of the layer, network by network.
    shape : tuple of int
        Shape of one stimulus's features: (channel, y, x) where one network gives a map, otherwise (feature,).
    """

    layer: str
    models: tuple[ResponseModel, ...]
    shape: tuple[int, ...]

    @classmethod
    def opened(cls, layer: str, models: tuple[ResponseModel, ...]) -> Features:
        """Ask the networks for the shape of the layer's features."""
        shape = models[0].map_shape if len(models) == 1 and isinstance(models[0], Mapped) else None
        return cls(layer=layer, models=models, shape=shape or (sum(len(model.units) for model in models),))

    def of(self, images: torch.Tensor, skipped: frozenset[int] = frozenset()) -> torch.Tensor:
        """Features (row, ...) of images (row, channel, y, x), differentiable.

        Parameters
        ----------
        images : torch.Tensor
        skipped : frozenset of int
            Networks that are not run: their features are given as 0.
        """
        rows = [
            images.new_zeros(len(images), len(model.units)) if number in skipped else model.responses(images)
            for number, model in enumerate(self.models)
        ]
        together = rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)
        return together.reshape(len(images), *self.shape)


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
    out = np.empty((len(stimuli), sum(len(model.units) for model in features.models)), dtype=np.float32)
    done = 0
    for pixels in stimuli.chunks(batch):
        rows = slice(done, done + len(pixels))
        images = torch.as_tensor(pixels).to(device)
        parts: Sequence[NDArray[np.float64]] = [
            read_back(model, images, stimuli.ids[rows], head=False)[0] for model in features.models
        ]
        out[rows] = np.concatenate(parts, axis=1)
        done = rows.stop
    return out.reshape(len(stimuli), *features.shape)
