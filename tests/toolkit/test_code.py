"""A code's distances agree with their definitions, and a malformed code is refused by name."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import mahalanobis, pdist
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Code

VALUES = np.random.default_rng(0).normal(size=(7, 3))
COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]])


def responses(values: Any = VALUES, **coords: Any) -> xr.DataArray:
    values = np.asarray(values, dtype=float)
    standard: dict[str, Any] = {
        "stimulus": [f"s{k}" for k in range(values.shape[0])],
        "unit": [f"u{k}" for k in range(values.shape[1])],
    }
    chosen = {name: value for name, value in (standard | coords).items() if value is not None}
    return xr.DataArray(values, dims=("stimulus", "unit"), coords=chosen, attrs={"units": "spikes"})


def per_stimulus(values: Any, stimuli: Any = None) -> xr.DataArray:
    names = [f"s{k}" for k in range(len(values))] if stimuli is None else stimuli
    return xr.DataArray(np.asarray(values), dims=("stimulus",), coords={"stimulus": names})


def covariance(values: Any = COVARIANCE, units: Any = ("u0", "u1", "u2")) -> xr.DataArray:
    return xr.DataArray(
        np.asarray(values), dims=("unit", "unit_other"), coords={"unit": list(units), "unit_other": list(units)}
    )


def test_the_unit_pair_distance_is_the_mean_over_all_pairs() -> None:
    expected = [np.mean([abs(a - b) for a, b in combinations(VALUES[:, k], 2)]) for k in range(3)]
    np.testing.assert_allclose(Code(system="x", responses=responses()).unit_pair_distance, expected, rtol=1e-12)


def test_gaussian_responses_are_two_over_root_pi_sd_apart() -> None:
    n = 4000
    code = Code(system="x", responses=responses(np.random.default_rng(1).normal(size=(n, 1))))
    # Standard error of Gini's mean difference of Gaussians: 2 sd 0.4060 / sqrt(n) (Nair 1936, Biometrika 28:428).
    assert code.unit_pair_distance[0] == pytest.approx(2 / np.sqrt(np.pi), abs=4 * 0.812 / np.sqrt(n))


def test_without_noise_covariance_population_distances_are_those_of_z_scored_units() -> None:
    code = Code(system="x", responses=responses())
    z = (VALUES - VALUES.mean(axis=0)) / VALUES.std(axis=0, ddof=1)
    assert code.population_pair_distance == pytest.approx(pdist(z).mean(), rel=1e-12)
    np.testing.assert_allclose(
        code.population_distance(VALUES[1:], VALUES[:-1]), np.linalg.norm(z[1:] - z[:-1], axis=1)
    )


def test_with_noise_covariance_population_distances_are_mahalanobis() -> None:
    code = Code(system="x", responses=responses(), noise_covariance=covariance())
    inverse = np.linalg.inv(COVARIANCE)
    expected = [mahalanobis(a, b, inverse) for a, b in combinations(VALUES, 2)]
    assert code.population_pair_distance == pytest.approx(np.mean(expected), rel=1e-12)
    assert code.population_distance(VALUES[0], VALUES[1]) == pytest.approx(expected[0], rel=1e-12)


def test_a_constant_unit_does_not_swamp_the_population() -> None:
    """The mean of equal numbers rounds: 0.1 seven times has an sd of 1e-17, whose inverse is 1e17."""
    constant = np.column_stack([VALUES, np.full(7, 0.1)])
    assert constant[:, 3].std(ddof=1) > 0
    code = Code(system="x", responses=responses(constant))
    assert code.unit_sd[3] == 0
    moved = constant + np.array([0, 0, 0, 1e-9])
    np.testing.assert_array_equal(code.population_distance(moved, constant), 0)
    assert code.population_pair_distance == pytest.approx(
        Code(system="x", responses=responses()).population_pair_distance, rel=1e-12
    )


def test_the_behavior_pair_distance_is_the_share_of_pairs_whose_choices_differ() -> None:
    choices = ["a", "a", "b", "a", "c", "b", "a"]
    code = Code(system="x", responses=responses(), choices=per_stimulus(choices))
    assert code.behavior_pair_distance == pytest.approx(np.mean([a != b for a, b in combinations(choices, 2)]))
    with pytest.raises(DataError, match="no behaviour: give the study a readout"):
        _ = Code(system="x", responses=responses()).behavior_pair_distance


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"responses": responses().T}, r"responses have dims \('unit', 'stimulus'\), expected"),
        ({"responses": responses(stimulus=None)}, "coordinate 'stimulus' of the responses is missing"),
        ({"responses": responses(unit=["u", "v", "u"])}, "coordinate 'unit' must be unique, but 'u' stands twice"),
        ({"responses": responses(stimulus=list(range(7)))}, "coordinate 'stimulus' must hold text, got 0"),
        ({"responses": responses(np.where(VALUES[2, 1] == VALUES, np.nan, VALUES))}, "stimulus s2, unit u1 is nan"),
        ({"labels": per_stimulus(list("abcdef"))}, "labels has 6 along 'stimulus', expected 7"),
        (
            {"labels": per_stimulus(list("abcdefg"), [f"s{k}" for k in (1, 0, 2, 3, 4, 5, 6)])},
            r"labels must have the stimulus names of the code in their order \(the same names in another order\): "
            "stimulus 0 is 's1', expected 's0'",
        ),
        ({"choices": per_stimulus(list(range(7)))}, r"coordinate 'choices' must hold text, got 0 \(int\)"),
        ({"labels": per_stimulus(["a"] * 6 + [""])}, "coordinate 'labels' is empty at 6"),
        ({"noise_covariance": covariance().isel(unit=[0, 1])}, r"noise_covariance is .*expected .* of 3 x 3"),
        ({"noise_covariance": covariance(units=("u1", "u0", "u2"))}, "noise_covariance must have the unit names"),
        ({"noise_covariance": covariance(COVARIANCE + np.triu(np.ones((3, 3)), 1))}, "is not symmetric"),
        ({"noise_covariance": covariance(np.ones((3, 3)))}, "is not positive definite"),
        (
            {"noise_covariance": covariance(np.full((3, 3), np.nan))},
            "noise_covariance at unit u0, unit_other u0 is nan",
        ),
        (
            {"repeats": xr.DataArray(VALUES, dims=("presentation", "unit"), coords={"unit": ["u0", "u1", "u2"]})},
            "expected .* with coordinates 'stimulus' and 'unit'",
        ),
        (
            {
                "repeats": xr.DataArray(
                    VALUES,
                    dims=("presentation", "unit"),
                    coords={"unit": ["u0", "u1", "u2"], "stimulus": ("presentation", ["s0"] * 6 + ["z"])},
                )
            },
            "stimulus 'z' of presentation 6 has no mean response",
        ),
    ],
)
def test_a_malformed_code_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=f"code net layer: .*{text}"):
        Code(**({"system": "net layer", "responses": responses()} | fields))


def test_one_stimulus_has_no_distances() -> None:
    with pytest.raises(NotEnoughData, match="a code needs two stimuli and one unit"):
        Code(system="x", responses=responses(VALUES[:1]))
