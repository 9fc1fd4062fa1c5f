"""What the host makes of the smallest perturbation that an attack returns, and of controls' directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive, Layer, linear, make_grid, network
from spikeproof.engine import Target, attack_target, attack_targets, control_target
from spikeproof.engine.minimal import Smallest
from spikeproof.errors import AttackError, PluginFailed
from spikeproof.geometry import norm_of, project, shortest_step, step_in_box
from spikeproof.types import Readings

NORMS = ("l1", "l2", "linf")
WEIGHTS = np.random.default_rng(3).standard_normal((2, 36))
SHOWN = (0.3 + 0.4 * np.random.default_rng(4).random((4, 1, 6, 6))).astype(np.float32)


@dataclass
class Raise(Drive):
    """Raise (or lower) the target unit by a fixed amount."""

    by: float = 0.5

    def value(self, seen: Readings) -> torch.Tensor:
        change = (seen.responses - seen.clean_responses).gather(1, seen.unit[:, None])[:, 0]
        signs = torch.tensor([1.0 if way == "up" else -1.0 for way in self.ways], dtype=change.dtype)
        return change * signs[seen.direction]

    def reached_when(self) -> str:
        return "it is raised"

    def reached_at(self, seen: Readings) -> torch.Tensor:
        return torch.full_like(seen.responses[:, 0], self.by)


@dataclass
class Closed:
    """The closed form for a linear unit, ``share`` of it."""

    share: float = 1 + 1e-5

    def __call__(self, objective: Any, clean: torch.Tensor, norm: Any, noise: Any) -> torch.Tensor:  # noqa: ARG002
        value, slope = objective.value_and_gradient(clean)
        return shortest_step(clean, slope, (objective.level - value).double() * self.share, norm)


def attacked(attack: Any, objective: Any, *, model: Layer | None = None, unit: int = 0, **changes: Any) -> Any:
    grid = make_grid(linear(WEIGHTS) if model is None else model, SHOWN, **({"epsilons": (0.0, 0.01, 5.0)} | changes))
    found = attack_target(
        grid,
        attack,
        "closed",
        objective,
        "unit",
        decision=False,
        unit=unit,
        target=f"u{unit}",
        keep_images=True,
        minimal=True,
    )
    return grid, found


@pytest.mark.parametrize("norm", NORMS)
def test_the_host_measures_the_norm_and_the_curve_is_what_is_left_in_each_ball(norm: Any) -> None:
    grid, found = attacked(Closed(), Raise(("up",)), norm=norm, epsilons=(0.0, 0.004, 40.0))
    start = grid.clean.double()
    slope = torch.as_tensor(WEIGHTS[0]).reshape(1, 1, 6, 6).expand_as(start)
    best = norm_of(shortest_step(start, slope, 0.5, norm) - start, norm).numpy()
    np.testing.assert_allclose(found.minimal, best, rtol=1e-4)
    assert torch.equal(found.images[0], grid.clean)
    assert torch.equal(found.images[1], project(found.nearest, grid.clean, 0.004, norm))
    assert torch.equal(found.images[2], found.nearest)
    np.testing.assert_allclose(found.achieved[2], found.minimal, rtol=1e-12)
    assert (found.achieved[1] <= 0.004 * (1 + 1e-6)).all()
    gain = found.responses[:, :, 0] - grid.clean_responses[:, 0]
    assert (gain[0] == 0).all()
    assert (gain[1] < 0.5).all()
    np.testing.assert_allclose(gain[2], 0.5, rtol=1e-4)


def test_what_falls_short_of_the_goal_is_infinitely_far_whatever_the_attack_says() -> None:
    _, found = attacked(Closed(share=0.9), Raise(("up",)))
    assert np.isinf(found.minimal).all()
    assert found.status.tolist() == ["unreached"] * 4
    assert (found.achieved[2] > 0).all()  # the nearest miss stays in the curve


def test_what_rounding_left_short_is_lengthened_by_a_hair() -> None:
    _, exact = attacked(Closed(), Raise(("up",)))
    _, found = attacked(Closed(share=1 - 1e-5), Raise(("up",)))
    np.testing.assert_allclose(found.minimal, exact.minimal, rtol=1e-4)


def test_the_nearer_direction_counts() -> None:
    @dataclass
    class Lopsided(Raise):
        def reached_at(self, seen: Readings) -> torch.Tensor:
            return torch.where(seen.direction == 0, 0.9, 0.3)

    grid, found = attacked(Closed(), Lopsided())
    np.testing.assert_allclose(found.minimal, 0.3 / np.linalg.norm(WEIGHTS[0]), rtol=1e-4)
    below = grid.model.responses(found.nearest)[:, 0].numpy() - grid.clean_responses[:, 0]
    np.testing.assert_allclose(below, -0.3, rtol=1e-3)


def test_a_target_alone_is_as_in_company_and_in_smaller_batches() -> None:
    model = network(2)
    grid = make_grid(model, SHOWN)
    targets = [Target(unit=unit, name=f"u{unit}") for unit in range(4)]
    settings: dict[str, Any] = {"decision": False, "minimal": True}
    from spikeproof_attacks.fmn import FMN

    attack, goal = FMN(steps=10), Raise(by=0.02)
    together = list(attack_targets(grid, attack, "fmn", goal, "unit", targets=targets, **settings))
    small = make_grid(model, SHOWN, batch=3)
    for target, found in zip(targets, together, strict=True):
        alone = next(attack_targets(small, attack, "fmn", goal, "unit", targets=[target], **settings))
        assert alone.minimal is not None
        assert found.minimal is not None
        np.testing.assert_allclose(alone.minimal, found.minimal, rtol=2e-3)
        # Up and down move the unit by the same amount; which of them is kept must not be settled by rounding.
        unit = found.responses[:, :, target.unit], alone.responses[:, :, target.unit]
        np.testing.assert_allclose(*unit, atol=1e-4)


def test_where_two_directions_reach_the_goal_rounding_chooses_neither() -> None:
    blank = torch.zeros(0)
    found = Smallest(
        nearest=blank,
        minimal=np.array([1 + 1e-6, 1.0, 2.0, 1.0, np.inf, np.inf]),  # up and down, of three cells
        images=blank,
        achieved=blank,
        status=np.array([]),
    )
    moved = np.array([[1, 0, 1], [1, 0, 1]])  # the one that moved the target farther
    assert found.kept(moved, (0.5, 1.5), 2).tolist() == [[1, 0, 1], [0, 1, 1]]
    assert [found.nearer(first, 2) for first in (0, 2, 4)] == [0, 3, 4]


def test_a_dead_unit_has_no_smallest_perturbation() -> None:
    flat = Layer(lambda x: 0 * x.flatten(1)[:, :2], ("u0", "u1"))
    _, found = attacked(Closed(), Raise(("up",)), model=flat)
    assert found.status.tolist() == ["dead"] * 4
    assert np.isinf(found.minimal).all()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            lambda clean: clean[None],
            r"returned shape \(1, 4, 1, 6, 6\): it must return a tensor of shape",
        ),
        (
            lambda clean: clean.numpy(),
            r"returned ndarray: .* of shape \(4, 1, 6, 6\) \(item, \*image\)",
        ),
        (lambda clean: clean + 1, "pixels reach from .* to .*; allowed is"),
        (lambda clean: clean * torch.nan, "the image has a value that is not finite"),
        (lambda clean: clean.double(), "it must return torch.float32"),
    ],
)
def test_what_an_attack_returns_is_checked(returned: Any, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        attacked(lambda objective, clean, norm, noise: returned(clean), Raise(("up",)))  # noqa: ARG005


def test_an_objective_without_a_goal_cannot_be_reached() -> None:
    with pytest.raises(PluginFailed, match="objective 'unit' has no goal that could be reached"):
        attacked(lambda objective, clean, norm, noise: objective.reached(clean), Drive(("up",)))  # noqa: ARG005


def test_a_level_that_is_no_number_is_refused() -> None:
    @dataclass
    class Nowhere(Raise):
        def reached_at(self, seen: Readings) -> torch.Tensor:
            return torch.full_like(seen.responses[:, 0], torch.nan)

    with pytest.raises(PluginFailed, match=r"reached_at\(\) must return one number a row, shape \(4,\), and no nan"):
        attacked(Closed(), Nowhere(("up",)))


@pytest.mark.parametrize("norm", NORMS)
def test_a_control_has_the_first_norm_along_its_own_direction(norm: Any) -> None:
    @dataclass
    class Slanted:
        """A fixed direction, up where the weights are up, for a control that reaches the goal."""

        def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Any, noise: Any) -> torch.Tensor:  # noqa: ARG002
            size = norm_of((perturbed - clean).flatten(0, 1), norm)
            way = torch.as_tensor(np.abs(WEIGHTS[0]) ** 0.2 * np.sign(WEIGHTS[0]), dtype=clean.dtype).reshape(1, 6, 6)
            start = clean.expand_as(perturbed).flatten(0, 1)
            return step_in_box(start, way.expand_as(start), size, norm).reshape(perturbed.shape)

    grid, found = attacked(Closed(), Raise(("up",)), norm=norm)
    made = control_target(grid, found, Slanted(), "slanted", objective=Raise(("up",)))
    way = np.abs(WEIGHTS[0]) ** 0.2 * np.sign(WEIGHTS[0])
    time = 0.5 / (WEIGHTS[0] @ way)  # the pixels stay off the walls
    assert made.minimal is not None
    if norm == "linf":
        assert (made.minimal >= found.minimal).all()
        return
    expected = time * np.linalg.norm(way, 1 if norm == "l1" else 2)
    np.testing.assert_allclose(made.minimal, expected, rtol=1e-3)


def test_a_control_that_never_reaches_the_goal_is_infinitely_far() -> None:
    @dataclass
    class Backward:
        def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Any, noise: Any) -> torch.Tensor:  # noqa: ARG002
            return clean - (perturbed - clean)

    grid, found = attacked(Closed(), Raise(("up",)))
    made = control_target(grid, found, Backward(), "backward", objective=Raise(("up",)))
    assert made.minimal is not None
    assert np.isinf(made.minimal).all()
