"""Fitted encoders as a response model: images to the recorded units, through a network's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from spikeproof.acceleration import Accelerable, Cone, Precision
from spikeproof.encoding import Predictor, Selective
from spikeproof.errors import ModelError
from spikeproof.types import Encoder

from .features import Features
from .fitting import EncoderFit

__all__ = ["InSilicoModel", "Part", "in_silico_model"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The units that are predicted from one layer.

    Parameters
    ----------
    features : Features
    predictor : Predictor
    columns : tuple of int
        Which of the predictor's units.
    places : tuple of int
        Where each of them stands among the model's units.
    """

    features: Features
    predictor: Predictor
    columns: tuple[int, ...]
    places: tuple[int, ...]

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) of these units."""
        found = self.predictor.predict(self.features.of(images, self.skipped()))
        return found[:, list(self.columns)]

    def skipped(self) -> frozenset[int]:
        """Networks that none of these units reads."""
        models = self.features.models
        if len(models) == 1 or not isinstance(self.predictor, Selective):
            return frozenset()
        ends = np.cumsum(self.features.sizes)
        read = {int(feature) for column in self.columns for feature in self.predictor.reads(column)}
        used = set(np.searchsorted(ends, sorted(read), side="right").tolist())
        return frozenset(range(len(models))) - used


@dataclass(frozen=True, kw_only=True, eq=False)
class InSilicoModel:
    """Recorded units as an encoder predicts them: see ``spikeproof.types.ResponseModel``.

    Parameters
    ----------
    name : str
        What messages call it.
    units : tuple of str
        The recorded units.
    parts : tuple of Part
        Layer by layer.
    image_shape : tuple of int
        (channel, y, x) of the images that it takes.
    """

    name: str
    units: tuple[str, ...]
    parts: tuple[Part, ...]
    image_shape: tuple[int, int, int]

    @property
    def classes(self) -> None:
        """None: a recorded population has no head of its own."""
        return

    def select(self, units: Sequence[int]) -> InSilicoModel:
        """Return the same units restricted to these columns, in this order; layers that none needs are not run.

        Raises
        ------
        ModelError
            If a column does not exist.
        """
        wanted = [int(unit) for unit in units]
        outside = [unit for unit in wanted if not 0 <= unit < len(self.units)]
        if outside:
            raise ModelError(f"{self.name} has {len(self.units)} units, there is no column {outside[0]}")
        parts = []
        for part in self.parts:
            column_at = dict(zip(part.places, part.columns, strict=True))
            mine = [(place, column_at[unit]) for place, unit in enumerate(wanted) if unit in column_at]
            if mine:
                places, columns = zip(*mine, strict=True)
                parts.append(replace(part, places=places, columns=columns))
        return replace(self, units=tuple(self.units[unit] for unit in wanted), parts=tuple(parts))

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) to images (image, channel, y, x).

        Raises
        ------
        ModelError
            If the network fails, or a prediction is not finite.
        """
        found = torch.cat([part.responses(images) for part in self.parts], dim=1)
        bad = ~torch.isfinite(found.detach())
        if bool(bad.any()):
            raise ModelError(
                f"{self.name}: {int(bad.sum())} of {bad.numel()} predicted responses are NaN or infinite: the encoder "
                "does not bear these images"
            )
        order = np.argsort([place for part in self.parts for place in part.places]).tolist()
        return found[:, order]

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Refuse: there are no class scores."""
        del images
        raise ModelError(f"{self.name} predicts recorded units, which have no class scores of their own")

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Refuse: there are no class scores."""
        return self.responses(images), self.logits(images)

    def accelerate(self, *, precision: Precision, compile: bool) -> InSilicoModel:  # noqa: A002
        """Return the same encoders on faster equivalents of their networks.

        Raises
        ------
        ModelError
            If a network offers none.
        """
        parts = []
        for part in self.parts:
            faster = []
            for model in part.features.models:
                if not isinstance(model, Accelerable):
                    raise ModelError(f"{self.name}: the network behind it offers no faster equivalent")
                faster.append(model.accelerate(precision=precision, compile=compile))
            parts.append(replace(part, features=replace(part.features, models=tuple(faster))))
        return replace(self, parts=tuple(parts))

    def cone(self, column: int) -> Cone | None:
        """What a search on one unit needs: the layer that it is predicted from, and the networks that it reads."""
        part = next(part for part in self.parts if column in part.places)
        alone = self.select([column])
        skipped = alone.parts[0].skipped()
        if len(self.parts) == 1 and not skipped:
            return None
        window = (0, self.image_shape[1], 0, self.image_shape[2])
        if skipped:
            return Cone(window=window, signature=("in-silico unit", self.units[column]), model=alone, unit=0)
        of_layer = self.select(sorted(part.places))
        signature = ("in-silico layer", part.features.layer)
        return Cone(window=window, signature=signature, model=of_layer, unit=sorted(part.places).index(column))


def in_silico_model(
    fit: EncoderFit,
    encoder: Encoder,
    features: Mapping[str, Features],
    *,
    name: str,
    image_shape: tuple[int, int, int],
) -> InSilicoModel:
    """Put together the model of the units that passed the gate.

    Parameters
    ----------
    fit : EncoderFit
    encoder : Encoder
        Restores what was kept.
    features : mapping of str to Features
        By layer.
    name : str
    image_shape : tuple of int

    Raises
    ------
    ModelError
        If no unit passed.
    """
    data, kept = fit.encoding.data, fit.encoding.kept
    if not kept:
        raise ModelError(f"{name}: no unit passed the gate")
    fitted = {unit: column for column, unit in enumerate(fit.fitted)}
    layer_of = dict(zip(data["unit"].values.tolist(), data["layer"].values.tolist(), strict=True))
    parts = []
    for layer, of_layer in fit.layers.items():
        places = tuple(place for place, unit in enumerate(kept) if layer_of[unit] == layer)
        if places:
            parts.append(
                Part(
                    features=features[layer],
                    predictor=encoder.restore(of_layer.state),
                    columns=tuple(fitted[kept[place]] for place in places),
                    places=places,
                )
            )
    return InSilicoModel(name=name, units=kept, parts=tuple(parts), image_shape=image_shape)
