from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np
import pytest
import spikeproof
from safetensors.torch import load
from spikeproof.demo.digits import TRAINED, digits
from spikeproof.demo.networks import robust, standard
from spikeproof.demo.run import MEAN_RATE, REPEATS, STIMULI, UNITS, WINDOW, demo_study, firing_rates, run_demo
from spikeproof.demo.train import accuracy
from spikeproof.study import parse_study


def test_the_shipped_networks_read_digits_that_they_never_saw_and_differ_in_robustness() -> None:
    assert accuracy(standard()) > 0.9
    assert accuracy(robust()) > 0.9
    assert accuracy(standard(), norm=1.0) < 0.1
    assert accuracy(robust(), norm=1.0) > 0.3


@pytest.mark.parametrize("name", ["standard", "robust"])
def test_the_weights_are_plain_tensors_of_a_small_file(name: str) -> None:
    file = importlib.resources.files("spikeproof.demo").joinpath(f"digits_{name}.safetensors")
    content = file.read_bytes()
    assert len(content) < 200_000
    assert set(load(content)) == set(standard().state_dict())


def test_the_simulated_neurons_fire_as_they_are_said_to(tmp_path: Path) -> None:
    study = parse_study(demo_study(tmp_path))
    assert f"{UNITS} Poisson neurons" in study.description
    recording = spikeproof.load_source(
        f"nwb:{tmp_path / 'recording.nwb'}", table="trials", stimulus="stimulus_id", category="category"
    )
    assert recording.responses is not None
    counts = recording.responses["response"]
    assert counts.shape == (STIMULI * REPEATS, UNITS)
    expected = MEAN_RATE * WINDOW
    # A unit's mean over 450 Poisson counts has a standard error of a tenth.
    np.testing.assert_allclose(
        counts.mean("presentation"), expected, atol=5 * np.sqrt(expected / counts.sizes["presentation"])
    )
    images, _ = digits()
    rates = firing_rates(images[TRAINED : TRAINED + STIMULI])
    by_stimulus = counts.groupby("stimulus_id").mean("presentation").transpose("stimulus_id", "unit").values
    assert np.corrcoef(by_stimulus.ravel(), rates.ravel())[0, 1] > 0.9


@pytest.mark.slow
def test_the_demo_finds_what_is_true_of_its_recording(tmp_path: Path) -> None:
    result = run_demo(tmp_path)
    assert result.systems == ("recording", "standard hidden", "robust hidden")
    concentration = result.summary("silencing", "recording")["concentration"]
    assert float(concentration.sel(statistic="low")) > 0.5, "the code is distributed by construction"
    accuracy = result.summary("decoder-accuracy", "recording")["accuracy"]
    assert 0.9 < float(accuracy.sel(statistic="estimate")) < 1
    behaviour = {
        name: result.summary("cross-scale", f"{name} hidden")["matrix"].sel(row="unit", scale="behavior", epsilon=2.0)
        for name in ("standard", "robust")
    }
    assert float(behaviour["standard"].sel(statistic="low")) > float(behaviour["robust"].sel(statistic="estimate"))
    assert result.report.stat().st_size < 5_000_000
