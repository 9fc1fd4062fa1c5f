"""What holds for every objective: rows are independent, gradients agree with finite differences."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import Any

import pytest
import torch
from spikeproof.types import Objective, Readings
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.plugin import spikeproof_objectives
from spikeproof_objectives.population import Population
from spikeproof_objectives.unit import Unit

from .objective_cases import readings

EVERY = [
    Unit(),
    Unit(direction="up"),
    Unit(direction="down"),
    Population(),
    Population(goal="toward"),
    Behavior(),
    Behavior(goal="toward"),
    Behavior(loss="cross-entropy"),
    Behavior(loss="cross-entropy", goal="toward"),
]


def taken(given: Readings, rows: Any) -> Readings:
    """Readings of these rows only."""
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    return Readings(**{name: value if name == "whitening" else value[rows] for name, value in values.items()})


@pytest.fixture(params=EVERY, ids=repr)
def objective(request: pytest.FixtureRequest) -> Any:
    return request.param


def given_to(objective: Any, **changes: Any) -> Readings:
    return readings(rows=7, directions=len(objective.directions()), **changes)


def test_satisfies_the_protocol(objective: Any) -> None:
    assert isinstance(objective, Objective)
    assert objective.value(given_to(objective)).shape == (7,)


def test_permuting_rows_permutes_values(objective: Any) -> None:
    given = given_to(objective)
    order = torch.tensor([3, 0, 6, 5, 1, 2, 4])
    torch.testing.assert_close(objective.value(taken(given, order)), objective.value(given)[order], rtol=1e-14, atol=0)


def test_a_row_alone_has_the_value_it_has_among_others(objective: Any) -> None:
    given = given_to(objective)
    alone = torch.cat([objective.value(taken(given, slice(row, row + 1))) for row in range(7)])
    torch.testing.assert_close(alone, objective.value(given), rtol=1e-14, atol=1e-14)


def test_gradient_agrees_with_finite_differences(objective: Any) -> None:
    def value(responses: torch.Tensor, decision: torch.Tensor) -> torch.Tensor:
        return objective.value(given_to(objective, responses=responses, decision=decision))

    given = given_to(objective)
    assert torch.autograd.gradcheck(value, (given.responses.requires_grad_(), given.decision.requires_grad_()))


def test_value_does_not_change_its_readings(objective: Any) -> None:
    given, same = given_to(objective), given_to(objective)
    objective.value(given)
    for field in fields(given):
        assert torch.equal(getattr(given, field.name), getattr(same, field.name))


def test_entries_name_factories_of_their_scale() -> None:
    entries = {entry.name: entry for entry in spikeproof_objectives()}
    assert {name: entry.scale for name, entry in entries.items()} == {
        "unit": "unit",
        "population": "population",
        "behavior": "behavior",
    }
    assert [name for name, entry in entries.items() if entry.decision] == ["behavior"]
    for entry in entries.values():
        module, attribute = entry.factory.split(":")
        assert isinstance(getattr(importlib.import_module(module), attribute)(), Objective)
