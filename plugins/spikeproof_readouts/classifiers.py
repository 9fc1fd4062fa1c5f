"""The readouts ``logistic`` and ``linear-svm``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import LinearReadout

from .folds import stratified_folds
from .linear import fit_folds

__all__ = ["LinearSVM", "Logistic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """Multinomial logistic regression with an L2 penalty, on units z-scored in the training folds.

    Examples
    --------
    >>> ids = {"stimulus": ["s0", "s1", "s2", "s3"]}
    >>> responses = xr.DataArray([[0.0], [0.1], [1.0], [1.1]], dims=("stimulus", "unit"), coords=ids)
    >>> labels = xr.DataArray(["a", "a", "b", "b"], dims=("stimulus",), coords=ids)
    >>> readout = Logistic(folds=2).fit(responses, labels, seed=0)
    >>> readout.choices(responses, ["s0", "s1", "s2", "s3"]).tolist()
    ['a', 'a', 'b', 'b']
    """

    folds: Annotated[int, "Number of folds over stimuli; fewer where a category has fewer stimuli."] = 5
    c: Annotated[float, "Inverse strength of the L2 penalty on the weights of z-scored units."] = 1.0
    max_iter: Annotated[int, "Most iterations of the solver; not converging is an error."] = 1000

    def __post_init__(self) -> None:
        _check("logistic", self.folds, self.c, self.max_iter)

    def fit(self, responses: xr.DataArray, labels: xr.DataArray, *, seed: int) -> LinearReadout:
        """Fit in stratified folds over stimuli: see ``spikeproof.types.Readout``."""
        classifier = partial(LogisticRegression, C=self.c, max_iter=self.max_iter)
        return _fit(responses, labels, self.folds, seed, classifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSVM:
    """Linear support vector machine, each category against the rest, on units z-scored in the training folds."""

    folds: Annotated[int, "Number of folds over stimuli; fewer where a category has fewer stimuli."] = 5
    c: Annotated[float, "Inverse strength of the L2 penalty on the weights of z-scored units."] = 1.0
    max_iter: Annotated[int, "Most iterations of the solver; not converging is an error."] = 10000

    def __post_init__(self) -> None:
        _check("linear-svm", self.folds, self.c, self.max_iter)

    def fit(self, responses: xr.DataArray, labels: xr.DataArray, *, seed: int) -> LinearReadout:
        """Fit in stratified folds over stimuli: see ``spikeproof.types.Readout``."""
        classifier = partial(LinearSVC, C=self.c, max_iter=self.max_iter, random_state=0)
        return _fit(responses, labels, self.folds, seed, classifier)


def _check(name: str, folds: int, c: float, max_iter: int) -> None:
    if folds < 2:
        raise BadParameter(f"readout {name}: folds must be 2 or more, got {folds}: one fold holds nothing out")
    if not (np.isfinite(c) and c > 0):
        raise BadParameter(f"readout {name}: c must be a finite number above 0, got {c}")
    if max_iter < 1:
        raise BadParameter(f"readout {name}: max_iter must be 1 or more, got {max_iter}")


def _fit(
    responses: xr.DataArray, labels: xr.DataArray, folds: int, seed: int, classifier: Callable[[], Any]
) -> LinearReadout:
    if responses.dims != ("stimulus", "unit") or labels.dims != ("stimulus",):
        raise DataError(
            f"readout: expected responses (stimulus, unit) and labels (stimulus,), got {responses.dims} and "
            f"{labels.dims}"
        )
    stimuli = [str(name) for name in responses["stimulus"].values]
    if [str(name) for name in labels["stimulus"].values] != stimuli:
        raise DataError("readout: labels must have the stimuli of the responses, in their order")
    missing = labels.isnull().values | (labels.values == "")
    absent = [name for name, none in zip(stimuli, missing.tolist(), strict=True) if none]
    if absent:
        raise DataError(
            f"readout: stimulus {absent[0]!r} has no category ({len(absent)} of {len(stimuli)} have none): leave out "
            "such stimuli, or name another category column"
        )
    fold, note = stratified_folds(labels.values, stimuli, folds=folds, seed=seed)
    notes = (note,) if note else ()
    return fit_folds(responses.values, labels.values, fold, classifier=classifier, stimuli=stimuli, notes=notes)
