"""Image-level behavioural consistency i1, i1n, i2 and i2n, as Brain-Score computes them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri
from spikeproof.errors import DataError, NotEnoughData

from .image_rates import ImageTrials, choice_rates, random_halves

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ImageLevel", "Level", "image_level_ceiling", "image_level_consistency", "image_level_dprime"]

Level = Literal["i1", "i1n", "i2", "i2n"]
"""i1: an image's d' averaged over distractors; i2: of an image and a distractor; n: less the mean of the object's."""

CAP = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLevel:
    """What :func:`image_level_consistency` and :func:`image_level_ceiling` give.

    Parameters
    ----------
    score : float
        Correlation, averaged over splits.
    error : float
        Standard deviation over splits (ddof 0).
    splits : numpy.ndarray of float64, (split,)
    entries : numpy.ndarray of int, (split,)
        Images (i1) or pairs of image and distractor (i2) that the correlation rests on; the others had no trial.
    """

    score: float
    error: float
    splits: NDArray[np.float64]
    entries: NDArray[np.intp]


def image_level_dprime(rates: ArrayLike, truth: ArrayLike, *, level: Level = "i2n") -> NDArray[np.float64]:
    """Behavioural d' of every image, against each distractor or over all.

    ``d' = z(1 - p[image, d]) - z(F)``: p is the rate at which distractor d is chosen over the image's object o, and F
    the rate at which o is chosen over d, averaged over the images of d. Capped at 5 in magnitude, as rates of 0 and 1
    have no finite z. ``n``: less the mean over images of the same object and distractor. ``i1``: mean over distractors.

    Rajalingham, Issa et al. (2018, doi:10.1523/JNEUROSCI.0388-18.2018) as changed by Brain-Score, which averages false
    alarms over images; :func:`objectome_metrics` pools trials as the paper does.

    Parameters
    ----------
    rates : array_like, (image, object)
        As :func:`choice_rates` gives them; NaN where there is none.
    truth : array_like of int, (image,)
        The object that each image shows.
    level : {"i1", "i1n", "i2", "i2n"}

    Returns
    -------
    numpy.ndarray of float64, (image, object) or, for i1, (image,)
        NaN for the image's own object, where a rate is NaN, and where hit and false-alarm rate are both 0 or both 1
        (infinite less infinite).

    Raises
    ------
    DataError
        If a rate is not in [0, 1], or the shapes do not fit.

    Examples
    --------
    >>> rates = [[float("nan"), 0.2], [0.2, float("nan")]]
    >>> image_level_dprime(rates, [0, 1], level="i2").round(4).tolist()
    [[nan, 1.6832], [1.6832, nan]]
    """
    p, own = np.asarray(rates, dtype=np.float64), np.asarray(truth, dtype=np.intp)
    if p.ndim != 2 or len(own) != len(p) or own.max(initial=0) >= p.shape[1] or own.min(initial=0) < 0:
        raise DataError(f"image-level d': rates {p.shape} do not fit the objects of {len(own)} images")
    if ((p < 0) | (p > 1)).any():
        raise DataError("image-level d': rates must lie between 0 and 1")
    p = p.copy()
    p[np.arange(len(p)), own] = np.nan
    alarms = _by_object(p, own)  # (true object, chosen object)
    with np.errstate(invalid="ignore"):
        dprime = np.clip(ndtri(1 - p) - ndtri(alarms.T[own]), -CAP, CAP)
    if level.endswith("n"):
        dprime = dprime - _by_object(dprime, own)[own]
    return _mean(dprime, axis=1) if level.startswith("i1") else dprime


def image_level_ceiling(
    trials: ImageTrials,
    *,
    level: Level = "i2n",
    halves: ArrayLike | None = None,
    repetitions: int = 2,
    seed: int = 0,
) -> ImageLevel:
    """Consistency of human choices with themselves: d' of one half of the trials against the other.

    Parameters
    ----------
    trials : ImageTrials
    level : {"i1", "i1n", "i2", "i2n"}
    halves : array_like of int, (split, trial), optional
        Orders of the trials, the first half against the rest; by default :func:`random_halves`.
    repetitions, seed : int
        For :func:`random_halves`.

    Returns
    -------
    ImageLevel
        Not corrected for the halved number of trials, as in Brain-Score.

    Raises
    ------
    NotEnoughData
        If fewer than two entries have trials in both halves, or d' does not vary over them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = np.repeat([0, 1], 10)
    >>> image = np.tile(np.arange(20), 40)
    >>> p_right = np.linspace(0.5, 1, 20)[image]
    >>> other = 1 - truth[image]
    >>> choice = np.where(rng.random(800) < p_right, truth[image], other)
    >>> trials = ImageTrials(image=image, distractor=other, choice=choice, truth=truth)
    >>> image_level_ceiling(trials, level="i1").score > 0.5
    True
    """
    return _over_halves(trials, None, level, halves, repetitions, seed)


def image_level_consistency(
    probabilities: ArrayLike,
    trials: ImageTrials,
    *,
    level: Level = "i2n",
    halves: ArrayLike | None = None,
    repetitions: int = 2,
    seed: int = 0,
) -> ImageLevel:
    """Consistency of a model's choices with human ones, image by image (Brain-Score's I1, I1n, I2, I2n).

    The model has no trials: it chooses distractor d over object o with probability ``p_d / (p_d + p_o)``. It is
    correlated with the first half of the human trials, so that its ceiling is :func:`image_level_ceiling` with the same
    halves; the score is not divided by it.

    Parameters
    ----------
    probabilities : array_like, (image, object)
        Of the model for each object.
    trials : ImageTrials
        Of human observers.
    level, halves, repetitions, seed
        As for :func:`image_level_ceiling`.

    Returns
    -------
    ImageLevel

    Raises
    ------
    DataError
        If probabilities are negative, not finite, do not fit the images, or leave neither of two objects possible.
    NotEnoughData
        As for :func:`image_level_ceiling`.

    Examples
    --------
    >>> trials = ImageTrials(
    ...     image=[0, 1, 2, 3] * 4, distractor=[1, 1, 0, 0] * 4, choice=[0, 1, 1, 1, 0, 0, 1, 0] * 2, truth=[0, 0, 1, 1]
    ... )
    >>> model = [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.5, 0.5]]
    >>> image_level_consistency(model, trials, level="i1", halves=[range(16)]).score > 0.8
    True
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(trials.truth), trials.objects):
        raise DataError(
            f"image-level consistency: probabilities {p.shape} do not fit {len(trials.truth)} images and "
            f"{trials.objects} objects"
        )
    if not np.isfinite(p).all() or (p < 0).any():
        raise DataError("image-level consistency: probabilities must be finite and not negative")
    own = p[np.arange(len(p)), trials.truth][:, None]
    total = p + own
    if (total == 0).any():
        image, item = (int(k) for k in np.argwhere(total == 0)[0])
        raise DataError(
            f"image-level consistency: on image {image} the model gives probability 0 both to its object and to "
            f"object {item}, so that it cannot choose between them"
        )
    return _over_halves(trials, p / total, level, halves, repetitions, seed)


def _over_halves(
    trials: ImageTrials,
    model: NDArray[np.float64] | None,
    level: Level,
    halves: ArrayLike | None,
    repetitions: int,
    seed: int,
) -> ImageLevel:
    orders = (
        random_halves(len(trials), repetitions=repetitions, seed=seed)
        if halves is None
        else np.asarray(halves, dtype=np.intp)
    )
    source = None if model is None else image_level_dprime(model, trials.truth, level=level)
    scores, entries = [], []
    for order in orders:
        middle = len(trials) // 2
        first = image_level_dprime(choice_rates(trials, order[:middle]), trials.truth, level=level)
        second = (
            image_level_dprime(choice_rates(trials, order[middle:]), trials.truth, level=level)
            if source is None
            else source
        )
        r, n = correlation(first.ravel(), second.ravel(), level)
        scores.append(r)
        entries.append(n)
    splits = np.array(scores)
    return ImageLevel(
        score=float(splits.mean()), error=float(splits.std()), splits=splits, entries=np.array(entries, dtype=np.intp)
    )


def correlation(a: NDArray[np.float64], b: NDArray[np.float64], what: str) -> tuple[float, int]:
    """Pearson correlation over the entries that both have, and their number.

    Raises
    ------
    NotEnoughData
        If there are fewer than two, or one side does not vary.
    """
    both = np.isfinite(a) & np.isfinite(b)
    n = int(both.sum())
    if n < 2:
        raise NotEnoughData(
            f"{what}: {n} entries have trials on both sides, but two are needed: there are too few trials"
        )
    x, y = a[both] - a[both].mean(), b[both] - b[both].mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    if length <= 1e-12 * n:
        raise NotEnoughData(f"{what}: d' does not vary over the {n} entries, so that nothing can be correlated")
    return float(x @ y) / length, n


def _by_object(values: NDArray[np.float64], own: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean over the images of each object, (object, ...), of what is there."""
    number = values.shape[1]
    there = ~np.isnan(values)
    member = (own[None] == np.arange(number)[:, None]).astype(np.float64)
    count = member @ there
    total: NDArray[np.float64] = member @ np.where(there, values, 0.0)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))


def _mean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an image without any trial is NaN, and says so as an entry
        mean: NDArray[np.float64] = np.nanmean(values, axis=axis)
    return mean
