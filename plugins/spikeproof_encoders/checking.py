"""What every encoder checks before it fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData

__all__ = ["Problem", "check_candidates", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Features and responses that can be fitted.

    Parameters
    ----------
    features : numpy.ndarray of float32, (stimulus, channel, y, x) or (stimulus, feature)
    responses : numpy.ndarray of float64, (stimulus, unit)
    folds : numpy.ndarray of int, (stimulus,)
    stimuli, units : tuple of str
    """

    features: NDArray[np.float32]
    responses: NDArray[np.float64]
    folds: NDArray[np.intp]
    stimuli: tuple[str, ...]
    units: tuple[str, ...]

    @property
    def flat(self) -> NDArray[np.float32]:
        """Features (stimulus, feature)."""
        return self.features.reshape(len(self.features), -1)


def problem(
    encoder: str, features: NDArray[np.float32], responses: xr.DataArray, folds: NDArray[np.intp], *, least: int = 3
) -> Problem:
    """Check what an encoder is given.

    Parameters
    ----------
    encoder : str
        Its name, for messages.
    features, responses, folds
        See ``spikeproof.types.Encoder.fit``.
    least : int
        Stimuli that a training set must have, where hyperparameters are chosen inside it too.

    Raises
    ------
    NotEnoughData
        If there are fewer than two folds, or a training set is too small.
    DataError
        If shapes do not fit, something is not finite, a stimulus stands in two folds, or a unit is constant over a
        training set.
    """
    if features.ndim not in (2, 4):
        raise DataError(
            f"encoder {encoder}: features must be (stimulus, feature) or (stimulus, channel, y, x), got shape "
            f"{features.shape}"
        )
    if responses.dims != ("stimulus", "unit"):
        raise DataError(f"encoder {encoder}: expected responses (stimulus, unit), got {responses.dims}")
    if not len(features) == len(responses) == len(folds):
        raise DataError(
            f"encoder {encoder}: there are features of {len(features)} stimuli, responses to {len(responses)} and "
            f"folds of {len(folds)}: they must be the same stimuli, in one order"
        )
    given = Problem(
        features=np.ascontiguousarray(features, dtype=np.float32),
        responses=np.asarray(responses.values, dtype=np.float64),
        folds=np.asarray(folds, dtype=np.intp),
        stimuli=tuple(map(str, responses["stimulus"].values.tolist())),
        units=tuple(map(str, responses["unit"].values.tolist())),
    )
    _finite(encoder, given)
    _folds(encoder, given, least)
    for held in np.unique(given.folds):
        training = given.responses[given.folds != held]
        constant = np.flatnonzero(np.ptp(training, axis=0) <= 1e-12 * np.abs(training).max(axis=0))
        if len(constant):
            raise DataError(
                f"encoder {encoder}: the response of unit {given.units[constant[0]]!r} is the same to all "
                f"{len(training)} stimuli outside fold {held}: there is nothing to predict; leave the unit out"
            )
    return given


def _finite(encoder: str, given: Problem) -> None:
    flat = given.flat
    bad = np.flatnonzero(~np.isfinite(flat.sum(axis=1, dtype=np.float64)))
    if len(bad):
        place = int(np.flatnonzero(~np.isfinite(flat[bad[0]]))[0])
        raise DataError(
            f"encoder {encoder}: feature {place} of stimulus {given.stimuli[bad[0]]!r} is {flat[bad[0], place]}"
            f" ({len(bad)} of {len(flat)} stimuli have such features): choose another layer, or mend the network"
        )
    if not np.isfinite(given.responses).all():
        row, column = np.argwhere(~np.isfinite(given.responses))[0]
        raise DataError(
            f"encoder {encoder}: the response of unit {given.units[column]!r} to stimulus {given.stimuli[row]!r} is "
            f"{given.responses[row, column]}: leave out stimuli that were not measured"
        )


def _folds(encoder: str, given: Problem, least: int) -> None:
    numbers, sizes = np.unique(given.folds, return_counts=True)
    if len(numbers) < 2:
        raise NotEnoughData(f"encoder {encoder}: all {len(given.folds)} stimuli are in one fold: two are needed")
    fold_of: dict[str, int] = {}
    for name, fold in zip(given.stimuli, given.folds.tolist(), strict=True):
        if fold_of.setdefault(name, fold) != fold:
            raise DataError(
                f"encoder {encoder}: stimulus {name!r} stands in the folds {fold_of[name]} and {fold}: what is "
                "trained on would be tested on; showings of one stimulus belong into one fold"
            )
    left = len(given.folds) - int(np.sort(sizes)[-2:].sum()) if len(numbers) > 2 else int(sizes.min() * 4 // 5)
    if left < least:
        raise NotEnoughData(
            f"encoder {encoder}: {len(given.folds)} stimuli in {len(numbers)} folds leave {left} to fit on where "
            f"hyperparameters are chosen, and it needs {least}: more stimuli are needed, or more folds"
        )


def check_candidates(encoder: str, name: str, values: tuple[float, ...] | tuple[int, ...]) -> None:
    """Refuse candidates of a hyperparameter that are none, not finite, not above 0 or given twice.

    Raises
    ------
    BadParameter
        With the encoder and the parameter.
    """
    if not values:
        raise BadParameter(f"encoder {encoder}: {name} is empty: give one value or more to choose from")
    for value in values:
        if not (np.isfinite(value) and value > 0):
            raise BadParameter(f"encoder {encoder}: {name} must be finite numbers above 0, got {value}")
    if len(set(values)) < len(values):
        raise BadParameter(f"encoder {encoder}: {name} has a value twice: {', '.join(map(str, values))}")
