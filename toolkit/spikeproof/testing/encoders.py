"""What an encoder holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import fold_correlation

from .registry import CheckFailed, check, require
from .subject import Subject

__all__ = ["fitted_encoder", "toy_recording"]

_SHAPE = (4, 3, 3)
"""(channel, y, x) of toy feature maps."""


def toy_recording(
    features: str = "map", stimuli: int = 60
) -> tuple[NDArray[np.float32], xr.DataArray, xr.DataArray, NDArray[np.intp]]:
    """Features, mean responses, single presentations and folds of a recording that features predict well.

    Parameters
    ----------
    features : {"map", "units"}
        Maps (stimulus, channel, y, x) of which one place and a mixture of channels drive each unit; or a table
        (stimulus, feature) whose columns are predictions of the units ``u0`` to ``u2`` already.
    stimuli : int
    """
    rng = np.random.default_rng(5)
    maps = rng.normal(size=(stimuli, *_SHAPE)).astype(np.float32)
    mixture = rng.normal(size=(3, _SHAPE[0]))
    places = [(0, 0), (1, 1), (2, 1)]
    signal = np.stack([maps[:, :, y, x] @ mixture[unit] for unit, (y, x) in enumerate(places)], axis=1)
    signal = 8 + 2 * signal / signal.std(axis=0)
    single = np.maximum(signal[:, None] + 0.5 * rng.normal(size=(stimuli, 3, 3)), 0)
    names, units = [f"s{row:02d}" for row in range(stimuli)], ["u0", "u1", "u2"]
    responses = xr.DataArray(
        single.mean(axis=1),
        dims=("stimulus", "unit"),
        coords={"stimulus": names, "unit": units},
        attrs={"units": "spikes"},
    )
    repeats = xr.DataArray(
        single.reshape(-1, 3),
        dims=("presentation", "unit"),
        coords={"stimulus": ("presentation", np.repeat(names, 3)), "unit": units},
        attrs={"units": "spikes"},
    )
    rows = maps if features == "map" else (signal + 0.3 * rng.normal(size=signal.shape)).astype(np.float32)
    return rows, responses, repeats, np.arange(stimuli, dtype=np.intp) % 3


def fitted_encoder(subject: Subject) -> Any:  # noqa: ANN401 - a FittedEncoder
    """Fit the encoder to the toy recording, once for all checks."""

    def fit() -> Any:  # noqa: ANN401 - as above
        rows, responses, repeats, folds = toy_recording(subject.example.features)
        return subject.build().fit(rows, responses, repeats=repeats, folds=folds, seed=1)

    return subject.once("fit", fit)


def _rows(subject: Subject) -> NDArray[np.float32]:
    return toy_recording(subject.example.features)[0]


def _predicted(subject: Subject, rows: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = fitted_encoder(subject).predict(rows)
    return found


@check("encoder")
def check_it_predicts_what_it_was_not_fitted_to(subject: Subject) -> None:
    """Held-out predictions of units that the features drive correlate with them at 0.5 or more."""
    _, responses, _, folds = toy_recording(subject.example.features)
    r = fold_correlation(_values(subject), responses.values, folds)
    require((r >= 0.5).all(), f"held-out correlations are {np.round(r, 2).tolist()}, where 0.5 is easily had")


@check("encoder")
def check_its_predictions_have_names(subject: Subject) -> None:
    """``held_out`` has the stimuli and units of the responses, in their order."""
    _, responses, _, _ = toy_recording(subject.example.features)
    found = fitted_encoder(subject).held_out
    require(found.dims == ("stimulus", "unit"), f"held_out has dims {found.dims}, expected (stimulus, unit)")
    for dim in found.dims:
        require(dim in found.coords, f"held_out has no coordinate {dim!r}")
        require(found[dim].values.tolist() == responses[dim].values.tolist(), f"held_out has another {dim} order")


@check("encoder")
def check_held_out_predictions_never_saw_their_fold(subject: Subject) -> None:
    """With other responses in one fold, its held-out predictions are the same, and those of other folds are not."""
    rows, responses, repeats, folds = toy_recording(subject.example.features)
    here = folds == 1
    changed = responses.copy(deep=True)
    changed.values[here] = changed.values[here][::-1] * 3 + 1
    singles = repeats.copy(deep=True)
    of_fold = np.isin(repeats["stimulus"].values, responses["stimulus"].values[here])
    singles.values[of_fold] = singles.values[of_fold][::-1] * 3 + 1
    again = subject.build().fit(rows, changed, repeats=singles, folds=folds, seed=1).held_out.values
    before = _values(subject)
    scale = np.abs(before).max()
    require(
        np.allclose(again[here], before[here], rtol=1e-5, atol=1e-5 * scale),
        "held-out predictions change with the responses of their own fold: it was not held out, or a hyperparameter "
        "was chosen on it",
    )
    moved = np.abs(again[~here] - before[~here]).max()
    require(moved > 1e-3 * scale, "predictions of the other folds do not depend on the responses that were fitted")


@check("encoder")
def check_it_can_be_kept(subject: Subject) -> None:
    """Its state is numeric arrays, from which ``restore`` makes a predictor that predicts the same to the last bit."""
    state = fitted_encoder(subject).state
    for name, value in state.items():
        require(isinstance(value, np.ndarray), f"state[{name!r}] is a {type(value).__name__}, not a numpy array")
        require(value.dtype.kind in "fiu", f"state[{name!r}] is no array of numbers ({value.dtype})")
    rows = torch.as_tensor(_rows(subject)[:5])
    again = subject.build().restore({name: value.copy() for name, value in state.items()})
    require(torch.equal(again.predict(rows), _predicted(subject, rows)), "a restored predictor predicts otherwise")


@check("encoder")
def check_its_predictions_can_be_differentiated(subject: Subject) -> None:
    """Predictions are (row, unit) in the type of the features, and their gradient is their slope."""
    rows = torch.as_tensor(_rows(subject)[:4]).double().requires_grad_()
    found = fitted_encoder(subject).predict(rows)
    require(found.shape == (4, 3), f"predictions have shape {tuple(found.shape)}, expected (4 rows, 3 units)")
    require(found.dtype == rows.dtype, f"predictions are {found.dtype}, the features {rows.dtype}")
    require(found.requires_grad, "predictions cannot be differentiated")
    (gradient,) = torch.autograd.grad(found.sum(), rows)
    require(bool(gradient.abs().sum() > 0), "the gradient is zero everywhere")
    direction = gradient / gradient.norm()
    with torch.no_grad():
        up, down = (fitted_encoder(subject).predict(rows + sign * 1e-4 * direction).sum() for sign in (1, -1))
    slope, expected = float((up - down) / 2e-4), float(gradient.norm())
    require(
        abs(slope - expected) <= 0.02 * expected, f"the slope along the gradient is {slope:.4g}, not {expected:.4g}"
    )


@check("encoder")
def check_a_row_does_not_depend_on_its_batch(subject: Subject) -> None:
    """The prediction of a row alone is that in a batch."""
    rows = torch.as_tensor(_rows(subject)[:6])
    together = _predicted(subject, rows)
    alone = torch.cat([_predicted(subject, rows[k : k + 1]) for k in range(6)])
    require(torch.allclose(alone, together, rtol=1e-4, atol=1e-4), "a row alone is predicted otherwise than in a batch")


@check("encoder")
def check_the_order_of_recorded_units_does_not_matter(subject: Subject) -> None:
    """With the units in another order, each is predicted as before."""
    rows, responses, repeats, folds = toy_recording(subject.example.features)
    order = [2, 0, 1]
    again = subject.build().fit(rows, responses.isel(unit=order), repeats=repeats.isel(unit=order), folds=folds, seed=1)
    before = _values(subject)[:, order]
    require(
        np.allclose(again.held_out.values, before, rtol=1e-3, atol=1e-3 * np.abs(before).max()),
        "predictions depend on the order of the units",
    )


@check("encoder")
def check_the_same_seed_gives_the_same_fit(subject: Subject) -> None:
    """Two fits with one seed are the same."""
    rows, responses, repeats, folds = toy_recording(subject.example.features)
    again = subject.build().fit(rows, responses, repeats=repeats, folds=folds, seed=1)
    require(np.array_equal(again.held_out.values, _values(subject)), "two fits with one seed differ")


@check("encoder")
def check_it_says_what_it_chose(subject: Subject) -> None:
    """``hyperparameters`` is a Dataset along ``unit`` and ``fold`` or fewer."""
    found = fitted_encoder(subject).hyperparameters
    require(isinstance(found, xr.Dataset), f"hyperparameters are a {type(found).__name__}, not a Dataset")
    strange = sorted(set(map(str, found.dims)) - {"unit", "fold"})
    require(not strange, f"hyperparameters have the dimension {strange[:1]}, expected unit and fold")


@check("encoder")
def check_it_refuses_too_few_stimuli(subject: Subject) -> None:
    """Two stimuli are fewer than it needs, and it says how many it has."""
    rows, responses, _, _ = toy_recording(subject.example.features)
    try:
        subject.build().fit(rows[:2], responses[:2], repeats=None, folds=np.arange(2, dtype=np.intp), seed=1)
    except NotEnoughData as error:
        require("2" in str(error), f"its refusal does not say how many stimuli there are: {error}")
        return
    except DataError as error:
        raise CheckFailed(
            f"too few stimuli are refused as {type(error).__name__}, not NotEnoughData: {error}"
        ) from error
    raise CheckFailed("it fits two stimuli, one a fold, instead of refusing")


def _values(subject: Subject) -> NDArray[np.float64]:
    return np.asarray(fitted_encoder(subject).held_out.values, dtype=np.float64)
