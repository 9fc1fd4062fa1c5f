"""The encoder ``ready``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from simulated_recordings import folds_of, responses_of
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Selective
from spikeproof_encoders import Ready

random = np.random.default_rng(7)
outputs = random.normal(size=(40, 3)).astype(np.float32)


def fit(encoder: Ready, features: np.ndarray = outputs, units: int = 3):  # noqa: ANN201
    scale = np.array([2.0, 0.1, 30.0])[:units]
    responses = responses_of(outputs[:, :units] * scale + 4 + 0.01 * random.normal(size=(40, units)))
    return encoder.fit(features, responses, repeats=None, folds=folds_of(40), seed=0)


def test_slope_and_offset_are_those_of_a_line() -> None:
    fitted = fit(Ready())
    np.testing.assert_allclose(fitted.hyperparameters["slope"].sel(fold=-1), [2.0, 0.1, 30.0], rtol=0.05)
    np.testing.assert_allclose(fitted.hyperparameters["offset"].sel(fold=-1), 4.0, rtol=0.01)
    here = folds_of(40) == 2
    responses = fit(Ready()).held_out
    assert responses.shape == (40, 3)
    slope, offset = (fitted.hyperparameters[name].sel(fold=2).values for name in ("slope", "offset"))
    np.testing.assert_allclose(fitted.held_out.values[here], outputs[here] * slope + offset, rtol=1e-6)


def test_a_line_is_that_of_least_squares_without_the_fold() -> None:
    responses = responses_of(random.normal(size=(40, 3)))
    fitted = Ready().fit(outputs, responses, repeats=None, folds=folds_of(40), seed=0)
    training = folds_of(40) != 1
    for unit in range(3):
        slope, offset = np.polyfit(outputs[training, unit].astype(float), responses.values[training, unit], 1)
        assert float(fitted.hyperparameters["slope"].sel(fold=1)[unit]) == pytest.approx(slope)
        assert float(fitted.hyperparameters["offset"].sel(fold=1)[unit]) == pytest.approx(offset)


def test_without_rescaling_the_outputs_are_the_predictions() -> None:
    fitted = fit(Ready(rescale=False))
    np.testing.assert_array_equal(fitted.predict(torch.from_numpy(outputs)).numpy(), outputs)
    np.testing.assert_allclose(fitted.held_out.values, outputs)


def test_units_find_their_models_by_name() -> None:
    """The recording's units stand in another order than the models, and one model's unit was not recorded."""
    features = np.hstack([outputs[:, [2]], random.normal(size=(40, 1)).astype(np.float32), outputs[:, [0, 1]]])
    fitted = fit(Ready(neurons=("n2", "elsewhere", "n0", "n1")), features)
    np.testing.assert_allclose(fitted.hyperparameters["slope"].sel(fold=-1), [2.0, 0.1, 30.0], rtol=0.05)
    assert isinstance(fitted.predictor, Selective)
    assert [list(fitted.predictor.reads(unit)) for unit in range(3)] == [[2], [3], [0]]


def test_models_and_units_that_do_not_match_are_refused() -> None:
    with pytest.raises(DataError, match=r"encoder ready: there are 3 features for 2 units: give `neurons`, the rec"):
        fit(Ready(), units=2)
    with pytest.raises(DataError, match=r"encoder ready: neurons names 2 units, and there are 3 features: name one"):
        fit(Ready(neurons=("n0", "n1")))
    with pytest.raises(
        DataError,
        match=r"encoder ready: no feature predicts unit 'n2' \(1 of 3 units\).*: add it to neurons, with its model, or",
    ):
        fit(Ready(neurons=("n0", "n1", "m2")))
    with pytest.raises(BadParameter, match=r"encoder ready: neurons names 'n0' twice: one feature predicts one unit"):
        Ready(neurons=("n0", "n0"))


def test_a_model_that_says_the_same_of_every_stimulus_is_refused() -> None:
    dead = outputs.copy()
    dead[:, 1] = 3.5
    with pytest.raises(
        DataError,
        match=r"encoder ready: the ready model of unit 'n1' gives the same output for all 30 stimuli that it is fitted "
        "on: look at its preprocessing, or leave the unit out",
    ):
        fit(Ready(), dead)


def test_outputs_of_other_models_are_refused() -> None:
    with pytest.raises(DataError, match=r"the encoder was fitted on 3 features of each stimulus and is given 2: give"):
        fit(Ready()).predict(torch.zeros(1, 2))
