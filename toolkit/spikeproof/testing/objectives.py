"""What an objective holds."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from spikeproof.types import Goal, Readings

from .registry import check, require
from .subject import Subject
from .toys import toy_readings


def valued(subject: Subject) -> tuple[torch.Tensor, Readings]:
    """Value of six toy rows, and the readings that they are of."""
    objective = subject.build()
    readings = toy_readings(len(objective.directions()))
    return objective.value(readings), readings


@check("objective")
def check_its_directions_are_named(subject: Subject) -> None:
    """It has at least one direction, each with a name of its own."""
    names = tuple(subject.build().directions())
    require(names and all(isinstance(name, str) and name for name in names), f"directions are {names!r}")
    require(len(set(names)) == len(names), f"directions repeat: {names!r}")


@check("objective")
def check_its_value_is_one_number_a_row(subject: Subject) -> None:
    """The value is (row,) and finite."""
    value, readings = valued(subject)
    require(value.shape == readings.unit.shape, f"expected shape (6,), got {tuple(value.shape)}")
    require(torch.isfinite(value).all(), f"the value is not finite: {value.tolist()}")


@check("objective")
def check_its_gradient_agrees_with_finite_differences(subject: Subject) -> None:
    """The gradient of its value is the slope of its value."""
    objective = subject.build()
    readings = toy_readings(len(objective.directions()))
    read = readings.decision if subject.entry.decision else readings.responses
    if read is None:  # toy readings always have both
        return
    value = objective.value(readings)
    require(value.requires_grad, "its value cannot be differentiated in what the entry says that it reads")
    (gradient,) = torch.autograd.grad(value.sum(), read)
    require(gradient.abs().sum() > 0, "its gradient is zero everywhere")
    step, direction = 1e-6, torch.randn(read.shape, generator=torch.Generator().manual_seed(1), dtype=read.dtype)
    with torch.no_grad():
        ends = []
        for sign in (1, -1):
            read += sign * step * direction
            ends.append(objective.value(readings))
            read -= sign * step * direction
    slope, expected = (ends[0] - ends[1]) / (2 * step), (gradient * direction).sum(dim=1)
    wrong = float((slope - expected).abs().max())
    require(wrong <= 1e-5 * (1 + float(expected.abs().max())), f"gradient and finite differences differ by {wrong:.3g}")


@check("objective")
def check_its_goal_is_one_level_a_row(subject: Subject) -> None:
    """Where it has a goal, it says when it is reached, and at which value: a number a row, infinite perhaps."""
    objective = subject.build()
    directions = len(objective.directions())
    if not isinstance(objective, Goal) or not objective.reached_when():
        return
    require("\n" not in objective.reached_when(), "its goal must be one line of text")
    readings = toy_readings(directions)
    level = objective.reached_at(replace(readings, decision=None))
    require(level.shape == readings.unit.shape, f"expected levels of shape (6,), got {tuple(level.shape)}")
    require(not level.isnan().any(), "a level is not a number")


@check("objective")
def check_a_row_does_not_depend_on_the_others(subject: Subject) -> None:
    """A row alone has the value that it has among others."""
    objective = subject.build()
    directions = len(objective.directions())
    together = objective.value(toy_readings(directions))
    for row in range(6):
        alone = objective.value(toy_readings(directions, rows=[row]))
        one, other = alone[0].item(), together[row].item()
        require(math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9), f"row {row} alone is {one}, not {other}")
