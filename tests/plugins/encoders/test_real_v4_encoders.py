"""Real macaque V4 (session 190923 of Cowley et al. 2023): fitted to images 1-600 and 901-1200, judged on 601-900.

Known beforehand: plain ridge on ``layer2`` gives a mean correlation of 0.49, pixels 0.26, the published model of each
neuron about 0.64 (images 112 x 112). What is compared here was chosen on the training images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import spikeproof
import torch
import xarray as xr
from numpy.typing import NDArray
from simulated_recordings import correlation
from sklearn.linear_model import Ridge as PeerRidge
from spikeproof.insilico import Features, Training, read_features, stimulus_folds, training_data
from spikeproof.statistics import fold_correlation
from spikeproof.types import Encoder, FittedEncoder
from spikeproof_encoders import PLS, Average, Factorised, Poisson, Ready, Ridge

pytestmark = pytest.mark.slow

TEST = np.arange(1200) // 300 == 2
JOINED = ("1.layer1", "1.layer2", "1.layer3.0")
SHOWN = 150
"""Test images that the published models are read on: each model takes long."""
Read = Callable[..., NDArray[np.float32]]


def session(shared: Path, size: int | None = None) -> Training:
    recording = spikeproof.load_source(
        f"table:{shared / 'data/v4/responses_avg_190923.npy'}",
        dims=["unit", "stimulus"],
        response_units="spikes",
        images=str(shared / "data/v4/images_190923.zip"),
        session="190923",
        **({} if size is None else {"size": size}),
    )
    return training_data(recording)


@pytest.fixture(scope="module")
def training(shared: Path) -> Training:
    return session(shared, 64)


@pytest.fixture(scope="module")
def read(shared: Path, training: Training) -> Read:
    """Features of some layers of ResNet-20, joined."""

    @cache
    def of(*layers: str) -> NDArray[np.float32]:
        models = tuple(
            spikeproof.load_model(
                f"torch:{shared / 'data/models/zoo.py'}:resnet20",
                layer=layer,
                spatial="positions",
                image_shape=(3, 64, 64),
            )
            for layer in layers
        )
        return read_features(Features.opened(" + ".join(layers), models), training.images, batch=100, device="cpu")

    return of


def fit(encoder: Encoder, rows: NDArray[np.float32], responses: xr.DataArray) -> FittedEncoder:
    """Fit to the training images in five folds."""
    part = responses[~TEST]
    folds = stimulus_folds(part["stimulus"].values.tolist(), 5, seed=0)
    return encoder.fit(rows[~TEST], part, repeats=None, folds=folds, seed=0)


def judged(fitted: FittedEncoder, rows: NDArray[np.float32], responses: xr.DataArray) -> NDArray[np.float64]:
    """Correlation of each neuron's prediction with its responses to the test images."""
    return correlation(fitted.predict(torch.from_numpy(rows[TEST])).numpy(), responses.values[TEST])


def test_a_neuron_is_predicted_at_055_by_ridge_and_factorised_together(training: Training, read: Read) -> None:
    rows = read(*JOINED)
    fitted = fit(Average(scale_channels=True), rows, training.responses)
    r = judged(fitted, rows, training.responses)
    assert len(r) == 33
    assert r.mean() >= 0.55
    assert r.min() > 0.2
    # What the training images promised is what the test images give: nothing leaked.
    inside = correlation(fitted.held_out, training.responses.values[~TEST])
    assert abs(inside.mean() - r.mean()) < 0.04


@pytest.mark.parametrize(
    ("encoder", "least"),
    [(Ridge(), 0.52), (Factorised(), 0.51), (Poisson(), 0.51), (Poisson(link="exp"), 0.48), (PLS(), 0.47)],
    ids=["ridge", "factorised", "poisson softplus", "poisson exp", "pls"],
)
def test_each_encoder_predicts_from_one_layer(encoder: Encoder, least: float, training: Training, read: Read) -> None:
    rows = read("1.layer3.0")
    assert judged(fit(encoder, rows, training.responses), rows, training.responses).mean() >= least


def test_grids_predict_better_than_plain_ridge_which_is_that_of_scikit_learn(training: Training, read: Read) -> None:
    """0.49 was quoted for plain ridge without its preprocessing; here no penalty at all gets beyond 0.48."""
    rows = read("1.layer2")
    flat = rows.reshape(1200, -1)
    wanted = training.responses.values
    plain = fit(Ridge(grids=()), rows, training.responses)
    r = judged(plain, rows, training.responses).mean()
    length = ((flat[~TEST] - flat[~TEST].mean(axis=0)) ** 2).sum() / 900
    peers = [
        PeerRidge(alpha=penalty * length).fit(flat[~TEST], wanted[~TEST]).predict(flat[TEST]) for penalty in (1.0, 3.0)
    ]
    best = max(correlation(peer, wanted[TEST]).mean() for peer in peers)
    assert 0.45 < best < 0.49
    assert r == pytest.approx(best, abs=0.01)
    assert judged(fit(Ridge(), rows, training.responses), rows, training.responses).mean() > r + 0.02


def test_pixels_predict_as_badly_as_was_known(training: Training) -> None:
    rows = training.images.images()
    assert judged(fit(Ridge(grids=()), rows, training.responses), rows, training.responses).mean() < 0.32


def test_shuffled_responses_are_predicted_by_nothing(training: Training, read: Read) -> None:
    """The mean of 33 correlated neurons; one neuron's chance sd is 1 / sqrt(300) = 0.06."""
    shuffled = training.responses.copy()
    order = np.random.default_rng(0).permutation(1200)
    shuffled.values = shuffled.values[order]
    rows = read("1.layer3.0")
    fitted = fit(Ridge(), rows, shuffled)
    assert abs(judged(fitted, rows, shuffled).mean()) < 0.06
    assert abs(correlation(fitted.held_out, shuffled.values[~TEST]).mean()) < 0.1


def test_the_published_model_of_each_neuron_predicts_it_as_was_known_and_serves_as_a_ready_one(shared: Path) -> None:
    """About 0.64 on images 601-900, which stands beside the data."""
    training = session(shared)
    models = tuple(
        spikeproof.load_model(
            f"torch:{shared / 'data/models/zoo.py'}:v4_neuron({neuron})", layer="output", image_shape=(3, 112, 112)
        )
        for neuron in range(33)
    )
    shown = training.images.select([training.images.ids[row] for row in np.flatnonzero(TEST)[::2]][:SHOWN])
    rows = read_features(Features.opened("output", models), shown, batch=50, device="cpu")
    responses = training.responses.sel(stimulus=list(shown.ids))
    known = correlation(rows, responses)
    assert known.mean() == pytest.approx(0.64, abs=0.03)
    assert known.min() > 0.3
    folds = stimulus_folds(list(shown.ids), 5, seed=0)
    fitted = Ready().fit(rows, responses, repeats=None, folds=folds, seed=0)
    assert fold_correlation(fitted.held_out, responses, folds).mean() == pytest.approx(
        fold_correlation(rows, responses, folds).mean(), abs=0.03
    ), "a line changes no correlation, but for its folds"
    assert bool((fitted.hyperparameters["slope"] > 0).all())


def test_a_study_needs_no_network_to_predict_v4_from_gabor_cells(shared: Path, tmp_path: Path) -> None:
    """A bank of Gabor energies gives 0.36, and pixels 0.26: a recording can be studied with nothing downloaded."""
    done = spikeproof.run(
        {
            "source": {
                "use": f"table:{shared / 'data/v4/responses_avg_190923.npy'}",
                "dims": ["unit", "stimulus"],
                "response_units": "spikes",
                "images": str(shared / "data/v4/images_190923.zip"),
                "session": "190923",
                "size": 64,
            },
            "model": {"use": "gabor", "layers": ["complex"]},
            "encoder": {"use": "ridge", "scale_channels": True},
            "metric": "encoder-fit",
            "statistics": {"draws": 100},
        },
        out=tmp_path / "out",
        device="cpu",
    )
    found = done.summary("encoder-fit", "ridge on gabor")
    every = found["held_out_r_of_all"]
    assert float(every.sel(statistic="estimate")) >= 0.36
    assert float(every.sel(statistic="low")) > 0.3 > float(found["chance"].sel(statistic="high"))
    assert found.sizes["recorded_unit"] == 33
    texts = [finding["text"] for finding in done.findings if finding["metric"] == "encoder-fit"]
    assert texts[0].startswith("In silico (held-out r 0.")
