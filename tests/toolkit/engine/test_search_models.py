from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive, Layer, make_grid, network
from spikeproof.acceleration import Cone
from spikeproof.engine import Target, attack_targets
from spikeproof.errors import ModelError
from spikeproof_attacks.pgd import PGD


def _images(count: int = 3, size: int = 6) -> np.ndarray:
    return np.random.default_rng(1).random((count, 1, size, size)).astype(np.float32)


@dataclass
class Offering(Layer):
    """A layer that offers an equivalent of itself: its function with something done to the responses."""

    change: Callable[[torch.Tensor], torch.Tensor] = lambda r: r
    changed_bf16: Callable[[torch.Tensor], torch.Tensor] | None = None
    asked: Any = None
    searched: int = 0

    def accelerate(self, *, precision: str, compile: bool) -> Layer:  # noqa: A002
        self.asked = [*(self.asked or []), (precision, compile)]
        change = self.changed_bf16 if precision == "bf16" and self.changed_bf16 is not None else self.change

        def function(images: torch.Tensor) -> torch.Tensor:
            self.searched += len(images)
            return change(self.function(images))

        return Layer(function, self.units, head=self.head, classes=self.classes)


def _offering(**more: Any) -> Offering:
    plain = network(0)
    return Offering(plain.function, plain.units, head=plain.head, classes=plain.classes, **more)


def _all(grid: Any, **more: Any) -> list[Any]:
    wanted = [Target(unit=unit, name=f"u{unit}", keep_images=True) for unit in range(len(grid.model.units))]
    return list(
        attack_targets(grid, PGD(steps=16), "pgd", Drive(), "unit", decision=False, local=True, targets=wanted, **more)
    )


def test_the_search_runs_on_an_equivalent_that_agrees_and_the_result_is_read_on_the_model_itself() -> None:
    said: list[str] = []
    model = _offering(change=lambda r: r * (1 + 2e-5))
    found = _all(make_grid(model, _images(), note=said.append))
    expected = _all(make_grid(network(0), _images()))
    assert said == []
    assert model.asked == [("float32", False)]
    assert model.searched > 500
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.responses, other.responses, rtol=1e-3, atol=1e-4)
        again = model.function(one.images.flatten(0, 1)).double().numpy()
        np.testing.assert_allclose(one.responses, again.reshape(one.responses.shape), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r * 1.01, r"its responses differ from the model's by up to .* which is 0.01 of the largest"),
        (lambda r: r[:, :3], r"it gives \(3, 3\) numbers, the model \(3, 4\)"),
        (lambda r: r.detach() + 0 * r, r"its gradients differ from the model's by 1 of their length"),
        (lambda r: r * torch.nan, r"its responses differ from the model's by up to nan"),
    ],
)
def test_an_equivalent_that_differs_is_dropped_and_said(change: Any, reason: str) -> None:
    said: list[str] = []
    model = _offering(change=change)
    found = _all(make_grid(model, _images(), note=said.append, name="net layer"))
    assert len(said) == 1
    assert said[0].startswith("net layer: its faster equivalent in float32 was dropped: ")
    assert re.search(reason, said[0])
    assert model.searched <= 3
    for one, other in zip(found, _all(make_grid(network(0), _images())), strict=True):
        np.testing.assert_array_equal(one.responses, other.responses)


def test_an_equivalent_that_cannot_be_made_is_said_and_done_without() -> None:
    said: list[str] = []
    model = _offering()

    def fails(**_: Any) -> Layer:
        raise ModelError("no compiler here")

    model.accelerate = fails  # type: ignore[method-assign, assignment]
    _all(make_grid(model, _images(), note=said.append))
    assert said == ["model: no faster equivalent in float32 (no compiler here): the search runs without it"]


def test_no_equivalent_is_asked_for_where_the_study_says_so() -> None:
    model = _offering()
    _all(make_grid(model, _images(), accelerate=False))
    assert model.asked is None


def test_bf16_searches_and_float32_decides() -> None:
    """The end is polished and judged in float32, so that it is hardly below that of an exact search."""
    said: list[str] = []
    coarse = lambda r: r + ((r * 64).round() / 64 - r).detach()  # noqa: E731
    model = _offering(changed_bf16=coarse)
    grid = make_grid(model, _images(), precision="bf16-polish", note=said.append)
    found = _all(grid)
    assert model.asked == [("float32", False), ("bf16", False)]
    assert said == []
    exact = _all(make_grid(network(0), _images()))
    for one, other in zip(found, exact, strict=True):
        moved = np.abs(one.responses[..., one.unit] - grid.clean_responses[:, one.unit])
        best = np.abs(other.responses[..., one.unit] - grid.clean_responses[:, one.unit])
        assert (moved >= 0.98 * best).all()
        assert (one.achieved <= np.array([[0.1], [0.3]]) * (1 + 1e-6)).all()


def test_what_bf16_cannot_move_is_searched_in_float32() -> None:
    """All responses vanish: a step or two from the clean image in float32 would end far below."""
    vanish = _offering(changed_bf16=lambda r: r * 0)
    grid = make_grid(vanish, _images(), precision="bf16-polish", note=lambda _: None)
    grid.models.fast = vanish.accelerate(precision="bf16", compile=False)  # though it would be dropped
    exact = _all(make_grid(network(0), _images()))
    for one, other in zip(_all(grid), exact, strict=True):
        moved, best = (abs(it.responses[..., it.unit] - grid.clean_responses[:, it.unit]) for it in (one, other))
        assert (moved >= 0.98 * best).all()


def test_bf16_never_decides_that_an_item_is_dead() -> None:
    dead_in_bf16 = _offering(changed_bf16=lambda r: r * (r.abs() > 1e9) + (r - r.detach()) * 0 + r.detach())
    found = _all(make_grid(dead_in_bf16, _images(), precision="bf16-polish", note=lambda _: None))
    assert all(status != "dead" for one in found for status in one.status)
    assert all((np.abs(one.directed[0] - one.directed[1]) > 0).all() for one in found)


# Cones

SIZE = 10
PLACES = [(1, 1), (1, 6), (4, 3), (0, 0)]


def _kernels() -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(5).standard_normal((2, 1, 3, 3)), dtype=torch.float32)


def _positions(images: torch.Tensor) -> torch.Tensor:
    out = torch.tanh(torch.nn.functional.conv2d(images, _kernels()))
    return torch.cat([out[:, :, y, x] for y, x in PLACES], dim=1)  # columns: place-major, channel-minor


@dataclass
class Conical(Layer):
    """Units at single positions of a convolution, each with its 3 x 3 window."""

    shift: int = 0
    gain: float = 1.0
    cropped: int = 0

    def cone(self, column: int) -> Cone | None:
        place, channel = divmod(column, 2)
        y, x = PLACES[place]
        if place == 3:
            return None

        def function(crops: torch.Tensor) -> torch.Tensor:
            self.cropped += len(crops)
            return self.gain * torch.tanh(torch.nn.functional.conv2d(crops, _kernels()))[:, :, 0, 0]

        y += self.shift
        return Cone(window=(y, y + 3, x, x + 3), signature="3x3", model=Layer(function, ("c0", "c1")), unit=channel)


def _conical(**more: Any) -> Conical:
    return Conical(_positions, tuple(f"c{c}@{y},{x}" for y, x in PLACES for c in range(2)), **more)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_units_with_a_cone_are_searched_in_their_window_with_the_same_result(norm: str) -> None:
    said: list[str] = []
    model, images = _conical(), _images(size=SIZE)
    found = _all(make_grid(model, images, norm=norm, note=said.append))
    whole = _all(make_grid(Layer(_positions, model.units), images, norm=norm))
    assert said == []
    assert model.cropped > 500
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one.responses[..., one.unit], other.responses[..., one.unit], rtol=2e-3, atol=1e-3)
        again = _positions(one.images.flatten(0, 1)).double().numpy()
        np.testing.assert_allclose(one.responses, again.reshape(one.responses.shape), rtol=1e-5, atol=1e-6)
        assert one.status.tolist() == other.status.tolist()
        if one.unit < 6:
            y, x = PLACES[one.unit // 2]
            outside = torch.ones(SIZE, SIZE, dtype=torch.bool)
            outside[y : y + 3, x : x + 3] = False
            assert (one.images == torch.as_tensor(images))[..., outside].all()


def test_windows_of_one_signature_share_batches() -> None:
    sizes: list[int] = []
    model = _conical()
    cone = model.cone

    def counted(column: int) -> Cone | None:
        found = cone(column)
        if found is None:
            return None
        function = found.model.function  # type: ignore[attr-defined]
        inner = Layer(lambda x: (sizes.append(len(x)), function(x))[1], ("c0", "c1"))
        return Cone(window=found.window, signature=found.signature, model=inner, unit=found.unit)

    model.cone = counted  # type: ignore[method-assign]
    _all(make_grid(model, _images(size=SIZE), batch=64))
    assert max(sizes) > 3 * 2 * 2  # more rows than one unit has


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"shift": 1}, "its responses differ"), ({"gain": 1.05}, "its responses differ")],
)
def test_a_cone_that_is_not_the_unit_is_dropped_and_said(wrong: Any, reason: str) -> None:
    said: list[str] = []
    model, images = _conical(**wrong), _images(size=SIZE)
    found = _all(make_grid(model, images, note=said.append))
    assert len(said) == 1
    assert said[0].startswith("model: the dependency cone of unit 'c0@1,1' was dropped: ")
    assert reason in said[0]
    for one, other in zip(found, _all(make_grid(Layer(_positions, model.units), images)), strict=True):
        np.testing.assert_array_equal(one.responses, other.responses)


def test_an_objective_that_reads_more_than_the_unit_never_sees_a_cone() -> None:
    model = _conical()
    grid = make_grid(model, _images(size=SIZE))
    wanted = [Target(unit=0, name="a")]
    list(attack_targets(grid, PGD(steps=4), "pgd", Drive(), "unit", decision=False, local=False, targets=wanted))
    assert model.cropped == 0
