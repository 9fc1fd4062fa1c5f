"""The encoder ``poisson``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.optimize import minimize
from simulated_recordings import correlation, folds_of, responses_of
from sklearn.linear_model import PoissonRegressor
from spikeproof.errors import BadParameter, DataError
from spikeproof_encoders import Poisson, poisson_weights

random = np.random.default_rng(6)


def test_with_the_exponential_it_is_scikit_learns_poisson_regression() -> None:
    features = random.normal(size=(50, 6))
    counts = random.poisson(np.exp(1 + features[:, :3] * 0.5)).astype(np.float64)
    weights, intercept = poisson_weights(features, counts, 2.0, link="exp")
    for unit in range(3):
        peer = PoissonRegressor(alpha=2.0 / 50, tol=1e-14, max_iter=1000, solver="newton-cholesky")
        peer.fit(features, counts[:, unit])
        np.testing.assert_allclose(weights[:, unit], peer.coef_, atol=1e-8)
        assert intercept[unit] == pytest.approx(peer.intercept_, abs=1e-8)


def test_with_softplus_it_is_what_a_general_minimiser_finds() -> None:
    features = random.normal(size=(50, 4))
    counts = random.poisson(np.logaddexp(0, 1 + 2 * features[:, :1])).astype(np.float64)
    weights, intercept = poisson_weights(features, counts, 0.5)

    def cost(found: np.ndarray) -> float:
        mean = np.logaddexp(0, found[0] + features @ found[1:])
        return float((mean - counts[:, 0] * np.log(mean)).sum() + 0.25 * (found[1:] ** 2).sum())

    peer = minimize(cost, np.zeros(5), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose([*intercept, *weights[:, 0]], peer.x, atol=1e-5)


@pytest.mark.parametrize("link", ["exp", "softplus"])
def test_known_weights_are_recovered(link: str) -> None:
    features = random.normal(size=(3000, 2))
    drive = 1.5 + features @ np.array([[0.8], [-0.4]])
    mean = np.exp(drive) if link == "exp" else np.logaddexp(0, drive)
    weights, intercept = poisson_weights(features, random.poisson(mean).astype(float), 1e-6, link=link)  # type: ignore[arg-type]
    np.testing.assert_allclose(weights[:, 0], [0.8, -0.4], atol=0.12)
    np.testing.assert_allclose(intercept, 1.5, atol=0.12)


@pytest.mark.parametrize("link", ["exp", "softplus"])
def test_predictions_are_means_of_counts(link: str) -> None:
    features = random.normal(size=(200, 5)).astype(np.float32)
    responses = responses_of(random.poisson(np.exp(1 + features[:, :2])))
    fit = Poisson(link=link, penalties=(0.01,)).fit(  # type: ignore[arg-type]
        features, responses, repeats=None, folds=folds_of(200), seed=0
    )
    found = fit.predict(torch.from_numpy(features)).numpy()
    assert (found > 0).all()
    length = ((features - features.mean(axis=0)) ** 2).sum() / 200
    weights, intercept = poisson_weights(features, responses, 0.01 * length, link=link)  # type: ignore[arg-type]
    drive = features @ weights + intercept
    np.testing.assert_allclose(found, np.exp(drive) if link == "exp" else np.logaddexp(0, drive), rtol=1e-4)


def test_means_over_repeats_weigh_as_often_as_they_were_shown() -> None:
    """The fit to means with numbers of showings is the fit to the single presentations."""
    features = random.normal(size=(40, 3)).astype(np.float32)
    shown = np.arange(40) % 3 + 1
    rows = np.repeat(np.arange(40), shown)
    counts = random.poisson(np.exp(1 + 0.5 * features[rows, :1])).astype(np.float64)
    means = np.stack([counts[rows == row].mean(axis=0) for row in range(40)])
    responses = responses_of(means)
    repeats = xr.DataArray(
        counts,
        dims=("presentation", "unit"),
        coords={"stimulus": ("presentation", responses["stimulus"].values[rows]), "unit": ["n0"]},
    )
    encoder = Poisson(link="exp", penalties=(0.2,))
    fit = encoder.fit(features, responses, repeats=repeats, folds=folds_of(40), seed=0)
    length = ((features - features.mean(axis=0)) ** 2).sum() / 40
    weights, intercept = poisson_weights(features[rows], counts, 0.2 * length, link="exp")
    expected = np.exp(features @ weights + intercept)
    np.testing.assert_allclose(fit.predict(torch.from_numpy(features)).numpy(), expected, rtol=1e-5)


def test_a_unit_that_is_silent_in_a_training_set_is_predicted_to_fire_hardly_at_all() -> None:
    features = random.normal(size=(40, 3)).astype(np.float32)
    counts = random.poisson(5.0, size=(40, 2)).astype(np.float64)
    counts[:, 1] = 0.0
    counts[[0, 1], 1] = 2.0  # in two of four folds: the choice inside the other two never sees a spike
    fit = Poisson().fit(features, responses_of(counts), repeats=None, folds=folds_of(40), seed=0)
    assert np.isfinite(fit.held_out.values).all()
    assert (fit.held_out.values[:, 1] < 0.5).all()


def test_components_that_are_left_out_get_no_weight() -> None:
    features = (random.normal(size=(300, 3)) * np.array([10.0, 3.0, 0.1])).astype(np.float32)
    responses = responses_of(random.poisson(np.exp(1 + features[:, 1:2] / 3)))
    fit = Poisson(components=2, link="exp").fit(features, responses, repeats=None, folds=folds_of(300), seed=0)
    assert correlation(fit.held_out, np.exp(features[:, 1:2] / 3))[0] > 0.8
    rows = torch.from_numpy(features[:1]).requires_grad_()
    fit.predict(rows).sum().backward()
    assert rows.grad is not None
    assert float(rows.grad[0, 2].abs()) < 0.05 * float(rows.grad[0, 1].abs())


def test_responses_below_zero_are_refused() -> None:
    features, counts = random.normal(size=(40, 3)).astype(np.float32), random.poisson(5.0, size=(40, 2)) * 1.0
    counts[3, 1] = -0.5
    with pytest.raises(
        DataError,
        match=r"encoder poisson: the response of unit 'n1' to stimulus 's3' is -0.5, below 0: it is for counts; take "
        "ridge, pls or factorised, or responses without a baseline taken off",
    ):
        Poisson().fit(features, responses_of(counts), repeats=None, folds=folds_of(40), seed=0)


def test_a_fit_that_does_not_converge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof_encoders.poisson._ITERATIONS", 2)
    features = random.normal(size=(40, 2))
    counts = random.poisson(np.exp(3 * features[:, :1])).astype(np.float64)
    with pytest.raises(DataError, match=r"encoder poisson: 1 of 1 units did not converge in \d+ iterations at a pen"):
        poisson_weights(features, counts, 0.01, link="exp")


def test_parameters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadParameter, match=r"encoder poisson: components must be 1 or more, got 0"):
        Poisson(components=0)
