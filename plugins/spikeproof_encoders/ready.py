"""The encoder ``ready``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

from .checking import problem
from .maps import Fitted, fitted, tensors
from .selection import WHOLE, Selected

__all__ = ["Ready", "ReadyMap"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadyMap:
    """``slope * feature + offset``, each unit of one feature.

    Parameters
    ----------
    feature : numpy.ndarray of int, (unit,)
        The feature that each unit reads.
    width : int
        How many features there are.
    slope, offset : numpy.ndarray of float32, (unit,)

    Examples
    --------
    >>> two = np.array([2.0], dtype=np.float32)
    >>> ready = ReadyMap(feature=np.array([1]), width=2, slope=two, offset=two)
    >>> ready.predict(torch.tensor([[0.0, 3.0]])), ready.reads(0)
    (tensor([[8.]]), (1,))
    """

    feature: NDArray[np.intp]
    width: int
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    _tensors: dict[tuple[torch.device, torch.dtype], tuple[torch.Tensor, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit): see ``spikeproof.types.Predictor``.

        Raises
        ------
        DataError
            If there are more or fewer features than it was fitted on.
        """
        flat = features.flatten(1)
        if flat.shape[1] != self.width:
            raise DataError(
                f"the encoder was fitted on {self.width} features of each stimulus and is given {flat.shape[1]}: "
                "give the same models"
            )
        slope, offset = tensors(self._tensors, flat, self.slope, self.offset)
        return flat[:, self.feature.tolist()] * slope + offset

    def reads(self, unit: int) -> Sequence[int]:
        """The one feature that a unit's prediction depends on: see ``spikeproof.types.Selective``."""
        return (int(self.feature[unit]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Ready models of the recorded units: each unit is one feature, put on the unit's scale.

    The features are the outputs of models that somebody fitted before, one for each unit. Nothing is chosen; slope and
    offset are fitted to the training stimuli by least squares, since ready models may predict rates, z-scores or
    counts in another window. Whether the ready models saw these stimuli when they were made, nobody can tell from them:
    held-out fits are held out for slope and offset only.

    Examples
    --------
    >>> outputs = np.arange(12, dtype=np.float32).reshape(12, 1)
    >>> ids = {"stimulus": [f"s{k}" for k in range(12)], "unit": ["a"]}
    >>> responses = xr.DataArray(outputs * 2.0 + 1, dims=("stimulus", "unit"), coords=ids)
    >>> fit = Ready().fit(outputs, responses, repeats=None, folds=np.arange(12) % 3, seed=0)
    >>> fit.predict(torch.tensor([[3.0]])).round(decimals=4)
    tensor([[7.]])
    """

    neurons: Annotated[
        tuple[str, ...],
        "Which recorded unit each feature predicts, in the order of the features; empty where there are as many "
        "features as units, in the recording's order.",
    ] = ()
    rescale: Annotated[
        bool, "Fit slope and offset of each unit to the training stimuli; without it the outputs are taken as they are."
    ] = True

    def __post_init__(self) -> None:
        twice = [name for name in self.neurons if self.neurons.count(name) > 1]
        if twice:
            raise BadParameter(f"encoder ready: neurons names {twice[0]!r} twice: one feature predicts one unit")

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> Fitted:
        """Put every output on its unit's scale, on all stimuli and without each fold.

        Raises
        ------
        DataError
            If it cannot be told which feature predicts which unit, or a ready model's output does not vary.
        """
        del repeats, seed
        given = problem("ready", features, responses, folds)
        outputs = given.flat.astype(np.float64)
        place = self._features_of(given.units, outputs.shape[1])
        outputs = outputs[:, place]
        numbers = np.unique(given.folds)
        held_out = np.empty_like(given.responses)
        slopes, offsets = [], []
        for number in [*numbers.tolist(), WHOLE]:
            training = given.folds != number
            slope, offset = self._line(outputs[training], given.responses[training], given.units)
            held_out[~training] = outputs[~training] * slope + offset
            slopes.append(slope)
            offsets.append(offset)
        final = ReadyMap(
            feature=place,
            width=given.flat.shape[1],
            slope=slopes[-1].astype(np.float32),
            offset=offsets[-1].astype(np.float32),
        )
        fits = np.append(numbers, WHOLE)
        selected = Selected(numbers=fits, candidate=np.zeros((len(fits), len(place)), np.intp), held_out=held_out)
        units = str(responses.attrs.get("units", "response"))
        chosen = {
            "slope": (np.asarray(slopes), f"{units} per unit of the ready model's output"),
            "offset": (np.asarray(offsets), f"{units} where the ready model's output is 0"),
        }
        state = {
            "feature": place,
            "width": np.asarray(final.width),
            "slope": final.slope,
            "offset": final.offset,
        }
        return fitted(given, responses, selected, chosen, final, state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> ReadyMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        return ReadyMap(
            feature=np.asarray(state["feature"], dtype=np.intp),
            width=int(state["width"]),
            slope=np.asarray(state["slope"], dtype=np.float32),
            offset=np.asarray(state["offset"], dtype=np.float32),
        )

    def _features_of(self, units: tuple[str, ...], width: int) -> NDArray[np.intp]:
        if not self.neurons:
            if width != len(units):
                raise DataError(
                    f"encoder ready: there are {width} features for {len(units)} units: give `neurons`, the recorded "
                    "unit that each feature predicts, in the order of the features"
                )
            return np.arange(width)
        if len(self.neurons) != width:
            raise DataError(
                f"encoder ready: neurons names {len(self.neurons)} units, and there are {width} features: name one "
                "unit for each"
            )
        missing = [name for name in units if name not in self.neurons]
        if missing:
            raise DataError(
                f"encoder ready: no feature predicts unit {missing[0]!r} ({len(missing)} of {len(units)} units)"
                f"{did_you_mean(missing[0], self.neurons, otherwise=':')} add it to neurons, with its model, or leave "
                "the unit out"
            )
        return np.array([self.neurons.index(name) for name in units], dtype=np.intp)

    def _line(
        self, outputs: NDArray[np.float64], responses: NDArray[np.float64], units: tuple[str, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self.rescale:
            return np.ones(len(units)), np.zeros(len(units))
        centred = outputs - outputs.mean(axis=0)
        power = (centred**2).sum(axis=0)
        dead = np.flatnonzero(power <= 1e-12 * (outputs**2).sum(axis=0))
        if len(dead):
            raise DataError(
                f"encoder ready: the ready model of unit {units[dead[0]]!r} gives the same output for all "
                f"{len(outputs)} stimuli that it is fitted on: look at its preprocessing, or leave the unit out"
            )
        slope = (centred * responses).sum(axis=0) / power
        return slope, responses.mean(axis=0) - slope * outputs.mean(axis=0)
