"""How often subjects and systems are right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, interval
from spikeproof.summaries import against, annotated
from spikeproof.types import Evidence, StudyEvidence, generator
from spikeproof.wording import number, with_interval

from spikeproof_metrics_behavior.drawing import draws_of_cells, draws_of_members, share
from spikeproof_metrics_behavior.observers import (
    ALL_SETS,
    SUBJECTS,
    UNSEEN,
    Cells,
    Names,
    Observers,
    Repeated,
    cells_of,
    observers_of,
    permuted,
)

from .groups import Drawn, left_out, list_left_out, seed_of, table_of

__all__ = ["BehavioralAccuracy"]

Floats = NDArray[np.float64]

_SHUFFLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BehavioralAccuracy:
    """Share of images on which subjects, and systems that were shown them, choose the right category."""

    late: Annotated[
        Literal["wrong", "left out"],
        "A trial without a choice: wrong, as in model-vs-human, or left out.",
    ] = "wrong"
    conditions: Annotated[
        Literal["all", "usable"],
        "Conditions that count: all, or those of `error-consistency` (no control condition, accuracy above 0.2).",
    ] = "all"
    names: Annotated[Names, "Stimuli of systems are called as those of the trials, or are compared by short names."] = (
        "same"
    )
    repeated: Repeated = "refuse"

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: all choices are looked at in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Average over images, conditions, subjects and image sets, in this order.

        Returns
        -------
        xarray.Dataset
            ``accuracy`` and ``accuracy_shuffled`` (statistic, image_set, observer), ``accuracy_by_condition``
            (statistic, condition, observer) where there are several conditions, ``accuracy_of_subject`` (statistic,
            subject) where there are several subjects.
        """
        sets = observers_of(study, "behavioral-accuracy", self.names)
        found: dict[str, dict[str, Drawn]] = {}
        null: dict[str, dict[str, Drawn]] = {}
        by_condition: dict[str, dict[str, Drawn]] = {}
        by_subject: dict[str, Drawn] = {}
        options = {}
        for name, observers in sets.items():
            if self.repeated == "first":
                observers = observers.first_showings()
            if self.conditions == "usable":
                observers = observers.usable("", 0.2)
            cells = cells_of(observers)
            options[name] = len(observers.trials.categories)
            rng = generator(seed_of(resampling, "accuracy", name), "draws")
            drawn = draws_of_cells(cells.condition, resampling.draws, rng)
            people = len(observers.trials.subjects)
            members = draws_of_members(range(people), people, resampling.draws, rng, least=1)
            right = self._right(cells, cells.chosen)
            once = np.ones((1, right.shape[1]))
            each, each_drawn = (_by_condition(weights, right, cells.condition) for weights in (once, drawn))
            found[name] = _observed(observers, each, each_drawn, members)
            chosen = [self._right(cells, permuted(cells, rng)) for _ in range(_SHUFFLES)]
            shuffled = np.concatenate([_by_condition(once, part, cells.condition) for part in chosen])
            for observer, drawn_null in _observed(observers, each, shuffled, np.ones((_SHUFFLES, people))).items():
                null.setdefault(name, {})[observer] = replace(drawn_null, estimate=float(drawn_null.draws.mean()))
            codes = np.unique(cells.condition).tolist()
            for position, code in enumerate(codes):
                label = f"{name} {observers.trials.conditions[code]}".strip()
                one = slice(position, position + 1)
                by_condition[label] = _observed(observers, each[:, one], each_drawn[:, one], members)
            for k, subject in enumerate(observers.trials.subjects):
                label = subject if len(sets) == 1 else f"{name} {subject}"
                by_subject[label] = Drawn(estimate=float(each[0, :, k].mean()), draws=_mean(each_drawn[:, :, k]))
        summary = xr.Dataset(
            {
                "accuracy": table_of(found, resampling, "observer"),
                "accuracy_shuffled": table_of(null, resampling, "observer"),
            }
        )
        if len(by_condition) > len(sets):
            of_condition = table_of(by_condition, resampling, "observer").drop_sel(image_set=ALL_SETS)
            summary["accuracy_by_condition"] = of_condition.rename(image_set="condition")
        if len(by_subject) > 1:
            summary["accuracy_of_subject"] = _listed(by_subject, resampling)
        return self._annotated(summary, sets, options)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how often each is right, beside shuffled choices."""
        rate, null = summary["accuracy"], summary["accuracy_shuffled"]
        where = ALL_SETS if ALL_SETS in rate["image_set"].values else rate["image_set"].values[-1].item()
        of = f"{rate.sizes['image_set'] - 1} image sets" if where == ALL_SETS else str(where)
        for observer in rate["observer"].values.tolist():
            value, chance = (table.sel(image_set=where, observer=observer) for table in (rate, null))
            if bool(value.sel(statistic="estimate").isnull()):
                continue
            verb = "are" if observer == SUBJECTS else "is"
            yield (
                f"{observer[0].upper()}{observer[1:]} {verb} right on {with_interval(value)} of the images of {of}, "
                f"{against(value, chance)} what choices shuffled over images give, {with_interval(chance)}."
            )
        if "accuracy_of_subject" in summary:
            own = summary["accuracy_of_subject"].sel(statistic="estimate").values
            yield f"Single subjects are right on {number(float(own.min()))} to {number(float(own.max()))}."
        yield from list_left_out(rate)

    def _right(self, cells: Cells, chosen: NDArray[np.intp]) -> Floats:
        right = (chosen == cells.truth).astype(np.float64)
        gone = chosen == UNSEEN if self.late == "wrong" else chosen < 0
        return np.where(gone, np.nan, right)

    def _annotated(self, summary: xr.Dataset, sets: Mapping[str, Observers], options: Mapping[str, int]) -> xr.Dataset:
        late = "A trial without a choice is wrong." if self.late == "wrong" else "Trials without a choice are left out."
        which = "" if self.conditions == "all" else " Conditions that error consistency leaves out are left out."
        rule = f"Share of images on which the choice is right, averaged over conditions and subjects. {late}{which}"
        spread = "Interval: percentile bootstrap over images, within conditions, crossed with subjects."
        levels = sorted(set(options.values()))
        lines = {f"1 / {levels[0]} categories": 1 / levels[0]} if len(levels) == 1 else {}
        summary["accuracy"] = annotated(
            summary["accuracy"],
            long_name="behavioural accuracy",
            units="share correct",
            definition=f"{rule} {spread}",
            figure="matrix",
            rows="image_set",
            columns="observer",
            headline=1,
            left_out=json.dumps(left_out(sets)),
        )
        summary["accuracy_shuffled"] = annotated(
            summary["accuracy_shuffled"],
            long_name="behavioural accuracy with choices shuffled over images",
            units="share correct",
            definition=f"Mean and 95 % range of {_SHUFFLES} shuffles of every observer's choices within conditions.",
        )
        if "accuracy_by_condition" in summary:
            summary["accuracy_by_condition"] = annotated(
                summary["accuracy_by_condition"],
                long_name="behavioural accuracy under each condition",
                units="share correct",
                definition=f"{rule} {spread}",
            )
        if "accuracy_of_subject" in summary:
            summary["accuracy_of_subject"] = annotated(
                summary["accuracy_of_subject"],
                long_name="behavioural accuracy of each subject",
                units="share correct",
                definition=f"{rule} Interval: percentile bootstrap over images, within conditions.",
                figure="distribution",
                x="subject",
                reference_lines=json.dumps(lines),
            )
        return summary


def _by_condition(weights: Floats, right: Floats, condition: NDArray[np.intp]) -> Floats:
    """Accuracy of every observer under every condition, (draw, condition, observer); NaN where it saw nothing."""
    codes = np.unique(condition)
    return np.stack([share(weights[:, condition == code], right[:, condition == code]) for code in codes], axis=1)


def _mean(values: Floats) -> Floats:
    """Mean over the last axis of what is there."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total: Floats = np.where(there, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _observed(observers: Observers, each: Floats, drawn: Floats, members: Floats) -> dict[str, Drawn]:
    """Accuracy of the subjects, and of every system, averaged over conditions."""
    people = len(observers.trials.subjects)
    own, own_drawn = (_mean(values.swapaxes(1, 2)) for values in (each, drawn))
    there = ~np.isnan(own_drawn[:, :people])
    weight = members * there
    total = weight.sum(axis=1)
    group = np.divide(
        (weight * np.where(there, own_drawn[:, :people], 0.0)).sum(axis=1),
        total,
        out=np.full(len(total), np.nan),
        where=total > 0,
    )
    out = {}
    if not np.isnan(own[0, :people]).all():
        out[SUBJECTS] = Drawn(estimate=float(np.nanmean(own[0, :people])), draws=group)
    for number_of, system in enumerate(observers.systems, people):
        if not np.isnan(own[0, number_of]):
            out[system] = Drawn(estimate=float(own[0, number_of]), draws=own_drawn[:, number_of])
    return out


def _listed(of_subject: Mapping[str, Drawn], resampling: Resampling) -> xr.DataArray:
    values = np.empty((3, len(of_subject)))
    for column, drawn in enumerate(of_subject.values()):
        bounds = interval(drawn.draws, drawn.estimate, resampling.level, undefined="exclude")
        values[:, column] = drawn.estimate, *bounds
    return xr.DataArray(
        values,
        dims=("statistic", "subject"),
        coords={"statistic": ["estimate", "low", "high"], "subject": list(of_subject)},
    )
