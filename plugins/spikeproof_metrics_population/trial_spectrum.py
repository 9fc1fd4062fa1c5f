"""The eigenspectrum that repeats share as a function of single presentations, clean or perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .decoding import one_thread
from .dimensionality import check_ranks, ranks_of
from .spectrum import Centring, cvpca, power_law

__all__ = ["TrialSpectrum"]

_FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpectrum:
    """How the variance that comes back over repeats falls over its dimensions, and how much of it comes back."""

    ranks: Annotated[
        tuple[int, ...],
        "First and last rank of the exponent; empty takes 11 to 500, or a twentieth to a half where there are fewer.",
    ] = ()
    centring: Annotated[Centring, "Which mean is taken out first: each unit's over stimuli, or none."] = "over-stimuli"
    draws: Annotated[int, "Random halvings of the repeats."] = 4

    def __post_init__(self) -> None:
        check_ranks(self.ranks, "shared-spectrum")
        if self.draws < 1:
            raise BadParameter(f"shared-spectrum: draws must be at least 1, got {self.draws}")

    @property
    def reads_repeats(self) -> bool:
        """It is made of single presentations."""
        return True

    def quantities(self) -> tuple[Quantity, ...]:
        """Exponent, and share of variance."""
        how = f"{self.draws} random halvings of the repeats"
        return (
            Quantity(
                name="shared_exponent",
                long_name="exponent of the cross-validated eigenspectrum",
                units="1",
                definition=(
                    f"Cross-validated PCA (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5), mean over {how}, "
                    f"centred {self.centring}: alpha of |variances| in proportion to rank^-alpha, least squares on log "
                    "axes with weights 1 / rank. Inaccurate below about 1,000 stimuli and units."
                ),
                levels={"smooth code of many dimensions": 1.0},
                headline=True,
            ),
            Quantity(
                name="shared_variance",
                long_name="share of the variance that repeats share",
                units="share of variance",
                definition=(
                    "Covariance of the means of two halves of the repeats, summed over units, over the geometric mean "
                    f"of their summed variances; mean over {how}. 1 without noise, 0 on average for noise alone."
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"noise alone": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute both.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no single presentations, fewer than five units or stimuli shown twice, or nothing varies.
        """
        if sample.repeats is None:
            raise NotEnoughData("shared-spectrum: there are no single presentations: the images were not shown again")
        names, halves = sample.repeats.half_means(self.draws, sample.seed)
        for count, what in ((halves.shape[-1], "units"), (len(names), "stimuli that were presented at least twice")):
            if count < _FEWEST:
                raise NotEnoughData(f"shared-spectrum: an exponent needs five {what}, and there are {count}")
        centred = halves - halves.mean(axis=2, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=(2, 3)))  # (split, half)
        if (size <= 1e-12 * np.sqrt((halves**2).sum(axis=(2, 3)))).any():
            raise NotEnoughData(f"shared-spectrum: no unit varies over the {len(names)} repeated stimuli")
        with one_thread():
            spectrum = np.mean([cvpca(a, b, centring=self.centring) for a, b in halves], axis=0)
        shared = (centred[:, 0] * centred[:, 1]).sum(axis=(1, 2)) / (size[:, 0] * size[:, 1])
        return {
            "shared_exponent": power_law(spectrum, ranks_of(len(spectrum), self.ranks, "shared-spectrum")).alpha,
            "shared_variance": float(shared.mean()),
        }
