"""What inspect says of a simulation: the truth, without drawing a count."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from spikeproof.cli import execute
from spikeproof.errors import BadParameter
from spikeproof_simulate import source as source_module
from spikeproof_simulate.source import Simulation


def test_what_would_be_drawn_is_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(target="sparse", units=12, informative=5, stimuli=3, categories=2, repeats=4, seed=3)
    recording = simulation.load()
    assert recording.responses is not None
    found = recording.responses
    monkeypatch.setattr(source_module, "poisson_counts", None)  # nothing is drawn
    seen = simulation.inspect()
    facts = dict(seen.facts)
    assert facts["units"] == str(found.sizes["unit"])
    assert facts["presentations"] == f"{found.sizes['presentation']} (4 of each stimulus)"
    assert facts["stimuli"] == "6 (2 categories x 3)"
    assert tuple(f"the truth: {text}" for name, text in seen.facts if name == "the truth") == recording.notes
    preferred = found["true_preferred"].values
    assert {row[0]: int(row[1]) for row in seen.tables[0].rows} == {
        name or "none": int((preferred == name).sum()) for name in np.unique(preferred).tolist()
    }
    assert seen.cannot == ("attacks on images: a simulation has none",)


def test_what_cannot_be_drawn_is_refused_as_when_it_is_drawn() -> None:
    with pytest.raises(BadParameter, match="would need a negative rate"):
        Simulation(target="distributed", rate=1.0, window=0.1, separation=9.0).inspect()
    with pytest.raises(BadParameter, match="cannot be had with Poisson counts"):
        Simulation(target="sparse", separation=20.0, noise_correlation=0.99).inspect()
    with pytest.raises(BadParameter, match="say which kind of code"):
        Simulation().inspect()


def test_one_repeat_gives_no_noise() -> None:
    seen = Simulation(target="sparse", repeats=1).inspect()
    assert "noise between presentations: no stimulus is repeated; give repeats = 2 or more" in seen.cannot


def test_the_command_shows_it_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["inspect", "simulate:aligned", "--units", "8"]) == 0
    assert "all along one direction of the population" in " ".join(capsys.readouterr().out.split())
    assert execute(["inspect", "simulate:aligned", "--units", "8", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert ["units", "8"] in shown["facts"]
    assert shown["run"].startswith("spikeproof run --source simulate:aligned --source.units 8 --readout logistic")


@pytest.mark.slow
def test_the_ready_line_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Simulation(target="sparse", units=8, informative=4, stimuli=6, categories=2, repeats=3).inspect().run
    monkeypatch.chdir(tmp_path)
    assert execute(shlex.split(line)[1:]) == 0
    assert (tmp_path / "results" / "result.zarr").exists()
