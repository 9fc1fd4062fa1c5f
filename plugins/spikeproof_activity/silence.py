"""Silence k units: how many must fall silent before the readout's choices change, and which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Code, ResponsePerturbation, generator

from .orders import greedy_order, weight_order
from .readouts import fitted
from .replacing import even_counts, replaced

__all__ = ["Silence", "silence"]

UNITS = "units silenced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Silence units in an order: by readout weight, greedily, and, as the control, at random.

    The order is chosen for each fold of the readout on that fold's training stimuli alone, and the stimuli that the
    fold held out are read under it, so that the order never saw the stimulus whose choice it changes. A random draw
    silences the same units for every stimulus.

    A unit that falls to zero also takes its mean from the readout, which shifts all choices one way whether or not the
    unit carried any signal: with a baseline of five standard deviations, four random ones of 60 equally informative
    units do as much to the choices as 52 do when only their signal is taken. So the mean is the default.
    """

    to: Annotated[
        Literal["zero", "mean"],
        "What a silenced unit gives the readout: its mean over the fold's training stimuli (the signal is gone, the "
        "baseline is not), or zero (the readout loses the baseline as well).",
    ] = "mean"
    counts: Annotated[
        tuple[int, ...],
        "Numbers of units silenced, ascending; empty takes about 12 from 1 to all units but one, even on a log axis.",
    ] = ()
    draws: Annotated[int, "Random orders of the control."] = 50

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise BadParameter(f"silence: draws must be at least 1, got {self.draws}")
        if self.counts and (min(self.counts) < 1 or list(self.counts) != sorted(set(self.counts))):
            raise BadParameter(f"silence: counts must ascend from 1 or more, got {list(self.counts)}")

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        """Yield the targets ``weight``, ``greedy`` and one per random draw.

        Raises
        ------
        NotEnoughData
            If the code has no fitted readout, fewer than two units, or no more units than the largest count.
        """
        readout = fitted(code, "silence")
        stimuli = [str(name) for name in code.responses["stimulus"].values]
        responses = np.asarray(code.responses.values, dtype=np.float64)
        fold = readout.folds_of(stimuli)
        counts = self._counts(code, responses.shape[1])

        level = np.zeros((len(readout.weights), responses.shape[1]))
        by_weight, greedy = np.empty(level.shape, dtype=np.intp), np.empty(level.shape, dtype=np.intp)
        for number in range(len(level)):
            training = responses[fold != number] if (fold != number).any() else responses
            if self.to == "mean":
                level[number] = training.mean(axis=0)
            weights, intercepts = readout.weights[number], readout.intercepts[number]
            by_weight[number] = weight_order(weights, training)
            greedy[number] = greedy_order(weights, intercepts, training, level[number])

        for objective, orders in (("weight", by_weight), ("greedy", greedy)):
            yield ResponsePerturbation(
                aim="behavior",
                objective=objective,
                target="behavior",
                perturbed=replaced(code.responses, counts, orders[fold], level[fold], units=UNITS),
            )
        for draw in range(self.draws):
            order = generator(seed, "silence", "random", draw).permutation(responses.shape[1])
            yield ResponsePerturbation(
                aim="behavior",
                objective="random",
                control="random",
                target=f"draw {draw}",
                perturbed=replaced(
                    code.responses, counts, np.broadcast_to(order, responses.shape), level[fold], units=UNITS
                ),
            )

    def _counts(self, code: Code, units: int) -> NDArray[np.intp]:
        if units < 2:
            raise NotEnoughData(
                f"silence: code {code.system} has {units} unit: at least 2 are needed to silence some and keep some"
            )
        if not self.counts:
            return even_counts(units - 1)
        if self.counts[-1] >= units:
            raise NotEnoughData(
                f"silence: counts go up to {self.counts[-1]}, but code {code.system} has {units} units: "
                f"at most {units - 1} can be silenced"
            )
        return np.asarray(self.counts, dtype=np.intp)


def silence(
    responses: xr.DataArray, order: NDArray[np.intp], counts: NDArray[np.intp], level: float = 0.0
) -> xr.DataArray:
    """Set the first k units of an order to a level.

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
    order : numpy.ndarray of int, (unit,)
        Columns, the first to be silenced first.
    counts : numpy.ndarray of int, (epsilon,)
        Numbers of units to silence.
    level : float
        What a silenced unit responds, in the responses' unit.

    Returns
    -------
    xarray.DataArray, dims (epsilon, stimulus, unit)

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> r = xr.DataArray([[1.0, 2.0, 3.0]], dims=("stimulus", "unit"), coords={"stimulus": ["a"], "unit": list("xyz")})
    >>> silence(r, np.array([2, 0, 1]), np.array([1, 2])).values.tolist()
    [[[1.0, 2.0, 0.0]], [[0.0, 2.0, 0.0]]]
    """
    shape = responses.shape
    return replaced(
        responses, counts, np.broadcast_to(order, shape), np.broadcast_to(np.float64(level), shape), units=UNITS
    )
