"""Whether choices stay what they were: between clean and perturbed stimuli, and between systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from spikeproof.errors import NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_behavior.consistency import error_consistency

from .own_choices import cohen_kappa

__all__ = ["ChoiceConsistency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceConsistency:
    """Choices on perturbed stimuli against those on clean ones, and of systems against each other."""

    def quantities(self) -> tuple[Quantity, ...]:
        """Kappa of choices, share of equal choices, and error consistency."""
        return (
            Quantity(
                name="choice_kappa",
                long_name="kappa of choices",
                units="1",
                definition=(
                    "Cohen's kappa between the choices on each side, (same - expected) / (1 - expected) (Cohen 1960)."
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"identical": 1.0, "independent": 0.0},
                headline=True,
            ),
            Quantity(
                name="choices_kept",
                long_name="equal choices",
                units="share of stimuli",
                definition="Stimuli with the same choice on either side.",
                lowest=0.0,
                highest=1.0,
                levels={"identical": 1.0},
            ),
            Quantity(
                name="error_kappa",
                long_name="error consistency",
                units="1",
                definition=(
                    "Cohen's kappa between right and wrong choices on each side (Geirhos, Meding & Wichmann 2020); 1 "
                    "where the two agree on every stimulus."
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"identical": 1.0, "independent": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute them.

        Raises
        ------
        NotEnoughData
            If a side has no choices, there are no categories, or both sides choose one and the same throughout.
        """
        if sample.choices is None or sample.reference_choices is None or sample.labels is None:
            raise NotEnoughData("choice-consistency needs choices on both sides, and categories")
        names, codes = np.unique(np.stack([sample.choices, sample.reference_choices]), return_inverse=True)
        mine, theirs = codes.reshape(2, -1)
        if len(names) == 1:
            raise NotEnoughData(
                f"choice-consistency: the choice is {str(names[0])!r} on all of {mine.size} stimuli on both sides, so "
                "that kappa is 0/0"
            )
        right = np.stack([sample.choices == sample.labels, sample.reference_choices == sample.labels])
        return {
            "choice_kappa": float(cohen_kappa(mine, theirs)[0]),
            "choices_kept": float((mine == theirs).mean()),
            "error_kappa": float(error_consistency(right).kappa[0, 1]),
        }
