"""Unit robustness is neither necessary nor sufficient: closed forms, from a network's file to the stored result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
from numpy.typing import NDArray
from spikeproof.result import Result
from spikeproof_simulate import aligned_population, redundant_population

SIDE, UNITS = 11, 100

NETWORKS = f"""
import torch
from torch import nn


def linear(weights):
    layer = nn.Linear(weights.shape[1], weights.shape[0], bias=False)
    layer.weight.data = weights.float()
    return layer


def directions():
    # rows: orthonormal directions in the space of images, drawn at random
    normal = torch.randn({SIDE**2}, {SIDE**2}, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return torch.linalg.qr(normal).Q.T


def redundant(a=5.0, n={UNITS}):
    rows = directions()
    units = rows[0] + a * rows[1 : n + 1]
    return nn.Sequential(nn.Flatten(), linear(units), linear(torch.full((1, n), 1 / n, dtype=torch.float64))).eval()


def aligned(slope=0.05, n={UNITS}):
    signs = torch.where(torch.arange(n, dtype=torch.float64) % 3 == 0, 1.0, -1.0)
    units = slope * signs[:, None] * directions()[0]
    return nn.Sequential(nn.Flatten(), linear(units), linear(signs[None])).eval()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks, and images about grey: the walls of the pixel box are far beyond every norm that is tried."""
    folder = tmp_path_factory.mktemp("known_answers")
    (folder / "nets.py").write_text(NETWORKS)
    pixels = 0.5 + 0.1 * (np.random.default_rng(0).random((5, 1, SIDE, SIDE)) - 0.5)
    np.savez(folder / "images.npz", x=pixels.astype(np.float32))
    return folder


EPSILONS = [0.01, 0.05]


def measured(folder: Path, network: str, norm: str = "l2") -> Result:
    study: dict[str, Any] = {
        "source": {"use": f"images:{folder / 'images.npz'}"},
        "model": {"use": f"torch:{folder / 'nets.py'}:{network}", "layers": ["1", "2"], "units": 4},
        "threat": {"norm": norm, "epsilons": EPSILONS, "aims": ["unit"], "controls": []},
        "attack": {"use": "pgd", "steps": 5},
        "metric": {"use": "sensitivity"},
        "statistics": {"draws": 100},
    }
    return spikeproof.run(study, out=folder / f"{network}-{norm}", device="cpu")


def slopes(result: Result, system: str) -> NDArray[np.float64]:
    """|r(x + delta) - r(x)| / epsilon, (target, epsilon, stimulus), from what is stored."""
    shift = result.measured("sensitivity", system)["sensitivity"].load()
    (clean,) = (node for node in result.tree["code"].children.values() if node.attrs["system"] == system)
    sd = clean["response"].load().std("stimulus", ddof=1).sel(unit=shift["target_unit"].values)
    return np.asarray((shift * sd.values[:, None, None] / shift["epsilon"]).transpose("target", "epsilon", "stimulus"))


@pytest.mark.parametrize(
    ("network", "population", "of_units", "of_readout"),
    [
        ("redundant", redundant_population, 5.099, 1.118),  # sqrt(1 + 5^2), sqrt(1 + 5^2 / 100)
        ("aligned", aligned_population, 0.05, 5.0),  # the slope, 100 times the slope
    ],
)
def test_the_measured_slopes_are_those_of_the_closed_form(
    folder: Path, network: str, population: Any, of_units: float, of_readout: float
) -> None:
    result = measured(folder, network)
    assert result.systems == (f"{network} 1", f"{network} 2")
    units, readout = (slopes(result, system) for system in result.systems)
    assert (units.shape, readout.shape) == ((4, 2, 5), (1, 2, 5))
    np.testing.assert_allclose(units, of_units, atol=1e-3)
    np.testing.assert_allclose(readout, of_readout, atol=1e-3)

    weights, weighting = population(n=UNITS, pixels=SIDE**2)
    np.testing.assert_allclose(units, np.linalg.norm(weights, axis=1)[0], rtol=1e-3)
    np.testing.assert_allclose(readout, np.linalg.norm(weighting @ weights), rtol=1e-3)
    assert result.refused == []


def test_the_largest_shift_in_the_maximum_norm_is_the_sum_of_the_weights(folder: Path) -> None:
    result = measured(folder, "redundant", "linf")
    names = result.measured("sensitivity", "redundant 1")["target_unit"].values.tolist()
    network = spikeproof.load_model(f"torch:{folder / 'nets.py'}:redundant", layer="1", image_shape=(1, SIDE, SIDE))
    images = torch.zeros(1, 1, SIDE, SIDE, requires_grad=True)
    for row, name in enumerate(names):
        (gradient,) = torch.autograd.grad(network.responses(images)[0, network.units.index(name)], images)
        np.testing.assert_allclose(slopes(result, "redundant 1")[row], float(gradient.abs().sum()), rtol=1e-3)
