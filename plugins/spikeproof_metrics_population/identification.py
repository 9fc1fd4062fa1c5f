"""How often a stimulus is recognised by the population from repeats that were held out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, bootstrap_fraction, interval, permutation_p
from spikeproof.summaries import with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import number, with_interval

__all__ = ["Identification", "identified"]


def identified(
    whitened: NDArray[np.float64], stimulus: NDArray[np.intp], *, splits: int, seed: int
) -> NDArray[np.intp]:
    """Name the stimulus of one half of the repeats by the nearest mean of the other half.

    Parameters
    ----------
    whitened : numpy.ndarray, (presentation, component)
        Single presentations, so that distances between population vectors are Euclidean.
    stimulus : numpy.ndarray of int, (presentation,)
        0, 1, ... without gaps; each twice or more.
    splits : int
        Random halvings; each serves both ways round.
    seed : int

    Returns
    -------
    numpy.ndarray of int, (2 x split, stimulus)
        The stimulus that is named; the first of several that are equally near.

    Examples
    --------
    >>> identified(np.array([[0.0], [0.1], [5.0], [5.2]]), np.array([0, 0, 1, 1]), splits=1, seed=0).tolist()
    [[0, 1], [0, 1]]
    """
    count = int(stimulus.max()) + 1
    order = np.argsort(stimulus, kind="stable")
    starts = np.searchsorted(stimulus[order], np.arange(count))
    shown = np.bincount(stimulus)
    named = []
    for split in range(splits):
        rng = generator(seed, "identification", split)
        shuffled = order[np.lexsort((rng.random(len(order)), stimulus[order]))]
        place = np.arange(len(order)) - np.repeat(starts, shown)
        # Where a stimulus was shown an odd number of times, one half or the other has the presentation more.
        larger = rng.integers(2, size=count) * (shown % 2)
        first = place < np.repeat(shown // 2 + larger, shown)
        halves = []
        for half in (shuffled[first], shuffled[~first]):
            sums = np.zeros((count, whitened.shape[1]))
            np.add.at(sums, stimulus[half], whitened[half])
            halves.append(sums / np.bincount(stimulus[half], minlength=count)[:, None])
        distance = cdist(halves[0], halves[1])
        named += [distance.argmin(axis=0), distance.argmin(axis=1)]
    return np.stack(named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """Share of stimuli that the population recognises among all, from repeats that were held out."""

    splits: Annotated[int, "Random halvings of the repeats; each half is read by the means of the other."] = 20
    seed: Annotated[int, "Seed of the halvings."] = 0

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"identification: splits must be at least 1, got {self.splits}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Share of the halvings in which each stimulus is named: ``right``; ``named``, the first halving's choices.

        Raises
        ------
        NotEnoughData
            If fewer than two stimuli were shown twice or more.
        """
        code = evidence.code
        if code.repeats is None:
            raise NotEnoughData(f"identification: every stimulus of {code.system} was presented once")
        names, stimulus, counts = np.unique(
            code.repeats["stimulus"].values.astype(str), return_inverse=True, return_counts=True
        )
        repeated = counts > 1
        if repeated.sum() < 2:
            raise NotEnoughData(
                f"identification: {int(repeated.sum())} of the stimuli of {code.system} was shown twice or more: it "
                "needs two such stimuli"
            )
        rows = repeated[stimulus]
        number_of = np.cumsum(repeated) - 1
        whitened = code.repeats.values[rows].astype(np.float64) @ code.whitening
        named = identified(whitened, number_of[stimulus[rows]], splits=self.splits, seed=self.seed)
        right = (named == np.arange(named.shape[1])).mean(axis=0)
        return xr.Dataset(
            {"right": ("stimulus", right), "named": ("stimulus", names[repeated][named[0]])},
            coords={"stimulus": names[repeated]},
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Average over stimuli: ``accuracy`` and its ``chance`` (statistic,)."""
        one = measured.isel(target=0, drop=True)
        accuracy = bootstrap_fraction(one["right"], ["stimulus"], resampling, name="accuracy")
        names, named = one["stimulus"].values.astype(str), one["named"].values.astype(str)
        rng = generator(resampling.seed, "identification", "shuffled")
        null = np.array([(rng.permutation(names) == named).mean() for _ in range(resampling.draws)])
        chance = with_bounds(1 / len(names), *interval(null, 1 / len(names), resampling.level))
        about = {"units": "share correct", "stimuli": len(names)}
        accuracy.attrs |= about | {
            "long_name": "stimuli recognised from held-out repeats",
            "definition": (
                f"Share of {len(names)} repeated stimuli whose mean over one half of the repeats is nearer to its own "
                f"mean over the other half than to any other stimulus's; {self.splits} random halvings, both ways "
                "round. "
                "Interval: percentile bootstrap over stimuli, which are recognised among the same others."
            ),
            "chance": "chance",
            "headline": 1,
            "p_above_chance": float(permutation_p(accuracy.sel(statistic="estimate").values, null)),
        }
        chance.attrs |= about | {
            "long_name": "chance level",
            "definition": "One over the number of stimuli; 95 % range of stimuli shuffled against the choices.",
        }
        return xr.Dataset({"accuracy": accuracy, "chance": chance})

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how often stimuli are recognised, beside chance."""
        accuracy = summary["accuracy"]
        p = accuracy.attrs["p_above_chance"]
        verdict = "above chance" if p <= 0.05 else "not told apart from chance"
        yield (
            f"From half of its repeats a stimulus is recognised among {accuracy.attrs['stimuli']} in "
            f"{with_interval(accuracy)} of the cases; by chance in {number(float(summary['chance'][0]))}. That is "
            f"{verdict} (p = {number(p)}, permutation test)."
        )
