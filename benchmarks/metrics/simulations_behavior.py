"""Simulations of observers whose errors come from how hard an image is, and from what is each observer's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr
from simulating import Draw, Simulation, drawn
from spikeproof.pipeline.left_out import left_out
from spikeproof.scores import Sample
from spikeproof.statistics import Resampling
from spikeproof.types import StudyEvidence
from spikeproof_metrics_behavior.metrics.choice_consistency import ChoiceConsistency
from spikeproof_metrics_behavior.metrics.error_consistency import ErrorConsistencyOfObservers

__all__ = ["SIMULATIONS"]

IMAGES, PEOPLE = 200, 12
SHARED = 0.75
"""Correlation of an observer's error with how hard the image is."""
EASE, SPREAD = 0.5, 0.3
"""Mean and standard deviation over observers of how easy all images are, in standard deviations of difficulty."""
_METRIC = ErrorConsistencyOfObservers(conditions="all")
_RESAMPLING = Resampling(draws=1000)
_CATEGORIES = np.array(["cat", "dog"])[np.arange(IMAGES) % 2]
_OTHER = np.array(["dog", "cat"])[np.arange(IMAGES) % 2]
_NAMES = np.array([f"i{image:03d}" for image in range(IMAGES)])


def right(ease: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.bool_]:
    """Whether each observer is right on each new image, (observer, image)."""
    hard = SHARED * random.normal(size=IMAGES)
    own = np.sqrt(1 - SHARED**2) * random.normal(size=(len(ease), IMAGES))
    return np.asarray(hard + own < ease[:, None])


def kappa_of(ease: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa over all images of every two observers, (observer, observer), by quadrature over difficulty."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    alone = ndtr((ease[:, None] - SHARED * nodes) / np.sqrt(1 - SHARED**2))
    weights = weights / weights.sum()
    both = (alone * weights) @ alone.T
    p = alone @ weights
    observed = 1 - p[:, None] - p + 2 * both
    expected = np.outer(p, p) + np.outer(1 - p, 1 - p)
    return np.asarray((observed - expected) / (1 - expected))


def choices(correct: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Choices that are right where they should be."""
    return np.where(correct, _CATEGORIES, _OTHER)


def of_people(ease: Callable[[np.random.Generator], NDArray[np.float64]]) -> Callable[[np.random.Generator], Draw]:
    """Error consistency of people with each other, as the metric gives it."""

    def draw(random: np.random.Generator) -> Draw:
        chosen = choices(right(ease(random), random))
        people = len(chosen)
        trials = xr.Dataset(
            {
                "subject": ("trial", np.repeat([f"p{k:02d}" for k in range(people)], IMAGES)),
                "stimulus_id": ("trial", np.tile(_NAMES, people)),
                "choice": ("trial", chosen.ravel()),
                "category": ("trial", np.tile(_CATEGORIES, people)),
            }
        )
        found = _METRIC.across(StudyEvidence(codes={}, measured={}, trials=trials), _RESAMPLING)
        return drawn(found["kappa"].isel(image_set=0, observers=0))

    return draw


_PAIR = np.array([EASE, EASE - SPREAD])


def of_choices(random: np.random.Generator) -> Draw:
    """Error consistency of the choices of two systems, by the jackknife over stimuli."""
    mine, theirs = choices(right(_PAIR, random))
    sample = Sample(
        responses=np.zeros((IMAGES, 1)),
        labels=_CATEGORIES,
        choices=mine,
        reference_choices=theirs,
        stimuli=_NAMES,
    )
    score = ChoiceConsistency()
    column = [quantity.name for quantity in score.quantities()].index("error_kappa")
    found = left_out(score, sample, {"stimuli": _NAMES})
    estimate, low, high = (float(part) for part in found.bounds(score.quantities()[column], column, 0.95))
    return estimate, low, high


def _mean_kappa() -> float:
    """Mean kappa of two observers that are drawn at random."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    return float(weights @ kappa_of(EASE + SPREAD * nodes) @ weights)


_TWO = float(kappa_of(_PAIR)[0, 1])

SIMULATIONS = {
    "kappa": Simulation(truth=_TWO, draw=of_people(lambda _: _PAIR), about=f"two observers, {IMAGES} images"),
    "kappa, new observers": Simulation(
        truth=_mean_kappa(),
        draw=of_people(lambda random: EASE + SPREAD * random.normal(size=PEOPLE)),
        about=f"{PEOPLE} observers drawn anew, {IMAGES} images",
    ),
    "kappa of choices (score)": Simulation(truth=_TWO, draw=of_choices, about=f"two systems, {IMAGES} stimuli"),
}
