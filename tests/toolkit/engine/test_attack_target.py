from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Layer, Margin, linear, make_grid, network
from spikeproof.engine import BoundObjective, attack_target
from spikeproof.errors import AttackError, ModelError, PluginFailed, UsageError
from spikeproof.geometry import project
from spikeproof.readout import LinearReadout
from spikeproof_attacks.pgd import PGD


def _images(count: int = 5) -> np.ndarray:
    x = np.random.default_rng(1).random((count, 1, 6, 6))
    x[x < 0.2] = 0
    return x.astype(np.float32)


def _readout(count: int, units: int = 4) -> LinearReadout:
    rng = np.random.default_rng(8)
    return LinearReadout(
        classes=("a", "b", "c"),
        weights=rng.standard_normal((2, 3, units)),
        intercepts=rng.standard_normal((2, 3)) * 0.1,
        stimuli=tuple(f"s{k}" for k in range(count)),
        fold=np.arange(count) % 2,
    )


def _run(grid: Any, attack: Any = None, objective: Any = None, **more: Any) -> Any:
    settings: dict[str, Any] = {"decision": False, "unit": 1, "target": "u1"}
    return attack_target(grid, attack or PGD(steps=8), "pgd", objective or Drive(), "unit", **(settings | more))


CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "unit": (Drive(), {}, {}),
    "population": (Away(), {}, {"unit": -1, "target": "population"}),
    "head": (Margin(), {"use_head": True}, {"unit": -1, "decision": True}),
    "readout": (Margin(), {"readout": _readout(5)}, {"unit": -1, "decision": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_batch_and_the_company_of_other_stimuli_do_not_change_a_result(case: str) -> None:
    objective, settings, how = CASES[case]
    model, x = network(0), _images()
    whole = _run(make_grid(model, x, **settings), objective=objective, **how)
    for batch in (1, 3, 7, 1000):
        model.largest_batch = 0
        other = _run(make_grid(model, x, **settings, batch=batch), objective=objective, **how)
        assert model.largest_batch <= batch
        np.testing.assert_allclose(other.responses, whole.responses, rtol=1e-4, atol=1e-4)
        assert other.status.tolist() == whole.status.tolist()
    alone = make_grid(model, x[2:3], **settings, stimulus_ids=("s2",))
    np.testing.assert_allclose(
        _run(alone, objective=objective, **how).responses[:, 0], whole.responses[:, 2], rtol=1e-4, atol=1e-4
    )


def test_an_attack_never_holds_more_rows_than_the_batch_unless_one_stimulus_needs_them() -> None:
    held: list[int] = []

    def still(objective: Any, clean: Any, epsilons: Any, norm: Any, noise: Any) -> Any:  # noqa: ARG001
        held.append(len(clean) * len(epsilons))
        assert len(noise) == len(objective) == len(clean)
        return clean.expand(len(epsilons), *clean.shape).clone()

    for batch, expected in ((8, [8, 8, 4]), (1000, [20]), (1, [4] * 5)):  # 5 stimuli x 2 directions x 2 epsilons
        held.clear()
        _run(make_grid(network(0), _images(), batch=batch), still)
        assert held == expected


def test_the_kept_direction_is_the_one_that_moved_the_unit_more_and_both_are_returned() -> None:
    model, x = network(2), _images()
    grid = make_grid(model, x)
    both = _run(grid, keep_images=True)
    up, down = (_run(grid, objective=Drive((way,))) for way in ("up", "down"))
    assert both.directions == ("up", "down")
    clean = grid.clean_responses[:, 1]
    for row, single in enumerate((up, down)):  # other noise and batch, the same optimum
        np.testing.assert_allclose(both.directed[row], single.responses[:, :, 1], rtol=1e-4, atol=1e-4)
    moved = np.abs(both.directed - clean)
    np.testing.assert_allclose(np.abs(both.responses[:, :, 1] - clean), moved.max(axis=0), rtol=1e-4)
    assert {0, 1} == set(moved.argmax(axis=0).ravel())  # both directions win somewhere
    again = model.function(both.images.flatten(0, 1)).double().numpy().reshape(both.responses.shape)
    np.testing.assert_allclose(again, both.responses, rtol=1e-5, atol=1e-6)
    delta = (both.images.double() - torch.as_tensor(x).double()).flatten(2)
    np.testing.assert_allclose(both.achieved, torch.linalg.vector_norm(delta, dim=2), rtol=1e-9)


def test_choices_are_the_held_out_readouts_or_the_networks_own() -> None:
    model, x = network(0), _images()
    readout = _readout(5)
    attacked = _run(make_grid(model, x, readout=readout))
    names = tuple(f"s{k}" for k in range(5))
    assert np.array(readout.classes)[attacked.choices].tolist() == readout.choices(attacked.responses, names).tolist()
    own = _run(make_grid(model, x, use_head=True), keep_images=True)
    assert model.head is not None
    expected = model.head(own.images.flatten(0, 1)).argmax(dim=1).reshape(2, 5)
    assert own.choices.tolist() == expected.tolist()
    assert _run(make_grid(model, x)).choices is None


def test_a_behavioral_attack_lowers_the_margin_of_each_stimulus_own_fold() -> None:
    model, x = network(0), _images()
    grid = make_grid(model, x, readout=_readout(5))
    attacked = _run(grid, objective=Margin(), decision=True, unit=-1)
    assert grid.readout is not None

    def margin(responses: np.ndarray) -> np.ndarray:
        decision = grid.readout.decision(responses, grid.stimulus_ids)  # type: ignore[union-attr]
        own = np.take_along_axis(decision, np.broadcast_to(grid.clean_choice[:, None], (*decision.shape[:-1], 1)), -1)  # type: ignore[index]
        others = decision.copy()
        np.put_along_axis(others, np.broadcast_to(grid.clean_choice[:, None], own.shape), -np.inf, -1)  # type: ignore[index]
        return np.asarray(others.max(axis=-1) - own[..., 0])

    clean = margin(grid.clean_responses)
    perturbed = margin(attacked.responses)
    assert (perturbed > clean + 1e-3).all()
    assert (np.diff(perturbed, axis=0) > 0).all()


def test_the_forward_pass_stops_at_the_layer_unless_the_head_is_asked_for() -> None:
    model = network(0)
    _run(make_grid(model, _images()))
    assert model.logits_asked == 0
    _run(make_grid(model, _images(), use_head=True), objective=Margin(), decision=True)
    assert model.logits_asked > 0


def test_finite_differences_agree_with_the_gradient_that_attacks_are_given() -> None:
    plain = Layer(network(1).function, ("u0", "u1", "u2", "u3"))
    assert isinstance(plain.function, torch.nn.Module)
    plain.function.double()
    x = torch.as_tensor(_images(3)).double()
    grid = make_grid(plain, x)
    bound = BoundObjective(
        grid,
        Drive(),
        "unit",
        decision=False,
        stimuli=np.arange(3),
        units=np.array([0, 1, 2]),
        directions=np.array([0, 1, 0]),
    )
    _, gradient = bound.value_and_gradient(x)
    along = torch.as_tensor(np.random.default_rng(1).standard_normal(x.shape))
    h = 1e-6
    slope = (bound(x + h * along) - bound(x - h * along)) / (2 * h)
    torch.testing.assert_close((gradient * along).flatten(1).sum(dim=1), slope, rtol=1e-5, atol=1e-7)
    assert torch.equal(bound(x[[2, 0]], torch.tensor([2, 0])), bound(x)[[2, 0]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_never_the_best_and_gradients_become_zero(bad: float) -> None:
    plain, x = network(1), torch.as_tensor(_images(3))
    model = Layer(lambda y: plain.function(y) * torch.where(y[:, 0, 0, 0] == 7, bad, 1.0)[:, None], plain.units)
    rows = {"stimuli": np.arange(3), "units": np.zeros(3, dtype=int), "directions": np.zeros(3, dtype=int)}
    bound = BoundObjective(make_grid(model, x), Drive(), "unit", decision=False, **rows)
    asked = x.clone()
    asked[1, 0, 0, 0] = 7
    value, gradient = bound.value_and_gradient(asked)
    assert value[1] == -torch.inf
    assert (gradient[1] == 0).all()
    assert bound.not_finite.tolist() == [False, True, False]
    expected = plain.function(asked)[:, 0]
    assert torch.equal(value[[0, 2]], expected[[0, 2]])
    assert (gradient[[0, 2]] != 0).any()
    assert bound(asked)[1] == -torch.inf


def test_everything_is_as_it_was_after_an_attack_and_after_one_that_fails() -> None:
    model, x = network(0), _images()
    body = model.function
    assert isinstance(body, torch.nn.Module)
    body.requires_grad_(True)
    next(iter(body.parameters())).requires_grad_(False)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    flags = [p.requires_grad for p in body.parameters()]
    pixels, state, numpy_state = x.copy(), torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index, union-attr]

    def greedy(objective: Any, clean: Any, *rest: Any) -> Any:  # noqa: ARG001
        objective.value_and_gradient(clean)
        clean.fill_(7)
        raise RuntimeError("out of ideas")

    grid = make_grid(model, x)
    _run(grid)
    with pytest.raises(AttackError, match="attack 'pgd' on unit 'u1' failed: RuntimeError: out of ideas"):
        _run(grid, greedy)
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())
    assert [p.requires_grad for p in body.parameters()] == flags
    assert all(p.grad is None for p in body.parameters())
    assert not body.training
    assert (x == pixels).all()
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()  # type: ignore[index]
    assert torch.is_grad_enabled()


def test_attacks_run_where_the_caller_switched_gradients_off() -> None:
    model, x = network(0), _images(2)
    expected = _run(make_grid(model, x)).responses
    for off in (torch.no_grad, torch.inference_mode):
        with off():
            np.testing.assert_allclose(_run(make_grid(model, x)).responses, expected, rtol=1e-5)


def test_a_stimulus_whose_values_are_not_finite_is_flagged_and_the_others_go_on() -> None:
    plain, x = network(0), _images()
    edge = torch.as_tensor(x[1])

    def fragile(y: torch.Tensor) -> torch.Tensor:
        near_second = ((y - edge).flatten(1).norm(dim=1) < 0.5) & ((y - edge).flatten(1).norm(dim=1) > 1e-6)
        return torch.where(near_second[:, None], torch.nan, plain.function(y))

    good = _run(make_grid(plain, x))
    attacked = _run(make_grid(Layer(fragile, plain.units), x))
    assert (attacked.status == "not-finite").tolist() == [False, True, False, False, False]
    others = [0, 2, 3, 4]
    assert attacked.status[others].tolist() == good.status[others].tolist()
    np.testing.assert_allclose(attacked.responses[:, others], good.responses[:, others], rtol=1e-4, atol=1e-5)
    assert np.isfinite(attacked.responses).all()


def test_a_gradient_that_is_not_finite_is_flagged_too() -> None:
    x = np.full((2, 1, 6, 6), 0.5, dtype=np.float32)
    x[1] += 0.01
    model = Layer(lambda y: (y - 0.5).flatten(1).norm(dim=1, keepdim=True).sqrt(), ("root",))  # slope infinite at 0.5
    attacked = _run(make_grid(model, x), unit=0)
    assert (attacked.status == "not-finite").tolist() == [True, False]
    assert (attacked.responses[:, 1] > attacked.responses[:, 1].min() - 1).all()


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return torch.round(y * 500) / 500

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return torch.zeros_like(grad)


MASKS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "round": lambda r: _Round.apply(r),  # type: ignore[no-untyped-call]
    "detach": lambda r: r * 0 + r.detach(),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("case", ["unit", "population", "readout"])
def test_a_masked_gradient_is_told_from_a_dead_unit(mask: str, case: str) -> None:
    objective, settings, how = CASES[case]
    plain, x = network(0), _images()
    masked = Layer(lambda y: MASKS[mask](plain.function(y)), plain.units)
    attacked = _run(make_grid(masked, x, **settings), objective=objective, **how)
    assert attacked.status.tolist() == ["masked"] * 5
    silent = Layer(lambda y: plain.function(y) * 0, plain.units)
    silenced = _run(make_grid(silent, x, **settings), objective=objective, **how)
    assert silenced.status.tolist() == ["dead"] * 5


def test_a_unit_without_any_path_to_the_image_is_refused() -> None:
    plain = network(0)
    cut = Layer(lambda y: plain.function(y.detach()), plain.units)
    with pytest.raises(ModelError, match=r"objective 'unit': the responses are cut off from the image .*no gradient"):
        _run(make_grid(cut, _images()))


def test_an_attack_that_needs_no_gradients_runs_on_a_model_that_has_none() -> None:
    plain, x = network(0), _images()
    cut = Layer(lambda y: plain.function(y.detach()), plain.units)

    def search(objective: Any, clean: Any, epsilons: Any, norm: Any, noise: Any) -> Any:
        step = noise.normal(clean.shape[1:], like=clean)
        found = torch.stack([project(clean + step, clean, eps, norm) for eps in epsilons])
        assert objective(found[0]).shape == (len(clean),)
        return found

    attacked = _run(make_grid(cut, x), search, gradients=False)
    assert attacked.status.tolist() == ["ok"] * 5
    assert attacked.backward_rows == 0


@dataclass
class _Wrong:
    """An attack that returns the clean images with something done to them."""

    change: Callable[[torch.Tensor], Any]

    def __call__(self, objective: Any, clean: Any, epsilons: Any, norm: Any, noise: Any) -> Any:  # noqa: ARG002
        return self.change(clean.expand(len(epsilons), *clean.shape).clone())


def _add(amount: float, row: int = 3) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(images: torch.Tensor) -> torch.Tensor:
        images[0, row, 0, 0, 0] += amount
        return images

    return change


GREY = np.full((5, 1, 6, 6), 0.5, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_add(0.11), r"attack 'pgd' on unit 'u1', stimulus 's3', radius 0.1: .* l2 norm 0.11, allowed 0.1; project"),
        (_add(0.1 * (1 + 3e-5)), r"stimulus 's3', radius 0.1: .* norm 0.100003, allowed 0.1"),
        (_add(0.6), r"stimulus 's3', radius 0.1: pixels reach from 0.5 to 1.1; allowed is \[0, 1\]"),
        (_add(float("nan")), r"stimulus 's3', radius 0.1: the image has a value that is not finite"),
        (
            lambda z: z[:1],
            r"returned torch.float32 of shape \(1, 5, 1, 6, 6\): it must return torch.float32 of shape \(2,",
        ),
        (lambda z: z.double(), r"returned torch.float64 of shape"),
        (lambda z: z.numpy(), r"attack 'pgd' on unit 'u1' returned ndarray: it must return a tensor of shape \(2, 5"),
    ],
)
def test_what_leaves_the_ball_or_the_box_is_refused_by_name(change: Any, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        _run(make_grid(network(0), GREY), _Wrong(change), objective=Drive(("up",)))


def test_rounding_just_outside_the_ball_or_the_box_is_pulled_back() -> None:
    attacked = _run(
        make_grid(network(0), GREY), _Wrong(_add(0.1 * (1 + 6e-6))), objective=Drive(("up",)), keep_images=True
    )
    assert attacked.achieved[0, 3] == pytest.approx(0.1, rel=1e-6)
    assert attacked.achieved[0, 3] <= 0.1 * (1 + 1e-6)
    white = GREY + 0.5
    attacked = _run(make_grid(network(0), white), _Wrong(_add(5e-7)), objective=Drive(("up",)), keep_images=True)
    assert attacked.images.max() == 1


def test_a_response_that_is_not_finite_at_the_end_names_the_stimulus() -> None:
    plain = network(0)
    burst = Layer(
        lambda y: torch.where((y > 0.55).flatten(1).any(1)[:, None], torch.inf, plain.function(y)), plain.units
    )
    with pytest.raises(ModelError, match=r"response of unit 'u0' to stimulus 's3 \(epsilon 0.1\)' is inf"):
        _run(make_grid(burst, GREY), _Wrong(_add(0.09)), objective=Drive(("up",)))


def test_a_malformed_objective_is_refused() -> None:
    class Mean(Away):
        def value(self, seen: Any) -> torch.Tensor:
            return super().value(seen).mean()

    with pytest.raises(PluginFailed, match=r"objective 'unit' must return one number a row, shape \(5,\), got \(\)"):
        _run(make_grid(network(0), GREY), objective=Mean())


def test_an_objective_on_decisions_needs_something_that_decides() -> None:
    with pytest.raises(PluginFailed, match=r"objective 'unit' reads decisions, but the study has no readout"):
        _run(make_grid(network(0), GREY), objective=Margin(), decision=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stimulus_ids": ("a",)}, r"5 images for 1 stimulus ids"),
        ({"clean_responses": np.zeros((5, 3))}, r"clean responses have shape \(5, 3\), expected 5 stimuli x 4 units"),
        ({"epsilons": (0.2, 0.1)}, r"epsilons must be ascending, finite and not negative, got \[0.2, 0.1\]"),
        ({"epsilons": ()}, r"epsilons must be"),
        ({"epsilons": (0.1, 0.1)}, r"epsilons must be ascending, .* got \[0.1, 0.1\]"),
        ({"epsilons": (-0.1, 0.1)}, r"epsilons must be ascending, finite and not negative, got \[-0.1, 0.1\]"),
        ({"epsilons": (0.1, float("nan"))}, r"epsilons must be ascending, finite and not negative, got \[0.1, nan\]"),
        ({"norm": "l0"}, r"norm must be 'l1', 'l2' or 'linf', got 'l0'"),
        ({"batch": 0}, r"batch must be at least 1 row, got 0"),
        ({"use_head": True, "clean_logits": None}, r"its clean class scores are missing"),
        ({"partner": np.array([0, 1, 2, 3, 5])}, r"partner must name a row of the 5 images"),
    ],
)
def test_a_grid_that_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_grid(network(0), GREY, **changes)


def test_images_must_be_floating_point() -> None:
    grid = replace(make_grid(network(0), GREY), images=(GREY * 255).astype(np.uint8))
    with pytest.raises(UsageError, match="images must be floating point"):
        _run(grid)


def test_a_linear_unit_is_attacked_the_same_through_a_selection_of_units() -> None:
    w = np.random.default_rng(1).standard_normal((4, 36))
    whole = _run(make_grid(linear(w), GREY))
    part = _run(make_grid(linear(w).select([1]), GREY), unit=0)
    np.testing.assert_allclose(part.responses[:, :, 0], whole.responses[:, :, 1], rtol=1e-5)


def test_the_clean_image_is_recognised_among_others_and_reads_exactly_the_clean_response() -> None:
    x = torch.as_tensor(_images(3))
    grid = make_grid(network(1), x)
    rows = {"stimuli": np.arange(3), "units": np.zeros(3, dtype=int), "directions": np.zeros(3, dtype=int)}
    bound = BoundObjective(grid, Away(), "population", decision=False, **rows)
    asked = x.clone()
    asked[1, 0, 5, 5] += 0.5  # the last pixel only
    values = bound(asked)
    assert values[[0, 2]].tolist() == [0.0, 0.0]
    assert values[1] > 1e-6
    assert bound(x[[1, 0]], torch.tensor([0, 0]))[1] == 0.0
    assert bound(x[[1, 0]], torch.tensor([0, 0]))[0] > 0
