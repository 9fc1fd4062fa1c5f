"""The simulated animal of the tutorial on experiments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spikeproof
from spikeproof.demo.animal import REPEATS, STIMULI, Animal, main
from spikeproof.demo.digits import TRAINED, digits
from spikeproof.errors import UsageError

DIGITS = digits()[0][TRAINED : TRAINED + STIMULI]


def test_rates_are_the_mean_of_what_it_fires() -> None:
    animal = Animal(units=5, drift=0.0)
    order = np.repeat(np.arange(10), 400)
    counts = animal.shown(DIGITS[:10], [f"d{k}" for k in range(10)], order, "day").responses
    assert counts is not None
    means = counts["response"].values.reshape(10, 400, 5).mean(axis=1)
    expected = animal.rates(DIGITS[:10]) * animal.window
    np.testing.assert_allclose(means, expected, atol=5 * np.sqrt(expected.max() / 400))
    np.testing.assert_allclose(animal.rates(DIGITS).mean(axis=0), animal.baseline + animal.rate, rtol=1e-6)


def test_gains_drift_within_a_day_and_start_anew_on_the_next() -> None:
    order = np.zeros(4000, dtype=np.intp)

    def halves(drift: float, day: str) -> np.ndarray:
        shown = Animal(drift=drift, rate=200.0).shown(DIGITS[:1], ["d"], order, day).responses
        assert shown is not None
        values = shown["response"].values
        return np.asarray(np.abs(np.log(values[2000:].mean(axis=0) / values[:2000].mean(axis=0))))

    assert halves(0.5, "one").mean() > 5 * halves(0.0, "one").mean()
    assert (halves(0.5, "one") != halves(0.5, "two")).all()


def test_a_day_is_written_as_nwb_and_reads_back(tmp_path: Path) -> None:
    main([str(tmp_path / "day-0.nwb")])
    recording = spikeproof.load_source(f"nwb:{tmp_path / 'day-0.nwb'}", table="trials", stimulus="stimulus_id")
    assert recording.responses is not None
    assert recording.responses["response"].shape == (STIMULI * REPEATS, 12)
    assert set(recording.responses["session"].values) == {"day-0"}
    with pytest.raises(UsageError, match=r"python -m spikeproof\.demo\.animal DAY\.nwb"):
        main([])


def test_a_wrong_folder_is_one_line(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "spikeproof.demo.animal", str(tmp_path / "day.nwb"), str(tmp_path / "round")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.endswith("there is no such file: give the folder that `spikeproof stimuli` wrote")
