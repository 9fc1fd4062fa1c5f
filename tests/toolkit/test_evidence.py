"""Evidence must fit the clean code that it is about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.types import Code, Evidence

CODE = Code(
    system="x",
    responses=xr.DataArray(
        np.arange(12.0).reshape(4, 3),
        dims=("stimulus", "unit"),
        coords={"stimulus": list("abcd"), "unit": ["u0", "u1", "u2"]},
    ),
    choices=xr.DataArray(list("xyxy"), dims=("stimulus",), coords={"stimulus": list("abcd")}),
)


def perturbed(
    epsilons: Any = (0.5, 1.0), stimuli: Any = ("c", "a"), units: Any = ("u0", "u1", "u2"), unit_of: str = "L2 norm"
) -> xr.DataArray:
    return xr.DataArray(
        np.ones((len(epsilons), len(stimuli), len(units))),
        dims=("epsilon", "stimulus", "unit"),
        coords={
            "epsilon": ("epsilon", list(epsilons), {"units": unit_of} if unit_of else {}),
            "stimulus": list(stimuli),
            "unit": list(units),
        },
    )


def evidence(**fields: Any) -> Evidence:
    return Evidence(**({"code": CODE, "domain": "stimulus", "attack": "pgd", "perturbed": perturbed()} | fields))


def test_clean_responses_and_choices_are_those_of_the_attacked_stimuli() -> None:
    item = evidence(target_unit="u1")
    assert item.clean["stimulus"].values.tolist() == ["c", "a"]
    np.testing.assert_array_equal(item.clean.values, [[6, 7, 8], [0, 1, 2]])
    assert item.clean_choices is not None
    assert item.clean_choices.values.tolist() == ["x", "x"]


def test_without_perturbed_responses_it_is_the_clean_code() -> None:
    item = Evidence(code=CODE)
    assert item.clean is CODE.responses
    assert item.clean_choices is CODE.choices


def part(*dims: str, **sizes: int) -> xr.DataArray:
    return xr.DataArray(np.zeros([sizes[dim] for dim in dims]), dims=dims)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"perturbed": perturbed().transpose("stimulus", "epsilon", "unit")},
            r"perturbed has dims .*expected \(epsilon",
        ),
        ({"perturbed": perturbed().drop_vars("epsilon")}, "coordinate 'epsilon' of the perturbed responses is missing"),
        ({"perturbed": perturbed(units=("u0", "u1"))}, "perturbed has 2 along 'unit', expected 3"),
        ({"perturbed": perturbed(units=("u1", "u0", "u2"))}, "in another order.*unit 0 is 'u1', expected 'u0'"),
        ({"perturbed": perturbed(stimuli=("a", "z"))}, "perturbed stimulus 'z' has no clean response"),
        ({"perturbed": perturbed(stimuli=("a", "a"))}, "coordinate 'stimulus' must be unique, but 'a' stands twice"),
        ({"perturbed": perturbed(epsilons=(1.0, 0.5))}, r"coordinate 'epsilon' must ascend, got \[1.0, 0.5\]"),
        ({"perturbed": perturbed(epsilons=(0.5, 0.5))}, "coordinate 'epsilon' must ascend"),
        ({"perturbed": perturbed(epsilons=(0.5, np.nan))}, "epsilon at epsilon nan is nan"),
        ({"perturbed": perturbed(epsilons=(0.5, np.inf))}, "epsilon at epsilon inf is inf"),
        ({"goal": xr.DataArray(["a", "b", "c"], dims="stimulus")}, "goal"),
        ({"goal": xr.DataArray(["a", "z"], dims="stimulus")}, "goal names stimulus 'z', which has no clean response"),
        ({"perturbed": perturbed(unit_of="")}, r"coordinate 'epsilon' needs attrs\['units'\]"),
        (
            {"perturbed": perturbed().where(perturbed()["unit"] != "u2")},
            "the perturbed response at epsilon 0.5, stimulus c, unit u2 is nan \\(4 of 12",
        ),
        ({"domain": None}, "need a domain and the name of the attack"),
        ({"attack": ""}, "need a domain and the name of the attack"),
        ({"target_unit": "v"}, "target unit 'v' is not a unit of the code"),
        ({"choices": part("stimulus", "epsilon", stimulus=2, epsilon=2)}, "choices has dims .*expected"),
        ({"achieved": part("epsilon", "stimulus", epsilon=2, stimulus=3)}, "achieved has 3 along 'stimulus'.* 2"),
        ({"directed": part("epsilon", "stimulus", epsilon=2, stimulus=2)}, "directed has dims"),
        (
            {"minimal": part("stimulus", stimulus=2).assign_coords(stimulus=["a", "c"])},
            "minimal has another coordinate 'stimulus' than the perturbed responses",
        ),
        ({"perturbed": None, "status": part("stimulus", stimulus=2)}, "status was given without perturbed responses"),
    ],
)
def test_evidence_that_does_not_fit_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=f"evidence: .*{text}"):
        evidence(**fields)


def test_one_infinite_epsilon_says_that_no_ball_bound_the_images() -> None:
    assert not evidence(perturbed=perturbed(epsilons=(np.inf,))).bounded
    assert evidence(perturbed=perturbed()).bounded
    assert Evidence(code=evidence().code).bounded


def test_the_goal_names_a_stimulus_for_each() -> None:
    goal = xr.DataArray(["a", "b"], dims="stimulus", coords={"stimulus": ["c", "a"]})
    found = evidence(goal=goal).goal
    assert found is not None
    assert found.values.tolist() == ["a", "b"]
    with pytest.raises(DataError, match="goal was given without perturbed responses"):
        Evidence(code=evidence().code, goal=goal)
