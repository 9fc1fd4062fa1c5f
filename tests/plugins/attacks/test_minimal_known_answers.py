"""Smallest perturbations of linear units, choices and populations, beside their closed forms; whole searches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Layer, linear, make_grid, network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from spikeproof.engine import attack_target
from spikeproof.errors import AttackError, BadParameter
from spikeproof.geometry import norm_of, shortest_step
from spikeproof.types import ItemNoise
from spikeproof_attacks.deepfool import DeepFool
from spikeproof_attacks.fmn import FMN
from spikeproof_attacks.nearest import Nearest
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.threshold import Threshold
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.unit import Unit

NORMS = ("l1", "l2", "linf")
DUAL = {"l1": np.inf, "l2": 2, "linf": 1}
ANY_GOAL = [FMN(steps=20), Threshold(steps=10)]
few = settings(deadline=None, max_examples=4)


def images(seed: int, count: int = 3, *, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """In float64, so that rounding hides nothing."""
    rng = np.random.default_rng(seed)
    return low + (high - low) * rng.random((count, 1, 4, 4))


def smallest(attack: Any, model: Layer, shown: np.ndarray, objective: Any, *, unit: int = -1, **changes: Any) -> Any:
    """What came of attacking one target."""
    grid = make_grid(model, shown, **({"epsilons": (0.0, 0.5, 2.0)} | changes))
    decision = isinstance(objective, Behavior)
    target = f"u{unit}" if unit >= 0 else "behavior"
    return attack_target(
        grid,
        attack,
        "attack",
        objective,
        "aim",
        decision=decision,
        unit=unit,
        target=target,
        keep_images=True,
        local=unit >= 0,
        minimal=True,
    )


def choosing(weights: np.ndarray, offset: np.ndarray) -> Layer:
    """Pixels as units, with a linear head."""
    matrix, add = torch.as_tensor(weights, dtype=torch.float64), torch.as_tensor(offset, dtype=torch.float64)
    pixels = weights.shape[1]
    return Layer(
        lambda x: x.flatten(1),
        tuple(f"u{k}" for k in range(pixels)),
        head=lambda x: x.flatten(1) @ matrix.T + add,
        classes=tuple("abcdefgh"[: len(weights)]),
    )


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_linear_unit_meets_its_level_at_the_distance_over_the_dual_norm(attack: Any, norm: Any, seed: int) -> None:
    weights = np.random.default_rng(seed).standard_normal((1, 16))
    shown = images(seed, low=0.45, high=0.55)  # far from the walls
    clean = shown.reshape(3, 16) @ weights[0]
    share = 0.02 if norm == "linf" else 0.2 if norm == "l2" else 0.3
    level = float(clean.max() + share * np.linalg.norm(weights[0], DUAL[norm]) * 0.5)
    found = smallest(
        attack, linear(weights, torch.float64), shown, Unit(goal="response", level=level), unit=0, norm=norm
    )
    expected = (level - clean) / np.linalg.norm(weights[0], DUAL[norm])
    np.testing.assert_allclose(found.minimal, expected, rtol=1e-5)
    assert found.status.tolist() == ["converged"] * 3


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_linear_unit_in_the_box_meets_its_level_at_the_closed_form(attack: Any, norm: Any, seed: int) -> None:
    weights = np.random.default_rng(seed).standard_normal((1, 16))
    shown = images(seed)
    shown[shown < 0.2] = 0.0
    clean = shown.reshape(3, 16) @ weights[0]
    most = np.maximum(weights[0], 0).sum()
    level = float(clean.max() + 0.6 * (most - clean.max()))  # half of the pixels are at their walls there
    found = smallest(
        attack, linear(weights, torch.float64), shown, Unit(goal="response", level=level), unit=0, norm=norm
    )
    start, slope = torch.as_tensor(shown).double(), torch.as_tensor(weights[0]).reshape(1, 1, 4, 4).expand(3, 1, 4, 4)
    nearest = shortest_step(start, slope, torch.as_tensor(level - clean), norm)
    np.testing.assert_allclose(found.minimal, norm_of(nearest - start, norm).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("attack", "classes"),
    [(FMN(steps=40), 2), (Threshold(steps=10), 2), (DeepFool(), 2), (DeepFool(), 4)],
    ids=["fmn", "threshold", "deepfool", "deepfool-four"],
)
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_linear_choice_changes_at_the_nearest_border(attack: Any, classes: int, norm: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, shown = rng.standard_normal((classes, 16)), images(seed, low=0.45, high=0.55)
    offset = -weights @ np.full(16, 0.5) + 0.03 * rng.standard_normal(classes)  # borders near grey
    model = choosing(weights, offset)
    found = smallest(attack, model, shown, Behavior(), norm=norm, use_head=True)
    scores = shown.reshape(3, 16) @ weights.T + offset
    for row in range(3):
        own = scores[row].argmax()
        others = [k for k in range(classes) if k != own]
        apart = [
            (scores[row, own] - scores[row, k]) / np.linalg.norm(weights[own] - weights[k], DUAL[norm]) for k in others
        ]
        assert found.minimal[row] == pytest.approx(min(apart), rel=2e-5)
        assert found.choices[-1, row] == others[int(np.argmin(apart))]  # the nearest class is the one reached


@pytest.mark.parametrize("norm", NORMS)
def test_deepfool_takes_one_step_to_a_linear_border(norm: Any) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((3, 16))
    model = choosing(weights, -weights @ np.full(16, 0.5))
    shown = images(1, low=0.45, high=0.55)
    found = smallest(DeepFool(steps=1), model, shown, Behavior(), norm=norm, use_head=True)
    assert np.isfinite(found.minimal).all()


@pytest.mark.parametrize("norm", NORMS)
def test_a_choice_in_the_box_changes_at_the_smallest_of_all_linear_programmes(norm: Any) -> None:
    if norm == "l2":
        pytest.skip("a linear programme has no L2 norm")
    rng = np.random.default_rng(4)
    weights, shown = rng.standard_normal((3, 16)), images(3, 4)
    shown[shown < 0.3] = 0.0
    model = choosing(weights, np.zeros(3))
    found = smallest(DeepFool(overshoot=0.0), model, shown, Behavior(), norm=norm, use_head=True)
    scores = shown.reshape(4, 16) @ weights.T
    for row in range(4):
        own, clean = scores[row].argmax(), shown[row].ravel().astype(float)
        best = np.inf
        for k in set(range(3)) - {own}:
            slope, gap = weights[k] - weights[own], scores[row, own] - scores[row, k]
            bounds = 16 if norm == "l1" else 1
            wide = np.eye(16) if norm == "l1" else np.ones((16, 1))
            inside = np.block([[np.eye(16), -wide], [-np.eye(16), -wide]])
            solved = linprog(
                np.r_[np.zeros(16), np.ones(bounds)],
                A_ub=np.vstack([inside, np.r_[-slope, np.zeros(bounds)]]),
                b_ub=np.r_[np.zeros(32), -gap],
                bounds=[*zip(-clean, 1 - clean, strict=True), *[(0, None)] * bounds],
            )
            if solved.success:
                assert solved.fun is not None
                best = min(best, solved.fun)
        assert found.minimal[row] == pytest.approx(best, rel=2e-5)


def test_a_decoder_on_a_linear_population_is_a_linear_choice() -> None:
    rng = np.random.default_rng(2)
    code, decoder = rng.standard_normal((5, 16)), rng.standard_normal((3, 5))
    both = decoder @ code
    offset = -both @ np.full(16, 0.5)
    matrix = torch.as_tensor(code, dtype=torch.float64)
    head = torch.as_tensor(both, dtype=torch.float64)
    add = torch.as_tensor(offset, dtype=torch.float64)
    model = Layer(
        lambda x: x.flatten(1) @ matrix.T,
        tuple("vwxyz"),
        head=lambda x: x.flatten(1) @ head.T + add,
        classes=("a", "b", "c"),
    )
    shown = images(6, low=0.45, high=0.55)
    found = smallest(DeepFool(), model, shown, Behavior(), use_head=True)
    scores = shown.reshape(3, 16) @ both.T + offset
    for row in range(3):
        own = scores[row].argmax()
        apart = [(scores[row, own] - scores[row, k]) / np.linalg.norm(both[own] - both[k]) for k in {0, 1, 2} - {own}]
        assert found.minimal[row] == pytest.approx(min(apart), rel=2e-5)


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
def test_a_preference_flips_where_the_response_is_that_to_the_partner(attack: Any) -> None:
    weights = np.random.default_rng(8).standard_normal((2, 16))
    shown = images(9, 4, low=0.4, high=0.6)
    found = smallest(attack, linear(weights, torch.float64), shown, Unit(goal="partner"), unit=1)
    clean = shown.reshape(4, 16) @ weights[1]
    expected = np.abs(np.roll(clean, -1) - clean) / np.linalg.norm(weights[1])
    np.testing.assert_allclose(found.minimal, expected, rtol=1e-5)


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
def test_a_unit_changes_by_its_standard_deviation_whichever_way_is_shorter(attack: Any) -> None:
    weights = np.random.default_rng(8).standard_normal((1, 16))
    shown = images(11, 4, low=0.4, high=0.6)
    sd = np.array([0.25])
    found = smallest(attack, linear(weights, torch.float64), shown, Unit(level=2.0), unit=0, unit_sd=sd)
    np.testing.assert_allclose(found.minimal, 0.5 / np.linalg.norm(weights[0]), rtol=1e-5)


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
def test_the_distance_to_a_circle_is_known_and_found(attack: Any) -> None:
    centre = torch.full((16,), 0.5, dtype=torch.float64)
    model = Layer(lambda x: (x.flatten(1) - centre).square().sum(dim=1, keepdim=True), ("u0",))
    shown = images(13, low=0.4, high=0.6)
    clean = np.linalg.norm(shown.reshape(3, 16) - 0.5, axis=1)
    found = smallest(attack, model, shown, Unit(direction="up", goal="response", level=1.0), unit=0)
    np.testing.assert_allclose(found.minimal, 1.0 - clean, rtol=5e-3)


@pytest.mark.parametrize("attack", [*ANY_GOAL, DeepFool()], ids=["fmn", "threshold", "deepfool"])
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
def test_the_scale_of_the_objective_makes_no_difference(attack: Any, scale: float) -> None:
    rng = np.random.default_rng(3)
    weights, shown = rng.standard_normal((3, 16)), images(2, low=0.4, high=0.6)
    model = choosing(scale * weights, -scale * weights @ np.full(16, 0.5))
    once = smallest(attack, choosing(weights, -weights @ np.full(16, 0.5)), shown, Behavior(), use_head=True)
    found = smallest(attack, model, shown, Behavior(), use_head=True)
    np.testing.assert_allclose(found.minimal, once.minimal, rtol=1e-5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_threshold_is_where_a_search_of_that_radius_begins_to_succeed(norm: Any) -> None:
    model, shown = network(5), np.random.default_rng(4).random((6, 1, 6, 6)).astype(np.float32)
    grid = make_grid(model, shown, norm=norm)
    up = Unit(direction="up")
    far = attack_target(grid, PGD(), "pgd", up, "unit", decision=False, unit=2, target="u2", local=True)
    gain = float((far.responses[1, :, 2] - grid.clean_responses[:, 2]).min() / 2)
    found = smallest(Threshold(tolerance=0.005), model, shown, up, unit=2, norm=norm, unit_sd=np.full(4, gain))
    assert np.isfinite(found.minimal).all()
    for row, least in enumerate(found.minimal):
        around = make_grid(model, shown[[row]], norm=norm, epsilons=(least * 0.98, least * 1.02))
        hard = PGD(steps=100, restarts=2)
        searched = attack_target(around, hard, "pgd", up, "unit", decision=False, unit=2, target="u2", local=True)
        reached = searched.responses[:, 0, 2] >= grid.clean_responses[row, 2] + gain
        assert reached.tolist() == [False, True]


@pytest.mark.parametrize("attack", [*ANY_GOAL, DeepFool()], ids=["fmn", "threshold", "deepfool"])
def test_a_goal_toward_another_class_is_reached(attack: Any) -> None:
    model = network(3)
    shown = np.random.default_rng(0).random((8, 1, 6, 6)).astype(np.float32)
    grid = make_grid(model, shown, use_head=True)
    assert grid.clean_choice is not None
    found = smallest(attack, model, shown, Behavior(goal="toward"), use_head=True, epsilons=(30.0,), norm="l1")
    partner = np.roll(grid.clean_choice, -1)
    reached = np.isfinite(found.minimal)
    assert (found.choices[0][reached] == partner[reached]).all()
    assert (found.minimal[partner == grid.clean_choice] == 0).all()


@pytest.mark.parametrize("attack", ANY_GOAL, ids=["fmn", "threshold"])
def test_where_the_gradient_is_zero_a_random_start_finds_the_way(attack: Any) -> None:
    weights = torch.as_tensor(np.random.default_rng(1).standard_normal((16, 16)), dtype=torch.float64)
    model = Layer(lambda x: ((x.flatten(1) - 0.5) @ weights.T).square().sum(dim=1, keepdim=True), ("u0",))
    shown = np.full((2, 1, 4, 4), 0.5)
    found = smallest(attack, model, shown, Unit(direction="up", goal="response", level=0.5), unit=0)
    best = (0.5**0.5) / np.linalg.norm(weights.numpy(), 2)  # along the first singular vector
    assert (found.minimal >= best * (1 - 1e-5)).all()
    assert (found.minimal <= best * 1.3).all()


def test_an_unreachable_level_is_infinitely_far() -> None:
    weights = np.random.default_rng(8).standard_normal((1, 16))
    for attack in ANY_GOAL:
        found = smallest(attack, linear(weights, torch.float64), images(3), Unit(goal="response", level=1e3), unit=0)
        assert np.isinf(found.minimal).all()
        assert found.status.tolist() == ["unreached"] * 3


@pytest.mark.parametrize("attack", [FMN(), Threshold(), DeepFool()])
def test_an_objective_without_a_goal_is_refused(attack: Any) -> None:
    class Aimless:
        level = None
        decisions: Any = object()

    noise = ItemNoise(0, [("item", 0)])
    with pytest.raises(AttackError, match="looks for the smallest perturbation that reaches a goal"):
        attack(Aimless(), torch.zeros(1, 1, 2, 2), "l2", noise)


def test_deepfool_needs_a_choice_among_classes() -> None:
    class Numbers:
        decisions = None

    with pytest.raises(AttackError, match="deepfool works on a choice among classes, and this objective reads none"):
        DeepFool()(Numbers(), torch.zeros(1, 1, 2, 2), "l2", ItemNoise(0, [("item", 0)]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FMN(steps=1), "fmn: steps must be at least 2, got 1"),
        (lambda: FMN(size=0.0), "fmn: size must be a finite number above 0, got 0.0"),
        (lambda: FMN(gamma=1.0), "fmn: gamma must be between 0 and 1, got 1.0"),
        (lambda: DeepFool(steps=0), "deepfool: steps must be at least 1, got 0"),
        (lambda: DeepFool(candidates=0), "deepfool: candidates must be at least 1, got 0"),
        (lambda: DeepFool(overshoot=-0.1), "deepfool: overshoot must be at least 0 and less than 1, got -0.1"),
        (lambda: Threshold(steps=0), "threshold: steps must be at least 1, got 0"),
        (lambda: Threshold(tolerance=0.0), "threshold: tolerance must be between 0 and 1, got 0.0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        make()


def test_the_nearest_point_that_reaches_the_goal_is_kept_and_before_it_the_best_miss() -> None:
    class Sum:
        level = torch.tensor([1.0, torch.inf])

    clean = torch.zeros(2, 1, 1, 2)
    nearest = Nearest(Sum(), clean, "l2", "mine")  # type: ignore[arg-type]
    assert nearest.items.tolist() == [0]  # what cannot be reached is left out
    for pixels in ([0.2, 0.2], [0.1, 0.5], [0.3, 0.1], [1.0, 0.5], [0.6, 0.6], [0.7, 0.6]):
        point = torch.tensor(pixels).reshape(1, 1, 1, 2)
        nearest.keep(point, point.sum().reshape(1))
        if sum(pixels) < 1:
            assert not nearest.found.any()
    assert nearest.result().flatten().tolist() == pytest.approx([0.6, 0.6, 0.0, 0.0])
    missed = Nearest(Sum(), clean, "l2", "mine")  # type: ignore[arg-type]
    for value in (0.3, 0.8, 0.5):
        missed.keep(torch.full((1, 1, 1, 2), value / 2), torch.tensor([value]))
    assert missed.points.flatten().tolist() == pytest.approx([0.4, 0.4])
