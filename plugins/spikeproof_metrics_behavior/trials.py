"""Trials of human observers: who chose what on which image, under which condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
from spikeproof.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CONTROL_CONDITIONS", "Trials", "correct_table", "same_condition", "short_image_name", "usable_conditions"]

CONTROL_CONDITIONS: Mapping[str, str] = {
    "colour": "cr",
    "contrast": "c100",
    "eidolonI": "1-10-10",
    "eidolonII": "1-3-10",
    "eidolonIII": "1-0-10",
    "false-colour": "true",
    "high-pass": "inf",
    "low-pass": "0",
    "phase-scrambling": "0",
    "power-equalisation": "0",
    "rotation": "0",
    "uniform-noise": "0.0",
}
"""Condition without manipulation in each of the image sets of Geirhos et al. (2021) that has several conditions."""

NO_CHOICE = -1
"""Code of a trial without a choice (``na``): the observer was too slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Trials of one image set, in the order of the files.

    Parameters
    ----------
    name : str
        Of the image set.
    subjects, conditions, images, categories : tuple of str
        Names, sorted, that the codes below count; conditions as they stand in the files.
    subject, condition, image, category : numpy.ndarray of int, (trial,)
        Codes. ``category`` is the true one.
    response : numpy.ndarray of int, (trial,)
        Code of the chosen category, -1 where none was chosen (``na``).
    session, trial : numpy.ndarray of int, (trial,)
    rt : numpy.ndarray of float64, (trial,)
        Reaction time in seconds; NaN where there was none.
    image_name : tuple of str
        ``imagename`` of each trial, as it stands in the files.
    extra : mapping of str to tuple of str
        Further columns: the text of each trial.
    """

    name: str
    subjects: tuple[str, ...]
    conditions: tuple[str, ...]
    images: tuple[str, ...]
    categories: tuple[str, ...]
    subject: NDArray[np.intp]
    condition: NDArray[np.intp]
    image: NDArray[np.intp]
    category: NDArray[np.intp]
    response: NDArray[np.intp]
    session: NDArray[np.intp]
    trial: NDArray[np.intp]
    rt: NDArray[np.float64]
    image_name: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each choice is right, (trial,); ``na`` is wrong, as in model-vs-human."""
        right: NDArray[np.bool_] = self.response == self.category
        return right

    def keep(self, rows: NDArray[np.bool_]) -> Trials:
        """Return some of the trials, (trial,); names and codes stay."""
        arrays = ("subject", "condition", "image", "category", "response", "session", "trial", "rt")
        kept = rows.tolist()
        changes: dict[str, Any] = {key: getattr(self, key)[rows] for key in arrays}
        changes["image_name"] = tuple(compress(self.image_name, kept))
        changes["extra"] = {key: tuple(compress(cells, kept)) for key, cells in self.extra.items()}
        return replace(self, **changes)

    def first_showings(self) -> Trials:
        """Return the first trial of every subject on every image under every condition, in the order of the trials."""
        cell = (self.condition * len(self.subjects) + self.subject) * len(self.images) + self.image
        first = np.zeros(len(cell), dtype=bool)
        first[np.unique(cell, return_index=True)[1]] = True
        return self.keep(first)

    def select(self, conditions: Sequence[str]) -> Trials:
        """Trials of some conditions, compared as :func:`same_condition` does; names and codes stay.

        Raises
        ------
        DataError
            If there is no such condition.
        """
        kept = []
        for wanted in conditions:
            found = [k for k, name in enumerate(self.conditions) if same_condition(name, wanted)]
            if not found:
                raise DataError(
                    f"{self.name}: no condition {wanted!r}; there are {', '.join(map(repr, self.conditions))}"
                )
            kept += found
        return self.keep(np.isin(self.condition, kept))

    def table(self) -> pd.DataFrame:
        """One row a trial, with names for codes."""
        import pandas as pd

        choices = np.append(np.array(self.categories, dtype=object), "na")
        return pd.DataFrame(
            {
                "image_set": self.name,
                "subject": np.array(self.subjects, dtype=object)[self.subject],
                "session": self.session,
                "trial": self.trial,
                "rt": self.rt,
                "response": choices[self.response],
                "category": choices[self.category],
                "condition": np.array(self.conditions, dtype=object)[self.condition],
                "image": np.array(self.images, dtype=object)[self.image],
                "correct": self.correct,
            }
        )


def correct_table(trials: Trials) -> NDArray[np.float64]:
    """Whether each observer was right on each image, as :func:`error_consistency` takes it.

    Parameters
    ----------
    trials : Trials

    Returns
    -------
    numpy.ndarray of float64, (condition, subject, image)
        1 right, 0 wrong or ``na``, NaN where the observer did not see the image under that condition. Images are
        counted within each condition (the k-th of those that were shown under it), as image sets mostly show other
        images in every condition.

    Raises
    ------
    DataError
        If an observer saw an image twice under one condition.
    """
    pair = trials.condition * len(trials.images) + trials.image
    shown, code = np.unique(pair, return_inverse=True)
    condition = shown // len(trials.images)
    first = np.searchsorted(condition, np.arange(len(trials.conditions)))
    within = np.arange(len(shown)) - first[condition]
    widest = int(np.bincount(condition, minlength=len(trials.conditions)).max(initial=0))
    out = np.full((len(trials.conditions), len(trials.subjects), widest), np.nan)
    out[trials.condition, trials.subject, within[code]] = trials.correct
    if int(np.count_nonzero(~np.isnan(out))) != len(pair):
        seen = code * len(trials.subjects) + trials.subject
        twice = int(np.flatnonzero(np.bincount(seen)[seen] > 1)[0])
        raise DataError(
            f"{trials.name}: subject {trials.subjects[trials.subject[twice]]!r} saw image "
            f"{trials.images[trials.image[twice]]!r} more than once under condition "
            f"{trials.conditions[trials.condition[twice]]!r}: which of the choices is meant?"
        )
    return out


def short_image_name(name: str) -> str:
    """Name of an image without what stands before it for trial, experiment, subject and condition.

    The last part between underscores; with its ImageNet synset where it has one, as model-vs-human does it.

    Examples
    --------
    >>> short_image_name("0001_cl_s01_cr_oven_40_n04111531_14126.png")
    'n04111531_14126.png'
    >>> short_image_name("0001_s5n_s01_0_bird_00_bird3-bird2.png")
    'bird3-bird2.png'
    """
    parts = name.split("_")
    if len(parts) > 1 and parts[-2].startswith("n0"):
        return f"{parts[-2]}_{parts[-1]}"
    return parts[-1]


def same_condition(a: str, b: str) -> bool:
    """Whether two names mean the same condition: equal as numbers, or as text whatever the case.

    The files of model-vs-human say ``0.00`` and ``true`` where its code says ``0.0`` and ``True``.

    Examples
    --------
    >>> same_condition("0.00", "0"), same_condition("true", "True"), same_condition("c10", "c100")
    (True, True, False)
    """
    try:
        return float(a) == float(b)
    except ValueError:
        return a.casefold() == b.casefold()


def usable_conditions(trials: Trials, *, control: str | None = None, lowest: float = 0.2) -> tuple[str, ...]:
    """Conditions on which error consistency means something, by the rules of Geirhos et al. (2021).

    Left out are the control condition, which shows images as they are, and conditions in which human observers are
    right on no more than a fifth of the trials (on ``15`` of ``low-pass`` on a fifth exactly, and it is left out in
    their paper too). A set with a single condition keeps it.

    Parameters
    ----------
    trials : Trials
    control : str, optional
        Condition without manipulation; by default that of :data:`CONTROL_CONDITIONS`, by the name of the set.
    lowest : float
        Mean accuracy that a condition must exceed.

    Returns
    -------
    tuple of str

    Raises
    ------
    DataError
        If there is no condition of the control's name, or none is left.
    """
    if len(trials.conditions) == 1:
        return trials.conditions
    unchanged = control if control is not None else CONTROL_CONDITIONS.get(trials.name)
    if unchanged is not None and not any(same_condition(name, unchanged) for name in trials.conditions):
        raise DataError(
            f"{trials.name}: no control condition {unchanged!r}; there are {', '.join(map(repr, trials.conditions))}"
        )
    number = np.bincount(trials.condition, minlength=len(trials.conditions))
    right = np.bincount(trials.condition, weights=trials.correct, minlength=len(trials.conditions))
    kept = tuple(
        name
        for k, name in enumerate(trials.conditions)
        if number[k]
        and right[k] > lowest * number[k]
        and not (unchanged is not None and same_condition(name, unchanged))
    )
    if not kept:
        raise DataError(f"{trials.name}: no condition but the control exceeds a mean accuracy of {lowest:g}")
    return kept
