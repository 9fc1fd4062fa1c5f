"""What ``inspect`` says of trials."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.types import Inspection, InspectionTable, source_options
from spikeproof.wording import some

from .trials import NO_CHOICE, Trials

if TYPE_CHECKING:
    from .source import TrialFiles

__all__ = ["inspect_trials"]

_MOST = 20


def inspect_trials(source: TrialFiles) -> Inspection:
    """Describe trials: image sets, conditions, subjects, what can be computed and how.

    Raises
    ------
    DataError
        As the source.
    """
    sets = source.sets()
    total = sum(len(trials.subject) for trials in sets.values())
    late = sum(int(np.count_nonzero(trials.response == NO_CHOICE)) for trials in sets.values())
    categories = sorted({name for trials in sets.values() for name in trials.categories})
    first = next(iter(sets.values()))
    shared = len(sets) > 1
    facts = [
        ("files", f"{len(source.files()):,}"),
        ("image sets", f"{len(sets):,}"),
        ("subjects", f"{sum(len(trials.subjects) for trials in sets.values()):,}"),
        ("trials", f"{total:,}, {late:,} of them without a choice"),
        ("categories", f"{len(categories)} ({some(categories, 5)})"),
        ("stimuli", f"called like {(first.name + '/' if shared else '') + first.images[0]!r}"),
    ]
    times = np.concatenate([trials.rt for trials in sets.values()])
    if not np.isnan(times).all():
        facts.append(("reaction times", f"median {np.nanmedian(times):.3g} s"))
    can, cannot, words = _possible(sets)
    run = shlex.join(["spikeproof", "run", "--source", source.where, *source_options(source), *words])
    return Inspection(
        title=source.where,
        facts=tuple(facts),
        tables=(_by_set(sets), _by_condition(sets)),
        can=tuple(can),
        cannot=tuple(cannot),
        run=run,
    )


def _possible(sets: Mapping[str, Trials]) -> tuple[list[str], list[str], list[str]]:
    can, cannot, metrics = ["accuracy of subjects (behavioral-accuracy)"], [], ["behavioral-accuracy"]
    several = [name for name, trials in sets.items() if len(trials.subjects) > 1]
    if several:
        can.append(f"error consistency between subjects (error-consistency), in {len(several)} of {len(sets)} sets")
        metrics.append("error-consistency")
    else:
        cannot.append("error consistency between subjects: every image set has one subject only")
    if all("distractor" in trials.extra for trials in sets.values()):
        can.append("image-level choices between two (image-level)")
        metrics.append("image-level")
    else:
        cannot.append("image-level choices: no column of the other choice on offer (option `distractor`)")
    can.append("all of these for networks too: add images of the same names and a [[model]]")
    return can, cannot, ["--metric", ",".join(metrics), "--out", "results/trials"]


def _by_set(sets: Mapping[str, Trials]) -> InspectionTable:
    return InspectionTable(
        title="Image sets",
        columns=("image set", "subjects", "conditions", "images", "trials", "no choice", "accuracy"),
        rows=tuple(
            (
                name,
                str(len(trials.subjects)),
                str(len(trials.conditions)),
                f"{len(trials.images):,}",
                f"{len(trials.subject):,}",
                f"{np.count_nonzero(trials.response == NO_CHOICE):,}",
                f"{trials.correct.mean():.3f}",
            )
            for name, trials in sets.items()
        ),
        most=_MOST,
    )


def _by_condition(sets: Mapping[str, Trials]) -> InspectionTable:
    rows = []
    for name, trials in sets.items():
        for code, condition in enumerate(trials.conditions):
            here = trials.condition == code
            shown = f"{len(np.unique(trials.image[here])):,}"
            rows.append((name, condition or "–", shown, f"{here.sum():,}", f"{trials.correct[here].mean():.3f}"))
    return InspectionTable(
        title="Conditions",
        columns=("image set", "condition", "images", "trials", "accuracy"),
        rows=tuple(rows),
        most=_MOST,
    )
