"""Linear predictivity between two systems, or of perturbed and clean responses, in both directions, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .checking import CONSTANT
from .compared import sides, within
from .predictivity import linear_predictivity

__all__ = ["LinearPredictivity"]

_LEAST = 3
"""Held-out stimuli of a fold: two always correlate at 1 or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPredictivity:
    """How well one system's units predict the other's on held-out stimuli, and the other way round."""

    method: Annotated[
        Literal["pls", "ridge", "ridgecv"],
        "Partial least squares, ridge regression, or ridge with the penalty that leave-one-out errors within the"
        " training stimuli choose from Brain-Score's 99.",
    ] = "pls"
    components: Annotated[
        int, "Most components (pls); as many as units that vary, or training stimuli less one, where these are fewer."
    ] = 25
    penalty: Annotated[float, "Penalty on squared weights (ridge), in squared units of the predicting responses."] = 1.0
    folds: Annotated[int, "Folds over stimuli, each of which is held out once; Brain-Score holds out tenths."] = 3

    def __post_init__(self) -> None:
        if self.components < 1:
            raise BadParameter(f"predictivity: components must be at least 1, got {self.components}")
        if not 0 < self.penalty < float("inf"):
            raise BadParameter(f"predictivity: penalty must be above 0, and finite, got {self.penalty}")
        if self.folds < 2:
            raise BadParameter(f"predictivity: folds must be at least 2, got {self.folds}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Forward and reverse predictivity."""
        how = {
            "pls": f"partial least squares, at most {self.components} components",
            "ridge": f"ridge regression, penalty {self.penalty:g}",
            "ridgecv": "ridge regression, penalty chosen within the training stimuli",
        }[self.method]
        protocol = (
            f"{how}; {self.folds} folds over the stimuli held out in turn. Pearson's r over held-out stimuli, median "
            "over units, mean over folds"
        )
        raw = (
            "Raw: no ceiling is divided out. For a share of explainable variance, r2_over_ceiling (r^2 / reliability, "
            "Brain-Score since 2026) or squared_r_over_ceiling ((r / reliability)^2, before) take it. Units that do "
            "not vary are left out. Identical responses reach 1 where the components are as many as their dimensions."
        )
        return (
            Quantity(
                name="predictivity",
                long_name="linear predictivity",
                units="r",
                definition=(
                    "The reference's units predicted from this system's (along a perturbation: clean from perturbed "
                    f"responses) by {protocol} (Schrimpf et al. 2018, doi:10.1101/407007). {raw}"
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"without error": 1.0},
                headline=True,
            ),
            Quantity(
                name="reverse_predictivity",
                long_name="reverse predictivity",
                units="r",
                definition=(
                    "This system's units predicted from the reference's (along a perturbation: perturbed from clean "
                    f"responses) by {protocol} (Muzellec & Kar 2025, doi:10.1101/2025.08.08.669382). {raw}"
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"without error": 1.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute both.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are too few stimuli for the folds, no unit of a side varies, or none does among held-out stimuli.
        """
        pair = sides(sample, "predictivity", stimuli=2 * _LEAST)
        fold = sample.folds(self.folds)
        tests = fold == np.arange(self.folds)[:, None]
        held_out = tests.sum(axis=1)
        if held_out.min() < _LEAST:
            raise NotEnoughData(
                f"predictivity: {len(fold)} stimuli in {self.folds} folds leave one of {held_out.min()}, but a "
                f"correlation needs {_LEAST} held-out stimuli: set folds lower, or show more stimuli"
            )
        here, there = (_varying(values) for values in pair)
        return {
            "predictivity": self._predicted(here, there, tests),
            "reverse_predictivity": self._predicted(there, here, tests),
        }

    def _predicted(
        self, features: NDArray[np.float64], responses: NDArray[np.float64], tests: NDArray[np.bool_]
    ) -> float:
        training = int((~tests).sum(axis=1).min())
        found = linear_predictivity(
            features,
            responses,
            self.method,
            test_sets=tests,
            components=min(self.components, features.shape[1], training - 1),
            tolerance=0.0,  # the first response would otherwise decide where power iteration stops
            alpha=self.penalty,
        )
        return within(found.score, -1.0, 1.0)


def _varying(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the units that vary over stimuli."""
    spread = np.linalg.norm(values - values.mean(axis=0), axis=0)
    return np.asarray(values[:, spread > CONSTANT * np.linalg.norm(values, axis=0)])
