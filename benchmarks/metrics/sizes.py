"""What both sides of every benchmark of the metrics work on: the same arrays, from the same seeds in every process.

Numpy is all that this module needs, so that it also runs in an environment that holds nothing but a peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

CONDITIONS, CHANNELS, REPEATS = 1000, 2000, 10
RESIDUALS, NOISY_CHANNELS = 240, 2000
COMPARED = 1000
MODELS, SUBJECTS, SHOWN, DRAWS = 6, 12, 92, 1000
STIMULI, FEATURES, UNITS = 3000, 2048, 168
RELIABLE, SHOWINGS = 500, 10
OBSERVERS, LEVELS, IMAGES, CATEGORIES = 10, 8, 160, 16
ALIGNED, ALIGNED_UNITS = 1500, 800
DIMS, POINTS, PROBES = 50, 50, 200
OBJECTS, PER_OBJECT, OFFERED, HALVINGS = 8, 20, 20, 2
SHOWN_VALUES = 500
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


def observations() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Responses (observation, channel) with each one's condition and repeat, repeat by repeat."""
    random = np.random.default_rng(0)
    patterns = random.normal(size=(CONDITIONS, CHANNELS))
    values = np.tile(patterns, (REPEATS, 1)) + 2 * random.normal(size=(REPEATS * CONDITIONS, CHANNELS))
    return values, np.tile(np.arange(CONDITIONS), REPEATS), np.repeat(np.arange(REPEATS), CONDITIONS)


def precision() -> NDArray[np.float64]:
    """A dense precision of the channels' noise."""
    mixing = np.random.default_rng(1).normal(size=(CHANNELS, CHANNELS)) / CHANNELS**0.5
    return mixing @ mixing.T + np.eye(CHANNELS)


def residuals() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Correlated observations (observation, channel) of 24 conditions, and each one's condition."""
    random = np.random.default_rng(2)
    shared = random.normal(size=(RESIDUALS, 30)) @ random.normal(size=(30, NOISY_CHANNELS))
    return shared / 5 + random.normal(size=(RESIDUALS, NOISY_CHANNELS)), np.arange(RESIDUALS) % 24


def two_rdms() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two related RDMs as vectors (pair,)."""
    random = np.random.default_rng(3)
    truth = random.random(COMPARED * (COMPARED - 1) // 2)
    return truth, truth + random.random(len(truth))


def model_rdms() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RDMs of models (model, pair) and of subjects (subject, pair)."""
    random = np.random.default_rng(4)
    truth = random.random(SHOWN * (SHOWN - 1) // 2)
    noise = random.random((MODELS + SUBJECTS, len(truth)))
    strength = np.concatenate([np.linspace(0.5, 3, MODELS), np.full(SUBJECTS, 2.0)])
    rdms = truth + strength[:, None] * noise
    return rdms[:MODELS], rdms[MODELS:]


def predicted() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Features (stimulus, feature) with a spectrum like a layer's, responses (stimulus, unit), ten held-out sets."""
    random = np.random.default_rng(5)
    mixing = random.normal(size=(300, FEATURES)) / np.arange(1, 301)[:, None] ** 0.5
    features = random.normal(size=(STIMULI, 300)) @ mixing + 0.1 * random.normal(size=(STIMULI, FEATURES))
    drive = features @ random.normal(size=(FEATURES, UNITS))
    responses = drive / drive.std(axis=0) + random.normal(size=drive.shape)
    folds = random.permutation(STIMULI) * 10 // STIMULI
    return features, responses, folds == np.arange(10)[:, None]


def reliable() -> NDArray[np.float64]:
    """Responses (stimulus, repeat, unit)."""
    random = np.random.default_rng(6)
    return random.normal(size=(RELIABLE, 1, UNITS)) + 2 * random.normal(size=(RELIABLE, SHOWINGS, UNITS))


def choices() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choices (level, observer, image) of observers who share what is hard, and true categories (level, image)."""
    random = np.random.default_rng(7)
    truth = np.resize(np.arange(CATEGORIES), (LEVELS, IMAGES))
    hard = random.normal(size=(LEVELS, 1, IMAGES)) + np.linspace(-1.5, 0.5, LEVELS)[:, None, None]
    wrong = hard + random.normal(size=(LEVELS, OBSERVERS, IMAGES)) > 0
    away = random.integers(1, CATEGORIES, size=wrong.shape)
    return (truth[:, None] + wrong * away) % CATEGORIES, truth


def aligned() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two populations' responses to the same stimuli, each (stimulus, unit)."""
    random = np.random.default_rng(8)
    shared = random.normal(size=(ALIGNED, 50))
    first, second = (
        shared @ random.normal(size=(50, ALIGNED_UNITS)) + 3 * random.normal(size=(ALIGNED, ALIGNED_UNITS))
        for _ in range(2)
    )
    return first, second


def manifold() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (D + 1, point) of one manifold, the last row ones, and Gaussian probes (D + 1, probe)."""
    random = np.random.default_rng(9)
    points = np.vstack([random.normal(size=(DIMS, POINTS)) * 0.4, np.ones(POINTS)])
    return points, random.normal(size=(DIMS + 1, PROBES))


def offered() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Choices between two objects: image, distractor, choice (trial,), truth (image,), a model's (image, object).

    Every image is shown with every distractor equally often. The model shares what is hard with the observers.
    """
    random = np.random.default_rng(10)
    truth = np.repeat(np.arange(OBJECTS), PER_OBJECT)
    strength = random.normal(size=(len(truth), OBJECTS))
    strength[np.arange(len(truth)), truth] += 1.5
    image, distractor = np.nonzero(np.arange(OBJECTS) != truth[:, None])
    image, distractor = (np.repeat(codes, OFFERED) for codes in (image, distractor))
    lead = strength[image, truth[image]] - strength[image, distractor]
    choice = np.where(random.logistic(size=len(image)) < lead, truth[image], distractor)
    model = np.exp(strength + 0.5 * random.normal(size=strength.shape))
    return image, distractor, choice, truth, model / model.sum(axis=1, keepdims=True)


def halves(trials: int) -> list[list[int]]:
    """The orders of trials whose first half is set against the rest, as Brain-Score draws them."""
    random = np.random.RandomState(0)
    orders = [list(range(trials)) for _ in range(HALVINGS)]
    for order in orders:
        random.shuffle(order)
    return orders


def shown(values: ArrayLike) -> list[float]:
    """At most 500 of the numbers that came out, evenly spread: what the two sides are compared by."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return [float(value) for value in flat[:: max(1, len(flat) // SHOWN_VALUES)]]


def difference(ours: Sequence[float], peer: Sequence[float]) -> float:
    """Largest difference between the two sides, over the largest number of the peer's."""
    first, second = np.asarray(ours, dtype=np.float64), np.asarray(peer, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} numbers beside {second.shape}")
    return float(np.abs(first - second).max() / np.abs(second).max())


class Prepared:
    """Inputs that a side's tasks find ready: made once, outside of what is timed."""

    def __init__(self, **makers: Any) -> None:  # noqa: ANN401  (each makes what its tasks take)
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def forget(self) -> int:
        """Let all inputs go, so that the next ones have the memory."""
        self._made.clear()
        return 0
