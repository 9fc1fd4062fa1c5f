"""Reliability of single units over repeats, with noise ceilings and signal power."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import (
    Resampling,
    benjamini_hochberg,
    interval,
    proportion_interval,
    reported,
    resampling_weights,
    stack_statistic,
)
from spikeproof.summaries import against, annotated, levels, unit_word
from spikeproof.types import Code, Evidence
from spikeproof.wording import number, percent, with_interval

from .reliability_draws import Shuffled, consistency_draws, reliable, shuffled
from .trials import repeats_of
from .weighted import weighted_mean, weighted_median

__all__ = ["Reliability"]

_OVER_STIMULI = (
    "Interval: groups of stimuli, with their trials, are left out in turn (delete-a-group jackknife, Student's t)"
)
_ON_UNITS = f"{_OVER_STIMULI}."
_ON_MEAN = f"Mean over units. {_OVER_STIMULI}, crossed with the nested bootstrap over units."
_EACH = {
    "reliability": (
        "split-half reliability",
        "Pearson correlation over stimuli of the means of two random halves of each stimulus's trials, mean over "
        "{splits} random halves, corrected by Spearman-Brown: 2r / (1 + r).",
    ),
    "noise_ceiling": (
        "noise ceiling",
        "Share of the variance of the trial-averaged response that signal explains: ncsnr^2 / (ncsnr^2 + mean 1/R) "
        "(Allen et al. 2022, doi:10.1038/s41593-021-00962-x).",
    ),
    "ncsnr": (
        "noise-ceiling signal-to-noise ratio",
        "sd of the signal over sd of the noise: total variance less the mean variance over trials, over the latter "
        "(Allen et al. 2022, doi:10.1038/s41593-021-00962-x). 0 where noise exceeds the total.",
    ),
    "signal_share": (
        "signal power share",
        "Signal power over the power of a single trial (Sahani & Linden 2003): unbiased signal power, so that it may "
        "be negative for a unit without signal.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How much of a unit's response over stimuli comes back when they are shown again."""

    splits: Annotated[int, "Random halves of the trials."] = 20
    shuffles: Annotated[int, "Shuffles of the presentations over stimuli, for p of each unit."] = 1000
    false_discovery_rate: Annotated[float, "Rate at which units are called reliable (Benjamini-Hochberg)."] = 0.05

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"reliability: splits must be at least 1, got {self.splits}")
        if self.shuffles < 20:
            raise BadParameter(f"reliability: shuffles must be at least 20, got {self.shuffles}")
        if not 0 < self.false_discovery_rate < 1:
            raise BadParameter(
                f"reliability: false_discovery_rate must lie between 0 and 1, got {self.false_discovery_rate}"
            )

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Count the presentations behind it: ``trials`` (stimulus,); the numbers need all stimuli at once.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If fewer than three stimuli were presented twice.
        """
        values = repeats_of(evidence.code, "reliability")
        return xr.Dataset({"trials": ("stimulus", (~np.isnan(values).all(axis=2)).sum(axis=1).astype(np.float64))})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Summarise over stimuli and units, beside presentations shuffled over stimuli.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If no unit varies.
        """
        values = repeats_of(code, "reliability")
        found = reliable(values, self.splits, resampling)
        null = shuffled(values, self.shuffles, resampling.seed)
        if np.isnan(found.split_half[0]).all():
            raise NotEnoughData(
                f"reliability: no unit of {code.system} varies over the {len(values)} stimuli that were repeated"
            )
        units, fixed = resampling_weights(code.responses, "unit", resampling, within=levels(code.responses)["unit"])
        names: dict[str, Any] = {"unit": code.responses["unit"].values}
        adjusted = benjamini_hochberg(np.where(np.isnan(found.split_half[0]), np.nan, null.p))
        parts = {
            "reliability": found.split_half,
            "noise_ceiling": found.ceiling,
            "ncsnr": found.ncsnr,
            "signal_share": found.signal_share,
        }
        summary = xr.Dataset()
        more: dict[str, str | int | float]
        for key, (estimate, draws) in parts.items():
            if not np.isfinite(estimate).any():
                continue  # infinite where repeats agree exactly: the ceiling says 1
            long_name, text = _EACH[key]
            definition = text.format(splits=self.splits)
            own = xr.DataArray(estimate, dims="unit", coords=names)
            more = {"chance": f"{key}_shuffled"} if key == "reliability" else {}
            finite = np.where(np.isfinite(estimate), estimate, np.nan)
            summary[f"mean_{key}"] = annotated(
                reported(weighted_mean(draws, units), xr.DataArray(float(np.nanmean(finite))), resampling, fixed),
                long_name=f"mean {long_name}",
                units="1",
                definition=f"{definition} {_ON_MEAN}",
                **({"headline": 1} | {name: f"mean_{of}" for name, of in more.items()} if more else {}),
            )
            summary[key] = annotated(
                reported(draws, own, resampling),
                long_name=long_name,
                units="1",
                definition=f"{definition} {_ON_UNITS}",
                figure="distribution",
                x="unit",
                **more,
            )
        summary["reliability"] = summary["reliability"].assign_coords(p_adjusted=("unit", adjusted))
        summary = summary.merge(_chance(null, names, resampling))
        summary["internal_consistency"] = self._consistency(values, units, resampling, fixed)
        summary["reliable_fraction"] = self._reliable(adjusted, resampling)
        return summary.assign_attrs(stimuli=len(values))

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how reliable units are, against shuffled presentations, and how far a model could predict them."""
        mean, level = summary["mean_reliability"], summary["mean_reliability_shuffled"]
        own = summary["reliability"].sel(statistic="estimate").values
        verdict = {"above": "above chance", "below": "below chance", "within": "not told apart from chance"}
        yield (
            f"Split-half reliability of {len(own)} {unit_word(code)}s over {summary.attrs['stimuli']} repeated stimuli"
            f" is {with_interval(mean)} on average (from {number(np.nanmin(own))} to {number(np.nanmax(own))});"
            f" with presentations shuffled over stimuli it is {with_interval(level)}: {verdict[against(mean, level)]}."
        )
        count = int((summary["p_adjusted"].values <= self.false_discovery_rate).sum())
        yield (
            f"{count} of {len(own)} units are reliable at a false discovery rate of {self.false_discovery_rate:.0%}"
            f" ({percent(summary['reliable_fraction'])})."
        )
        yield (
            f"A model could explain at most {percent(summary['mean_noise_ceiling'])} of the variance of mean responses"
            " (noise ceiling, mean over units)."
        )
        constant = int(np.isnan(own).sum())
        if constant:
            yield f"{constant} units respond alike to all repeated stimuli: they have no reliability."

    def _consistency(
        self, values: NDArray[np.float64], units: NDArray[np.float64], resampling: Resampling, fixed: tuple[str, ...]
    ) -> xr.DataArray:
        raw, draws = consistency_draws(values, 10, resampling)
        ones = np.ones(raw.shape[-1])
        centre = float(np.nanmedian(raw, axis=1).mean())
        # A weighted median of an even number is its lower one: draws are moved by what that makes on the data, by the
        # share that noise has, so that they stay below 1.
        lower = float(weighted_median(raw, ones).mean())
        drawn = 1 - (1 - weighted_median(draws, units[:, None, :]).mean(axis=1)) * (1 - centre) / max(1 - lower, 1e-12)
        return annotated(
            reported(drawn, xr.DataArray(centre), resampling, fixed),
            long_name="internal consistency",
            units="1",
            definition=(
                "Brain-Score's ceiling (Schrimpf et al. 2020, doi:10.1101/407007): numbers of trials halved 10 times,"
                " alike for all stimuli; Pearson correlation of half-means, Spearman-Brown, median over units, mean"
                f" over halvings. {_OVER_STIMULI}, crossed with the nested bootstrap over units."
            ),
        )

    def _reliable(self, adjusted: NDArray[np.float64], resampling: Resampling) -> xr.DataArray:
        tested = ~np.isnan(adjusted)
        count = int((adjusted[tested] <= self.false_discovery_rate).sum())
        low, high = proportion_interval(count, int(tested.sum()), resampling.level)
        share = count / int(tested.sum())
        return annotated(
            stack_statistic(*(xr.DataArray(float(part)) for part in (share, low, high))),
            long_name="fraction of reliable units",
            units="1",
            definition=(
                "Share of varying units whose responses depend on the stimulus at a false discovery rate of"
                f" {self.false_discovery_rate:g} (Benjamini & Hochberg 1995). p of a unit: share of {self.shuffles}"
                " shuffles of the presentations over stimuli in which the variance between stimuli is at least that of"
                " the data. Clopper-Pearson interval, as if units were independent."
            ),
            headline=1,
        )


def _chance(null: Shuffled, names: dict[str, Any], resampling: Resampling) -> xr.Dataset:
    out = xr.Dataset()
    for key, values, like in (
        ("reliability_shuffled", null.reliability, xr.DataArray(np.zeros(len(null.p)), dims="unit", coords=names)),
        (
            "mean_reliability_shuffled",
            weighted_mean(null.reliability, np.ones(null.reliability.shape)),
            xr.DataArray(0.0),
        ),
    ):
        centre = weighted_mean(values.T, np.ones(len(values)))
        low, high = interval(values, centre, resampling.level, undefined="exclude")
        out[key] = annotated(
            stack_statistic(*(like.copy(data=part) for part in (centre, low, high))),
            long_name="split-half reliability with presentations shuffled over stimuli",
            units="1",
            definition=f"Mean and central {resampling.level:.0%} of {len(values)} shuffles, alike for all units.",
        )
    return out
