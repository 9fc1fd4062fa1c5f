"""Reliability over repeats as a function of single presentations, clean or perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Repeats, Sample

from spikeproof_metrics_unit.noise import noise_ceiling, signal_power
from spikeproof_metrics_unit.reliability import spearman_brown

from .trials import by_stimulus

__all__ = ["TrialReliability"]

_STIMULI = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReliability:
    """How much of units' responses comes back when the same images are shown again."""

    splits: Annotated[int, "Random halves of each stimulus's presentations."] = 20

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"trial-reliability: splits must be at least 1, got {self.splits}")

    @property
    def reads_repeats(self) -> bool:
        """It is made of single presentations."""
        return True

    def quantities(self) -> tuple[Quantity, ...]:
        """Split-half reliability, noise ceiling, share of signal power."""
        return (
            Quantity(
                name="half_reliability",
                long_name="split-half reliability",
                units="1",
                definition=(
                    "Pearson correlation over stimuli of the means of two random halves of each stimulus's "
                    f"presentations, mean over {self.splits} halvings and over units that vary in both, then "
                    "Spearman-Brown: 2r / (1 + r). Averaged before it is corrected, because the correction magnifies "
                    "negative correlations."
                ),
                highest=1.0,
                levels={"no signal": 0.0},
                headline=True,
            ),
            Quantity(
                name="explainable_share",
                long_name="noise ceiling",
                units="share of variance",
                definition=(
                    "Share of the variance of mean responses that signal explains: ncsnr^2 / (ncsnr^2 + mean 1/R) "
                    "(Allen et al. 2022, doi:10.1038/s41593-021-00962-x), mean over units that vary."
                ),
                lowest=0.0,
                highest=1.0,
            ),
            Quantity(
                name="trial_signal",
                long_name="signal power share",
                units="share of power",
                definition=(
                    "Signal power over the power of a single presentation (Sahani & Linden 2003), mean over units that "
                    "vary: unbiased, so that it may be negative."
                ),
                highest=1.0,
                levels={"no signal": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute them.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no single presentations, fewer than three stimuli were shown twice, or no unit varies.
        spikeproof.errors.DataError
            If the halves oppose each other exactly.
        """
        if sample.repeats is None:
            raise NotEnoughData("trial-reliability: there are no single presentations: the images were not shown again")
        names, halves = sample.repeats.half_means(self.splits, sample.seed)
        if len(names) < _STIMULI:
            raise NotEnoughData(
                f"trial-reliability: {len(names)} stimuli were presented at least twice, but three are needed"
            )
        r = _correlations(halves)
        if np.isnan(r).all():
            raise NotEnoughData(
                f"trial-reliability: none of {halves.shape[-1]} units varies over the {len(names)} stimuli that were "
                "presented at least twice"
            )
        values = _stacked(sample.repeats, names)
        power = signal_power(values)
        whole = power.signal + power.noise
        varies = whole > 0
        return {
            "half_reliability": float(spearman_brown(float(np.nanmean(r)))),
            "explainable_share": float(np.nanmean(noise_ceiling(values).ceiling)),
            "trial_signal": float((power.signal[varies] / whole[varies]).mean()),
        }


def _correlations(halves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's r over stimuli of the two halves, (split, unit); NaN where a half does not vary."""
    centred = halves - halves.mean(axis=2, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=2))  # (split, half, unit)
    varies = (size > 1e-12 * np.sqrt((halves**2).sum(axis=2))).all(axis=1)
    cross = (centred[:, 0] * centred[:, 1]).sum(axis=1)
    return np.asarray(np.divide(cross, size[:, 0] * size[:, 1], out=np.full_like(cross, np.nan), where=varies))


def _stacked(shown: Repeats, names: NDArray[np.str_]) -> NDArray[np.float64]:
    """Presentations of the named stimuli, (stimulus, repeat, unit)."""
    mine = shown.of_stimuli(names)
    return by_stimulus(mine.responses, np.searchsorted(names, mine.stimuli), len(names))
