"""Similarity of the RDMs of two systems, or of perturbed and clean responses, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Quantity, Sample

from .checking import CONSTANT
from .compare import compare_rdms
from .compared import sides, within
from .rdm import rdm_correlation, rdm_squared_euclidean

__all__ = ["RdmSimilarity"]

Distance = Literal["correlation", "squared-euclidean"]
Comparison = Literal["spearman", "corr", "cosine", "rho-a", "tau-a", "corr_cov"]

_COMPARED: dict[Comparison, tuple[str, str]] = {
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

_ROUNDING = 1e-12
"""Distances that differ by less, in units of the squared patterns, are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmSimilarity:
    """How alike the distances between stimuli are in two representations."""

    distance: Annotated[
        Distance, "Dissimilarity of two stimuli: 1 - r over units, or squared Euclidean distance per unit."
    ] = "correlation"
    comparison: Annotated[
        Comparison,
        "How two RDMs are compared; spearman gives ties their mean rank, rho-a and tau-a break them at random.",
    ] = "spearman"

    def quantities(self) -> tuple[Quantity, ...]:
        """The similarity."""
        how, source = _COMPARED[self.comparison]
        what = "1 - r over units" if self.distance == "correlation" else "squared Euclidean distance per unit"
        noise = (
            "Noise adds to the distances, alike for all pairs; crossnobis distances are free of that "
            "(rdm_crossnobis, which needs repeats)."
        )
        ties = " 1 only without ties." if self.comparison in {"rho-a", "tau-a"} else ""
        return (
            Quantity(
                name="rdm_similarity",
                long_name="RDM similarity",
                units="1",
                definition=(
                    f"{how[0].upper()}{how[1:]} of two RDMs over pairs of stimuli ({source}); dissimilarity: {what}."
                    f"{ties} {noise}"
                ),
                lowest=0.0 if self.comparison == "cosine" else -1.0,
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
            all units respond alike; and, but for the cosine, where all distances are equal.
        spikeproof.errors.DataError
            If a response is not finite, or all distances are zero.
        """
        pair = sides(sample, "rdm-similarity", stimuli=4)
        responses, reference = (
            self._rdm(values, what, sample) for values, what in zip(pair, ("compared system", "reference"), strict=True)
        )
        return {"rdm_similarity": within(float(compare_rdms(responses, reference, self.comparison)[0, 0]), -1.0, 1.0)}

    def _rdm(self, values: NDArray[np.float64], what: str, sample: Sample) -> NDArray[np.float64]:
        if self.distance == "squared-euclidean":
            rdm, scale = rdm_squared_euclidean(values), float((values**2).mean(axis=1).max())
        else:
            self._refuse_flat(values, what, sample)
            rdm, scale = rdm_correlation(values), 1.0
        # Ranks of distances that differ by rounding only would say something at random.
        if self.comparison != "cosine" and np.ptp(rdm) <= _ROUNDING * scale:
            raise NotEnoughData(
                f"rdm-similarity: all {len(values)} stimuli are equally far from each other in the {what}, so that no "
                "correlation with its distances is defined: use other stimuli or more units, or set comparison to "
                "cosine"
            )
        return rdm

    def _refuse_flat(self, values: NDArray[np.float64], what: str, sample: Sample) -> None:
        """Refuse what has no correlation over units."""
        if values.shape[1] < 3:
            raise NotEnoughData(
                f"rdm-similarity: the {what} has {values.shape[1]} units, but correlation distances need at least 3: "
                "set distance to squared-euclidean"
            )
        spread = np.linalg.norm(values - values.mean(axis=1, keepdims=True), axis=1)
        flat = np.flatnonzero(spread <= CONSTANT * np.linalg.norm(values, axis=1))
        if flat.size:
            name = str(flat[0]) if sample.stimuli is None else str(sample.stimuli[flat[0]])
            raise NotEnoughData(
                f"rdm-similarity: all {values.shape[1]} units of the {what} respond alike to stimulus {name!r} "
                f"({flat.size} such stimuli), so that its correlation distances are undefined: leave it out, or set "
                "distance to squared-euclidean"
            )
