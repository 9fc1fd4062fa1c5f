"""Every component that spikeproof itself provides holds the conformance kit."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from archive import LocalArchive
from spikeproof.testing import Example, parametrize
from spikeproof.testing.kit import Bound

NETWORK = """
import torch

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(108, 4)
    )
"""

TEXTURES = ("apple", "bear")
"""Of the toy code's images, in turn."""


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed when the tests end."""
    return tempfile.TemporaryDirectory(prefix="spikeproof-conformance-")


def images() -> Example:
    import numpy as np

    path = Path(folder().name) / "images.npz"
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.random((6, 1, 8, 8), dtype=np.float32), y=np.array([0, 1] * 3))
    return Example(target=str(path))


def table() -> Example:
    import numpy as np

    path = Path(folder().name) / "counts.npz"
    counts = np.random.default_rng(0).poisson(5.0, (4, 6)).astype(np.float64)
    np.savez(path, responses=counts, unit=list("abcd"), stimulus_id=[f"s{number}" for number in range(6)])
    return Example(target=str(path), parameters={"dims": ["unit", "stimulus"], "response_units": "spikes"})


def trials() -> Example:
    path = Path(folder().name) / "trials.csv"
    header = "subj,Session,trial,rt,object_response,category,condition,imagename"
    rows = ["s1,1,1,0.8,cat,cat,0,0001_x_cat_cat1.png", "s1,1,2,NaN,na,dog,0,0002_x_dog_dog1.png"]
    path.write_text("\n".join([header, *rows]) + "\n")
    return Example(target=str(path))


def network() -> Example:
    path = Path(folder().name) / "network.py"
    path.write_text(NETWORK)
    return Example(target=f"{path}:build", image_shape=(1, 8, 8))


def recording() -> Example:
    from datetime import UTC, datetime

    import numpy as np
    import pynwb

    file = pynwb.NWBFile(
        session_description="toy", identifier="toy", session_start_time=datetime(2020, 1, 1, tzinfo=UTC)
    )
    file.add_trial_column("stimulus_id", "image")
    for number in range(6):
        file.add_trial(start_time=float(number), stop_time=number + 0.5, stimulus_id=f"s{number % 3}")
    rng = np.random.default_rng(0)
    for unit in range(3):
        file.add_unit(id=unit, spike_times=np.sort(rng.uniform(0, 6, 40)))
    path = Path(folder().name) / "toy.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return Example(target=str(path), parameters={"stimulus": "stimulus_id"})


@cache
def archive() -> LocalArchive:
    """An archive that answers until the tests end."""
    served = LocalArchive()
    served.__enter__()
    atexit.register(served.__exit__, None, None, None)
    return served


def archived_recording() -> Example:
    toy = recording()
    archive().add("000001", "draft", {"sub-1/toy.nwb": toy.target})
    kept = {"instance": archive().url, "cache": str(Path(folder().name) / "cache")}
    return Example(target="000001/sub-1/toy.nwb", parameters={**toy.parameters, **kept})


@parametrize(
    "spikeproof",
    examples={
        "source-simulate": Example(target="sparse", parameters={"units": 10, "stimuli": 2, "repeats": 2}),
        "source-images": images,
        "source-table": table,
        "source-trials": trials,
        "source-nwb": recording,
        "source-dandi": archived_recording,
        "model-torch": network,
        "model-gabor": Example(parameters={"frequencies": [1.0, 2.0]}, layer="complex"),
        "encoder-pls": Example(parameters={"components": [1, 3, 10]}),
        "encoder-ready": Example(features="units", parameters={"neurons": ["u0", "u1", "u2"]}),
        "attack-guo": Example(parameters={"restarts": 2, "steps": 8}),
        "attack-square": Example(parameters={"queries": 300}),
        "attack-foolbox": Example(
            target="L2PGD", parameters={"parameters": "steps=20, rel_stepsize=0.1"}, norms=("l2",)
        ),
        "attack-art": Example(target="FastGradientMethod"),
        "attack-torchattacks": Example(target="PGDL2", parameters={"relative_step": 0.2}, norms=("l2",)),
        "metric-rdm-evaluation": Example(parameters={"data": ["all"]}),
        "metric-stochastic-shape": Example(parameters={"alpha": 2.0}),
        "metric-trial-reliability": Example(parameters={"splits": 2}),
        "metric-shape-choices": Example(
            parameters={"textures": [f"s{row:02d}={TEXTURES[row % 2]}" for row in range(36)]}
        ),
        "metric-few-units": Example(parameters={"draws": 1, "percent": [50], "folds": 2}),
        "metric-dropping-curve": Example(parameters={"draws": 6, "sizes": [1, 6]}),
    },
    environ={"SPIKEPROOF_NO_PLUGINS": "1"},
)
def test_conformance(check: Bound) -> None:
    if check.name.startswith("attack-torchattacks") and find_spec("torchattacks") is None:
        pytest.skip("torchattacks is not installed: its pins do not fit ours")
    check()
