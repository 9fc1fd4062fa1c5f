"""Flip k units: how many must answer as if they preferred the opposite before the readout's choices change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Code, ResponsePerturbation, generator

from .orders import greedy_order, selectivity_order, weight_order
from .readouts import fitted
from .replacing import even_counts, replaced

__all__ = ["Flip", "flip"]

UNITS = "units flipped"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Flip the preferences of units in an order: by readout weight, by selectivity, greedily, and at random.

    A flipped unit answers as if it preferred the opposite. Its response r becomes a + b - r, where a and b are its mean
    responses to the categories that it prefers most and least: stimuli of the one now get the mean response of the
    other, as after the attack of Guo et al. (2022) that drives a unit's least preferred stimuli to its preferred level
    and the reverse, and every difference between two stimuli keeps its size and changes its sign.

    Means and orders are those of the readout's training stimuli in each fold, and the stimuli that the fold held out
    are read, so that neither the flip nor the order knows their category. A random draw flips the same units for every
    stimulus.
    """

    counts: Annotated[
        tuple[int, ...],
        "Numbers of units flipped, ascending; empty takes all from 1 to all units, or 64 in even steps.",
    ] = ()
    draws: Annotated[int, "Random orders of the control."] = 50

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise BadParameter(f"flip: draws must be at least 1, got {self.draws}")
        if self.counts and (min(self.counts) < 1 or list(self.counts) != sorted(set(self.counts))):
            raise BadParameter(f"flip: counts must ascend from 1 or more, got {list(self.counts)}")

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        """Yield the targets ``weight``, ``selectivity``, ``greedy`` and one per random draw.

        Raises
        ------
        NotEnoughData
            If the code has no fitted readout or no categories, fewer than two units, or fewer than the largest count.
        """
        readout = fitted(code, "flip")
        if code.labels is None:
            raise NotEnoughData(
                f"flip: code {code.system} has no categories, of which units could prefer one (option `category` of "
                "the source)"
            )
        responses = np.asarray(code.responses.values, dtype=np.float64)
        counts = self._counts(code, responses.shape[1])
        stimuli = [str(name) for name in code.responses["stimulus"].values]
        labels = code.labels.values.astype(str)
        fold = readout.folds_of(stimuli)
        flipped = np.empty_like(responses)
        orders = {
            name: np.empty((len(readout.weights), responses.shape[1]), dtype=np.intp)
            for name in ("weight", "selectivity", "greedy")
        }
        for number in np.unique(fold).tolist():
            out = fold == number
            training = ~out if (~out).any() else out
            middle = _middle(responses[training], labels[training])
            flipped[out] = 2 * middle - responses[out]
            weights, intercepts = readout.weights[number], readout.intercepts[number]
            orders["weight"][number] = weight_order(weights, responses[training])
            orders["selectivity"][number] = selectivity_order(responses[training], labels[training])
            orders["greedy"][number] = greedy_order(
                weights, intercepts, responses[training], 2 * middle - responses[training]
            )
        for objective, order in orders.items():
            yield ResponsePerturbation(
                aim="behavior",
                objective=objective,
                target="behavior",
                perturbed=replaced(code.responses, counts, order[fold], flipped, units=UNITS),
            )
        for draw in range(self.draws):
            order = generator(seed, "flip", "random", draw).permutation(responses.shape[1])
            everywhere = np.broadcast_to(order, responses.shape)
            yield ResponsePerturbation(
                aim="behavior",
                objective="random",
                control="random",
                target=f"draw {draw}",
                perturbed=replaced(code.responses, counts, everywhere, flipped, units=UNITS),
            )

    def _counts(self, code: Code, units: int) -> NDArray[np.intp]:
        if units < 2:
            raise NotEnoughData(
                f"flip: code {code.system} has {units} unit: at least 2 are needed to flip some and keep some"
            )
        if not self.counts:
            return even_counts(units)
        if self.counts[-1] > units:
            raise NotEnoughData(f"flip: counts go up to {self.counts[-1]}, but code {code.system} has {units} units")
        return np.asarray(self.counts, dtype=np.intp)


def flip(responses: xr.DataArray, labels: xr.DataArray) -> xr.DataArray:
    """Responses of units with opposite preferences, a + b - r.

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
    labels : xarray.DataArray of str, dims (stimulus,)
        Category of each stimulus.

    Returns
    -------
    xarray.DataArray, dims (stimulus, unit)
        a and b are a unit's largest and smallest mean response over the categories. Flipping twice gives the responses.

    Examples
    --------
    >>> import xarray as xr
    >>> r = xr.DataArray([[5.0], [7.0], [1.0], [1.0]], dims=("stimulus", "unit"))
    >>> labels = xr.DataArray(["dog", "dog", "cat", "cat"], dims="stimulus")
    >>> flip(r, labels).values.ravel().tolist()
    [2.0, 0.0, 6.0, 6.0]
    """
    values = np.asarray(responses.values, dtype=np.float64)
    return responses.copy(data=2 * _middle(values, labels.values.astype(str)) - values)


def _middle(responses: Floats, labels: NDArray[np.str_]) -> Floats:
    """Half-way between the largest and the smallest mean response over the categories, (unit,)."""
    means = np.stack([responses[labels == name].mean(axis=0) for name in np.unique(labels)])
    return np.asarray((means.max(axis=0) + means.min(axis=0)) / 2)
