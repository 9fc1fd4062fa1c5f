"""Similarity of the RDMs of two systems, or of perturbed and clean responses, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Quantity, Sample

from .compare import compare_rdms
from .compared import sides, within
from .distances import SAID, Distance, Side, is_flat, rdm_of, reads_presentations

__all__ = ["COMPARED", "Comparison", "RdmSimilarity"]

Comparison = Literal["spearman", "corr", "cosine", "rho-a", "tau-a", "corr_cov"]

COMPARED: dict[Comparison, tuple[str, str]] = {
    "spearman": ("Spearman correlation", "Kriegeskorte, Mur & Bandettini 2008, doi:10.3389/neuro.06.004.2008"),
    "corr": ("Pearson correlation", "Nili et al. 2014, doi:10.1371/journal.pcbi.1003553"),
    "cosine": ("cosine", "Diedrichsen & Kriegeskorte 2017, doi:10.1371/journal.pcbi.1005508"),
    "rho-a": (
        "expected Spearman correlation where ties are broken at random",
        "Schuett et al. 2023, doi:10.7554/eLife.82566",
    ),
    "tau-a": ("Kendall's tau-a", "Nili et al. 2014, doi:10.1371/journal.pcbi.1003553"),
    "corr_cov": (
        "whitened correlation, which counts that distances of one stimulus vary together",
        "Diedrichsen et al. 2021, arXiv:2007.02789",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmSimilarity:
    """How alike the distances between stimuli are in two representations."""

    distance: Annotated[
        Distance,
        "Dissimilarity of two stimuli: 1 - r over units, squared Euclidean distance per unit, that of Poisson counts,"
        " the Euclidean one in the noise of single presentations (mahalanobis), or that cross-validated over repeats"
        " (crossnobis).",
    ] = "correlation"
    comparison: Annotated[
        Comparison,
        "How two RDMs are compared; spearman gives ties their mean rank, rho-a and tau-a break them at random.",
    ] = "spearman"

    @property
    def reads_repeats(self) -> bool:
        """Whether it needs single presentations."""
        return reads_presentations(self.distance)

    def quantities(self) -> tuple[Quantity, ...]:
        """The similarity."""
        how, source = COMPARED[self.comparison]
        noise = (
            ""
            if self.distance == "crossnobis"
            else " Noise adds to the distances, alike for all pairs of stimuli that were repeated alike; crossnobis "
            "distances are free of that."
        )
        ties = " 1 only without ties." if self.comparison in {"rho-a", "tau-a"} else ""
        return (
            Quantity(
                name="rdm_similarity",
                long_name="RDM similarity",
                units="1",
                definition=(
                    f"{how[0].upper()}{how[1:]} of two RDMs over pairs of stimuli ({source}); dissimilarity: "
                    f"{SAID[self.distance]}.{ties}{noise}"
                ),
                lowest=0.0 if self.comparison == "cosine" and self.distance != "crossnobis" else -1.0,
                highest=1.0,
                levels={"identical": 1.0},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute it.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than 4 stimuli; for correlation distances also fewer than 3 units, or a stimulus to which
            all units respond alike; for mahalanobis and crossnobis too few repeats of a side that has noise; and, but
            for the cosine, where all distances are equal.
        spikeproof.errors.DataError
            If a response is not finite, or all distances are zero.
        """
        values, reference = sides(sample, "rdm-similarity", stimuli=4)
        stimuli = np.arange(len(values)).astype(str) if sample.stimuli is None else sample.stimuli
        one, other = (
            self._rdm(Side(values=values, stimuli=stimuli, repeats=shown, noiseless=computed, what=what))
            for values, shown, computed, what in (
                (values, sample.repeats, sample.noiseless, "compared system"),
                (reference, sample.reference_repeats, sample.reference_noiseless, "reference"),
            )
        )
        return {"rdm_similarity": within(float(compare_rdms(one, other, self.comparison)[0, 0]), -1.0, 1.0)}

    def _rdm(self, side: Side) -> NDArray[np.float64]:
        rdm = rdm_of(side, self.distance, "rdm-similarity")
        # Ranks of distances that differ by rounding only would say something at random.
        if self.comparison != "cosine" and is_flat(rdm, side, self.distance):
            raise NotEnoughData(
                f"rdm-similarity: all {len(side.values)} stimuli are equally far from each other in the {side.what}, "
                "so that no correlation with its distances is defined: use other stimuli or more units, or set "
                "comparison to cosine"
            )
        return rdm
