"""How sure a readout is of its choices, and by how much it leads, clean and perturbed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_behavior.certainty import confidence, margins

__all__ = ["ConfidenceOfReadout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceOfReadout:
    """Probability that a fitted readout gives its choice, its lead over the runner-up, and the true class's margin.

    Probabilities are the softmax of the decision values: those of the classifier for a logistic readout, a convention
    for others.
    """

    scale: Annotated[float, "What decision values are multiplied with before the softmax."] = 1.0

    def __post_init__(self) -> None:
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise BadParameter(f"confidence: scale must be above 0, got {self.scale:g}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Confidence, lead, overconfidence, entropy and margin."""
        read = "of the fitted readout, held out over stimuli"
        return (
            Quantity(
                name="confidence",
                long_name="confidence in the choice",
                units="probability",
                definition=(
                    f"Mean over stimuli of the largest softmax probability {read}; 1 over the classes at least."
                ),
                lowest=0.0,
                highest=1.0,
                headline=True,
            ),
            Quantity(
                name="lead",
                long_name="lead over the runner-up",
                units="probability",
                definition=f"Mean over stimuli of the largest less the second largest softmax probability {read}.",
                lowest=0.0,
                highest=1.0,
            ),
            Quantity(
                name="overconfidence",
                long_name="confidence less accuracy",
                units="probability",
                definition="Mean probability of the choices less the share of them that is right; 0 where calibrated.",
                lowest=-1.0,
                highest=1.0,
                levels={"calibrated": 0.0},
            ),
            Quantity(
                name="entropy",
                long_name="entropy of the readout's probabilities",
                units="bits",
                definition=f"Mean over stimuli of -sum p log2 p {read}.",
                lowest=0.0,
            ),
            Quantity(
                name="true_margin",
                long_name="margin of the true category",
                units="decision value",
                definition=(
                    "Mean over stimuli of the true category's decision value less the largest of the others "
                    f"{read}; below 0 where another is chosen."
                ),
                levels={"border": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute them.

        Raises
        ------
        NotEnoughData
            If there are no decision values or categories.
        DataError
            If a category is no class of the readout.
        """
        if sample.decision is None or sample.labels is None:
            raise NotEnoughData("confidence needs the decision values of a fitted readout, and categories")
        place = {name: column for column, name in enumerate(sample.classes)}
        unknown = [name for name in sample.labels.tolist() if name not in place]
        if unknown:
            raise DataError(f"confidence: category {unknown[0]!r} is no class of the readout")
        truth = np.array([place[name] for name in sample.labels.tolist()])
        sure = confidence(sample.decision * self.scale)
        right = float((sure.choice == truth).mean())
        mean = float(sure.confidence.mean())
        return {
            "confidence": mean,
            "lead": float(sure.margin.mean()),
            "overconfidence": mean - right,
            "entropy": float(sure.entropy.mean()),
            "true_margin": float(margins(sample.decision, truth).mean()),
        }
