"""The objective ``unit``: signs, closed forms, gradients, errors."""

from __future__ import annotations

import pytest
import torch
from spikeproof.errors import UsageError
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
