"""Behavioural d' of halves of the trials and of systems, and how consistent they are over images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import jackknife_groups

from spikeproof_metrics_behavior.image_level import Level, correlation, image_level_dprime
from spikeproof_metrics_behavior.image_rates import choice_rates
from spikeproof_metrics_behavior.objectome import objectome_consistency, objectome_metrics
from spikeproof_metrics_behavior.observers import Observers

from .image_task import ImageTask, Rule, two_way

__all__ = ["LEVELS", "Sides", "consistencies", "dprimes_of", "within_objects", "without_images", "without_subjects"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LEVELS: tuple[Level, ...] = get_args(Level)
Sides = list[list[Floats]]
"""Behavioural d' (half, image, ...) by level, of the subjects and of every system; systems without trials have one."""

_GROUPS = 16
"""Groups of images, and of subjects, that are left out in turn."""


def dprimes_of(task: ImageTask, kept: NDArray[np.bool_], shown: NDArray[np.bool_]) -> list[Sides]:
    """Every image's d' from the trials that are kept, for every split and level, of halves and systems."""
    truth = task.trials.truth
    halves = [(np.flatnonzero(kept & half), np.flatnonzero(kept & ~half)) for half in task.halves]
    if task.rule == "objectome":
        out = []
        for rows in halves:
            own = [objectome_metrics(task.trials, part) for part in rows]
            theirs = [[objectome_metrics(played, part) for part in rows] for played in task.played.values()]
            out += [[[_flat(getattr(one, level) for one in pair) for pair in (own, *theirs)] for level in LEVELS]]
        return out
    p = [np.where(shown[:, None], model, np.nan) for model in task.models.values()]
    models = {
        level: [image_level_dprime(two_way(one, truth), truth, level=level)[None] for one in p] for level in LEVELS
    }
    out = []
    for rows in halves:
        rates = [choice_rates(task.trials, part) for part in rows]
        out += [
            [
                [_flat(image_level_dprime(rate, truth, level=level) for rate in rates), *models[level]]
                for level in LEVELS
            ]
        ]
    return out


def consistencies(rule: Rule, dprimes: list[Sides], images: Ints) -> Floats:
    """Mean over splits of the consistency of halves, and of each system with the subjects, (level, observers).

    ``images`` says which image stands for each on the other side: itself, or another of the same object.
    """
    out = np.zeros((len(LEVELS), len(dprimes[0][0])))
    for split in dprimes:
        for row, (level, sides) in enumerate(zip(LEVELS, split, strict=True)):
            subjects, *systems = sides
            out[row, 0] += correlation(subjects[0].ravel(), subjects[1][images].ravel(), level)[0]
            for column, system in enumerate(systems, 1):
                out[row, column] += _with_system(rule, subjects, system[:, images], level)
    return out / len(dprimes)


def _with_system(rule: Rule, subjects: Floats, system: Floats, level: str) -> float:
    """Consistency of a system with the subjects' first half, or with both by the objectome's rule."""
    try:
        if rule == "objectome":
            return objectome_consistency(system, subjects).consistency
        return correlation(subjects[0].ravel(), system[0].ravel(), level)[0]
    except NotEnoughData:
        return float("nan")  # said as a reason


def without_images(task: ImageTask, observers: Observers) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Trials and images that are kept without each group of images."""
    names = [observers.trials.images[k] for k in range(len(task.trials.truth))]
    groups = jackknife_groups(names, most=_GROUPS, purpose="stimuli")
    return [((groups != group)[task.trials.image], groups != group) for group in range(int(groups.max()) + 1)]


def without_subjects(task: ImageTask, observers: Observers) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Trials and images that are kept without each group of subjects; none where there is one subject."""
    subjects = observers.trials.subjects
    if len(subjects) < 2:
        return []
    groups = jackknife_groups(list(subjects), most=_GROUPS, purpose="subjects")[task.subject]
    every = np.ones(len(task.trials.truth), dtype=bool)
    return [(groups != group, every) for group in range(int(groups.max()) + 1)]


def within_objects(truth: Ints, rng: np.random.Generator) -> Ints:
    """Every image's place taken by another of the same object, (image,)."""
    out = np.arange(len(truth))
    for item in np.unique(truth):
        here = np.flatnonzero(truth == item)
        out[here] = rng.permutation(here)
    return out


def _flat(halves: Iterable[Floats]) -> Floats:
    """Halves as one array, (half, image, ...)."""
    return np.stack(list(halves))
