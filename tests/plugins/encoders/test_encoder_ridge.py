"""The encoder ``ridge``, its basis and its grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from simulated_recordings import folds_of, responses_of
from sklearn.linear_model import Ridge as PeerRidge
from sklearn.linear_model import RidgeCV
from spikeproof.errors import BadParameter
from spikeproof_encoders import Ridge, ridge_weights
from spikeproof_encoders.basis import FeatureSpace
from spikeproof_encoders.grids import Grids, averaging
from torch.nn import functional

random = np.random.default_rng(3)


def alpha_of(features: NDArray[np.floating], penalty: float) -> float:
    """What scikit-learn calls our penalty."""
    return penalty * float(((features - features.mean(axis=0)) ** 2).sum()) / len(features)


@pytest.mark.parametrize("size", [(40, 6), (20, 70)], ids=["few features", "many features"])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 100.0])
def test_weights_are_those_of_scikit_learn(size: tuple[int, int], penalty: float) -> None:
    features, responses = random.normal(size=size) * 3 + 10, random.normal(size=(size[0], 3))
    weights, intercept = ridge_weights(features, responses, penalty)
    peer = PeerRidge(alpha=alpha_of(features, penalty)).fit(features, responses)
    np.testing.assert_allclose(weights, peer.coef_.T, atol=1e-12)
    np.testing.assert_allclose(intercept, peer.intercept_, atol=1e-11)


def test_with_one_stimulus_a_fold_the_penalty_is_that_of_leave_one_out() -> None:
    """RidgeCV leaves out one stimulus after another in closed form; our folds of one stimulus do so one by one."""
    features = random.normal(size=(30, 12)).astype(np.float32)
    responses = responses_of(features[:, :2] @ random.normal(size=(2, 4)) + random.normal(size=(30, 4)))
    # A training set's penalty is relative to its own spread: features of equal length make that the same for all.
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    penalties = (0.01, 0.1, 1.0, 10.0)
    fit = Ridge(penalties=penalties, grids=()).fit(features, responses, repeats=None, folds=np.arange(30), seed=0)
    alphas = [alpha_of(features, penalty) for penalty in penalties]
    peer = RidgeCV(alphas=alphas, alpha_per_target=True).fit(features, responses.values)
    expected = np.array(penalties)[[alphas.index(alpha) for alpha in peer.alpha_]]
    np.testing.assert_array_equal(fit.hyperparameters["penalty"].sel(fold=-1), expected)
    np.testing.assert_allclose(fit.predict(torch.from_numpy(features)).numpy(), peer.predict(features), atol=1e-5)


def test_held_out_predictions_are_those_of_fits_without_the_fold() -> None:
    features = random.normal(size=(24, 50)).astype(np.float32)
    responses, folds = responses_of(random.normal(size=(24, 2))), folds_of(24)
    fit = Ridge(penalties=(0.3,)).fit(features, responses, repeats=None, folds=folds, seed=0)
    for fold in range(4):
        there = folds != fold
        weights, intercept = ridge_weights(features[there], responses.values[there], 0.3)
        np.testing.assert_allclose(fit.held_out.values[~there], features[~there] @ weights + intercept, atol=1e-6)


def test_each_unit_has_the_penalty_that_it_needs() -> None:
    features = random.normal(size=(200, 100)).astype(np.float32)
    signal = features @ random.normal(size=(100, 1)) / 10
    responses = responses_of(np.hstack([signal, 0.05 * signal + random.normal(size=(200, 1))]))
    fit = Ridge().fit(features, responses, repeats=None, folds=folds_of(200), seed=0)
    clean, noisy = fit.hyperparameters["penalty"].transpose("unit", "fold").values
    assert clean.max() < noisy.min()
    assert fit.hyperparameters["fold"].values.tolist() == [0, 1, 2, 3, -1]


@pytest.mark.parametrize(("size", "cells"), [(8, 4), (7, 3), (5, 5), (4, 1), (10, 4)])
def test_averages_over_cells_are_those_of_torch(size: int, cells: int) -> None:
    maps = random.normal(size=(2, 3, size, size))
    expected = functional.adaptive_avg_pool2d(torch.from_numpy(maps), cells).numpy()
    np.testing.assert_allclose(averaging(size, cells) @ maps @ averaging(size, cells).T, expected, atol=1e-12)


def test_weights_on_grids_are_weights_of_the_map() -> None:
    maps = random.normal(size=(6, 2, 5, 4))
    grids = Grids((2, 5, 4), (3, 2, 9))
    parts = grids.read(maps)
    assert [part.shape[1] for part in parts] == [18, 8, 40]
    weights = [random.normal(size=(part.shape[1], 3)) for part in parts]
    expected = sum(part @ weight for part, weight in zip(parts, weights, strict=True))
    np.testing.assert_allclose(maps.reshape(6, -1) @ grids.weights(weights), expected, atol=1e-10)


def test_grids_that_are_the_same_on_a_small_map_count_once() -> None:
    assert len(Grids((2, 3, 3), (8, 4, 3, 1)).read(np.zeros((1, 2, 3, 3)))) == 2


@pytest.mark.parametrize("stimuli", [12, 90], ids=["more features than stimuli", "fewer"])
def test_a_basis_is_a_rotation(stimuli: int) -> None:
    """Inner products of centred features are kept; what lies outside the training stimuli's span is left out."""
    features = random.normal(size=(stimuli, 4, 3, 3)).astype(np.float32)
    training, others = np.arange(stimuli - 3), np.arange(stimuli - 3, stimuli)
    basis = FeatureSpace(features).basis(training, others)
    flat = features.reshape(stimuli, -1).astype(np.float64)
    centred = flat - flat[training].mean(axis=0)
    scale = (centred[training] ** 2).sum()
    np.testing.assert_allclose(
        basis.training @ basis.training.T, centred[training] @ centred[training].T / scale, atol=1e-9
    )
    np.testing.assert_allclose(
        basis.others @ basis.training.T, centred[others] @ centred[training].T / scale, atol=1e-9
    )


@pytest.mark.parametrize("alike", [False, True])
def test_many_and_few_stimuli_give_the_same_fit(monkeypatch: pytest.MonkeyPatch, *, alike: bool) -> None:
    """One set of features through both decompositions: that of stimuli, and that of features."""
    maps = random.normal(size=(30, 3, 4, 4)).astype(np.float32)
    maps[:, 1] = 7.0  # a dead channel
    training, others = np.arange(20), np.arange(20, 30)
    wide = FeatureSpace(maps, (4, 2, 1), alike=alike)
    narrow = FeatureSpace(maps, (4, 2, 1), alike=alike)
    monkeypatch.setattr(narrow, "_wide", False)
    coefficients = []
    for space in (wide, narrow):
        basis = space.basis(training, others)
        assert bool(basis.axes) == (space is narrow)
        target = basis.training.T @ np.sin(np.arange(20.0))[:, None]
        coefficients.append(space.weights(basis, target / (basis.variance + 0.1)[:, None]))
    np.testing.assert_allclose(coefficients[0], coefficients[1], atol=1e-7)


def test_scaled_channels_weigh_the_same() -> None:
    """The scale of a channel makes no difference where channels are scaled, and does where they are not."""
    maps = random.normal(size=(50, 3, 4, 4)).astype(np.float32)
    louder = maps * np.array([1.0, 40.0, 0.2], dtype=np.float32)[:, None, None]
    responses = responses_of(maps[:, 0, 1:3, 1:3].sum((1, 2))[:, None] + random.normal(size=(50, 1)))
    for scaled in (True, False):
        encoder = Ridge(scale_channels=scaled, penalties=(1.0,))
        one, two = (
            encoder.fit(rows, responses, repeats=None, folds=folds_of(50), seed=0).held_out for rows in (maps, louder)
        )
        assert bool(np.abs(one - two).max() < 1e-5) == scaled


def test_a_large_common_level_costs_no_digits() -> None:
    features = random.normal(size=(30, 40))
    responses = random.normal(size=(30, 2))
    weights, _ = ridge_weights(features, responses, 0.1)
    shifted, _ = ridge_weights(features + 1e5, responses, 0.1)
    np.testing.assert_allclose(shifted, weights, atol=1e-8)


def test_predictions_of_tensors_are_those_of_the_arrays() -> None:
    maps = (random.normal(size=(60, 8, 6, 6)) * 4 + 20).astype(np.float32)
    responses = responses_of(maps[:, :2, 2:4, 2:4].sum((1, 2, 3))[:, None] + random.normal(size=(60, 1)))
    fit = Ridge(penalties=(0.1,), grids=()).fit(maps, responses, repeats=None, folds=folds_of(60), seed=0)
    weights, intercept = ridge_weights(maps.reshape(60, -1), responses.values, 0.1)
    expected = maps.reshape(60, -1) @ weights + intercept
    found = fit.predict(torch.from_numpy(maps))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"penalties": ()}, r"encoder ridge: penalties is empty: give one value or more to choose from"),
        ({"penalties": (1.0, -1.0)}, r"encoder ridge: penalties must be finite numbers above 0, got -1.0"),
        ({"grids": (4, 0)}, r"encoder ridge: grids must be finite numbers above 0, got 0"),
        ({"grids": (2, 2)}, r"encoder ridge: grids has a value twice: 2, 2"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        Ridge(**parameters)  # type: ignore[arg-type]
