"""One perturbation for all stimuli: what is optimal is known for linear units, and nothing differs between stimuli."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Margin, linear, make_grid, network
from spikeproof.engine import (
    AttackedTarget,
    Grid,
    Target,
    control_target,
    longer_shared_searches,
    share_targets,
)
from spikeproof.errors import AttackError
from spikeproof_attacks.controls import Flipped, Random
from spikeproof_attacks.universal import Universal

DUAL = {"l1": np.inf, "l2": 2, "linf": 1}
RADII = {"l1": (0.1, 0.3), "l2": (0.1, 0.3), "linf": (0.02, 0.1)}


def _weights(units: int = 3) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((units, 36)).astype(np.float32)


def _images(count: int = 5, low: float = 0.3, high: float = 0.7) -> np.ndarray:
    numbers = np.random.default_rng(2).random((count, 1, 6, 6))
    return (low + (high - low) * numbers).astype(np.float32)


def _shared(
    grid: Grid, objective: Any, *, unit: int = -1, attack: Any = None, decision: bool = False
) -> AttackedTarget:
    found = share_targets(
        grid,
        attack or Universal(),
        "universal",
        objective,
        "aim",
        decision=decision,
        targets=[Target(unit=unit, name="target", keep_images=True)],
    )
    return next(found)


def _shifts(grid: Grid, found: AttackedTarget) -> np.ndarray:
    assert found.images is not None
    return (found.images - grid.clean).double().numpy()


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_on_a_linear_unit_it_is_the_optimum_of_each_stimulus_alone(norm: Any, way: str) -> None:
    weights = _weights()
    grid = make_grid(linear(weights), _images(), norm=norm, epsilons=RADII[norm])
    found = _shared(grid, Drive(ways=(way,)), unit=1)
    gain = found.responses[..., 1] - grid.clean_responses[:, 1]
    best = np.array(RADII[norm])[:, None] * np.linalg.norm(weights[1], DUAL[norm]) * (1 if way == "up" else -1)
    np.testing.assert_allclose(gain, np.broadcast_to(best, gain.shape), rtol=1e-4)
    assert set(found.status) == {"converged"}


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_all_stimuli_have_the_same_perturbation_but_for_what_the_box_cuts_off(norm: Any) -> None:
    grid = make_grid(network(1), _images(low=0.0, high=1.0), norm=norm, epsilons=RADII[norm])
    found = _shared(grid, Drive(), unit=0)
    images, shifts = found.images, _shifts(grid, found)
    assert images is not None
    inside = ((images > 0) & (images < 1)).numpy()
    for one in range(len(RADII[norm])):
        shared = np.nanmedian(np.where(inside[one], shifts[one], np.nan), axis=0)
        here = inside[one] & np.isfinite(shared)
        assert np.abs(np.where(here, shifts[one] - shared, 0)).max() < 1e-6
        wanted = grid.clean.double().numpy() + shared
        np.testing.assert_allclose(images[one].numpy(), wanted.clip(0, 1), atol=1e-6)
    assert (found.achieved <= np.array(RADII[norm])[:, None] * (1 + 1e-6)).all()
    assert ((images >= 0) & (images <= 1)).all()


def test_one_direction_is_kept_for_all_stimuli_though_another_would_suit_some() -> None:
    """The unit is |<w, x - 0.5>|: one half of the stimuli lie on the one side, the other on the other."""
    w = torch.as_tensor(_weights(1)[0])
    model = replace(linear(_weights(1)), function=lambda x: ((x - 0.5).flatten(1) @ w).abs()[:, None])
    images = np.full((4, 1, 6, 6), 0.5, dtype=np.float32)
    images += (0.02 * np.array([3, 3, 2, -3])[:, None] * w.numpy()).reshape(4, 1, 6, 6).astype(np.float32)
    grid = make_grid(model, images, epsilons=(0.1,))
    found = _shared(grid, Drive(ways=("up",)), unit=0)
    shifts = _shifts(grid, found)[0]
    assert np.abs(shifts - shifts[0]).max() < 1e-6
    step = 0.1 * float(w.norm())
    np.testing.assert_allclose(
        found.responses[0, :, 0] - grid.clean_responses[:, 0], [step, step, step, -step], rtol=1e-3
    )


def test_the_direction_is_that_which_moves_the_target_more_on_average() -> None:
    """Down there is less room for three stimuli; the fourth cannot go up, and up still moves the unit more."""
    w = torch.as_tensor(_weights(1)[0])
    low, top = float(-0.05 * w.norm()), float(0.3 * w.norm())
    model = replace(linear(_weights(1)), function=lambda x: ((x - 0.5).flatten(1) @ w).clamp(low, top)[:, None])
    images = np.full((4, 1, 6, 6), 0.5, dtype=np.float32)
    images[3] += 0.3 * (w / w.norm()).numpy().reshape(1, 6, 6) * 0.999
    grid = make_grid(model, images, epsilons=(0.2,))
    found = _shared(grid, Drive(), unit=0)
    assert found.directed is not None
    up, down = found.directed[:, 0] - grid.clean_responses[:, 0]
    step = 0.2 * float(w.norm())
    np.testing.assert_allclose(up, [step, step, step, 0.001 * top], rtol=1e-3)
    np.testing.assert_allclose(down, [low, low, low, -step], rtol=1e-4)
    np.testing.assert_allclose(found.responses[0, :, 0], grid.clean_responses[:, 0] + up)


def test_no_perturbation_is_left_where_the_box_holds_pixels_on_every_stimulus() -> None:
    """A pixel at 1 cannot go up. The gradient says so, and the ball is spent on the others: exact, not clipped."""
    weights = np.abs(_weights(1))
    images = np.full((3, 1, 6, 6), 0.5, dtype=np.float32)
    images.reshape(3, 36)[:, :18] = 1.0
    grid = make_grid(linear(weights), images, epsilons=(0.2,))
    found = _shared(grid, Drive(ways=("up",)), unit=0)
    free = 0.2 * np.linalg.norm(weights[0, 18:])
    np.testing.assert_allclose(found.responses[0, :, 0] - grid.clean_responses[:, 0], free, rtol=1e-3)


def test_stimuli_at_which_the_target_is_dead_do_not_count() -> None:
    w = torch.as_tensor(_weights(1)[0])
    images = np.full((3, 1, 6, 6), 0.5, dtype=np.float32)
    images[2] = 0.1
    ramp = torch.linspace(-1, 1, 36)

    def respond(x: torch.Tensor) -> torch.Tensor:
        # bright images drive it along w, dark ones not at all
        bright = (x.flatten(1).mean(1) - 0.3).clamp(min=0).detach() > 0
        return torch.where(bright, (x - 0.5).flatten(1) @ w, 0.0 * (x.flatten(1) @ ramp))[:, None]

    grid = make_grid(replace(linear(_weights(1)), function=respond), images, epsilons=(0.1,))
    found = _shared(grid, Drive(ways=("up",)), unit=0)
    assert found.status.tolist() == ["converged", "converged", "dead"]
    np.testing.assert_allclose(
        found.responses[0, :2, 0] - grid.clean_responses[:2, 0], 0.1 * float(w.norm()), rtol=1e-4
    )


@pytest.mark.parametrize(("objective", "decision"), [(Away(), False), (Margin(), True)])
def test_the_population_and_the_behaviour_have_one_too(objective: Any, decision: bool) -> None:
    grid = make_grid(network(3), _images(), epsilons=(0.2, 0.4), use_head=decision)
    found = _shared(grid, objective, decision=decision)
    shifts = _shifts(grid, found)
    assert np.abs(shifts - shifts[:, :1]).max() < 1e-6
    moved = np.linalg.norm(found.responses - grid.clean_responses, axis=-1).mean(axis=1)
    control = control_target(grid, found, Random(), "random")
    other = np.linalg.norm(control.responses - grid.clean_responses, axis=-1).mean(axis=1)
    assert (moved > 1.5 * other).all()


def test_neither_the_batch_nor_the_company_of_targets_changes_it() -> None:
    model, images = network(2), _images(7)
    found = [_shared(make_grid(model, images, batch=batch), Drive(), unit=2).responses for batch in (64, 3)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)
    grid = make_grid(model, images)
    targets = [Target(unit=k, name="target" if k == 2 else f"u{k}") for k in (0, 2)]
    both = list(share_targets(grid, Universal(), "universal", Drive(), "aim", decision=False, targets=targets))
    np.testing.assert_allclose(both[1].responses, found[0], rtol=1e-4, atol=1e-5)


def test_damage_never_falls_with_epsilon_on_average_and_none_is_none() -> None:
    grid = make_grid(network(5), _images(), epsilons=(0.0, 0.05, 0.2, 0.8))
    found = _shared(grid, Drive(ways=("up",)), unit=1)
    gain = (found.responses[..., 1] - grid.clean_responses[:, 1]).mean(axis=1)
    assert (np.diff(gain) >= -1e-6).all()
    assert found.images is not None
    assert torch.equal(found.images[0], grid.clean)


def test_its_control_is_one_random_perturbation_for_all() -> None:
    grid = make_grid(network(1), _images(), epsilons=(0.1, 0.3))
    found = _shared(grid, Drive(), unit=0)
    control = control_target(grid, found, Random(), "random", keep_images=True)
    shifts = _shifts(grid, control)
    assert np.abs(shifts - shifts[:, :1]).max() < 1e-6
    np.testing.assert_allclose(control.achieved, found.achieved, rtol=1e-5)
    flipped = _shifts(grid, control_target(grid, found, Flipped(), "flipped", keep_images=True))
    assert np.abs(flipped - flipped[:, :1]).max() < 1e-5
    alone = control_target(grid, replace(found, shared=False), Random(), "random", keep_images=True)
    assert np.abs(_shifts(grid, alone) - _shifts(grid, alone)[:, :1]).max() > 1e-2


def test_a_perturbation_outside_the_ball_is_refused() -> None:
    def cheat(objective: Any, clean: torch.Tensor, epsilons: torch.Tensor, norm: Any, noise: Any) -> torch.Tensor:  # noqa: ARG001
        return (clean + 0.2).expand(len(epsilons), *clean.shape).clone()

    grid = make_grid(network(1), _images(), epsilons=(0.1,))
    with pytest.raises(AttackError, match=r"attack 'universal' on aim 'target', all stimuli, up, .* allowed 0.05"):
        _shared(grid, Drive(), unit=0, attack=cheat)


def test_a_stimulus_whose_values_are_not_finite_does_not_spoil_the_others() -> None:
    w = torch.as_tensor(_weights(1)[0])
    images = np.full((3, 1, 6, 6), 0.5, dtype=np.float32)
    images[1] = 0.9

    def respond(x: torch.Tensor) -> torch.Tensor:
        value = (x - 0.5).flatten(1) @ w
        bright = x.flatten(1).mean(1) > 0.8
        nothing = torch.where(bright, value - value.detach(), 1.0).sqrt()  # its slope is infinite where bright
        return torch.where(bright, value + nothing, value)[:, None]

    grid = make_grid(replace(linear(_weights(1)), function=respond), images, epsilons=(0.1,))
    found = _shared(grid, Drive(ways=("up",)), unit=0)
    assert found.status[1] == "not-finite"
    np.testing.assert_allclose(
        (found.responses[0, :, 0] - grid.clean_responses[:, 0])[[0, 2]], 0.1 * float(w.norm()), rtol=1e-4
    )


def _longer(grid: Grid, objective: Any, *, count: int, steps: int = 2, units: tuple[int, ...] = (0, 1)) -> Any:
    return longer_shared_searches(
        grid,
        Universal(steps=steps, schedule="geometric"),
        Universal(steps=10 * steps, schedule="geometric"),
        "universal",
        objective,
        "aim",
        decision=False,
        targets=[Target(unit=unit, name=f"u{unit}") for unit in units],
        count=count,
    )


def test_a_longer_search_of_what_is_shared_counts_the_mean_gain_on_the_network_itself() -> None:
    weights = _weights()
    found = _longer(make_grid(linear(weights), _images(), epsilons=(0.1, 0.3)), Drive(ways=("up",)), count=2)
    assert [(one.target, one.stimulus, one.direction) for one in found] == [
        ("u0", "all stimuli", "up"),
        ("u1", "all stimuli", "up"),
    ]
    for one, row in zip(found, weights[:2], strict=True):  # a linear unit's optimum is reached by either search
        assert one.gained_longer == pytest.approx(0.3 * np.linalg.norm(row), rel=1e-4)
        assert one.share == pytest.approx(1, rel=1e-4)


def test_a_search_that_was_too_short_is_found_out_on_as_many_directions_as_asked_for() -> None:
    grid = make_grid(network(0), _images(), epsilons=(0.5, 4.0))
    one, two = (_longer(grid, Drive(ways=("up", "down")), count=count, steps=1) for count in (1, 4))
    assert (len(one), len(two)) == (1, 4)
    assert one[0] in two
    assert all(0 <= found.gained <= found.gained_longer for found in two)
    assert min(found.share for found in two) < 0.99


def test_a_target_that_is_dead_at_every_stimulus_is_passed_over() -> None:
    grid = make_grid(linear(np.zeros((2, 36), dtype=np.float32)), _images(), epsilons=(0.3,))
    assert _longer(grid, Drive(ways=("up",)), count=2) == []
