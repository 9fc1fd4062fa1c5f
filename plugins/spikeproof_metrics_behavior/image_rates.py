"""Two-alternative choices, image by image: how often each object is chosen over the image's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ImageTrials", "choice_rates", "random_halves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTrials:
    """Trials on which one image is shown and two objects are offered, the image's own and a distractor.

    Parameters
    ----------
    image, distractor, choice : array_like of int, (trial,)
        The image shown, the other object on offer, and the object chosen.
    truth : array_like of int, (image,)
        The object that each image shows.
    objects : int, optional
        Number of objects; by default one more than the largest code.

    Raises
    ------
    DataError
        If a code is out of range, the distractor is the image's own object, or something else was chosen than the two
        on offer. The message names the trial.
    NotEnoughData
        If there is no trial.

    Examples
    --------
    >>> trials = ImageTrials(image=[0, 0, 1], distractor=[1, 1, 0], choice=[0, 1, 1], truth=[0, 1])
    >>> choice_rates(trials).tolist()
    [[nan, 0.5], [0.0, nan]]
    """

    image: NDArray[np.intp]
    distractor: NDArray[np.intp]
    choice: NDArray[np.intp]
    truth: NDArray[np.intp]
    objects: int

    def __init__(
        self,
        *,
        image: ArrayLike,
        distractor: ArrayLike,
        choice: ArrayLike,
        truth: ArrayLike,
        objects: int | None = None,
    ) -> None:
        given = {"image": image, "distractor": distractor, "choice": choice, "truth": truth}
        codes = {name: np.asarray(value, dtype=np.intp) for name, value in given.items()}
        trials = codes["image"].shape
        if any(codes[name].shape != trials for name in ("distractor", "choice")) or len(trials) != 1:
            raise DataError("image-level choices: image, distractor and choice must have one value a trial each")
        if codes["image"].size == 0:
            raise NotEnoughData("image-level choices: there is no trial")
        number = int(max(codes[name].max() for name in ("distractor", "choice", "truth"))) + 1
        number = number if objects is None else objects
        limits = {"image": len(codes["truth"]), "distractor": number, "choice": number, "truth": number}
        for name, values in codes.items():
            wrong = np.flatnonzero((values < 0) | (values >= limits[name]))
            if wrong.size:
                at = "image" if name == "truth" else "trial"
                raise DataError(
                    f"image-level choices: {name} of {at} {wrong[0]} is {values[wrong[0]]}, but there are "
                    f"{limits[name]}, counted from 0"
                )
        own = codes["truth"][codes["image"]]
        same = np.flatnonzero(codes["distractor"] == own)
        if same.size:
            raise DataError(f"image-level choices: on trial {same[0]} the distractor is the image's own object")
        other = np.flatnonzero((codes["choice"] != own) & (codes["choice"] != codes["distractor"]))
        if other.size:
            raise DataError(
                f"image-level choices: on trial {other[0]} object {codes['choice'][other[0]]} was chosen, which was "
                "not on offer"
            )
        for name, values in codes.items():
            object.__setattr__(self, name, values)
        object.__setattr__(self, "objects", number)

    def __len__(self) -> int:
        return len(self.image)

    def counts(self, rows: NDArray[np.intp] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Trials, and trials on which the distractor was chosen, (image, distractor)."""
        image, distractor, choice = (
            values if rows is None else values[rows] for values in (self.image, self.distractor, self.choice)
        )
        shape = (len(self.truth), self.objects)
        cell = image * self.objects + distractor
        size = shape[0] * shape[1]
        offered = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
        taken = np.bincount(cell[choice == distractor], minlength=size).reshape(shape).astype(np.float64)
        return offered, taken


def choice_rates(trials: ImageTrials, rows: ArrayLike | None = None) -> NDArray[np.float64]:
    """Share of trials on which an object was chosen over the image's own, of those that offered it.

    Parameters
    ----------
    trials : ImageTrials
    rows : array_like of int, optional
        Positions of the trials to take, such as one of :func:`random_halves`.

    Returns
    -------
    numpy.ndarray of float64, (image, object)
        NaN for the image's own object, and where the object was never offered.

    Examples
    --------
    >>> trials = ImageTrials(image=[0, 0, 1], distractor=[1, 1, 0], choice=[0, 1, 1], truth=[0, 1])
    >>> choice_rates(trials, rows=[1, 2]).tolist()
    [[nan, 1.0], [0.0, nan]]
    """
    offered, taken = trials.counts(None if rows is None else np.asarray(rows, dtype=np.intp))
    return np.divide(taken, offered, out=np.full_like(taken, np.nan), where=offered > 0)


def random_halves(trials: int, *, repetitions: int = 2, seed: int = 0) -> NDArray[np.intp]:
    """Random orders of the trials, whose first halves stand against the rest, as Brain-Score draws them.

    One ``RandomState(seed)`` shuffles for all repetitions, so that a score and its ceiling have the same halves.

    Parameters
    ----------
    trials : int
        Number of trials.
    repetitions : int
    seed : int

    Returns
    -------
    numpy.ndarray of int, (repetition, trial)

    Examples
    --------
    >>> random_halves(4).shape
    (2, 4)
    """
    state = np.random.RandomState(seed)
    orders = np.tile(np.arange(trials), (repetitions, 1))
    for order in orders:
        state.shuffle(order)
    return orders
