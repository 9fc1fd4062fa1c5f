"""What attacks on the population may ask: vectors, Jacobians, partners, and hidden layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Layer, linear, make_grid, network
from spikeproof.engine import BoundObjective, Grid, whitened
from spikeproof.errors import AttackError, ModelError, UsageError


def _images(count: int = 4) -> np.ndarray:
    return (0.2 + 0.6 * np.random.default_rng(2).random((count, 1, 6, 6))).astype(np.float32)


def _bound(grid: Grid, objective: Any = None, unit: int = -1) -> BoundObjective:
    count = len(grid.stimulus_ids)
    return BoundObjective(
        grid,
        objective or Away(),
        "aim",
        decision=False,
        stimuli=np.arange(count),
        units=np.full(count, unit),
        directions=np.zeros(count, dtype=np.intp),
    )


WHITENING = np.random.default_rng(5).standard_normal((4, 3))


def test_responses_are_whitened_and_can_be_differentiated() -> None:
    model = network(0)
    grid = make_grid(model, _images(), whitening=WHITENING, batch=3)
    bound, images = _bound(grid), grid.clean + 0.01
    wanted = model.function(images) @ torch.as_tensor(WHITENING, dtype=torch.float32)
    torch.testing.assert_close(bound.responses(images), wanted)
    assert not bound.responses(images).requires_grad
    leaf = images.clone().requires_grad_()
    slope = torch.autograd.grad(bound.responses(leaf).square().sum(), leaf)[0]
    own = images.clone().requires_grad_()
    mine = torch.autograd.grad((model.function(own) @ torch.as_tensor(WHITENING).float()).square().sum(), own)[0]
    torch.testing.assert_close(slope, mine)
    assert bound.backward_rows == len(images)


def test_rows_belong_to_the_items_that_are_named() -> None:
    grid = make_grid(network(0), _images())
    bound = _bound(grid)
    items = torch.tensor([2, 0])
    torch.testing.assert_close(bound.responses(grid.clean[items], items), bound.responses(grid.clean)[items])
    torch.testing.assert_close(bound.jacobian(grid.clean[items], items), bound.jacobian(grid.clean)[items])


def test_the_jacobian_is_that_of_autograd_and_of_finite_differences() -> None:
    model = network(0)
    double = replace(model, function=model.function.double(), head=None)
    grid = make_grid(double, _images().astype(np.float64), whitening=WHITENING, batch=2)
    bound = _bound(grid)
    found = bound.jacobian(grid.clean)
    assert found.shape == (4, 3, 1, 6, 6)
    assert bound.backward_rows == 4 * 3
    matrix = torch.as_tensor(WHITENING)
    for row in range(4):
        wanted = torch.autograd.functional.jacobian(lambda x: (double.function(x[None]) @ matrix)[0], grid.clean[row])
        torch.testing.assert_close(found[row], wanted)
    step = torch.as_tensor(np.random.default_rng(0).standard_normal(grid.clean.shape)) * 1e-6
    change = (bound.responses(grid.clean + step) - bound.responses(grid.clean - step)) / 2
    torch.testing.assert_close(torch.einsum("rkcyx,rcyx->rk", found, step), change, rtol=1e-4, atol=1e-11)


def test_a_jacobian_that_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whitened, "MOST_NUMBERS", 4 * 36 - 1)
    bound = _bound(make_grid(network(0), _images()))
    with pytest.raises(AttackError, match=r"Jacobian of 4 units by 36 pixels is too large .* population of 3 or fewer"):
        bound.jacobian(bound.clean)


def test_a_jacobian_of_responses_that_are_cut_off_is_refused() -> None:
    bound = _bound(make_grid(Layer(lambda x: x.detach().flatten(1)[:, :2] * 1.0, ("a", "b")), _images()))
    with pytest.raises(ModelError, match="cut off from the image"):
        bound.jacobian(bound.clean)


def test_an_item_whose_jacobian_is_not_finite_is_marked_and_zero() -> None:
    def respond(x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(1)[:, :2] - 0.5).clamp(min=0).sqrt()

    images = np.full((2, 1, 6, 6), 0.9, dtype=np.float32)
    images[1] = 0.5
    bound = _bound(make_grid(Layer(respond, ("a", "b")), images))
    found = bound.jacobian(bound.clean)
    assert (found[1] == 0).all()
    assert bound.not_finite.tolist() == [False, True]
    assert torch.isfinite(found).all()
    assert found[0].any()


def test_partners_are_the_clean_images_of_other_stimuli() -> None:
    grid = make_grid(network(0), _images(), partner=np.array([2, 0, 3, 1]))
    assert torch.equal(_bound(grid).partners, grid.clean[[2, 0, 3, 1]])


def test_one_infinite_radius_means_no_ball_and_stands_alone() -> None:
    make_grid(network(0), _images(), epsilons=(np.inf,))
    with pytest.raises(UsageError, match="ascending, finite and not negative"):
        make_grid(network(0), _images(), epsilons=(0.1, np.inf))


def test_stimuli_differ_by_the_mean_norm_over_pairs() -> None:
    images = np.zeros((3, 1, 6, 6), dtype=np.float32)
    images[1] += 0.5
    images[2] += 1.0
    for norm, length in (("l1", 36.0), ("l2", 6.0), ("linf", 1.0)):
        grid = make_grid(linear(np.eye(36, dtype=np.float32)), images, norm=norm)
        assert grid.between_stimuli == pytest.approx(length * (0.5 + 0.5 + 1.0) / 3)
    assert np.isnan(make_grid(linear(np.eye(36, dtype=np.float32)), images[:1]).between_stimuli)


@dataclass
class TwoStage(Layer):
    """Units r = V tanh(W x) whose hidden layer is tanh(W x)."""

    lower: Any = None
    upper: Any = None

    def hidden(self, layer: str) -> Any:
        if layer not in ("", "tanh"):
            raise ModelError(f"no layer {layer!r}")
        return self

    def activation(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tanh(images.flatten(1) @ self.lower.T)

    def shifted(self, images: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return (self.activation(images) + shift) @ self.upper.T


class Shiftable(TwoStage):
    def responses(self, images: torch.Tensor, shift: torch.Tensor | None = None) -> torch.Tensor:
        return self.function(images) if shift is None else self.shifted(images, shift)


def two_stage() -> Shiftable:
    rng = np.random.default_rng(4)
    lower = torch.as_tensor(0.2 * rng.standard_normal((5, 36)), dtype=torch.float32)
    upper = torch.as_tensor(rng.standard_normal((3, 5)), dtype=torch.float32)
    return Shiftable(lambda x: torch.tanh(x.flatten(1) @ lower.T) @ upper.T, ("a", "b", "c"), lower=lower, upper=upper)


def test_a_hidden_layer_gives_its_output_and_the_slope_of_the_objective_there() -> None:
    model = two_stage()
    grid = make_grid(model, _images(), batch=3)
    bound = _bound(grid, Drive(ways=("up",)), unit=1)
    hidden = bound.hidden("tanh")
    torch.testing.assert_close(hidden.activation(grid.clean), model.activation(grid.clean))
    shift = torch.full((4, 5), 0.3)
    value, slope = hidden.value_and_gradient(grid.clean, shift)
    torch.testing.assert_close(value, model.function(grid.clean)[:, 1] + 0.3 * model.upper[1].sum())
    torch.testing.assert_close(slope, model.upper[1].expand(4, 5))
    leaf = grid.clean.clone().requires_grad_()
    torch.autograd.grad(hidden.activation(leaf).sum(), leaf)


def test_a_shift_at_the_clean_image_itself_is_seen() -> None:
    """The engine pins responses to clean images down, against rounding: not those under a shift."""
    bound = _bound(make_grid(two_stage(), _images()), Away())
    value, _ = bound.hidden("").value_and_gradient(bound.clean, torch.ones(4, 5))
    assert (value > 0.1).all()


def test_slopes_at_a_hidden_layer_that_are_not_finite_are_marked() -> None:
    model = two_stage()
    object.__setattr__(model, "upper", model.upper * torch.nan)
    bound = _bound(make_grid(model, _images()), Drive(ways=("up",)), unit=1)
    value, slope = bound.hidden("").value_and_gradient(bound.clean, torch.ones(4, 5))
    assert (value == -torch.inf).all()
    assert (slope == 0).all()
    assert bound.not_finite.all()


def test_a_model_that_shows_no_hidden_layer_says_so() -> None:
    bound = _bound(make_grid(network(0), _images(), name="CNN conv1"))
    with pytest.raises(ModelError, match="CNN conv1 shows no hidden layers"):
        bound.hidden("conv1")
