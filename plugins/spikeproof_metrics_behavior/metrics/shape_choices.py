"""Shape bias of a code's choices as a function of stimuli, clean or perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_behavior.cue_conflict import shape_bias, shape_of, texture_of

__all__ = ["ShapeChoices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeChoices:
    """Whether choices follow the shape or the texture of images in which the two conflict."""

    textures: Annotated[
        tuple[str, ...],
        "STIMULUS=CATEGORY of every texture, where the names of images don't say it; the shape is then the stimulus's "
        "own category. Empty: names such as bird3-clock2.png.",
    ] = ()

    def __post_init__(self) -> None:
        for given in self.textures:
            name, _, category = given.rpartition("=")
            if not name or not category:
                raise BadParameter(f"shape-choices: textures are given as STIMULUS=CATEGORY, got {given!r}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Shape bias, and the share of choices that it rests on."""
        said = "as the study gives both" if self.textures else "both are read from names such as bird3-clock2.png"
        names = f"{said}; images in which they agree are left out"
        return (
            Quantity(
                name="choice_shape_bias",
                long_name="shape bias of the code's choices",
                units="share of decisions",
                definition=(
                    "Choices of the shape over choices of the shape or the texture (Geirhos et al. 2019, "
                    f"arXiv:1811.12231); {names}."
                ),
                lowest=0.0,
                highest=1.0,
                levels={"as often the texture": 0.5},
                headline=True,
            ),
            Quantity(
                name="cue_choices",
                long_name="choices of the shape or the texture",
                units="share of stimuli",
                definition=f"Share of the images in conflict on which either is chosen; {names}.",
                lowest=0.0,
                highest=1.0,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Count the choices.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no choices, no image is in conflict, or neither cue is ever chosen.
        spikeproof.errors.DataError
            If an image is not named after its shape and its texture, or none of the textures given is its own.
        """
        if sample.choices is None or sample.stimuli is None:
            raise NotEnoughData("shape-choices needs choices, and the names of the stimuli")
        found = shape_bias(sample.choices, *self._cues(sample, sample.stimuli))
        return {"choice_shape_bias": found.bias, "cue_choices": found.decisions / found.conflicts}

    def _cues(self, sample: Sample, names: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Categories of shape and texture, (stimulus,) each."""
        if not self.textures:
            return (
                np.array([shape_of(name) for name in names.tolist()]),
                np.array([texture_of(name) for name in names.tolist()]),
            )
        if sample.labels is None:
            raise NotEnoughData(
                "shape-choices: where textures are given, the shape is the category, and there are none"
            )
        known = {name: category for name, _, category in (given.rpartition("=") for given in self.textures)}
        lacking = [name for name in names.tolist() if name not in known]
        if lacking:
            raise DataError(
                f"shape-choices: textures name none for stimulus {lacking[0]!r} ({len(lacking)} such stimuli): add "
                f"{lacking[0]}=CATEGORY"
            )
        return sample.labels, np.array([known[name] for name in names.tolist()])
