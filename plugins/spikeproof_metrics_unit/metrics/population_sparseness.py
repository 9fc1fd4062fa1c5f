"""Population sparseness as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_unit.sparseness import population_sparseness

__all__ = ["PopulationSparseness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationSparseness:
    """How few units a stimulus drives, mean over stimuli."""

    rectify: Annotated[bool, "Set negative responses to 0; otherwise a code that has any is refused."] = False

    def quantities(self) -> tuple[Quantity, ...]:
        """One number, between 0 and 1."""
        clause = " Negative responses are set to 0." if self.rectify else ""
        return (
            Quantity(
                name="population_sparseness",
                long_name="mean population sparseness",
                units="1",
                definition=(
                    "(1 - a) / (1 - 1/n), a = (mean r)^2 / mean r^2, of n units to one stimulus (Treves & Rolls 1991; "
                    "Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273), mean over stimuli that drive any unit."
                    f"{clause}"
                ),
                lowest=0.0,
                highest=1.0,
                levels={"exponential": 0.5},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Average over stimuli.

        Raises
        ------
        spikeproof.errors.DataError
            If responses are negative and are not to be rectified.
        spikeproof.errors.NotEnoughData
            If there are fewer than two units, or no unit responds to any stimulus.
        """
        values = sample.responses
        if values.shape[1] < 2:
            raise NotEnoughData("population-sparseness: needs at least two units, got 1")
        lowest = float(values.min())
        if lowest < 0 and not self.rectify:
            raise DataError(
                f"population-sparseness: the smallest response is {lowest:.4g}, and sparseness is defined for responses"
                " that are not negative. Read responses that are not (a layer after its ReLU, rates without baseline"
                " subtraction), or set rectify = true in the metric's table (--metric.rectify) to set negative"
                " responses to 0"
            )
        top = float(values.max())
        if top <= 0:
            raise NotEnoughData("population-sparseness: no unit responds to any stimulus")
        own = population_sparseness(np.maximum(values, 0.0) / top)
        return {"population_sparseness": float(np.nanmean(own))}
