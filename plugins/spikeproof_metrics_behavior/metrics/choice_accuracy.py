"""Accuracy of choices as a function of stimuli, clean or perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Quantity, Sample

__all__ = ["ChoiceAccuracy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceAccuracy:
    """How often the code's own choices, a readout's or a network's, are right."""

    def quantities(self) -> tuple[Quantity, ...]:
        """One number, between 0 and 1."""
        return (
            Quantity(
                name="choice_accuracy",
                long_name="accuracy of the code's choices",
                units="share correct",
                definition=(
                    "Share of stimuli on which the code's choice is their category: held-out choices of the fitted "
                    "readout, or the network's own. On perturbed stimuli it is the robust accuracy of the attack "
                    "(Madry et al. 2018, arXiv:1706.06083), on as many stimuli as were attacked."
                ),
                lowest=0.0,
                highest=1.0,
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Average over stimuli.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no choices or categories.
        """
        return {name: float(values.mean()) for name, values in self.contributions(sample).items()}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        """Whether each choice is right, 1 or 0; refuses what :meth:`score` refuses."""
        if sample.choices is None or sample.labels is None:
            raise NotEnoughData("choice-accuracy needs choices and categories")
        return {"choice_accuracy": (sample.choices == sample.labels).astype(np.float64)}
