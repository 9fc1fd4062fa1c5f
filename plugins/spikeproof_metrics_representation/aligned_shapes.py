"""Shape distance of two systems, or of perturbed and clean responses, as a score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from spikeproof.errors import BadParameter
from spikeproof.types import Quantity, Sample

from .compared import sides, within
from .shape import shape_distance

__all__ = ["ShapeDistance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeDistance:
    """Angle that is left between two representations after the best alignment."""

    alpha: Annotated[
        float,
        "1 allows rotations (Procrustes), 0 any linear map (needs more stimuli than units), values between them part of"
        " it.",
    ] = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise BadParameter(
                f"shape-distance: alpha must lie between 0 (any linear map) and 1 (rotations), got {self.alpha}"
            )

    def quantities(self) -> tuple[Quantity, ...]:
        """The distance."""
        return (
            Quantity(
                name="shape_distance",
                long_name="shape distance",
                units="rad",
                definition=(
                    "arccos(nuclear norm of X'Y / (|X| |Y|)), X and Y the centred responses of each side, whitened by "
                    f"the part 1 - alpha (alpha = {self.alpha:g}): the angle after the best rotation (Williams et al. "
                    "2021, arXiv:2110.14739); a metric, 0 to pi/2. Noise, and few stimuli for many units, move it: "
                    "read it against ceiling and chance level."
                ),
                lowest=0.0,
                highest=math.pi / 2,
                levels={"identical": 0.0},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute it.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than 3 stimuli, a side is the same for all of them, or, with alpha 0, there are not more
            stimuli than units.
        spikeproof.errors.DataError
            If, with alpha 0, units depend on each other.
        """
        responses, reference = sides(sample, "shape-distance", stimuli=3)
        distance = shape_distance(responses, reference, alpha=self.alpha)
        return {"shape_distance": within(distance, 0.0, math.pi / 2)}
