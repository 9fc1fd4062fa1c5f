"""Concentration of a readout's weights as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .concentration import readout_concentration
from .decoding import Decoder, check_categories, one_thread, readout_weights

__all__ = ["ReadoutConcentration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutConcentration:
    """How many units a linear readout of the categories rests on."""

    decoder: Annotated[Decoder, "Linear classifier; it is fitted some 160 times for each set of responses."] = "ridge"
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.c < float("inf"):
            raise BadParameter(f"readout-concentration: c must be positive and finite, got {self.c}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Units, and the share of all units."""
        how = (
            f"(sum w_i^2)^2 / sum w_i^4 of the weights of a {self.decoder} classifier (C = {self.c:g}) of all stimuli, "
            "units standardised, w_i^2 summed over categories"
        )
        return (
            Quantity(
                name="readout_units",
                long_name="units that a readout rests on",
                units="units",
                definition=f"{how}: 1 where one unit carries all weight, the number of units for equal weights.",
                lowest=1.0,
                headline=True,
            ),
            Quantity(
                name="readout_share",
                long_name="share of units that a readout rests on",
                units="share of units",
                definition=f"{how}, over the number of units. A third for Gaussian weights without structure.",
                lowest=0.0,
                highest=1.0,
                levels={"Gaussian weights": 1 / 3},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Fit, and take the participation ratio of the weights.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no categories or one only, or every weight is 0.
        """
        if sample.labels is None:
            raise NotEnoughData(
                "readout-concentration: there are no categories: name the column that holds them (option `category`)"
            )
        check_categories(sample.labels, 1, "readout-concentration")
        with one_thread():
            weights = readout_weights(sample.responses, sample.labels, decoder=self.decoder, c=self.c)
        units = readout_concentration(weights)
        return {"readout_units": units, "readout_share": units / sample.responses.shape[1]}
