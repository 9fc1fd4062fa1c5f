"""Searches that are to leave a choice do not lock on the nearest other class."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from attack_doubles import Field
from engine_doubles import Layer, Margin, make_grid, network
from spikeproof.engine import BoundObjective, attack_target
from spikeproof.errors import BadParameter
from spikeproof.types import ItemNoise
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.ascent import WIDTHS
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.rows import Rows
from spikeproof_attacks.scouting import LENGTHS, starts

CLASSES = ("own", "near", "far", "middle")
NEAR, FAR, MIDDLE = 1.0, 3.0, 2.0
OFFSETS = (0.0, -0.1, -0.6, -0.5)


def _several() -> Layer:
    """Four classes, three of which lead along directions of their own, orthogonal to each other."""
    ways = torch.as_tensor(np.linalg.qr(np.random.default_rng(0).standard_normal((36, 3)))[0], dtype=torch.float32)
    gains = torch.tensor([NEAR, FAR, MIDDLE])

    def scores(x: torch.Tensor) -> torch.Tensor:
        led = (x - 0.5).flatten(1) @ ways * gains
        return torch.cat([torch.zeros_like(led[:, :1]), led], dim=1) + torch.tensor(OFFSETS)

    return Layer(scores, ("u0", "u1", "u2", "u3"), head=scores, classes=CLASSES)


def _attacked(attack: Any, objective: Any, epsilons: tuple[float, ...], norm: Any = "l2", **grid: Any) -> Any:
    x = torch.full((2, 1, 6, 6), 0.5)
    settings = {"use_head": True, "epsilons": epsilons, "norm": norm} | grid
    return attack_target(
        make_grid(_several(), x, **settings),
        attack,
        "attack",
        objective,
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        keep_images=True,
    )


def _margin(found: Any) -> np.ndarray:
    scores = torch.stack([_several().function(part) for part in found.images])
    return (scores[..., 1:].amax(dim=-1) - scores[..., 0]).numpy()


@pytest.mark.parametrize("attack", [PGD, APGD], ids=["pgd", "apgd"])
def test_the_class_that_can_be_driven_furthest_is_found_whichever_is_nearest(attack: Any) -> None:
    epsilons = (0.1, 0.3, 1.0)
    best = [max(o + g * e for o, g in zip(OFFSETS[1:], (NEAR, FAR, MIDDLE), strict=True)) for e in epsilons]
    found = _margin(_attacked(attack(steps=40), Margin(), epsilons))
    np.testing.assert_allclose(found, np.repeat(np.array(best)[:, None], 2, axis=1), atol=1e-3)
    locked = _margin(_attacked(attack(steps=40, classes=0), Margin(), epsilons))
    np.testing.assert_allclose(locked[2], 0.9, atol=1e-3)  # what it would be from the clean image: the nearest class


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize("attack", [PGD, APGD], ids=["pgd", "apgd"])
def test_no_more_classes_are_tried_than_asked_for_the_nearest_first(attack: Any, norm: Any) -> None:
    eps = {"l1": 3.0, "l2": 1.0, "linf": 0.2}[norm]
    every, two, one = (_margin(_attacked(attack(steps=20, classes=n), Margin(), (eps,), norm)) for n in (9, 2, 1))
    assert (every > two + 0.05).all()  # the far class is the third
    assert (two > one + 0.05).all()


class _Toward:
    """The partner's class over the choice: a search of one class only."""

    def directions(self) -> tuple[str, ...]:
        return ("toward",)

    def value(self, seen: Any) -> Any:
        return seen.decision[:, 1] - seen.decision[:, 0]


def _bound(objective: Any, model: Layer, **more: Any) -> BoundObjective:
    grid = make_grid(model, torch.full((3, 1, 6, 6), 0.5), use_head=True, **more)
    none = np.full(3, -1, dtype=np.intp)
    rows = np.arange(3)
    return BoundObjective(
        grid, objective, "behavior", decision=True, stimuli=rows, units=none, directions=np.zeros(3, dtype=np.intp)
    )


def test_only_what_leaves_a_choice_is_driven_to_one_class_after_the_other() -> None:
    classes = torch.tensor([1, 2, 3])
    away, toward = _bound(Margin(), _several()), _bound(_Toward(), _several())
    led = away.leads(classes)
    assert led is not None
    moved = torch.full((3, 1, 6, 6), 0.5) + 0.1 * torch.as_tensor(np.random.default_rng(1).random((3, 1, 6, 6)))
    scores = _several().function(moved.float())
    value, slope = led.value_and_gradient(moved.float())
    torch.testing.assert_close(value, scores[torch.arange(3), classes] - scores[:, 0])
    assert [bool(part.any()) for part in slope] == [True] * 3
    assert led.level is None
    assert away.forward_rows == 3  # the passes of both are counted together ...
    assert away.best == []  # ... but the values are not the objective's
    assert toward.leads(classes) is None


def test_the_first_start_is_the_best_point_of_all_and_the_next_ones_are_other_classes_and_random_points() -> None:
    bound = _bound(Margin(), _several())
    rows = Rows(bound, bound.clean, torch.tensor([1.0]), "l2")
    noise = ItemNoise(0, [("item", k) for k in range(3)])
    found = list(starts(rows, noise, restarts=5, classes=9))
    scores = [_several().function(place.points) for _, place in found]
    winners = [score[:, 1:].argmax(dim=1).tolist() for score in scores]
    assert [winners[k] for k in (0, 1, 4)] == [[1] * 3, [2] * 3, [0] * 3]  # far, middle, near
    assert torch.equal(found[2][1].points, bound.clean)
    assert (scores[3][:, 1:].amax(dim=1) < 0.9).all()  # a random point
    assert torch.allclose((found[3][1].points - 0.5).flatten(1).norm(dim=1), torch.tensor(1.0))
    assert [climbed is rows for climbed, _ in found] == [True, True, False, True, True]
    led = found[2][0].objective(bound.clean)
    torch.testing.assert_close(led, torch.full((3,), OFFSETS[2]))  # the lead of the far class alone


def test_what_is_found_on_the_way_to_one_class_counts_as_the_objective_does() -> None:
    bound = _bound(Margin(), _several())
    rows = Rows(bound, bound.clean, torch.tensor([1.0]), "l2")
    noise = ItemNoise(0, [("item", k) for k in range(3)])
    for number, (climbed, place) in enumerate(starts(rows, noise, restarts=3, classes=9)):
        if number == 2:
            climbed.look(climbed.step(place.points, place.slope, 2.0))
    reached = _several().function(rows.best)
    np.testing.assert_allclose(rows.value, reached[:, 1:].amax(dim=1) - reached[:, 0], rtol=1e-5)


def test_what_trying_the_classes_costs_is_a_few_passes_for_each() -> None:
    tried, plain = (
        _attacked(PGD(steps=10, schedule="geometric", classes=n, wide=0), Margin(), (0.5, 1.0)) for n in (3, 0)
    )
    rows, cells = 4, 2  # items at epsilons; at the clean image all epsilons share one
    assert tried.backward_rows - plain.backward_rows == 3 * (cells + (len(LENGTHS) - 1) * rows) + rows


def test_wider_balls_cost_as_many_steps_as_asked_for_and_keep_to_the_ball() -> None:
    search = partial(PGD, steps=10, schedule="geometric")
    tried, plain = (_attacked(search(wide=wide), Margin(), (1.0,)) for wide in (6, 0))
    rows, back = 2, 2
    # Two classes, three balls; then as many steps again from the best point. The last point of a run needs no gradient.
    assert tried.backward_rows - plain.backward_rows == rows * (2 * len(WIDTHS) * (6 + back) + 6)
    assert (tried.achieved <= 1 + 1e-6).all()


def test_an_objective_of_two_classes_or_of_none_begins_at_the_clean_image() -> None:
    field = Field(lambda x, k: x.flatten(1).sum(1))  # noqa: ARG005
    x = torch.full((2, 1, 6, 6), 0.5)
    rows = Rows(field, x, torch.tensor([0.3]), "l2")
    noise = ItemNoise(0, [("item", k) for k in range(2)])
    assert torch.equal(next(iter(starts(rows, noise, restarts=1, classes=9)))[1].points, x)
    two = network(0)
    model = Layer(two.function, two.units, head=lambda y: two.head(y)[:, :2], classes=("a", "b"))  # type: ignore[misc]
    bound = _bound(Margin(), model)
    first = next(iter(starts(Rows(bound, bound.clean, torch.tensor([0.3]), "l2"), noise, restarts=1, classes=9)))
    assert torch.equal(first[1].points, bound.clean)


@pytest.mark.parametrize("attack", [PGD, APGD], ids=["pgd", "apgd"])
def test_a_number_of_classes_that_makes_no_sense_is_refused(attack: Any) -> None:
    with pytest.raises(BadParameter, match="pgd: classes must be at least 0, got -1"):
        attack(classes=-1)


@pytest.mark.parametrize("attack", [PGD, APGD], ids=["pgd", "apgd"])
def test_a_number_of_steps_in_wider_balls_that_makes_no_sense_is_refused(attack: Any) -> None:
    with pytest.raises(BadParameter, match="pgd: wide must be at least 0, got -1"):
        attack(wide=-1)
