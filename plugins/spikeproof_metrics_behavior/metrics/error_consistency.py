"""Error consistency of subjects and systems: whether they err on the same images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, stack_statistic
from spikeproof.summaries import against, annotated
from spikeproof.types import Evidence, StudyEvidence, generator
from spikeproof.wording import with_interval

from spikeproof_metrics_behavior.consistency import Different, error_consistency
from spikeproof_metrics_behavior.correctness import accuracy_difference
from spikeproof_metrics_behavior.kappa_draws import KappaDraws, bootstrap_kappa, mean_of_pairs
from spikeproof_metrics_behavior.observers import ALL_SETS, Names, Observers, Repeated, observers_of, right_or_wrong

from .groups import Drawn, Group, groups_of, left_out, list_left_out, seed_of, table_of

__all__ = ["ErrorConsistencyOfObservers"]

Floats = NDArray[np.float64]

_SHUFFLES = 200
_TABLE = ("kappa", "observed_consistency", "accuracy_difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorConsistencyOfObservers:
    """Cohen's kappa between right and wrong choices, of subjects with each other and with systems.

    Kappa is taken condition by condition, and averaged over conditions, pairs of observers and image sets in this
    order (Geirhos, Meding & Wichmann 2020; Geirhos et al. 2021).
    """

    conditions: Annotated[
        Literal["usable", "all"],
        "Conditions that count: without the control condition and those with human accuracy up to `lowest`, or all.",
    ] = "usable"
    control: Annotated[
        str, "Condition that shows images as they are; empty for that of model-vs-human's image sets, if it is one."
    ] = ""
    lowest: Annotated[float, "Mean accuracy of subjects that a condition must exceed, share correct."] = 0.2
    names: Annotated[Names, "Stimuli of systems are called as those of the trials, or are compared by short names."] = (
        "same"
    )
    different: Annotated[
        Different, "Two observers that saw different stimuli: refuse, leave the pair out, or use what both saw."
    ] = "shared"
    repeated: Repeated = "refuse"
    absolute: Annotated[bool, "Take the absolute value of each mean kappa, as Brain-Score does."] = False

    def __post_init__(self) -> None:
        if not 0 <= self.lowest < 1:
            raise BadParameter(f"error-consistency: lowest must be at least 0 and below 1, got {self.lowest:g}")

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: choices of all systems are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare all observers.

        Returns
        -------
        xarray.Dataset
            ``kappa``, ``kappa_shuffled``, ``observed_consistency`` and ``accuracy_difference`` (statistic, image_set,
            observers), and ``kappa_by_condition`` (statistic, condition, observers) where there are several.
        """
        sets = observers_of(study, "error-consistency", self.names)
        tables: dict[str, dict[str, dict[str, Drawn]]] = {name: {} for name in (*_TABLE, "kappa_shuffled")}
        by_condition: list[xr.DataArray] = []
        undefined = 0
        for name, observers in sets.items():
            here = self._chosen(observers)
            correct = right_or_wrong(here)
            self._check(correct)
            people = range(len(here.trials.subjects))
            drawn = bootstrap_kappa(
                correct, draws=resampling.draws, observers=people, seed=seed_of(resampling, "kappa", name)
            )
            drawn = self._compared(drawn, correct)
            groups = groups_of(here, drawn.pairs)
            for table, found in self._numbers(drawn, groups).items():
                tables[table][name] = found
            tables["kappa_shuffled"][name] = self._shuffled(correct, drawn, groups, seed_of(resampling, "null", name))
            undefined += int(np.isnan(drawn.estimate).sum())
            by_condition.append(self._by_condition(name, here, drawn, groups, resampling))
        summary = xr.Dataset({name: table_of(found, resampling, "observers") for name, found in tables.items()})
        whole = xr.concat(by_condition, dim="condition", join="outer")
        if whole.sizes["condition"] > len(sets):
            summary["kappa_by_condition"] = whole
        return self._annotated(summary, sets, undefined)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how consistent subjects are with each other, and systems with them, beside shuffled errors."""
        kappa, null = summary["kappa"], summary["kappa_shuffled"]
        where = ALL_SETS if ALL_SETS in kappa["image_set"].values else kappa["image_set"].values[-1].item()
        of = f"over {kappa.sizes['image_set'] - 1} image sets" if where == ALL_SETS else f"on {where}"
        for group in kappa["observers"].values.tolist():
            value, chance = (table.sel(image_set=where, observers=group) for table in (kappa, null))
            if bool(value.sel(statistic="estimate").isnull()):
                continue
            yield (
                f"{group[0].upper()}{group[1:]}: error consistency (kappa) is {with_interval(value)} {of}, "
                f"{against(value, chance)} what shuffled errors give, {with_interval(chance)}."
            )
        if where == ALL_SETS:
            own = kappa.sel(observers=kappa["observers"].values[0], statistic="estimate").drop_sel(image_set=ALL_SETS)
            low, high = (own["image_set"].values[k].item() for k in (own.values.argmin(), own.values.argmax()))
            yield f"It is lowest on {low} and highest on {high}."
        yield from list_left_out(kappa)

    def _chosen(self, observers: Observers) -> Observers:
        if self.repeated == "first":
            observers = observers.first_showings()
        if self.conditions == "all":
            return observers
        return observers.usable(self.control, self.lowest)

    def _check(self, correct: Floats) -> None:
        if correct.shape[1] < 2:
            raise NotEnoughData(
                "error consistency needs two observers: there is one subject, and no system with choices on its images"
            )

    def _compared(self, drawn: KappaDraws, correct: Floats) -> KappaDraws:
        """Leave out, or refuse, pairs that saw different stimuli."""
        if self.different == "shared":
            return drawn
        first, second = drawn.pairs.T
        kept = ~np.isnan(error_consistency(correct, different=self.different).kappa[:, first, second])
        return replace(
            drawn,
            **{name: np.where(kept, getattr(drawn, name), np.nan) for name in ("estimate", "observed")},
            **{name: np.where(kept, getattr(drawn, name), np.nan) for name in ("draws", "observed_draws")},
        )

    def _numbers(self, drawn: KappaDraws, groups: list[Group]) -> dict[str, dict[str, Drawn]]:
        a, b = drawn.pairs.T
        gone = np.isnan(drawn.estimate)
        apart = np.where(gone, np.nan, accuracy_difference(drawn.accuracy[:, a], drawn.accuracy[:, b]))
        apart_draws = accuracy_difference(drawn.accuracy_draws[..., a], drawn.accuracy_draws[..., b])
        numbers = {
            "kappa": (drawn.estimate, drawn.draws),
            "observed_consistency": (drawn.observed, drawn.observed_draws),
            "accuracy_difference": (apart, np.where(gone, np.nan, apart_draws)),
        }
        out: dict[str, dict[str, Drawn]] = {}
        for name, (estimate, draws) in numbers.items():
            out[name] = {}
            for group in groups:
                found = _mean(estimate, draws, drawn.weights, group, absolute=self.absolute and name == "kappa")
                if found is not None:
                    out[name][group.name] = found
        return out

    def _shuffled(self, correct: Floats, drawn: KappaDraws, groups: list[Group], seed: int) -> dict[str, Drawn]:
        """Mean kappas with every observer's errors shuffled over the images that it saw under each condition."""
        rng = generator(seed, "shuffled errors")
        a, b = drawn.pairs.T
        draws = np.empty((_SHUFFLES, *drawn.estimate.shape))
        for number in range(_SHUFFLES):
            kappa = error_consistency(_permuted(correct, rng), different="shared").kappa[:, a, b]
            draws[number] = np.where(np.isnan(drawn.estimate), np.nan, kappa)
        whole = np.ones((_SHUFFLES, len(a)))
        out = {}
        for group in groups:
            found = _mean(drawn.estimate, draws, whole, group, absolute=self.absolute)
            if found is not None:
                out[group.name] = Drawn(estimate=float(found.draws.mean()), draws=found.draws)
        return out

    def _by_condition(
        self, name: str, observers: Observers, drawn: KappaDraws, groups: list[Group], resampling: Resampling
    ) -> xr.DataArray:
        shown = sorted(set(observers.trials.condition.tolist()))
        labels = [f"{name} {observers.trials.conditions[code]}".strip() for code in shown]
        rows: dict[str, dict[str, Drawn]] = {label: {} for label in labels}
        for label, code in zip(labels, shown, strict=True):
            for group in groups:
                found = _mean(drawn.estimate[[code]], drawn.draws[:, [code]], drawn.weights, group, absolute=False)
                if found is not None:
                    rows[label][group.name] = found
        columns = list(dict.fromkeys(group for row in rows.values() for group in row))
        values = np.full((3, len(rows), len(columns)), np.nan)
        for i, row in enumerate(rows.values()):
            for j, group_name in enumerate(columns):
                if group_name in row:
                    part = table_of({"": {group_name: row[group_name]}}, resampling, "observers")
                    values[:, i, j] = part.values[:, 0, 0]
        coords = {"condition": labels, "observers": columns}
        return stack_statistic(*(xr.DataArray(part, dims=("condition", "observers"), coords=coords) for part in values))

    def _annotated(self, summary: xr.Dataset, sets: Mapping[str, Observers], undefined: int) -> xr.Dataset:
        rule = (
            "Mean over conditions, then over pairs of observers, then over image sets. "
            + (
                "Conditions without manipulation and those on which subjects are right on no more than "
                f"{self.lowest:g} of the trials are left out (Geirhos et al. 2021). "
                if self.conditions == "usable"
                else "All conditions count. "
            )
            + (f"{undefined} kappas of pairs without a stimulus in common are left out. " if undefined else "")
        )
        spread = (
            "Interval: percentile bootstrap over images, within conditions, crossed with subjects (systems are not "
            "drawn); a draw holds at least two different subjects."
        )
        absolute = " The absolute value of each mean is taken (Brain-Score's rule)." if self.absolute else ""
        summary["kappa"] = annotated(
            summary["kappa"],
            long_name="error consistency (kappa)",
            units="1",
            definition=(
                "Cohen's kappa between right and wrong choices, (observed - expected) / (1 - expected consistency) "
                f"(Geirhos, Meding & Wichmann 2020); 1 where two agree on every image. {rule}{spread}{absolute}"
            ),
            figure="matrix",
            rows="image_set",
            columns="observers",
            headline=1,
            left_out=json.dumps(left_out(sets)),
        )
        summary["kappa_shuffled"] = annotated(
            summary["kappa_shuffled"],
            long_name="error consistency with errors shuffled over images",
            units="1",
            definition=f"Mean and 95 % range of {_SHUFFLES} shuffles of every observer's errors within conditions.",
        )
        summary["observed_consistency"] = annotated(
            summary["observed_consistency"],
            long_name="observed consistency",
            units="share of images",
            definition=f"Images on which both are right or both wrong (Geirhos et al. 2021). {rule}{spread}",
        )
        summary["accuracy_difference"] = annotated(
            summary["accuracy_difference"],
            long_name="accuracy difference",
            units="1",
            definition=(
                "Squared difference of two observers' accuracies (Geirhos et al. 2021); 0 for equal ones. "
                f"{rule}{spread}"
            ),
        )
        if "kappa_by_condition" in summary:
            summary["kappa_by_condition"] = annotated(
                summary["kappa_by_condition"],
                long_name="error consistency under each condition",
                units="1",
                definition=f"Mean over pairs of observers. {spread}",
            )
        return summary


def _mean(estimate: Floats, draws: Floats, weights: Floats, group: Group, *, absolute: bool) -> Drawn | None:
    """Mean over conditions, then over the pairs of a group; None where nothing is defined."""
    values, drawn, weight = estimate[:, group.pairs], draws[:, :, group.pairs], weights[:, group.pairs]
    whole = _over_conditions(values)
    if np.isnan(whole).all():
        return None
    mean = float(np.nanmean(whole))
    means = _over_conditions(drawn)
    found = mean_of_pairs(whole[None], means, ~np.isnan(means), weight)
    return Drawn(estimate=abs(mean), draws=np.abs(found)) if absolute else Drawn(estimate=mean, draws=found)


def _over_conditions(values: Floats) -> Floats:
    there = ~np.isnan(values)
    number = there.sum(axis=-2)
    total: Floats = np.where(there, values, 0.0).sum(axis=-2)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


def _permuted(correct: Floats, rng: np.random.Generator) -> Floats:
    out = correct.copy()
    for condition in out:
        for row in condition:
            seen = np.flatnonzero(~np.isnan(row))
            row[seen] = rng.permutation(row[seen])
    return out
