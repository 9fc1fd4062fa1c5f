"""Lifetime sparseness as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_unit.sparseness import treves_rolls_activity

__all__ = ["LifetimeSparseness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeSparseness:
    """How few stimuli drive a unit, mean over units."""

    rectify: Annotated[bool, "Set negative responses to 0; otherwise a code that has any is refused."] = False

    def quantities(self) -> tuple[Quantity, ...]:
        """Sparseness, and the activity that it is made of."""
        clause = " Negative responses are set to 0." if self.rectify else ""
        what = f"of a unit's responses to n stimuli, mean over units that respond to any of them.{clause}"
        return (
            Quantity(
                name="lifetime_sparseness",
                long_name="mean lifetime sparseness",
                units="1",
                definition=(
                    "(1 - a) / (1 - 1/n), a = (mean r)^2 / mean r^2 (Vinje & Gallant 2000, "
                    f"doi:10.1126/science.287.5456.1273), {what}"
                ),
                lowest=0.0,
                highest=1.0,
                levels={"exponential": 0.5},
                headline=True,
            ),
            Quantity(
                name="treves_rolls_activity",
                long_name="mean Treves-Rolls activity",
                units="1",
                definition=f"a = (mean r)^2 / mean r^2 (Treves & Rolls 1991) {what}",
                lowest=0.0,
                highest=1.0,
                levels={"alike to all": 1.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Average over units.

        Raises
        ------
        spikeproof.errors.DataError
            If responses are negative and are not to be rectified.
        spikeproof.errors.NotEnoughData
            If there are fewer than two stimuli, or no unit responds to any.
        """
        values = sample.responses
        if len(values) < 2:
            raise NotEnoughData(f"lifetime-sparseness: needs at least two stimuli, got {len(values)}")
        lowest = float(values.min())
        if lowest < 0 and not self.rectify:
            raise DataError(
                f"lifetime-sparseness: the smallest response is {lowest:.4g}, and sparseness is defined for responses "
                "that are not negative. Read responses that are not (a layer after its ReLU, rates without baseline "
                "subtraction), or set rectify = true in the metric's table (--metric.rectify) to set negative "
                "responses to 0"
            )
        top = float(values.max())
        if top <= 0:
            raise NotEnoughData("lifetime-sparseness: no unit responds to any stimulus")
        activity = float(np.nanmean(treves_rolls_activity(np.maximum(values, 0.0) / top)))
        return {
            "lifetime_sparseness": (1 - activity) / (1 - 1 / len(values)),
            "treves_rolls_activity": activity,
        }
