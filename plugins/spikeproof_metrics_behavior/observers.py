"""Subjects and systems as observers of the same images, image set by image set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.wording import some

from .trial_table import trials_of
from .trials import Trials, short_image_name, usable_conditions

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.types import Code, StudyEvidence

__all__ = [
    "ALL_SETS",
    "SUBJECTS",
    "UNSEEN",
    "Cells",
    "Names",
    "Observers",
    "Repeated",
    "cells_of",
    "images_of",
    "observers_of",
    "permuted",
    "right_or_wrong",
    "true_categories",
]

Names = Annotated[
    Literal["same", "short"], "Stimuli of systems are called as those of the trials, or are compared by short names."
]
"""How stimuli of trials and of systems are told to be the same."""

Repeated = Annotated[
    Literal["refuse", "first"],
    "A subject that saw an image several times under one condition: refuse, or take the first time.",
]

SUBJECTS = "subjects"
ALL_SETS = "mean of all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """Who chose what on one image set.

    Parameters
    ----------
    trials : Trials
        Of the subjects.
    systems : tuple of str
        Systems with choices on at least two of the images.
    chosen : numpy.ndarray of str, (system, image)
        Their choices; empty where they were not shown the image.
    left_out : mapping of str to str
        Other systems, with the reason.
    """

    trials: Trials
    systems: tuple[str, ...]
    chosen: NDArray[np.str_]
    left_out: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Subjects, then systems."""
        return (*self.trials.subjects, *self.systems)

    def first_showings(self) -> Observers:
        """Keep the first trial of every subject on every image under every condition."""
        return replace(self, trials=self.trials.first_showings())

    def usable(self, control: str, lowest: float) -> Observers:
        """Leave out conditions on which error consistency means little: see :func:`usable_conditions`."""
        kept = usable_conditions(self.trials, control=control or None, lowest=lowest)
        return replace(self, trials=self.trials.select(kept))


def observers_of(study: StudyEvidence, what: str, names: Names) -> dict[str, Observers]:
    """Subjects and systems on every image set of a study's trials.

    Parameters
    ----------
    study : StudyEvidence
    what : str
        The metric that asks, for messages.
    names : {"same", "short"}
        Whether stimuli of the systems are called as those of the trials, or their names are compared after what stands
        before the image's own name is left out (folders; trial, observer and condition), as in model-vs-human. Of
        several image sets, a stimulus belongs to the one whose name is among its folders.

    Raises
    ------
    NotEnoughData
        If there are no trials, or they do not say what is right.
    DataError
        If two stimuli of a system have one short name.
    """
    if study.trials is None:
        raise NotEnoughData(
            f"{what} needs a subject's choices: a source of trials, or a recording with a column `choice`"
        )
    sets = trials_of(study.trials, what)
    out = {}
    for name, trials in sets.items():
        systems, rows, left_out = [], [], {}
        for system, code in study.codes.items():
            found = _choices(code, trials, names, several=len(sets) > 1)
            if isinstance(found, str):
                left_out[system] = found
            else:
                systems.append(system)
                rows.append(found)
        chosen = np.stack(rows) if rows else np.empty((0, len(trials.images)), dtype=str)
        out[name] = Observers(trials=trials, systems=tuple(systems), chosen=chosen, left_out=left_out)
    return out


def images_of(
    stimuli: Sequence[str], images: Sequence[str], image_set: str, names: Names, *, several: bool, system: str
) -> NDArray[np.intp]:
    """Which stimulus of a system each image of the trials is, (image,); -1 where it is none.

    Raises
    ------
    DataError
        If two stimuli have one short name.
    """
    if names == "same":
        place = {stimulus: k for k, stimulus in enumerate(stimuli)}
        return np.array([place.get(image, -1) for image in images], dtype=np.intp)
    place = {}
    for k, stimulus in enumerate(stimuli):
        path = PurePosixPath(stimulus)
        if several and image_set not in path.parts[:-1]:
            continue
        short = short_image_name(path.name)
        if short in place:
            raise DataError(
                f"trials: stimuli {stimuli[place[short]]!r} and {stimulus!r} of {system} are both called {short!r} for "
                "short, so that choices on them cannot be told apart: give the study the images of one image set, or "
                "name stimuli as the trials do and compare names as they are"
            )
        place[short] = k
    shortened = [short_image_name(PurePosixPath(image).name) for image in images]
    return np.array([place.get(short, -1) for short in shortened], dtype=np.intp)


def _choices(code: Code, trials: Trials, names: Names, *, several: bool) -> NDArray[np.str_] | str:
    """Choices on every image, (image,), or why there are none."""
    if code.choices is None:
        return "it makes no choices: there is no readout"
    stimuli = code.choices["stimulus"].values.astype(str).tolist()
    row = images_of(stimuli, trials.images, trials.name, names, several=several, system=code.system)
    shown = row >= 0
    if np.count_nonzero(shown) < 2:
        hint = "" if names == "short" else " (names = 'short' compares them without folders and prefixes)"
        return (
            f"it was shown {np.count_nonzero(shown)} of the {len(row)} images of {trials.name!r}: images are called "
            f"{some(trials.images, 1)}, its stimuli {some(stimuli, 1)}{hint}"
        )
    choices = code.choices.values.astype(str)
    out: NDArray[np.str_] = np.where(shown, choices[row], "")
    made = set(out[shown].tolist())
    if not made & set(trials.categories):
        return (
            f"it chooses among {some(sorted(made))}, and subjects of {trials.name!r} among {some(trials.categories)}: "
            "categories must be called alike"
        )
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Choices on every image under every condition.

    Parameters
    ----------
    chosen : numpy.ndarray of int, (observer, cell)
        Code of the choice; -1 where none was made, -2 where the image was not seen. Subjects, then systems.
    condition, image, truth : numpy.ndarray of int, (cell,)
    names : tuple of str
        What the codes of choices and truth count: the categories of the trials, then what else systems chose.
    """

    chosen: NDArray[np.intp]
    condition: NDArray[np.intp]
    image: NDArray[np.intp]
    truth: NDArray[np.intp]
    names: tuple[str, ...]


UNSEEN = -2
"""Code of an image that an observer did not see."""


def cells_of(observers: Observers) -> Cells:
    """Choices of all observers, one a cell of condition and image.

    Raises
    ------
    DataError
        If a subject saw an image twice under a condition, or an image has two categories.
    """
    trials = observers.trials
    pair = trials.condition * len(trials.images) + trials.image
    shown, cell = np.unique(pair, return_inverse=True)
    taken = cell * len(trials.subjects) + trials.subject
    twice = np.flatnonzero(np.bincount(taken)[taken] > 1)
    if twice.size:
        at = int(twice[0])
        raise DataError(
            f"{trials.name}: subject {trials.subjects[trials.subject[at]]!r} saw image "
            f"{trials.images[trials.image[at]]!r} more than once under condition "
            f"{trials.conditions[trials.condition[at]]!r}: which of the choices is meant? (repeated = 'first' takes "
            "the first)"
        )
    condition, image = shown // len(trials.images), shown % len(trials.images)
    further = sorted(set(observers.chosen[:, image].ravel().tolist()) - {*trials.categories, ""})
    names = (*trials.categories, *further)
    code = {name: k for k, name in enumerate(names)} | {"": UNSEEN}
    chosen = np.full((len(observers.names), len(shown)), UNSEEN)
    chosen[trials.subject, cell] = trials.response
    people = len(trials.subjects)
    for number, choices in enumerate(observers.chosen):
        chosen[people + number] = [code[name] for name in choices[image].tolist()]
    truth = np.array([code[name] for name in true_categories(trials)[image].tolist()], dtype=np.intp)
    return Cells(chosen=chosen, condition=condition, image=image, truth=truth, names=names)


def permuted(cells: Cells, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choices (observer, cell), those of every observer shuffled over the images that it saw under each condition."""
    out = cells.chosen.copy()
    for row in out:
        for code in np.unique(cells.condition):
            seen = np.flatnonzero((cells.condition == code) & (row != UNSEEN))
            row[seen] = rng.permutation(row[seen])
    return out


def right_or_wrong(observers: Observers) -> NDArray[np.float64]:
    """Whether each observer was right, (condition, observer, image): subjects, then systems.

    1 right, 0 wrong or without a choice, NaN where not seen. Images are counted within each condition: the k-th of
    those shown under it, as in :func:`correct_table`.

    Raises
    ------
    DataError
        If a subject saw an image twice under a condition, or an image has two categories.
    """
    cells = cells_of(observers)
    within = np.arange(len(cells.condition)) - np.searchsorted(cells.condition, cells.condition)
    shape = len(observers.trials.conditions), len(cells.chosen), int(within.max(initial=-1)) + 1
    out = np.full(shape, np.nan)
    out[cells.condition, :, within] = np.where(cells.chosen == UNSEEN, np.nan, cells.chosen == cells.truth).T
    return out


def true_categories(trials: Trials) -> NDArray[np.str_]:
    """The right choice of every image, (image,); empty where the image is in no trial.

    Raises
    ------
    DataError
        If an image has two.
    """
    out = np.full(len(trials.images), -1)
    out[trials.image] = trials.category
    other = np.flatnonzero(out[trials.image] != trials.category)
    if other.size:
        image = trials.image[other[0]]
        first, second = (trials.categories[k] for k in (trials.category[other[0]], out[image]))
        raise DataError(
            f"{trials.name}: image {trials.images[image]!r} is {first!r} in one trial and {second!r} in another: an "
            "image has one right choice"
        )
    names = np.append(np.array(trials.categories, dtype=str), "")
    return np.asarray(names[out])
