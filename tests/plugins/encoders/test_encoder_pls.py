"""The encoder ``pls``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from simulated_recordings import folds_of, responses_of
from sklearn.cross_decomposition import PLSRegression
from spikeproof.errors import DataError, NotEnoughData
from spikeproof_encoders import PLS, pls_components

random = np.random.default_rng(4)


@pytest.mark.parametrize("size", [(40, 15), (25, 60)], ids=["few features", "many features"])
def test_components_are_those_of_scikit_learn(size: tuple[int, int]) -> None:
    features = random.normal(size=size) * np.linspace(3, 0.3, size[1]) + 5
    responses = features[:, :4] @ random.normal(size=(4, 3)) + random.normal(size=(size[0], 3))
    weights, intercepts = pls_components(features, responses, 5)
    for number in (1, 2, 5):
        peer = PLSRegression(number, scale=False, tol=1e-28, max_iter=100_000).fit(features, responses)
        np.testing.assert_allclose(weights[number - 1], peer.coef_.T, atol=1e-9)
        found = features @ weights[number - 1] + intercepts[number - 1]
        np.testing.assert_allclose(found, peer.predict(features), atol=1e-8)


def test_the_encoder_of_one_number_of_components_is_scikit_learns() -> None:
    features = random.normal(size=(40, 30)).astype(np.float32)
    responses = responses_of(features[:, :4] @ random.normal(size=(4, 2)) + random.normal(size=(40, 2)))
    encoder = PLS(components=(3,), scale_units=False)
    fit = encoder.fit(features, responses, repeats=None, folds=folds_of(40), seed=0)
    for fold in (0, 3):
        here = folds_of(40) == fold
        peer = PLSRegression(3, scale=False, tol=1e-28, max_iter=100_000)
        peer.fit(features[~here].astype(np.float64), responses.values[~here])
        np.testing.assert_allclose(fit.held_out.values[here], peer.predict(features[here]), atol=1e-6)
    peer = PLSRegression(3, scale=False, tol=1e-28, max_iter=100_000).fit(features.astype(np.float64), responses.values)
    np.testing.assert_allclose(fit.predict(torch.from_numpy(features)).numpy(), peer.predict(features), atol=1e-5)


def test_scaled_units_weigh_the_same() -> None:
    features = random.normal(size=(60, 20)).astype(np.float32)
    responses = responses_of(features[:, :2] + 0.3 * random.normal(size=(60, 2)))
    louder = responses * np.array([1.0, 50.0])
    fits = [
        PLS(components=(2,)).fit(features, values, repeats=None, folds=folds_of(60), seed=0)
        for values in (responses, louder)
    ]
    np.testing.assert_allclose(fits[1].held_out / np.array([1.0, 50.0]), fits[0].held_out, atol=1e-6)


def test_all_components_of_few_features_are_least_squares() -> None:
    features, responses = random.normal(size=(30, 4)), random.normal(size=(30, 2))
    weights, _ = pls_components(features, responses, 6)
    expected = np.linalg.lstsq(features - features.mean(axis=0), responses, rcond=None)[0]
    np.testing.assert_allclose(weights[3], expected, atol=1e-10)
    np.testing.assert_allclose(weights[5], weights[3], atol=1e-12)  # there is no fifth component


def test_each_unit_uses_as_many_components_as_it_needs() -> None:
    features = (random.normal(size=(300, 12)) * np.linspace(4, 0.5, 12)).astype(np.float32)
    simple, rich = features[:, :1], features @ random.normal(size=(12, 1)) / np.sqrt(12)
    responses = responses_of(np.hstack([simple + 4 * random.normal(size=(300, 1)), rich]))
    fit = PLS(components=(1, 2, 4, 12)).fit(features, responses, repeats=None, folds=folds_of(300), seed=0)
    few, many = fit.hyperparameters["components"].transpose("unit", "fold").values
    assert np.median(few) < many.min()


def test_more_components_than_stimuli_or_features_are_refused() -> None:
    features, responses = random.normal(size=(40, 30)).astype(np.float32), responses_of(random.normal(size=(40, 2)))
    with pytest.raises(
        NotEnoughData,
        match=r"encoder pls: 40 stimuli in 4 folds leave 20 to fit on where hyperparameters are chosen, and it needs "
        r"26: more stimuli are needed, or more folds",
    ):
        PLS().fit(features, responses, repeats=None, folds=folds_of(40), seed=0)
    with pytest.raises(
        DataError,
        match=r"encoder pls: components = 8 of 5 features: choose another layer, or at most 5 components",
    ):
        PLS(components=(8,)).fit(features[:, :5], responses, repeats=None, folds=folds_of(40), seed=0)
