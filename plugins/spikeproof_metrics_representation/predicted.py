"""Linear predictivity between two systems, or of perturbed and clean responses, in both directions, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Repeats, Sample

from .ceilings import r2_over_ceiling, squared_r_over_ceiling
from .checking import CONSTANT
from .compared import sides, within
from .consistency import median_consistency
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
    ceiling: Annotated[
        Literal["none", "r2-over-ceiling", "squared-r-over-ceiling"],
        "Also the share of explainable variance: r^2 / reliability (Brain-Score since 2026), or (r / reliability)^2"
        " (before).",
    ] = "none"

    def __post_init__(self) -> None:
        if self.components < 1:
            raise BadParameter(f"predictivity: components must be at least 1, got {self.components}")
        if not 0 < self.penalty < float("inf"):
            raise BadParameter(f"predictivity: penalty must be above 0, and finite, got {self.penalty}")
        if self.folds < 2:
            raise BadParameter(f"predictivity: folds must be at least 2, got {self.folds}")

    @property
    def reads_repeats(self) -> bool:
        """Whether it needs single presentations: for the ceiling."""
        return self.ceiling != "none"

    def quantities(self) -> tuple[Quantity, ...]:
        """Forward and reverse predictivity, raw, and with a ceiling the shares of explainable variance."""
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
            "Raw: no ceiling is divided out (see the parameter ceiling). Units that do not vary are left out. Equal "
            "responses reach 1 where the components are as many as their dimensions."
        )
        return (*self._raw(protocol, raw), *self._ceiled(protocol))

    def _raw(self, protocol: str, raw: str) -> tuple[Quantity, ...]:
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

    def _ceiled(self, protocol: str) -> tuple[Quantity, ...]:
        if self.ceiling == "none":
            return ()
        rule, since = {
            "r2-over-ceiling": ("r^2 over the reliability", "Brain-Score's rule since January 2026"),
            "squared-r-over-ceiling": ("(r over the reliability)^2", "Brain-Score's rule before January 2026"),
        }[self.ceiling]
        about = (
            f"{rule}, with the sign of r ({since}). r: {protocol}. Reliability of what is predicted: Spearman-Brown "
            "corrected correlation of halves of the repeats, median over units, mean over 10 random halves; 1 where "
            "responses are computed by a network. Above 1 where the prediction exceeds the ceiling, which noise in the "
            "ceiling allows."
        )
        return (
            Quantity(
                name="explained",
                long_name="share of explainable variance",
                units="share",
                definition=f"Of the reference's units, predicted from this system's: {about}",
                levels={"all of it": 1.0},
                headline=True,
            ),
            Quantity(
                name="reverse_explained",
                long_name="share of explainable variance, reverse",
                units="share",
                definition=f"Of this system's units, predicted from the reference's: {about}",
                levels={"all of it": 1.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute both.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are too few stimuli for the folds, no unit of a side varies, or none does among held-out stimuli;
            with a ceiling also if a side has noise and no repeats.
        spikeproof.errors.DataError
            With a ceiling, if responses are not reliable at all.
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
        found = {
            "predictivity": self._predicted(here, there, tests),
            "reverse_predictivity": self._predicted(there, here, tests),
        }
        if self.ceiling != "none":
            share = r2_over_ceiling if self.ceiling == "r2-over-ceiling" else squared_r_over_ceiling
            of_reference = _reliability(sample.reference_repeats, sample.reference_noiseless, sample.seed, "reference")
            own = _reliability(sample.repeats, sample.noiseless, sample.seed, "compared system")
            found["explained"] = float(share(found["predictivity"], of_reference))
            found["reverse_explained"] = float(share(found["reverse_predictivity"], own))
        return found

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


def _reliability(repeats: Repeats | None, noiseless: bool, seed: int, what: str) -> float:
    if repeats is not None:
        return median_consistency(repeats, seed=seed, what=what)
    if noiseless:
        return 1.0
    raise NotEnoughData(
        f"predictivity: the ceiling needs repeats of the {what}, and there are none: set ceiling to none"
    )


def _varying(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the units that vary over stimuli."""
    spread = np.linalg.norm(values - values.mean(axis=0), axis=0)
    return np.asarray(values[:, spread > CONSTANT * np.linalg.norm(values, axis=0)])
