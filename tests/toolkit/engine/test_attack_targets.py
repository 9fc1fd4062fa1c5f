from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Layer, Margin, make_grid, network
from spikeproof.engine import AttackedTarget, Grid, Target, attack_target, attack_targets
from spikeproof.errors import AttackError, SpikeproofError
from spikeproof_attacks.pgd import PGD


def _images(count: int = 3) -> np.ndarray:
    x = np.random.default_rng(1).random((count, 1, 6, 6))
    x[x < 0.2] = 0
    return x.astype(np.float32)


def _all(grid: Grid, targets: list[Target] | None = None, **more: Any) -> list[AttackedTarget]:
    wanted = targets or [Target(unit=unit, name=f"u{unit}") for unit in range(len(grid.model.units))]
    settings: dict[str, Any] = {"attack": PGD(steps=12), "objective": Drive(), "decision": False} | more
    attack, objective = settings.pop("attack"), settings.pop("objective")
    return list(attack_targets(grid, attack, "pgd", objective, "unit", targets=wanted, **settings))


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_targets_searched_together_are_as_each_alone(batch: int) -> None:
    model, x = network(0), _images()
    together = _all(make_grid(model, x, batch=batch))
    for unit, found in enumerate(together):
        alone = attack_target(
            make_grid(model, x), PGD(steps=12), "pgd", Drive(), "unit", decision=False, unit=unit, target=f"u{unit}"
        )
        assert (found.target, found.unit, found.directions) == (f"u{unit}", unit, ("up", "down"))
        np.testing.assert_allclose(found.responses, alone.responses, rtol=1e-4, atol=1e-4)
        assert found.directed is not None
        np.testing.assert_allclose(found.directed, alone.directed, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.achieved, alone.achieved, rtol=1e-4)
        assert found.status.tolist() == alone.status.tolist()


def test_targets_share_batches() -> None:
    model = network(0)
    calls: list[int] = []
    counted = replace(model, function=lambda y: (calls.append(len(y)), model.function(y))[1])
    _all(make_grid(counted, _images(), batch=64))
    together = len(calls)
    calls.clear()
    for unit in range(4):
        _all(make_grid(counted, _images(), batch=64), [Target(unit=unit, name=f"u{unit}")])
    assert together < 0.6 * len(calls)  # 4 targets x 3 stimuli x 2 directions x 2 epsilons = 48 rows


def test_images_are_kept_of_the_targets_that_ask_for_them() -> None:
    grid = make_grid(network(0), _images())
    first, second = _all(grid, [Target(unit=0, name="a", keep_images=True), Target(unit=1, name="b")])
    assert second.images is None
    assert first.images is not None
    again = grid.model.responses(first.images.flatten(0, 1)).double().numpy()
    np.testing.assert_allclose(again.reshape(first.responses.shape), first.responses, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_what_is_held_does_not_grow_with_the_number_of_targets() -> None:
    grid = make_grid(network(0), _images(), batch=16)
    targets = [Target(unit=k % 4, name=f"t{k}") for k in range(24)]
    held: list[weakref.ref[Any]] = []
    alive = []
    for found in attack_targets(grid, PGD(steps=2), "pgd", Drive(), "unit", decision=False, targets=targets):
        held.append(weakref.ref(found.responses))
        del found
        gc.collect()
        alive.append(sum(ref() is not None for ref in held))
    assert max(alive) <= 1
    assert len(held) == 24


def _silenced(unit: int) -> Layer:
    model = network(0)
    keep = torch.ones(4)
    keep[unit] = 0
    return replace(model, function=lambda y: model.function(y) * keep)


def test_dead_items_are_found_in_one_pass_and_not_stepped() -> None:
    given: list[int] = []

    @dataclass
    class Counting:
        def __call__(self, objective: Any, clean: Any, *rest: Any) -> Any:
            given.append(len(clean))
            return PGD(steps=4)(objective, clean, *rest)

    grid = make_grid(_silenced(2), _images())
    found = _all(grid, attack=Counting())
    assert sum(given) == 3 * 3 * 2  # three live units of four
    assert found[2].status.tolist() == ["dead"] * 3
    np.testing.assert_array_equal(found[2].responses[0], grid.clean_responses)
    assert (found[2].achieved == 0).all()
    assert found[2].directed is not None
    assert (found[2].directed == 0).all()
    for unit in (0, 1, 3):
        assert "dead" not in found[unit].status.tolist()


def test_a_dead_target_keeps_its_clean_choices_and_images() -> None:
    grid = make_grid(_silenced(1), _images(), use_head=True)
    (found,) = _all(grid, [Target(unit=1, name="u1", keep_images=True)])
    assert found.images is not None
    assert torch.equal(found.images[1], grid.clean)
    assert grid.clean_choice is not None
    assert found.choices is not None
    assert (found.choices == grid.clean_choice).all()


def test_the_first_gradient_is_taken_once() -> None:
    model, asked = network(0), []

    def function(y: torch.Tensor) -> torch.Tensor:
        asked.append(y.detach().clone())
        return model.function(y)

    grid = make_grid(replace(model, function=function), _images())
    asked.clear()
    _all(grid, [Target(unit=0, name="u0")])
    clean = sum(int((rows[:, None] == grid.clean).flatten(2).all(2).any(1).sum()) for rows in asked)
    assert clean == 3 * 2  # three stimuli, two directions


@pytest.mark.parametrize(("objective", "settings", "how"), [
    (Away(), {}, {}),
    (Margin(), {"use_head": True}, {"decision": True}),
])  # fmt: skip
def test_targets_without_a_unit_go_through_the_same_batches(objective: Any, settings: Any, how: Any) -> None:
    grid = make_grid(network(0), _images(), **settings)
    (found,) = _all(grid, [Target(unit=-1, name="all")], objective=objective, **how)
    assert found.directed is None
    assert set(found.status.tolist()) <= {"converged", "unconverged", "at-bound"}
    moved = np.linalg.norm(found.responses - grid.clean_responses, axis=-1)
    assert (moved > 0).all()


def test_epsilon_zero_gives_the_clean_stimulus_bit_for_bit() -> None:
    grid = make_grid(network(0), _images(), epsilons=(0.0, 0.2))
    (found,) = _all(grid, [Target(unit=1, name="u1", keep_images=True)])
    assert found.images is not None
    assert torch.equal(found.images[0], grid.clean)
    assert (found.achieved[0] == 0).all()
    np.testing.assert_allclose(found.responses[0], grid.clean_responses, rtol=1e-5)
    (only,) = _all(make_grid(network(0), _images(), epsilons=(0.0,)), [Target(unit=1, name="u1", keep_images=True)])
    assert only.images is not None
    assert torch.equal(only.images[0], grid.clean)


# Memory


def _hungry(most: int, error: Any = None) -> Layer:
    model = network(0)
    raised = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def function(y: torch.Tensor) -> torch.Tensor:
        if len(y) > most:
            raise raised
        return model.function(y)

    return replace(model, function=function)


CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried")


@pytest.mark.parametrize("error", [None, CPU, MemoryError()])
@pytest.mark.parametrize("most", [1, 3, 10])
def test_where_memory_runs_out_the_search_goes_on_in_smaller_batches_and_says_so_once(most: int, error: Any) -> None:
    said: list[str] = []
    hungry = _hungry(10**6)
    grid = make_grid(hungry, _images(), batch=64, note=said.append)
    object.__setattr__(grid, "model", _hungry(most, error))
    found = _all(grid)
    expected = _all(make_grid(network(0), _images()))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.responses, other.responses, rtol=1e-4, atol=1e-4)
        assert one.status.tolist() == other.status.tolist()
    assert len(said) == 1
    assert said[0].startswith("memory ran out with 64 images in a pass: going on with 32")
    assert grid.budget.rows <= most


def test_memory_that_runs_out_with_one_image_is_an_error() -> None:
    grid = make_grid(_hungry(10**6), _images())
    object.__setattr__(grid, "model", _hungry(0))
    with pytest.raises(SpikeproofError, match="memory ran out with one image in a pass: free memory"):
        _all(grid)


def test_an_error_that_is_not_about_memory_is_not_tried_again() -> None:
    tried: list[int] = []

    def fails(objective: Any, clean: Any, *rest: Any) -> Any:  # noqa: ARG001
        tried.append(1)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(AttackError, match=r"attack 'pgd' on unit 'u0' \(and 3 more\) failed: RuntimeError: mat1"):
        _all(make_grid(network(0), _images(), batch=64), attack=fails)
    assert len(tried) == 1
