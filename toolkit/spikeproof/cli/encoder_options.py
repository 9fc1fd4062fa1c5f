"""The options ``--encoder.KEY`` that belong to spikeproof itself: every encoder has them."""

from __future__ import annotations

from typing import Literal

from spikeproof._host import Parameter
from spikeproof.study import EncoderSpec

__all__ = ["ENCODER_FIELDS"]

ENCODER_FIELDS: tuple[Parameter, ...] = (
    Parameter(
        name="model",
        type=tuple[str, ...],
        default=None,
        help="Model whose features it reads, as its table is called: needed where there are several.",
    ),
    Parameter(
        name="layers",
        type=tuple[str, ...],
        default=None,
        help="Layers of that model to choose from; those of its table without it.",
    ),
    Parameter(
        name="choose",
        type=Literal["unit", "all"],
        default="unit",
        help="Whether each unit has the layer that predicts it best, or all share one.",
    ),
    Parameter(name="folds", type=int, default=EncoderSpec.FOLDS, help="Folds that the stimuli are split into."),
    Parameter(
        name="min_fit",
        type=float,
        default=EncoderSpec.MIN_FIT,
        help="Held-out correlation below which a unit is left out.",
    ),
    Parameter(
        name="units",
        type=int | Literal["all"],
        default="all",
        help="How many of the units are aimed at one by one, drawn with the seed.",
    ),
)
"""Keys of a table [[encoder]] that are not its component's parameters, in the order of help."""
