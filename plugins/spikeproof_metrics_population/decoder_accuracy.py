"""How often the code's own choices are right, against chance."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_fraction,
    interval,
    permutation_p,
    resampling_weights,
)
from spikeproof.summaries import with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import number, with_interval

__all__ = ["DecoderAccuracy", "balanced_accuracy", "shuffled_accuracy"]


def balanced_accuracy(
    correct: NDArray[np.float64], labels: NDArray[np.str_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean over categories of the share that is right.

    Parameters
    ----------
    correct : numpy.ndarray, (..., stimulus)
        1 where the choice is right.
    labels : numpy.ndarray, (stimulus,)
    weights : numpy.ndarray, (draw, stimulus)
        How often each stimulus counts.

    Returns
    -------
    numpy.ndarray, (draw, ...)
        NaN where a category does not count at all.

    Examples
    --------
    >>> balanced_accuracy(np.array([1.0, 1.0, 1.0, 0.0]), np.array(["a", "a", "a", "b"]), np.ones((1, 4))).tolist()
    [0.5]
    """
    recalls = []
    for name in np.unique(labels):
        mine = weights[:, labels == name]
        right = np.tensordot(mine, correct[..., labels == name], axes=(1, -1))
        count = mine.sum(axis=1).reshape(-1, *[1] * (right.ndim - 1))
        recalls.append(np.divide(right, count, out=np.full(right.shape, np.nan), where=count > 0))
    return np.asarray(np.mean(recalls, axis=0))


def shuffled_accuracy(
    labels: NDArray[np.str_], choices: NDArray[np.str_], *, shuffles: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and balanced accuracy of the same choices with the categories shuffled over stimuli, (shuffle,) each."""
    rng = generator(seed, "shuffled accuracy")
    plain, balanced = np.empty(shuffles), np.empty(shuffles)
    ones = np.ones((1, len(labels)))
    for k in range(shuffles):
        permuted = rng.permutation(labels)
        correct = (choices == permuted).astype(np.float64)
        plain[k] = correct.mean()
        balanced[k] = balanced_accuracy(correct, permuted, ones)[0]
    return plain, balanced


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderAccuracy:
    """Accuracy and balanced accuracy of the code's choices on clean stimuli, against shuffled categories."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Whether each clean stimulus's choice is its category: ``correct``, dims (stimulus,).

        Raises
        ------
        NotEnoughData
            If there are no categories or no choices, one category only, or no choice is the name of a category.
        """
        labels, choices = _labels_and_choices(evidence.code)
        stimulus = evidence.code.responses["stimulus"].variable
        correct = xr.DataArray(
            (choices == labels).astype(np.float64), dims=("stimulus",), coords={"stimulus": stimulus}
        )
        return xr.Dataset({"correct": correct})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Average over stimuli: ``accuracy``, ``balanced_accuracy`` and their ``chance`` (statistic,)."""
        correct = measured["correct"].isel(target=0, drop=True)
        labels, choices = _labels_and_choices(code)
        accuracy = bootstrap_fraction(correct, ["stimulus"], resampling, name="accuracy")
        weights = resampling_weights(correct, "stimulus", resampling)[0]
        balanced = balanced_accuracy(correct.values, labels, np.ones((1, len(labels))))[0]
        drawn = balanced_accuracy(correct.values, labels, weights)
        null = shuffled_accuracy(labels, choices, shuffles=resampling.draws, seed=resampling.seed)
        summary = xr.Dataset(
            {
                "accuracy": accuracy,
                "balanced_accuracy": with_bounds(
                    balanced, *interval(drawn, balanced, resampling.level, undefined="exclude")
                ),
                "chance": with_bounds(null[0].mean(), *interval(null[0], null[0].mean(), resampling.level)),
                "balanced_chance": with_bounds(null[1].mean(), *interval(null[1], null[1].mean(), resampling.level)),
            }
        )
        counts = np.unique(labels, return_counts=True)[1]
        shared = {
            "units": "share correct",
            "stimuli": len(labels),
            "categories": len(counts),
            "majority": float(counts.max() / counts.sum()),
        }
        kind = "held-out choices of the readout" if code.readout is not None else "the network's own choices"
        spread = "Interval: percentile bootstrap over stimuli"
        null_text = "The same choices with the categories shuffled over stimuli: mean and 95 % range of the shuffles."
        summary["accuracy"].attrs |= shared | {
            "long_name": "accuracy of the code's choices",
            "definition": f"Share of {len(labels)} clean stimuli on which {kind} are right. {spread}.",
            "chance": "chance",
            "headline": 1,
            "reference_lines": json.dumps({"majority category": shared["majority"]}),
            "p_above_chance": float(permutation_p(accuracy.sel(statistic="estimate").values, null[0])),
        }
        summary["balanced_accuracy"].attrs |= shared | {
            "long_name": "balanced accuracy of the code's choices",
            "definition": f"Mean over categories of the share that is right. {spread}"
            + (
                f" ({int(np.isnan(drawn).sum())} draws that lack a category are left out)."
                if np.isnan(drawn).any()
                else "."
            ),
            "chance": "balanced_chance",
        }
        summary["chance"].attrs |= shared | {"long_name": "chance level", "definition": null_text}
        summary["balanced_chance"].attrs |= shared | {"long_name": "chance level (balanced)", "definition": null_text}
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how accurate the choices are, against chance and the majority category."""
        accuracy = summary["accuracy"]
        about, p = accuracy.attrs, accuracy.attrs["p_above_chance"]
        yield (
            f"The code's choices are right on {with_interval(accuracy)} of {about['stimuli']} stimuli in "
            f"{about['categories']} categories (balanced accuracy {with_interval(summary['balanced_accuracy'])}); "
            f"with shuffled categories on {with_interval(summary['chance'])}, and always naming the commonest category "
            f"on {number(about['majority'])}."
        )
        verdict = "above chance" if p <= 0.05 else "not told apart from chance"
        yield f"That is {verdict} (p = {number(p)}, permutation test)."


def _labels_and_choices(code: Code) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    if code.labels is None or code.choices is None:
        lacking = "categories" if code.labels is None else "choices: give the study a readout"
        raise NotEnoughData(f"decoder-accuracy: code {code.system} has no {lacking}")
    if code.chooses == "stimulus":
        raise NotEnoughData(
            f"decoder-accuracy: the readout of code {code.system} names stimuli, and is right on every clean one by "
            "construction: identification says how often it is on repeats that were held out"
        )
    labels, choices = code.labels.values.astype(str), code.choices.values.astype(str)
    names = np.unique(labels)
    if len(names) < 2:
        raise NotEnoughData(
            f"decoder-accuracy: all {len(labels)} stimuli of code {code.system} have the category {str(names[0])!r}: "
            "at least two are needed"
        )
    if not np.isin(choices, names).any():
        raise NotEnoughData(
            f"decoder-accuracy: choices of code {code.system} ({', '.join(np.unique(choices)[:3])} ...) are not among "
            f"its categories ({', '.join(names[:3])} ...): name the categories as the network's classes are named"
        )
    return labels, choices
