"""Image-level behavioural consistency of subjects with themselves and with systems."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, interval, jackknife_interval
from spikeproof.summaries import against, annotated
from spikeproof.types import Evidence, StudyEvidence, generator
from spikeproof.wording import with_interval

from spikeproof_metrics_behavior.observers import SUBJECTS, Names, Observers, observers_of

from .groups import left_out, list_left_out, seed_of
from .image_halves import LEVELS, consistencies, dprimes_of, within_objects, without_images, without_subjects
from .image_task import ImageTask, Rule, image_task, probabilities

__all__ = ["ImageLevelConsistency"]

_SHUFFLES = 100
_CEILING = f"{SUBJECTS} with each other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLevelConsistency:
    """Whether the same images are hard for subjects and for systems, in choices between two objects.

    Each image's behavioural d' (i1: over all distractors, i2: for each; n: less the mean of its object) is correlated
    between two halves of the subjects' trials (the ceiling), and between one half and each system, whose probabilities
    are the softmax of its readout's decision values.
    """

    rule: Annotated[
        Rule,
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
            models = probabilities(observers, study.codes, self.names, reasons, several=len(sets) > 1)
            task = image_task(
                observers,
                models,
                rule=self.rule,
                splits=self.splits,
                seed=seed_of(resampling, "image level", name),
            )
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

    def _of_set(
        self, name: str, task: ImageTask, observers: Observers, resampling: Resampling, reasons: dict[str, str]
    ) -> xr.Dataset:
        columns = [_CEILING, *(f"{system} with {SUBJECTS}" for system in task.models)]
        seed = seed_of(resampling, "image level", name)
        every = np.ones(len(task.trials), dtype=bool)
        images = np.arange(len(task.trials.truth))
        dprimes = dprimes_of(task, every, np.ones(len(images), dtype=bool))
        whole = consistencies(self.rule, dprimes, images)
        for row, column in np.argwhere(np.isnan(whole)).tolist():
            reasons[f"{columns[column]} ({LEVELS[row]})"] = (
                "its d' does not vary over images, or not alike in its halves: its choices are too sure, or too few"
            )
        without = [
            np.stack([consistencies(self.rule, dprimes_of(task, *kept), images) for kept in group])
            for group in (without_images(task, observers), without_subjects(task, observers))
            if group
        ]
        rng = generator(seed, "shuffled")
        null = np.stack(
            [consistencies(self.rule, dprimes, within_objects(task.trials.truth, rng)) for _ in range(_SHUFFLES)]
        )
        low, high = jackknife_interval(whole, without, level=resampling.level, lowest=-1.0, highest=_highest(self.rule))
        centre = null.mean(axis=0)
        bounds = interval(null, centre, resampling.level, undefined="exclude")
        coords = {
            "statistic": ["estimate", "low", "high"],
            "image_set": [name],
            "level": list(LEVELS),
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
