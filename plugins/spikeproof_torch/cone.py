"""Units at one position of a convolutional layer, computed from the part of the image that they depend on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch
from spikeproof.errors import ModelError
from spikeproof.types import Cone, Precision
from torch import fx

from .agreement import agree, noise_images, value_and_gradient
from .cropping import crop_graph, signature_of
from .local_rules import NotLocalError
from .receptive import receptive_field
from .running import Run, runnable

__all__ = ["Cones", "CropModel"]

MOST_WORK = 0.7
"""Share of the whole map's multiplications from which a crop is not worth its trouble."""
_PROBES = 3
"""Images of noise on which a crop is compared with the whole."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CropModel:
    """All channels of a layer at one position, as a map from crops: see ``spikeproof.types.ResponseModel``."""

    run: Run
    where: str
    crop_shape: tuple[int, int, int]
    dtype: torch.dtype
    units: tuple[str, ...]
    classes: None = None
    columns: torch.Tensor | None = None

    def select(self, units: Sequence[int]) -> CropModel:
        """Return the model restricted to these columns, in this order."""
        wanted = [int(unit) for unit in units]
        outside = [unit for unit in wanted if not 0 <= unit < len(self.units)]
        if outside:
            raise ModelError(f"{self.where} has {len(self.units)} units, there is no column {outside[0]}")
        columns = torch.tensor(wanted, dtype=torch.long)
        if self.columns is not None:
            columns = self.columns[columns]
        return replace(self, units=tuple(self.units[unit] for unit in wanted), columns=columns)

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (crop, unit) to crops (crop, channel, y, x)."""
        if tuple(images.shape[1:]) != self.crop_shape:
            raise ModelError(f"{self.where} takes crops of shape {self.crop_shape}, got {tuple(images.shape)}")
        rows = self.run(images.to(self.dtype))[0].flatten(1).to(self.dtype)
        return rows if self.columns is None else rows.index_select(1, self.columns.to(rows.device))

    def logits(self, images: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """There are none: the head needs the whole image."""
        raise ModelError(f"{self.where} has no class scores: they depend on the whole image")

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """There are no class scores: the head needs the whole image."""
        return self.responses(images), self.logits(images)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cones:
    """The cones of a layer, each verified against the whole layer when it is first asked for.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From images to the layer, a tuple of one tensor.
    where : str
        How messages name the layer.
    image_shape : tuple of int
    dtype : torch.dtype
    device : torch.device
    precision, compile
        How crops are computed.
    """

    graph: fx.GraphModule
    where: str
    image_shape: tuple[int, int, int]
    dtype: torch.dtype
    device: torch.device
    precision: Precision
    compile: bool
    _known: dict[tuple[int, int], _Place | None] = field(default_factory=dict)
    _models: dict[Hashable, CropModel | None] = field(default_factory=dict)

    def at(self, position: tuple[int, int], channel: int) -> Cone | None:
        """Return the cone of a channel at a position (y, x); None where it is not smaller than the image."""
        if position not in self._known:
            self._known[position] = self._found(position)
        place = self._known[position]
        if place is None:
            return None
        return Cone(window=place.window, signature=place.signature, model=place.model, unit=channel)

    def _found(self, position: tuple[int, int]) -> _Place | None:
        layer, images = _ends(self.graph.graph)
        try:
            seen = receptive_field(self.graph.graph, layer, position)
        except NotLocalError:
            return None
        if seen.share > MOST_WORK or images not in seen.areas:
            return None
        rows, columns = seen.areas[images]
        window = (rows[0], rows[1], columns[0], columns[1])
        signature = (id(self), signature_of(seen, images))
        if signature not in self._models:
            self._models[signature] = self._verified(crop_graph(self.graph, layer, seen), position, window)
        model = self._models[signature]
        return None if model is None else _Place(window=window, signature=signature, model=model)

    def _verified(
        self, graph: fx.GraphModule, position: tuple[int, int], window: tuple[int, int, int, int]
    ) -> CropModel | None:
        """The model of a crop, or None if it is not, up to rounding, what the whole layer gives there."""
        y0, y1, x0, x1 = window
        images = noise_images(_PROBES, self.image_shape, self.dtype, self.device, "cone")
        whole = value_and_gradient(lambda x: self.graph(x)[0][:, :, position[0], position[1]], images)
        plain = CropModel(
            run=graph,
            where=f"{self.where}, part {window} of the image",
            crop_shape=(self.image_shape[0], y1 - y0, x1 - x0),
            dtype=self.dtype,
            units=tuple(f"c{channel}" for channel in range(whole[0].shape[1])),
        )
        part = value_and_gradient(lambda x: plain.responses(x[:, :, y0:y1, x0:x1]), images)
        if not agree(whole, part):
            return None
        run = runnable(graph, self.device, channels_last=True, precision=self.precision, compile=self.compile)
        return replace(plain, run=run)


@dataclass(frozen=True, kw_only=True)
class _Place:
    window: tuple[int, int, int, int]
    signature: Hashable
    model: CropModel


def _ends(graph: fx.Graph) -> tuple[fx.Node, fx.Node]:
    """The layer and the images."""
    nodes = list(graph.nodes)
    layer = nodes[-1].args[0][0]
    return layer, next(node for node in nodes if node.op == "placeholder")
