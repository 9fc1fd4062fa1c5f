"""Trials of subjects, and the probabilities of systems, as choices between an image's own object and a distractor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from spikeproof.errors import DataError
from spikeproof.types import Code, generator

from spikeproof_metrics_behavior.image_rates import ImageTrials
from spikeproof_metrics_behavior.observers import Names, Observers, images_of, true_categories

__all__ = ["ImageTask", "Rule", "image_task", "probabilities", "two_way"]

Rule = Literal["brain-score", "objectome"]
"""Whose rules d' and its correlations follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """One image set as choices between an image's own object and a distractor.

    Parameters
    ----------
    rule : {"brain-score", "objectome"}
        How d' and correlations are taken.
    trials : ImageTrials
    subject : numpy.ndarray of int, (trial,)
    halves : numpy.ndarray of bool, (split, trial)
        Which trials are in the first half of each split.
    models : mapping of str to numpy.ndarray, (image, object)
        Probabilities of every system for every object; NaN where it was not shown the image.
    played : mapping of str to ImageTrials
        The subjects' trials with choices drawn from every system's probabilities, where the rule needs them.
    """

    rule: Rule
    trials: ImageTrials
    subject: NDArray[np.intp]
    halves: NDArray[np.bool_]
    models: Mapping[str, NDArray[np.float64]]
    played: Mapping[str, ImageTrials]


def probabilities(
    observers: Observers, codes: Mapping[str, Code], names: Names, reasons: dict[str, str], *, several: bool
) -> dict[str, NDArray[np.float64]]:
    """Probabilities of every system with a fitted readout, (image, object).

    Parameters
    ----------
    observers : Observers
    codes : mapping of str to Code
    names : str
        How images are found among a system's stimuli.
    reasons : dict of str to str
        Is told why a system is left out.
    several : bool
        Whether the study has several image sets.
    """
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
        row = images_of(stimuli, trials.images, trials.name, names, several=several, system=system)
        decision = code.readout.decision(code.responses.values, stimuli)
        columns = [code.readout.classes.index(name) for name in trials.categories]
        p = softmax(decision, axis=1)[:, columns]
        out[system] = np.where((row >= 0)[:, None], p[row], np.nan)
    return out


def image_task(
    observers: Observers, models: Mapping[str, NDArray[np.float64]], *, rule: Rule, splits: int, seed: int
) -> ImageTask:
    """Read trials as choices between an image's own object and the distractor.

    Parameters
    ----------
    observers : Observers
        Whose trials say which distractor was on offer.
    models : mapping of str to numpy.ndarray, (image, object)
        Probabilities of every system.
    rule : {"brain-score", "objectome"}
    splits : int
        Random halves of the trials.
    seed : int

    Raises
    ------
    DataError
        If a distractor is none of the categories, or a system was not shown what the rule needs.
    """
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
    halves = np.zeros((splits, len(task)), dtype=bool)
    for split in halves:
        split[rng.permutation(len(task))[: len(task) // 2]] = True
    played = {}
    if rule == "objectome":
        played = {system: _played(task, p, system, rng) for system, p in models.items()}
    return ImageTask(rule=rule, trials=task, subject=trials.subject[made], halves=halves, models=models, played=played)


def two_way(p: NDArray[np.float64], truth: NDArray[np.intp]) -> NDArray[np.float64]:
    """Probability of choosing each object over the image's own, (image, object)."""
    own = p[np.arange(len(p)), truth][:, None]
    total = p + own
    # Probabilities of 0 on both sides are rounding of a very sure third class: then either is as good.
    return np.divide(p, total, out=np.where(np.isnan(p), np.nan, 0.5), where=total > 0)


def _played(trials: ImageTrials, p: NDArray[np.float64], system: str, rng: np.random.Generator) -> ImageTrials:
    """The subjects' trials with choices drawn from a system's probabilities; trials that it was not shown are gone."""
    chance = two_way(p, trials.truth)[trials.image, trials.distractor]
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
