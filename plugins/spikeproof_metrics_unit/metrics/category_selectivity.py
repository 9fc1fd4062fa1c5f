"""How well single units tell a category from the rest, as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy import stats
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_unit.selectivity import dprime_from_moments

__all__ = ["CategorySelectivity"]

_BEST = (
    "of each unit's best category, mean over units that vary. The best of several is high by chance, too: see there."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySelectivity:
    """d', AUC and selectivity index of each unit's best category against the rest."""

    cap: Annotated[float, "Largest d' that is counted, in sd; infinite ones are set to it."] = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.cap < float("inf"):
            raise BadParameter(f"category-selectivity: cap must be above 0, and finite, got {self.cap}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Three numbers."""
        return (
            Quantity(
                name="best_auc",
                long_name="AUC of the best category",
                units="1",
                definition=f"P(r in > r out) + P(r in = r out) / 2 {_BEST}",
                lowest=0.0,
                highest=1.0,
                levels={"chance of one category": 0.5},
                headline=True,
            ),
            Quantity(
                name="best_dprime",
                long_name="d' of the best category",
                units="sd",
                definition=(
                    f"(mean in - mean out) / sqrt((var in + var out) / 2), ddof 1, {self.cap:g} at most, {_BEST}"
                ),
                highest=self.cap,
            ),
            Quantity(
                name="best_index",
                long_name="selectivity index of the best category",
                units="1",
                definition=(
                    "(mean in - mean out) / (|mean in| + |mean out|) "
                    f"{_BEST} 1/3: twice the response of the rest, the usual criterion for face cells."
                ),
                lowest=-1.0,
                highest=1.0,
                levels={"twice the rest": 1 / 3},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Take the best category of every unit, and average over units.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no labels, fewer than two categories, fewer than two stimuli of one, or no unit varies.
        """
        values, labels = sample.responses, sample.labels
        if labels is None:
            raise NotEnoughData("category-selectivity: needs the categories of the stimuli")
        names, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if len(names) < 2 or counts.min() < 2 or len(labels) - counts.max() < 2:
            raise NotEnoughData(
                f"category-selectivity: needs two categories or more with two stimuli each, got {len(names)} with "
                f"{int(counts.min())} at least"
            )
        varies = np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0)
        if not varies.any():
            raise NotEnoughData(
                f"category-selectivity: none of {values.shape[1]} units responds differently to any stimuli"
            )
        values = values[:, varies]
        member = (place == np.arange(len(names))[:, None]).astype(np.float64)
        inside = counts[:, None].astype(np.float64)
        outside = len(values) - inside
        ranks = member @ stats.rankdata(values, axis=0)
        auc = (ranks - inside * (inside + 1) / 2) / (inside * outside)
        centred = values - values.mean(axis=0)
        dprime = dprime_from_moments(inside, member @ centred, member @ centred**2, np.abs(values).max(axis=0))
        sums = member @ values
        means, rest = sums / inside, (sums.sum(axis=0) - sums) / outside
        total = np.abs(means) + np.abs(rest)
        index = np.divide(means - rest, total, out=np.zeros_like(total), where=total > 0)
        return {
            "best_auc": float(auc.max(axis=0).mean()),
            "best_dprime": float(
                np.minimum(np.nan_to_num(dprime, nan=0.0, posinf=np.inf), self.cap).max(axis=0).mean()
            ),
            "best_index": float(index.max(axis=0).mean()),
        }
