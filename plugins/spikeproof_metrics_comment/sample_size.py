"""How many recorded units it takes until scores, and rankings of models by them, are what they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, jackknife_groups
from spikeproof.types import Evidence, StudyEvidence, generator
from spikeproof.wording import joined, number, with_interval

from .sample_size_summary import annotate
from .sampled import sampled
from .sampled_rankings import AGREE, DRAW_GROUPS, OFTEN, rankings_by_size
from .sampled_scores import TITLES, added_by_units, scores_by_size
from .unit_sums import Kind

__all__ = ["SampleSize"]

_GROUPS, _FOLDS = 10, 5
"""Groups of stimuli, and of units, that are left out in turn; folds of the ridge regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Scores of all systems with a recording, and the ranking by them, as a function of the number of recorded units.

    Random subsets of the recorded units stand for smaller recordings. The ranking of the systems by a subset is
    compared (Kendall's tau) with that by all units, and, by subsets of one half of the units, with that by the other
    half, which no subset belongs to. It is stable at the number of units from which on tau is above 0.9 in 95 % of the
    draws. Without a recording, the first system stands for one.
    """

    scores: Annotated[
        tuple[Kind, ...],
        "cka: debiased linear CKA; rdm: Pearson correlation of squared Euclidean distances between stimuli; ridge: "
        "correlation of cross-validated ridge predictions, mean over units.",
    ] = ("cka", "rdm", "ridge")
    reference: Annotated[str, "The system whose units are sampled; empty for the recording, or else the first."] = ""
    sizes: Annotated[
        tuple[int, ...], "Numbers of units, ascending; empty takes about 10 up to all, on a log axis."
    ] = ()
    draws: Annotated[int, "Random subsets of units of each size."] = 200
    most: Annotated[int, "Units of the reference that are used at most: a seeded sample of them."] = 2000
    standardise: Annotated[bool, "Scale every unit of the reference to variance 1 first."] = False

    def __post_init__(self) -> None:
        if not self.scores or len(set(self.scores)) < len(self.scores):
            raise BadParameter(f"sample-size: name different scores among {', '.join(TITLES)}, got {list(self.scores)}")
        if self.draws < 2 * DRAW_GROUPS:
            raise BadParameter(f"sample-size: draws must be at least {2 * DRAW_GROUPS}, got {self.draws}")
        if self.most < 2:
            raise BadParameter(f"sample-size: most must be at least 2, got {self.most}")
        if self.sizes and (min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes))):
            raise BadParameter(f"sample-size: sizes must ascend from 1 or more, got {list(self.sizes)}")

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - the clean codes are enough
        """Nothing: the clean codes of all systems are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Score subsets of the reference's units.

        Returns
        -------
        xarray.Dataset
            ``score`` and ``score_of_one_sample`` (statistic, measure, system, units), and with two systems or more
            ``tau``, ``stable`` (statistic, measure, against, units), ``stable_by_chance`` (statistic,) and
            ``stable_units`` (statistic, measure, against).
        """
        data = sampled(study.codes, self.reference, most=self.most, standardise=self.standardise, seed=resampling.seed)
        sizes = self._sizes(len(data.units))
        rng = generator(resampling.seed, "sample size", "orders")
        by_name = np.argsort(np.array(data.units))
        orders = np.stack([by_name[rng.permutation(len(data.units))] for _ in range(self.draws)])
        names = data.stimuli
        fold = jackknife_groups(names, most=_FOLDS, seed=resampling.seed, purpose="folds")
        stimuli = jackknife_groups(names, most=_GROUPS, seed=resampling.seed, purpose="stimuli")
        units = jackknife_groups(data.units, most=_GROUPS, seed=resampling.seed, purpose="units")
        whole = np.ones(len(names), dtype=bool)
        kept = [whole, *(stimuli != group for group in range(int(stimuli.max()) + 1))]
        # (set of stimuli, score, unit, system): what every unit adds
        added = np.stack([added_by_units(self.scores, data, keep, fold) for keep in kept])
        summary = xr.Dataset(scores_by_size(self.scores, data, added, kept, orders, units, sizes, resampling))
        if len(data.systems) > 1:
            summary = summary.assign(rankings_by_size(self.scores, added, orders, units, sizes, resampling))
        return annotate(summary, data, self.draws)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say which systems are nearest, how many units a stable ranking takes, and what small samples give."""
        about = summary["score"].attrs
        last = summary["score"].isel(units=-1)
        total = int(last["units"])
        for measure in summary["measure"].values.tolist():
            here = last.sel(measure=measure)
            ordered = sorted(here["system"].values.tolist(), key=lambda name: -float(here.sel(system=name)[0]))
            listed = joined([f"{name} {with_interval(here.sel(system=name))}" for name in ordered])
            yield f"With {total} units of {about['reference']}, {measure} is: {listed}."
        if "stable_units" not in summary:
            yield "There is one system to compare with: nothing is ranked."
        else:
            for measure in summary["measure"].values.tolist():
                told = []
                for against in summary["against"].values.tolist():
                    found = summary["stable_units"].sel(measure=measure, against=against)
                    reached = np.isfinite(float(found.sel(statistic="estimate")))
                    if float(found.sel(statistic="estimate")) == total:
                        told.append(f"against {against} not before all {total} are there")
                        continue
                    told.append(
                        f"against {against} from {with_interval(found)} units on"
                        if reached
                        else f"against {against} not with the {about[f'most {against}']} units that can be tested"
                    )
                chance = 100 * float(summary["stable_by_chance"].sel(statistic="estimate"))
                yield (
                    f"The ranking of {summary.sizes['system']} systems by {measure} is stable (tau above {AGREE:g} in "
                    f"{OFTEN:.0%} of draws) {joined(told)}; a random order is that near in "
                    f"{number(chance)} % of cases."
                )
        for system, reason in json.loads(about["left_out"]).items():
            yield f"{system} is left out: {reason}."

    def _sizes(self, units: int) -> list[int]:
        if self.sizes:
            if self.sizes[-1] > units:
                raise NotEnoughData(
                    f"sample-size: sizes go up to {self.sizes[-1]} units, but the reference has {units} that vary"
                )
            return list(self.sizes)
        grid = np.rint(np.geomspace(2, units, 10)).astype(int).tolist()
        return sorted({*grid, units // 2, units})
