"""The objective ``unit``: signs, closed forms, gradients, errors."""

from __future__ import annotations

import pytest
import torch
from spikeproof.errors import BadParameter, UsageError
from spikeproof_objectives.unit import Unit

from .objective_cases import linear_readings, readings


def test_either_solves_up_and_down_apart() -> None:
    assert Unit().directions() == ("up", "down")
    assert Unit(direction="down").directions() == ("down",)


def test_value_is_the_signed_change_of_the_target_unit() -> None:
    given = readings(rows=4, units=3)
    change = (given.responses - given.clean_responses)[torch.arange(4), given.unit]
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)[given.direction]
    torch.testing.assert_close(Unit().value(given), signs * change)


def test_a_single_direction_is_number_zero() -> None:
    given = readings(rows=4, units=3, directions=1)
    torch.testing.assert_close(Unit(direction="down").value(given), -Unit(direction="up").value(given))


def test_one_gradient_step_on_a_linear_unit_gains_epsilon_times_its_weights_norm() -> None:
    delta = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    given, weights = linear_readings(delta)
    (slope,) = torch.autograd.grad(Unit(direction="up").value(given).sum(), delta)
    step, _ = linear_readings(0.3 * slope.detach() / slope.norm())
    gain = 0.3 * weights[0].norm()  # attacks: the L2 optimum of a linear unit
    torch.testing.assert_close(Unit(direction="up").value(step)[0], gain)
    torch.testing.assert_close(Unit(direction="down").value(step)[0], -gain)


@pytest.mark.parametrize("column", [-1, 3])
def test_a_row_without_a_target_unit_is_refused(column: int) -> None:
    given = readings(rows=2, units=3, unit=torch.tensor([0, column]))
    with pytest.raises(UsageError, match=rf"row 1 aims at unit {column}, but responses have 3 units"):
        Unit().value(given)


def test_goals_are_changes_in_sd_responses_or_another_stimuluss_response() -> None:
    up, down = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    for direction, sign in ((up, 1.0), (down, -1.0)):
        given = readings(rows=4, units=3, direction=direction)
        row = torch.arange(4)
        assert given.sd is not None
        clean, partner = given.clean_responses[row, given.unit], given.partner_responses[row, given.unit]
        torch.testing.assert_close(Unit(level=2.0).reached_at(given), 2 * given.sd[row, given.unit])
        for objective, goal in ((Unit(goal="partner"), partner), (Unit(goal="response", level=0.3), 0.3)):
            missing = sign * (goal - clean)
            expected = torch.where(missing >= 0, missing, torch.inf)  # the other direction leads away from it
            torch.testing.assert_close(objective.reached_at(given), expected)


def test_goals_are_said_in_words() -> None:
    assert Unit(level=1.5).reached_when() == "the response has changed by 1.5 sd"
    assert Unit(goal="response", level=3).reached_when() == "the response is 3"
    assert Unit(goal="partner").reached_when() == "the response is that to another stimulus"


@pytest.mark.parametrize("level", [0.0, -1.0, float("nan"), float("inf")])
def test_a_level_that_makes_no_sense_is_refused(level: float) -> None:
    with pytest.raises(BadParameter, match="unit: level must be a finite number, above 0 for goal 'sd', got"):
        Unit(level=level)
    assert Unit(goal="response", level=-1.0).level == -1.0


def test_a_goal_in_sd_needs_the_sd() -> None:
    with pytest.raises(UsageError, match="goal 'sd' needs the standard deviation of each unit, and none is known"):
        Unit().reached_at(readings(sd=None))
