from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive, linear, make_grid, network
from spikeproof.engine import attack_target, control_target
from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of
from spikeproof_attacks.controls import Flipped, Random
from spikeproof_attacks.pgd import PGD


def _images(count: int = 4, size: int = 8) -> np.ndarray:
    x = np.random.default_rng(1).random((count, 1, size, size))
    x[x < 0.2] = 0
    x[x > 0.9] = 1
    return x.astype(np.float32)


def _attacked(grid: Any, unit: int = 0) -> Any:
    return attack_target(
        grid, PGD(steps=6), "pgd", Drive(), "unit", decision=False, unit=unit, target="u", keep_images=True
    )


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("control", [Random(), Flipped()])
def test_a_control_has_the_norm_of_the_attack_and_stays_in_the_box(control: Any, norm: Any) -> None:
    grid = make_grid(network(0, shape=(1, 8, 8)), _images(), norm=norm, epsilons=(0.0, 0.02, 0.2))
    attacked = _attacked(grid)
    made = control_target(grid, attacked, control, "c", keep_images=True)
    # Controls are rounded toward the clean image: half a unit in the last place of each of the 64 pixels.
    np.testing.assert_allclose(made.achieved, attacked.achieved, rtol=1e-6, atol=6e-8 * 8)
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert not torch.equal(made.images[1:], attacked.images[1:])
    assert made.control == "c"
    assert (made.attack, made.objective, made.target, made.unit) == ("pgd", "unit", "u", 0)
    again = grid.model.responses(made.images.flatten(0, 1)).double().numpy().reshape(made.responses.shape)
    np.testing.assert_allclose(made.responses, again, rtol=1e-5, atol=1e-6)


def test_a_random_direction_is_the_same_alone_and_in_company_and_another_for_each_stimulus() -> None:
    grid = make_grid(network(0, shape=(1, 8, 8)), x := _images())
    made = control_target(grid, _attacked(grid), Random(), "random", keep_images=True)
    single = make_grid(network(0, shape=(1, 8, 8)), x[1:2], stimulus_ids=("s1",), batch=1)
    alone = control_target(single, _attacked(single), Random(), "random", keep_images=True)
    torch.testing.assert_close(alone.images[:, 0], made.images[:, 1], atol=1e-5, rtol=0)
    delta = (made.images[1] - torch.as_tensor(x)).flatten(1)
    assert torch.corrcoef(delta).fill_diagonal_(0).abs().max() < 0.6


def test_random_directions_move_a_linear_unit_as_their_theory_says() -> None:
    """On the sphere of d dimensions E|<w, u>| = ||w|| sqrt(2 / (pi d)), to first order."""
    w = np.random.default_rng(1).standard_normal((1, 400))
    x = np.full((300, 1, 20, 20), 0.5, dtype=np.float32)
    grid = make_grid(linear(w), x, epsilons=(0.1,))
    attacked = _attacked(grid)
    made = control_target(grid, attacked, Random(), "random")
    found = np.abs(made.responses - grid.clean_responses)[0, :, 0] / 0.1
    expected = np.linalg.norm(w) * np.sqrt(2 / (np.pi * 400))
    error = found.std(ddof=1) / np.sqrt(300)
    assert abs(found.mean() - expected) < 4 * error
    assert found.mean() < 0.1 * np.abs(attacked.responses - grid.clean_responses).mean() / 0.1


def test_a_flipped_perturbation_in_the_middle_of_the_box_is_the_perturbation_upside_down() -> None:
    x = np.full((2, 1, 8, 8), 0.5, dtype=np.float32)
    grid = make_grid(network(0, shape=(1, 8, 8)), x)
    attacked = _attacked(grid)
    made = control_target(grid, attacked, Flipped(), "flipped", keep_images=True)
    torch.testing.assert_close(made.images - 0.5, (attacked.images - 0.5).flip(-2), atol=1e-6, rtol=0)


def test_a_linf_control_has_every_pixel_with_room_at_the_radius() -> None:
    x = np.full((2, 1, 8, 8), 0.5, dtype=np.float32)
    grid = make_grid(network(0, shape=(1, 8, 8)), x, norm="linf")
    made = control_target(grid, _attacked(grid), Random(), "random", keep_images=True)
    torch.testing.assert_close((made.images[1] - 0.5).abs(), torch.full((2, 1, 8, 8), 0.3), atol=1e-6, rtol=0)


def test_a_control_larger_than_the_attack_is_refused() -> None:
    grid = make_grid(network(0, shape=(1, 8, 8)), np.full((2, 1, 8, 8), 0.5, dtype=np.float32))

    def twice(perturbed: Any, clean: Any, norm: Any, noise: Any) -> Any:  # noqa: ARG001
        return clean + 2 * (perturbed - clean)

    with pytest.raises(
        AttackError,
        match=r"control 'twice' of attack 'pgd' on unit 'u', stimulus 's0', radius 0.1: .* norm 0.2, allowed 0.1",
    ):
        control_target(grid, _attacked(grid), twice, "twice")


def test_where_memory_runs_out_a_control_is_read_in_smaller_passes() -> None:
    model, said = network(0, shape=(1, 8, 8)), list[str]()
    grid = make_grid(model, _images(), batch=16, note=said.append)
    attacked = _attacked(grid)
    expected = control_target(grid, attacked, Random(), "random")

    def hungry(y: torch.Tensor) -> torch.Tensor:
        if len(y) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return model.function(y)

    object.__setattr__(grid, "model", replace(model, function=hungry))
    found = control_target(grid, attacked, Random(), "random")
    np.testing.assert_allclose(found.responses, expected.responses, rtol=1e-5, atol=1e-6)
    assert len(said) == 1
    assert grid.budget.rows <= 3


def test_a_control_needs_the_images_of_the_attack() -> None:
    grid = make_grid(network(0, shape=(1, 8, 8)), _images(1))
    attacked = attack_target(grid, PGD(steps=2), "pgd", Drive(), "unit", decision=False, unit=0, target="u")
    with pytest.raises(AttackError, match="needs the attack's images: call attack_target with keep_images=True"):
        control_target(grid, attacked, Random(), "random")


def test_norms_of_controls_are_those_of_the_perturbation_not_of_epsilon() -> None:
    x = np.full((1, 1, 8, 8), 0.5, dtype=np.float32)
    clean = torch.as_tensor(x)
    perturbed = torch.stack([clean + 0.01, clean + 0.02])
    from spikeproof.types import ItemNoise

    made = Random()(perturbed, clean, "l2", ItemNoise(0, [("a",)]))
    sizes = norm_of((made - clean).flatten(0, 1), "l2")
    np.testing.assert_allclose(sizes, [0.08, 0.16], rtol=1e-5)
