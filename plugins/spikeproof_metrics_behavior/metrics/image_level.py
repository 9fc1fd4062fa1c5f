"""Image-level behavioural consistency of subjects with themselves and with systems."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import softmax
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling, interval, jackknife_groups, jackknife_interval
from spikeproof.summaries import against, annotated
from spikeproof.types import Code, Evidence, StudyEvidence, generator
from spikeproof.wording import with_interval

from spikeproof_metrics_behavior.image_level import Level, correlation, image_level_dprime
from spikeproof_metrics_behavior.image_rates import ImageTrials, choice_rates
from spikeproof_metrics_behavior.objectome import objectome_consistency, objectome_metrics
from spikeproof_metrics_behavior.observers import (
    SUBJECTS,
    Names,
    Observers,
    images_of,
    observers_of,
    true_categories,
)

from .groups import left_out, list_left_out, seed_of

__all__ = ["ImageLevelConsistency"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_LEVELS: tuple[Level, ...] = get_args(Level)
_Sides = list[list[Floats]]
"""Behavioural d' (half, image, ...) by level, of the subjects and of every system; systems without trials have one."""

_GROUPS, _SHUFFLES = 16, 100
_CEILING = f"{SUBJECTS} with each other"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One image set as choices between an image's own object and a distractor.

    Parameters
    ----------
    trials : ImageTrials
    subject : numpy.ndarray of int, (trial,)
    halves : numpy.ndarray of bool, (split, trial)
        Which trials are in the first half of each split.
    models : mapping of str to numpy.ndarray, (image, object)
        Probabilities of every system for every object; NaN where it was not shown the image.
    played : mapping of str to ImageTrials
        The subjects' trials with choices drawn from every system's probabilities, where the rule needs them.
    """

    trials: ImageTrials
    subject: Ints
    halves: NDArray[np.bool_]
    models: Mapping[str, Floats]
    played: Mapping[str, ImageTrials]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLevelConsistency:
    """Whether the same images are hard for subjects and for systems, in choices between two objects.

    Each image's behavioural d' (i1: over all distractors, i2: for each; n: less the mean of its object) is correlated
    between two halves of the subjects' trials (the ceiling), and between one half and each system, whose probabilities
    are the softmax of its readout's decision values.
    """

    rule: Annotated[
        Literal["brain-score", "objectome"],
        "brain-score: false alarms averaged over images, correlations as they are; objectome: false alarms pooled over "
        "trials, correlations over the root of the product of the internal consistencies (Rajalingham et al. 2018).",
    ] = "brain-score"
    splits: Annotated[int, "Random halves of the trials that are averaged over."] = 10
    names: Names = "same"

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"image-level: splits must be at least 1, got {self.splits}")

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: all choices are looked at in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Correlate d' of subjects and systems.

        Returns
        -------
        xarray.Dataset
            ``consistency`` and ``consistency_shuffled`` (statistic, image_set, level, observers).
        """
        sets = observers_of(study, "image-level", self.names)
        offered = {name: observers for name, observers in sets.items() if "distractor" in observers.trials.extra}
        if not offered:
            raise NotEnoughData(
                "image-level needs trials on which two objects were on offer: these do not say which other one was "
                "(option `distractor` of the source)"
            )
        reasons = left_out(offered)
        parts: list[xr.Dataset] = []
        for name, observers in offered.items():
            models = self._models(observers, study.codes, reasons, several=len(sets) > 1)
            task = self._task(observers, models, seed_of(resampling, "image level", name))
            parts.append(self._of_set(name, task, observers, resampling, reasons))
        summary = xr.concat(parts, dim="image_set", join="outer")
        return self._annotated(summary, reasons)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how consistent subjects are with themselves and with systems, image by image."""
        values, null = summary["consistency"], summary["consistency_shuffled"]
        for name in values["image_set"].values.tolist():
            for observers in values["observers"].values.tolist():
                told = []
                for level in ("i1", "i2n"):
                    one, chance = (
                        table.sel(image_set=name, observers=observers, level=level) for table in (values, null)
                    )
                    if not bool(one.sel(statistic="estimate").isnull()):
                        told.append(
                            f"{level} {with_interval(one)} ({against(one, chance)} that with the images of each object "
                            f"shuffled, {with_interval(chance)})"
                        )
                if told:
                    yield f"{observers[0].upper()}{observers[1:]}, image by image of {name}: {'; '.join(told)}."
        yield from list_left_out(values)

    def _models(
        self, observers: Observers, codes: Mapping[str, Code], reasons: dict[str, str], *, several: bool
    ) -> dict[str, Floats]:
        """Probabilities of every system with a fitted readout, (image, object)."""
        trials = observers.trials
        out = {}
        for system in observers.systems:
            code = codes[system]
            if code.readout is None:
                reasons[system] = "image-level needs decision values of a fitted readout, such as 'logistic'"
                continue
            missing = [name for name in trials.categories if name not in code.readout.classes]
            if missing:
                reasons[system] = f"its readout has no class {missing[0]!r}, which is an object on offer"
                continue
            stimuli = code.responses["stimulus"].values.astype(str).tolist()
            row = images_of(stimuli, trials.images, trials.name, self.names, several=several, system=system)
            decision = code.readout.decision(code.responses.values, stimuli)
            columns = [code.readout.classes.index(name) for name in trials.categories]
            p = softmax(decision, axis=1)[:, columns]
            out[system] = np.where((row >= 0)[:, None], p[row], np.nan)
        return out

    def _task(self, observers: Observers, models: Mapping[str, Floats], seed: int) -> _Task:
        trials = observers.trials
        code = {name: k for k, name in enumerate(trials.categories)}
        column = trials.extra["distractor"]
        unknown = [name for name in column if name not in code]
        if unknown:
            raise DataError(
                f"image-level: distractor {unknown[0]!r} of {trials.name!r} is no category of its trials: name what "
                "may be chosen as `categories` of the source"
            )
        made = trials.response >= 0
        truth = true_categories(trials)
        task = ImageTrials(
            image=trials.image[made],
            distractor=np.array([code[name] for name in column])[made],
            choice=trials.response[made],
            truth=[code[name] for name in truth.tolist()],
            objects=len(trials.categories),
        )
        rng = generator(seed, "halves")
        halves = np.zeros((self.splits, len(task)), dtype=bool)
        for split in halves:
            split[rng.permutation(len(task))[: len(task) // 2]] = True
        played = {}
        if self.rule == "objectome":
            played = {system: _played(task, p, system, rng) for system, p in models.items()}
        return _Task(trials=task, subject=trials.subject[made], halves=halves, models=models, played=played)

    def _of_set(
        self, name: str, task: _Task, observers: Observers, resampling: Resampling, reasons: dict[str, str]
    ) -> xr.Dataset:
        columns = [_CEILING, *(f"{system} with {SUBJECTS}" for system in task.models)]
        seed = seed_of(resampling, "image level", name)
        every = np.ones(len(task.trials), dtype=bool)
        images = np.arange(len(task.trials.truth))
        dprimes = self._dprimes(task, every, np.ones(len(images), dtype=bool))
        whole = self._consistencies(dprimes, images)
        for row, column in np.argwhere(np.isnan(whole)).tolist():
            reasons[f"{columns[column]} ({_LEVELS[row]})"] = (
                "its d' does not vary over images, or not alike in its halves: its choices are too sure, or too few"
            )
        without = [
            np.stack([self._consistencies(self._dprimes(task, *kept), images) for kept in group])
            for group in (self._without_images(task, observers), self._without_subjects(task, observers))
            if group
        ]
        rng = generator(seed, "shuffled")
        null = np.stack(
            [self._consistencies(dprimes, _within_objects(task.trials.truth, rng)) for _ in range(_SHUFFLES)]
        )
        low, high = jackknife_interval(whole, without, level=resampling.level, lowest=-1.0, highest=_highest(self.rule))
        centre = null.mean(axis=0)
        bounds = interval(null, centre, resampling.level, undefined="exclude")
        coords = {
            "statistic": ["estimate", "low", "high"],
            "image_set": [name],
            "level": list(_LEVELS),
            "observers": columns,
        }
        dims = tuple(coords)
        return xr.Dataset(
            {
                "consistency": (dims, np.stack([whole, low, high])[:, None]),
                "consistency_shuffled": (dims, np.stack([centre, *bounds])[:, None]),
            },
            coords=coords,
        )

    def _without_images(self, task: _Task, observers: Observers) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Trials and images that are kept without each group of images."""
        names = [observers.trials.images[k] for k in range(len(task.trials.truth))]
        groups = jackknife_groups(names, most=_GROUPS, purpose="stimuli")
        return [((groups != group)[task.trials.image], groups != group) for group in range(int(groups.max()) + 1)]

    def _without_subjects(self, task: _Task, observers: Observers) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        subjects = observers.trials.subjects
        if len(subjects) < 2:
            return []
        groups = jackknife_groups(list(subjects), most=_GROUPS, purpose="subjects")[task.subject]
        every = np.ones(len(task.trials.truth), dtype=bool)
        return [(groups != group, every) for group in range(int(groups.max()) + 1)]

    def _dprimes(self, task: _Task, kept: NDArray[np.bool_], shown: NDArray[np.bool_]) -> list[_Sides]:
        """Every image's d' from the trials that are kept, for every split and level, of halves and systems."""
        truth = task.trials.truth
        halves = [(np.flatnonzero(kept & half), np.flatnonzero(kept & ~half)) for half in task.halves]
        if self.rule == "objectome":
            out = []
            for rows in halves:
                own = [objectome_metrics(task.trials, part) for part in rows]
                theirs = [[objectome_metrics(played, part) for part in rows] for played in task.played.values()]
                out += [[[_flat(getattr(one, level) for one in pair) for pair in (own, *theirs)] for level in _LEVELS]]
            return out
        p = [np.where(shown[:, None], model, np.nan) for model in task.models.values()]
        models = {
            level: [image_level_dprime(_two_way(one, truth), truth, level=level)[None] for one in p]
            for level in _LEVELS
        }
        out = []
        for rows in halves:
            rates = [choice_rates(task.trials, part) for part in rows]
            out += [
                [
                    [_flat(image_level_dprime(rate, truth, level=level) for rate in rates), *models[level]]
                    for level in _LEVELS
                ]
            ]
        return out

    def _consistencies(self, dprimes: list[_Sides], images: Ints) -> Floats:
        """Mean over splits of the consistency of halves, and of each system with the subjects, (level, observers).

        ``images`` says which image stands for each on the other side: itself, or another of the same object.
        """
        out = np.zeros((len(_LEVELS), len(dprimes[0][0])))
        for split in dprimes:
            for row, (level, sides) in enumerate(zip(_LEVELS, split, strict=True)):
                subjects, *systems = sides
                out[row, 0] += correlation(subjects[0].ravel(), subjects[1][images].ravel(), level)[0]
                for column, system in enumerate(systems, 1):
                    out[row, column] += self._with_system(subjects, system[:, images], level)
        return out / len(dprimes)

    def _with_system(self, subjects: Floats, system: Floats, level: str) -> float:
        """Consistency of a system with the subjects' first half, or with both by the objectome's rule."""
        try:
            if self.rule == "objectome":
                return objectome_consistency(system, subjects).consistency
            return correlation(subjects[0].ravel(), system[0].ravel(), level)[0]
        except NotEnoughData:
            return float("nan")  # said as a reason

    def _annotated(self, summary: xr.Dataset, reasons: Mapping[str, str]) -> xr.Dataset:
        how = (
            "d' = z(1 - p) - z(F), false alarms F averaged over images, capped at 5 (Brain-Score's i1, i1n, i2 and "
            "i2n); a system has no trials and chooses with its probabilities. The score is not divided by the ceiling, "
            "which is that of half of the trials and not corrected for it."
            if self.rule == "brain-score"
            else "d' with false alarms pooled over trials, capped at 5; a system's choice on a trial is drawn with its "
            "probabilities; its consistency with subjects is divided by the root of the product of the two internal "
            "consistencies (Rajalingham, Issa et al. 2018), that of the subjects with each other is not."
        )
        summary["consistency"] = annotated(
            summary["consistency"],
            long_name="image-level consistency",
            units="1",
            definition=(
                "Correlation of behavioural d' over images (i1) or pairs of image and distractor (i2); n: less the "
                "mean over images of one object (and distractor). "
                f"Mean over {self.splits} random halves of the trials. {how} "
                "Interval: delete-a-group jackknife over images and over subjects, whose variances add up, with "
                "Student's t."
            ),
            figure="matrix",
            rows="level",
            columns="observers",
            headline=1,
            left_out=json.dumps(dict(reasons)),
        )
        summary["consistency_shuffled"] = annotated(
            summary["consistency_shuffled"],
            long_name="image-level consistency with the images of each object shuffled",
            units="1",
            definition=f"What objects alone explain: mean and 95 % range of {_SHUFFLES} shuffles.",
        )
        return summary


def _highest(rule: str) -> float:
    return 1.0 if rule == "brain-score" else float("inf")


def _two_way(p: Floats, truth: Ints) -> Floats:
    """Probability of choosing each object over the image's own, (image, object)."""
    own = p[np.arange(len(p)), truth][:, None]
    total = p + own
    # Probabilities of 0 on both sides are rounding of a very sure third class: then either is as good.
    return np.divide(p, total, out=np.where(np.isnan(p), np.nan, 0.5), where=total > 0)


def _flat(halves: Iterable[Floats]) -> Floats:
    """Halves as one array, (half, image, ...)."""
    return np.stack(list(halves))


def _within_objects(truth: Ints, rng: np.random.Generator) -> Ints:
    """Every image's place taken by another of the same object, (image,)."""
    out = np.arange(len(truth))
    for item in np.unique(truth):
        here = np.flatnonzero(truth == item)
        out[here] = rng.permutation(here)
    return out


def _played(trials: ImageTrials, p: Floats, system: str, rng: np.random.Generator) -> ImageTrials:
    """The subjects' trials with choices drawn from a system's probabilities; trials that it was not shown are gone."""
    chance = _two_way(p, trials.truth)[trials.image, trials.distractor]
    if np.isnan(chance).any():
        raise DataError(
            f"image-level: {system} was not shown {np.isnan(chance).sum()} of the {len(chance)} trials' images; the "
            "objectome's rule compares observers on the same trials"
        )
    taken = rng.random(len(trials)) < chance
    choice = np.where(taken, trials.distractor, trials.truth[trials.image])
    return ImageTrials(
        image=trials.image, distractor=trials.distractor, choice=choice, truth=trials.truth, objects=trials.objects
    )
