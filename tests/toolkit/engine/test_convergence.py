from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Layer, linear, make_grid, network
from spikeproof.engine import Target, attack_target, longer_searches
from spikeproof.engine.convergence import at_bound, course, worst
from spikeproof_attacks.mifgsm import MIFGSM
from spikeproof_attacks.pgd import PGD


def _images(count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).random((count, 1, 6, 6)).astype(np.float32)


def _one(grid: Any, pgd: PGD, objective: Any = None) -> Any:
    return attack_target(
        grid, pgd, "pgd", objective or Drive(("up",)), "unit", decision=False, unit=0, target="u0", keep_images=True
    )


def test_a_search_is_converged_where_its_last_quarter_gained_one_percent_at_most() -> None:
    start = torch.zeros(4)
    rise = [torch.tensor([k / 11, min(k, 8) / 8, 1 - 0.5**k, 0.0]) for k in range(12)]
    assert course(rise, start).tolist() == ["unconverged", "converged", "converged", "unconverged"]
    late = [*rise[:-1], torch.tensor([1.0, 1.02, 1.0, 0.0])]
    assert course(late, start)[1] == "unconverged"
    assert course(rise[:7], start).tolist() == ["ok"] * 4
    offset = [value + 1e6 for value in (r.double() for r in rise)]
    assert course(offset, start.double() + 1e6).tolist() == course(rise, start).tolist()


def test_what_is_asked_about_others_does_not_lengthen_the_course_of_an_item() -> None:
    rise = [torch.tensor([min(k, 8) / 8, min(k, 10) / 10]) for k in range(12)]
    alone = course(rise, torch.zeros(2))
    best, asked = [rise[0]], [torch.tensor([True, True])]
    for value in rise[1:]:
        for first in (True, False):
            best.append(torch.where(torch.tensor([first, not first]), value, best[-1]))
            asked.append(torch.tensor([first, not first]))
    best += [best[-1]] * 9  # of the second item alone
    asked += [torch.tensor([False, True])] * 9
    assert alone.tolist() == ["converged", "unconverged"]
    assert course(best[:-9], torch.zeros(2), asked[:-9]).tolist() == alone.tolist()
    assert course(best, torch.zeros(2), asked).tolist() == ["converged", "converged"]
    few = course(best[:15], torch.zeros(2), asked[:15])
    assert few.tolist() == ["unconverged", "unconverged"]
    assert course(best[:14], torch.zeros(2), asked[:14]).tolist() == ["unconverged", "ok"]


def test_linear_units_converge_and_two_steps_of_a_curved_search_are_not_judged() -> None:
    w = np.random.default_rng(2).standard_normal((1, 36))
    assert _one(make_grid(linear(w), _images()), PGD(steps=40)).status.tolist() == ["converged"] * 4
    assert _one(make_grid(linear(w), _images()), PGD(steps=2)).status.tolist() == ["ok"] * 4


def test_a_search_with_tiny_steps_is_unconverged() -> None:
    def creep(objective: Any, clean: Any, epsilons: Any, *rest: Any) -> Any:  # noqa: ARG001
        points = clean
        for _ in range(20):
            points = (points + 1e-4 * objective.value_and_gradient(points)[1].sign()).clamp(0, 1)
        return points.expand(len(epsilons), *points.shape).clone()

    w = np.random.default_rng(2).standard_normal((1, 36))
    grid = make_grid(linear(w), _images())
    found = attack_target(grid, creep, "creep", Drive(("up",)), "unit", decision=False, unit=0, target="u0")
    assert found.status.tolist() == ["unconverged"] * 4


def test_a_perturbation_that_the_pixel_range_stopped_is_at_bound() -> None:
    w = np.random.default_rng(2).standard_normal((1, 36))
    far = make_grid(linear(w), _images(), epsilons=(0.1, 50.0))
    assert _one(far, PGD(steps=30)).status.tolist() == ["at-bound"] * 4
    near = make_grid(linear(w), _images(), epsilons=(0.1, 1.0))
    assert "at-bound" not in _one(near, PGD(steps=30)).status.tolist()
    clean = torch.full((2, 1, 1, 2), 0.5)
    images = clean.clone()
    images[0, 0, 0] = torch.tensor([1.0, 0.9])
    images[1, 0, 0] = torch.tensor([1.0, 0.5])
    assert at_bound(images, clean, torch.tensor([0.7, 0.5]), 1.0).tolist() == [False, True]
    assert at_bound(images, clean, torch.tensor([0.7, 0.5]), 0.5).tolist() == [False, False]


def test_the_gravest_direction_counts_and_dead_needs_all() -> None:
    table = np.array([["dead", "converged"], ["dead", "dead"], ["converged", "masked"], ["not-finite", "masked"]])
    assert worst(table).tolist() == ["converged", "dead", "masked", "not-finite"]


def _longer(grid: Any, pgd: Any, count: int, objective: Any = None, units: int = 4) -> Any:
    aimed = objective is None
    targets = [Target(unit=u, name=f"u{u}") for u in range(units)] if aimed else [Target(unit=-1, name="all")]
    return longer_searches(
        grid,
        pgd,
        replace(pgd, steps=10 * pgd.steps),
        "pgd",
        objective or Drive(),
        "unit",
        decision=False,
        targets=targets,
        count=count,
    )


def test_a_longer_search_says_what_a_short_one_missed() -> None:
    grid = make_grid(network(0), _images(), epsilons=(0.1, 0.3))
    short = _longer(grid, MIFGSM(steps=1), 6, Away())  # from a random point of the sphere
    assert len(short) == 4  # no more items than there are
    assert all(0 < item.share < 0.9 for item in short)
    long = _longer(grid, PGD(steps=100), 6, Away())
    assert all(0.97 < item.share <= 1 for item in long)
    assert min(item.gained for item in long) > 0
    assert {item.direction for item in long} == {"away"}


def test_the_sample_is_seeded_spread_and_free_of_dead_items() -> None:
    plain = network(0)
    keep = torch.tensor([1.0, 0.0, 1.0, 1.0])
    model = Layer(lambda y: plain.function(y) * keep, plain.units)
    grid = make_grid(model, _images())
    found = _longer(grid, PGD(steps=4), 8)
    names = [(item.target, item.stimulus, item.direction) for item in found]
    assert len(set(names)) == len(names) == 8
    assert "u1" not in {item.target for item in found}
    assert len({item.target for item in found}) == 3
    again = _longer(grid, PGD(steps=4), 8)
    assert again == found
    other = _longer(replace(grid, seed=4), PGD(steps=4), 8)
    assert [(item.target, item.stimulus, item.direction) for item in other] != names


def test_an_item_whose_search_found_nothing_counts_as_reached_only_if_the_longer_one_found_nothing_too() -> None:
    from spikeproof.engine import LongerSearch

    item = LongerSearch(target="a", stimulus="s", direction="up", gained=0.0, gained_longer=0.0)
    assert item.share == 1
    assert replace(item, gained_longer=2.0).share == 0
    assert replace(item, gained=1.5, gained_longer=2.0).share == pytest.approx(0.75)
