"""The objective ``behavior``: margins and cross-entropies of choices."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from spikeproof.errors import UsageError
from spikeproof_objectives.behavior import Behavior

from .objective_cases import readings


def rows_of(decision: list[list[float]], choice: list[int], partner: list[int] | None = None) -> Any:
    chosen = torch.tensor(choice)
    return readings(
        rows=len(choice),
        classes=len(decision[0]),
        decision=torch.tensor(decision, dtype=torch.float64),
        choice=chosen,
        partner_choice=chosen if partner is None else torch.tensor(partner),
    )


def test_margin_away_is_the_best_other_class_less_the_choice() -> None:
    given = rows_of([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]], [0, 1])
    assert Behavior().value(given).tolist() == [-1.0, 2.0]


def test_margin_is_positive_exactly_where_the_choice_has_changed() -> None:
    given = readings(rows=200, classes=5)
    changed = given.decision.argmax(1) != given.choice
    assert torch.equal(Behavior().value(given) > 0, changed)
    reached = given.decision.argmax(1) == given.partner_choice
    assert torch.equal(Behavior(goal="toward").value(given) > 0, reached)


def test_margin_toward_is_the_partners_choice_less_the_best_other() -> None:
    given = rows_of([[3.0, 1.0, 2.0]], [0], [2])
    assert Behavior(goal="toward").value(given).tolist() == [-1.0]


@pytest.mark.parametrize(("goal", "sign"), [("away", 1.0), ("toward", -1.0)])
def test_cross_entropy_is_that_of_torch(goal: Any, sign: float) -> None:
    given = readings(rows=9)
    choice = given.choice if goal == "away" else given.partner_choice
    expected = torch.nn.functional.cross_entropy(given.decision, choice, reduction="none")
    torch.testing.assert_close(Behavior(loss="cross-entropy", goal=goal).value(given), sign * expected)


def test_margin_keeps_its_gradient_where_cross_entropy_has_lost_it() -> None:
    decision = torch.tensor([[200.0, 0.0]], requires_grad=True)
    given = readings(rows=1, decision=decision, choice=torch.tensor([0]))
    (steep,) = torch.autograd.grad(Behavior().value(given).sum(), decision)
    assert steep.tolist() == [[-1.0, 1.0]]
    (flat,) = torch.autograd.grad(Behavior(loss="cross-entropy").value(given).sum(), decision)
    assert flat.abs().max() == 0


@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
def test_one_class_is_refused(loss: Any) -> None:
    given = rows_of([[1.0]], [0])
    with pytest.raises(UsageError, match="needs two classes or more, the readout has 1"):
        Behavior(loss=loss).value(given)


@pytest.mark.parametrize(
    ("goal", "absent"), [("away", "decision"), ("away", "choice"), ("toward", "decision"), ("toward", "partner_choice")]
)
def test_missing_choices_are_refused_naming_the_readout(goal: Any, absent: str) -> None:
    with pytest.raises(UsageError, match=rf"behavior \({goal}\): there are no choices: give the study a readout"):
        Behavior(goal=goal).value(readings(**{absent: None}))


@pytest.mark.parametrize("goal", ["away", "toward"])
def test_the_goal_is_a_margin_just_above_zero(goal: Any) -> None:
    given = readings(rows=6, directions=1)
    objective = Behavior(goal=goal)
    assert given.decision is not None
    assert given.choice is not None
    reached = objective.value(given) >= objective.reached_at(given)
    chosen = given.decision.argmax(dim=1)
    assert (
        reached.tolist() == ((chosen != given.choice) if goal == "away" else (chosen == given.partner_choice)).tolist()
    )
    tie = readings(rows=1, classes=2, directions=1, decision=torch.zeros(1, 2, dtype=torch.float64))
    assert not (objective.value(tie) >= objective.reached_at(tie)).any()
    assert objective.reached_when()


def test_the_cross_entropy_has_no_goal() -> None:
    assert Behavior(loss="cross-entropy").reached_when() == ""
