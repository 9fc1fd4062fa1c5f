"""How peaked units' responses over stimuli are, as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from spikeproof.errors import NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_unit.sparseness import image_selectivity, kurtosis_sparseness

__all__ = ["ImageSelectivity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSelectivity:
    """Image selectivity and kurtosis over stimuli, mean over units; responses may be negative."""

    def quantities(self) -> tuple[Quantity, ...]:
        """Two numbers."""
        return (
            Quantity(
                name="image_selectivity",
                long_name="mean image selectivity",
                units="1",
                definition=(
                    "1 - 2 mean_j P(r > t_j), thresholds t_j evenly from the least to the largest response (Quian "
                    "Quiroga et al. 2007, doi:10.1152/jn.00125.2007), mean over units that vary. 0 for responses that "
                    "are spread evenly, towards 1 where few stimuli drive the unit."
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"evenly spread": 0.0},
                headline=True,
            ),
            Quantity(
                name="kurtosis",
                long_name="mean excess kurtosis over stimuli",
                units="1",
                definition=(
                    "Mean of ((r - mean r) / sd r)^4 less 3 over stimuli (Field 1994, doi:10.1162/neco.1994.6.4.559; "
                    "Willmore & Tolhurst 2001, doi:10.1080/net.12.3.255.270), mean over units that vary. 0 for normal "
                    "responses, above where they are mostly small and seldom large."
                ),
                lowest=-2.0,
                levels={"normal": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Average over units.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than four stimuli, or no unit varies.
        """
        values = sample.responses
        if len(values) < 4:
            raise NotEnoughData(f"image-selectivity: needs at least four stimuli, got {len(values)}")
        kurtosis = kurtosis_sparseness(values)
        varies = np.isfinite(kurtosis)
        if not varies.any():
            raise NotEnoughData(
                f"image-selectivity: none of {values.shape[1]} units responds differently to any stimuli"
            )
        return {
            "image_selectivity": float(image_selectivity(values[:, varies]).mean()),
            "kurtosis": float(kurtosis[varies].mean()),
        }
