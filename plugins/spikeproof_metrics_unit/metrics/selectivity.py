"""Category selectivity of single units, against permuted labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter
from spikeproof.statistics import (
    Resampling,
    benjamini_hochberg,
    permutation_p,
    proportion_interval,
    reported,
    resampling_weights,
    stack_statistic,
)
from spikeproof.summaries import against, annotated, levels, unit_word
from spikeproof.types import Code, Evidence
from spikeproof.wording import percent, with_interval

from spikeproof_metrics_unit.selectivity import category_auc, category_dprime, dprime_status

from .categories import categories_of
from .selectivity_draws import bootstrap_selectivity, permuted_selectivity, strength
from .weighted import weighted_mean

__all__ = ["Selectivity"]

_AUC_LINE = json.dumps({"no selectivity": 0.5})
_RANK = "P(r in > r out) + P(equal) / 2, in and out of the category"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectivity:
    """How well each unit tells each category from all others, one against the rest."""

    cap: Annotated[float, "Largest d' that is reported, in sd; infinite ones are set to it."] = 10.0
    false_discovery_rate: Annotated[float, "Rate at which units are called selective (Benjamini-Hochberg)."] = 0.05
    permutations: Annotated[int, "Permutations of the labels over stimuli."] = 1000

    def __post_init__(self) -> None:
        if not self.cap > 0:
            raise BadParameter(f"selectivity: cap must be above 0, got {self.cap}")
        if not 0 < self.false_discovery_rate < 1:
            raise BadParameter(
                f"selectivity: false_discovery_rate must lie between 0 and 1, got {self.false_discovery_rate}"
            )
        if self.permutations < 1:
            raise BadParameter(f"selectivity: permutations must be at least 1, got {self.permutations}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure the clean code: ``dprime`` and ``auc`` (category, unit).

        ``dprime`` is capped; NaN for a unit that is constant.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no labels, one category only, or fewer than two stimuli of one.
        """
        categories = categories_of(evidence.code)
        values = evidence.code.responses.values
        return xr.Dataset(
            {
                "dprime": (
                    ("category", "unit"),
                    np.stack([self._capped(category_dprime(values, inside)) for inside in categories.members]),
                ),
                "auc": (
                    ("category", "unit"),
                    np.stack([category_auc(values, inside) for inside in categories.members]),
                ),
            },
            coords={"category": list(categories.names), "unit": evidence.code.responses["unit"].values},
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over units and stimuli, with permuted labels beside it."""
        categories = categories_of(code)
        values = code.responses.values
        own = measured.isel(target=0).drop_vars([n for n in measured.coords if n not in ("category", "unit")])
        best = own["auc"].values.argmax(axis=0)
        drawn = bootstrap_selectivity(
            values, categories, own["auc"].values, own["dprime"].values, self._capped, resampling
        )
        null = permuted_selectivity(values, categories, self._capped, self.permutations, resampling.seed)
        p = permutation_p(strength(own["auc"].values, categories), null.strength)
        adjusted = benjamini_hochberg(p)
        status = np.stack([dprime_status(values, inside) for inside in categories.members])
        on_unit: dict[Any, Any] = {
            "unit": own["unit"].values,
            "best_category": ("unit", np.asarray(categories.names)[best]),
            "p": ("unit", p),
            "p_adjusted": ("unit", adjusted),
        }
        columns = np.arange(len(best))
        best_auc = xr.DataArray(own["auc"].values[best, columns], dims="unit", coords=on_unit)
        best_dprime = xr.DataArray(own["dprime"].values[best, columns], dims="unit", coords=on_unit)
        units, fixed = resampling_weights(code.responses, "unit", resampling, within=levels(code.responses)["unit"])
        within = " Interval over stimuli, drawn within categories (percentiles, expanded for few stimuli)."
        chosen = (
            " Choosing the best of several categories favours chance: the level beside it chooses likewise, under"
            f" {self.permutations} permutations of the labels.{within}"
        )
        gap = (
            "(mean in - mean out) / sqrt((var in + var out) / 2), variances of ddof 1; beyond"
            f" {self.cap:g} it is set to {self.cap:g}.{_note(status)}"
        )
        each: dict[str, Any] = {"figure": "distribution", "x": "unit"}
        mean = reported(weighted_mean(drawn.best_auc, units), best_auc.mean(), resampling, fixed)
        auc = stack_statistic(own["auc"], *(own["auc"].copy(data=bound) for bound in drawn.auc))
        dprime = stack_statistic(own["dprime"], *(own["dprime"].copy(data=bound) for bound in drawn.dprime))
        dprime = dprime.assign_coords(dprime_status=(("category", "unit"), status))
        if drawn.undefined:
            dprime.attrs["undefined_draws"] = drawn.undefined
        return xr.Dataset(
            {
                "mean_best_auc": annotated(
                    mean,
                    long_name="mean AUC of the best category",
                    units="1",
                    definition=f"{_RANK}; largest over categories, mean over units. Interval over units and stimuli.",
                    headline=1,
                ),
                "mean_best_auc_chance": _level(
                    null.best_auc.mean(axis=1), xr.DataArray(0.0), resampling, "mean best AUC of permuted labels"
                ),
                "selective_fraction": self._selective(adjusted, resampling),
                "selective_fraction_chance": _level(
                    self._selective_null(null.strength),
                    xr.DataArray(0.0),
                    resampling,
                    "fraction of selective units with permuted labels",
                ),
                "best_auc": annotated(
                    reported(drawn.best_auc, best_auc, resampling),
                    long_name="AUC of the best category",
                    units="1",
                    definition=f"{_RANK}; largest over categories.{chosen}",
                    chance="best_auc_chance",
                    reference_lines=_AUC_LINE,
                    **each,
                ),
                "best_auc_chance": _level(null.best_auc, best_auc, resampling, "best AUC of permuted labels"),
                "best_dprime": annotated(
                    reported(drawn.best_dprime, best_dprime, resampling),
                    long_name="d' of the best category",
                    units="sd",
                    definition=f"d' of the category with the largest AUC: {gap}{chosen}",
                    chance="best_dprime_chance",
                    **each,
                ),
                "best_dprime_chance": _level(null.best_dprime, best_dprime, resampling, "best d' of permuted labels"),
                "auc": annotated(
                    auc,
                    long_name="AUC of each category",
                    units="1",
                    definition=f"{_RANK}.{within}",
                    reference_lines=_AUC_LINE,
                    **each,
                ),
                "dprime": annotated(
                    dprime, long_name="d' of each category", units="sd", definition=f"{gap}{within}", **each
                ),
            }
        )

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how selective units are, against permuted labels."""
        mean, level = summary["mean_best_auc"], summary["mean_best_auc_chance"]
        count = summary.sizes["category"]
        text = (
            f"{unit_word(code).capitalize()}s tell their best of {count} categories from the rest with an AUC of"
            f" {with_interval(mean)} (mean of {summary.sizes['unit']}); permuted labels give {with_interval(level)}"
        )
        verdict = {"above": "above chance", "below": "below chance", "within": "not told apart from chance"}
        yield f"{text}: {verdict[against(mean, level)]}."
        count = int((summary["p_adjusted"].values <= self.false_discovery_rate).sum())
        yield (
            f"{count} of {summary.sizes['unit']} units are category-selective at a false discovery rate of"
            f" {self.false_discovery_rate:.0%} ({percent(summary['selective_fraction'])}; permuted labels give"
            f" {percent(summary['selective_fraction_chance'])})."
        )
        constant = int((summary["dprime_status"].values == "constant").all(axis=0).sum())
        if constant:
            yield f"{constant} units respond alike to all stimuli: they have no d', and an AUC of 0.5."

    def _capped(self, dprime: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(dprime, -self.cap, self.cap)

    def _selective(self, adjusted: NDArray[np.float64], resampling: Resampling) -> xr.DataArray:
        count = int((adjusted <= self.false_discovery_rate).sum())
        low, high = proportion_interval(count, adjusted.size, resampling.level)
        parts = (xr.DataArray(float(part)) for part in (count / adjusted.size, low, high))
        return annotated(
            stack_statistic(*parts),
            long_name="fraction of category-selective units",
            units="1",
            definition=(
                f"Share of units whose labels matter at a false discovery rate of {self.false_discovery_rate:g}"
                f" (Benjamini & Hochberg 1995). p of a unit: share of {self.permutations} permutations of the labels"
                " over stimuli whose most extreme AUC over categories, in standard errors, is at least that of the"
                " data. Clopper-Pearson interval, as if units were independent."
            ),
            headline=1,
        )

    def _selective_null(self, null: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of units called selective in each permutation, against all permutations."""
        p = np.empty_like(null)
        for unit, column in enumerate(null.T):
            below = np.searchsorted(np.sort(column), column - 1e-12 * np.maximum(1.0, np.abs(column)))
            p[:, unit] = (len(column) - below) / len(column)
        return np.array([(benjamini_hochberg(one) <= self.false_discovery_rate).mean() for one in p])


def _note(status: NDArray[np.str_]) -> str:
    parts = []
    if (separated := int((status == "separated").sum())) > 0:
        parts.append(f" It is infinite for {separated} pairs of a unit and a category without variance in or out.")
    if (constant := int((status == "constant").all(axis=0).sum())) > 0:
        parts.append(f" {constant} constant units have none.")
    return "".join(parts)


def _level(draws: NDArray[np.float64], like: xr.DataArray, resampling: Resampling, long_name: str) -> xr.DataArray:
    mean = weighted_mean(draws.T, np.ones(len(draws)))
    return annotated(
        reported(draws, like.copy(data=mean), resampling),
        long_name=long_name,
        units="1",
        definition=f"Mean and central {resampling.level:.0%} over {len(draws)} permutations of labels over stimuli.",
    )
