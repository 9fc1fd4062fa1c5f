"""How often observers choose alike, against chance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.summaries import against, annotated
from spikeproof.types import Evidence, StudyEvidence, generator
from spikeproof.wording import number, with_interval

from spikeproof_metrics_behavior.drawing import draws_of_cells, draws_of_members, share
from spikeproof_metrics_behavior.observers import (
    ALL_SETS,
    Cells,
    Names,
    Observers,
    Repeated,
    cells_of,
    observers_of,
    permuted,
)

from .groups import Drawn, Group, groups_of, left_out, list_left_out, seed_of, table_of

__all__ = ["ChoiceAgreement"]

Floats = NDArray[np.float64]

_SHUFFLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceAgreement:
    """Share of images on which two observers choose the same, of subjects with each other and with systems.

    The analysis of Dujmovic, Malhotra & Bowers (2020) of people and networks on perturbed images: chance is 1 over the
    number of categories on offer, and since most images may be at chance and a few far above it, the spread over images
    stands beside the mean. Trials without a choice are left out.
    """

    options: Annotated[int, "Categories on offer; 0 takes those that are shown or chosen in the image set."] = 0
    names: Annotated[Names, "Stimuli of systems are called as those of the trials, or are compared by short names."] = (
        "same"
    )
    repeated: Repeated = "refuse"

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: choices of all systems are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare all observers.

        Returns
        -------
        xarray.Dataset
            ``agreement``, ``agreement_above_chance``, ``agreement_shuffled`` and ``spread_over_images`` (statistic,
            image_set, observers).
        """
        sets = observers_of(study, "choice-agreement", self.names)
        tables: dict[str, dict[str, dict[str, Drawn]]] = {}
        chances = {}
        for name, observers in sets.items():
            if self.repeated == "first":
                observers = observers.first_showings()
            cells = cells_of(observers)
            chances[name] = 1 / (self.options or len(observers.trials.categories))
            for table, found in self._numbers(name, observers, cells, chances[name], resampling).items():
                tables.setdefault(table, {})[name] = found
        summary = xr.Dataset({name: table_of(found, resampling, "observers") for name, found in tables.items()})
        return _annotated(summary, sets, chances)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how often observers choose alike, and whether that is more than chance and than shuffled choices."""
        rate, null = summary["agreement"], summary["agreement_shuffled"]
        where = ALL_SETS if ALL_SETS in rate["image_set"].values else rate["image_set"].values[-1].item()
        of = f"{rate.sizes['image_set'] - 1} image sets" if where == ALL_SETS else str(where)
        chances = json.loads(rate.attrs["chance_levels"])
        low, high = min(chances.values()), max(chances.values())
        level = number(low) if low == high else f"{number(low)} to {number(high)}"
        for group in rate["observers"].values.tolist():
            value, chance = (table.sel(image_set=where, observers=group) for table in (rate, null))
            if bool(value.sel(statistic="estimate").isnull()):
                continue
            yield (
                f"{group[0].upper()}{group[1:]}: the same choice on {with_interval(value)} of the images of {of}; 1 "
                f"over the categories on offer is {level}, and the estimate is {against(value, chance)} what choices "
                f"shuffled over images give, {with_interval(chance)}."
            )
        yield from list_left_out(rate)

    def _numbers(
        self, name: str, observers: Observers, cells: Cells, chance: float, resampling: Resampling
    ) -> dict[str, dict[str, Drawn]]:
        people = len(observers.trials.subjects)
        pairs = np.stack(np.triu_indices(len(cells.chosen), 1), axis=1)
        if not len(pairs):
            raise NotEnoughData(
                "choice-agreement needs two observers: there is one subject, and no system with choices on its images"
            )
        rng = generator(seed_of(resampling, "agreement", name), "draws")
        same = _same(cells.chosen, pairs)
        drawn = draws_of_cells(cells.condition, resampling.draws, rng)
        members = draws_of_members(range(people), len(cells.chosen), resampling.draws, rng, least=2)
        weights = members[:, pairs[:, 0]] * members[:, pairs[:, 1]]
        once = np.ones((1, same.shape[1]))
        shuffled = np.stack([share(once, _same(permuted(cells, rng), pairs))[0] for _ in range(_SHUFFLES)])
        out: dict[str, dict[str, Drawn]] = {
            "agreement": {},
            "agreement_above_chance": {},
            "agreement_shuffled": {},
            "spread_over_images": {},
        }
        for group in groups_of(observers, pairs):
            rate = _rate(share(once, same), np.ones((1, len(pairs))), group)
            if np.isnan(rate).any():
                continue
            draws = _rate(share(drawn, same), weights, group)
            null = _rate(shuffled, np.ones((_SHUFFLES, len(pairs))), group)
            out["agreement"][group.name] = Drawn(estimate=float(rate[0]), draws=draws)
            out["agreement_above_chance"][group.name] = Drawn(estimate=float(rate[0]) - chance, draws=draws - chance)
            out["agreement_shuffled"][group.name] = Drawn(estimate=float(null.mean()), draws=null)
            out["spread_over_images"][group.name] = _spread(same[group.pairs], drawn)
        return out


def _same(chosen: NDArray[np.intp], pairs: NDArray[np.intp]) -> Floats:
    """Whether two observers chose the same, (pair, cell); NaN where one of them made no choice."""
    a, b = chosen[pairs[:, 0]], chosen[pairs[:, 1]]
    return np.where((a >= 0) & (b >= 0), (a == b).astype(np.float64), np.nan)


def _rate(of_pair: Floats, weights: Floats, group: Group) -> Floats:
    """Mean over the pairs of a group, (draw,)."""
    values, weight = of_pair[:, group.pairs], weights[:, group.pairs]
    there = ~np.isnan(values)
    total = (weight * there).sum(axis=1)
    found = (weight * np.where(there, values, 0.0)).sum(axis=1)
    return np.asarray(np.divide(found, total, out=np.full(len(total), np.nan), where=total > 0))


def _spread(same: Floats, drawn: Floats) -> Drawn:
    """Standard deviation over images of the share of pairs that choose the same."""
    there = ~np.isnan(same)
    count = there.sum(axis=0)
    of_image = np.where(there, same, 0.0).sum(axis=0)[count > 0] / count[count > 0]
    weights = np.concatenate([np.ones((1, len(of_image))), drawn[:, count > 0]])
    total = weights.sum(axis=1)
    mean = weights @ of_image / total
    deviation = np.sqrt(np.maximum(weights @ of_image**2 / total - mean**2, 0.0))
    return Drawn(estimate=float(deviation[0]), draws=deviation[1:])


def _annotated(summary: xr.Dataset, sets: Mapping[str, Observers], chances: Mapping[str, float]) -> xr.Dataset:
    spread = (
        "Interval: percentile bootstrap over images, within conditions, crossed with subjects (systems are not drawn)."
    )
    made = "Share of the images on which both made a choice"
    summary["agreement"] = annotated(
        summary["agreement"],
        long_name="agreement of choices",
        units="share of images",
        definition=f"{made} on which it is the same, averaged over pairs of observers. {spread}",
        figure="matrix",
        rows="image_set",
        columns="observers",
        headline=1,
        left_out=json.dumps(left_out(sets)),
        chance_levels=json.dumps(dict(chances)),
    )
    summary["agreement_above_chance"] = annotated(
        summary["agreement_above_chance"],
        long_name="agreement above 1 / categories",
        units="share of images",
        definition=f"Agreement less 1 over the number of categories on offer (Dujmovic et al. 2020). {spread}",
    )
    summary["agreement_shuffled"] = annotated(
        summary["agreement_shuffled"],
        long_name="agreement with choices shuffled over images",
        units="share of images",
        definition=(
            f"Mean and 95 % range of {_SHUFFLES} shuffles of every observer's choices within conditions: what is left "
            "of preferences for some categories alone."
        ),
    )
    summary["spread_over_images"] = annotated(
        summary["spread_over_images"],
        long_name="standard deviation of agreement over images",
        units="share of pairs",
        definition=(
            "Of the share of pairs of observers that choose the same on an image; with few pairs mostly the scatter of "
            "single choices. Interval: percentile bootstrap over images."
        ),
    )
    return summary
