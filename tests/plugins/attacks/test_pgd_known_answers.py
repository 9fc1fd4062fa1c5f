"""Units whose optimum is known in closed form, attacked through the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Away, Drive, Layer, Margin, linear, make_grid, network
from scipy.optimize import brentq
from spikeproof.engine import attack_target
from spikeproof.geometry import ascent_direction, norm_of, project, step_in_box
from spikeproof.readout import LinearReadout
from spikeproof.types import ItemNoise
from spikeproof_attacks.pgd import PGD


def _weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def _up(
    model: Layer, clean: np.ndarray, *, unit: int = 0, pgd: PGD | None = None, ways: Any = ("up",), **grid: Any
) -> Any:
    return attack_target(
        make_grid(model, clean, **grid),
        pgd or PGD(),
        "pgd",
        Drive(ways),
        "unit",
        decision=False,
        unit=unit,
        target=str(unit),
        keep_images=True,
    )


def _gain(model: Layer, clean: np.ndarray, **more: Any) -> np.ndarray:
    """Gain of unit 0 (or ``unit``), (epsilon, stimulus)."""
    unit = more.get("unit", 0)
    before = model.function(torch.as_tensor(clean)).double().numpy()[:, unit]
    return _up(model, clean, **more).responses[:, :, unit] - before


def _grey(count: int = 2, *, size: int = 6, dtype: Any = np.float32) -> np.ndarray:
    """Clean images in the middle of the box."""
    return (0.5 + 0.1 * (np.random.default_rng(1).random((count, 1, size, size)) - 0.5)).astype(dtype)


def _natural(count: int = 4, *, size: int = 6) -> np.ndarray:
    """Clean images with many pixels at the walls."""
    x = np.random.default_rng(2).random((count, 1, size, size))
    x[x < 0.2] = 0
    x[x > 0.9] = 1
    return x.astype(np.float32)


@pytest.mark.parametrize("ways", [("up",), ("down",), ("up", "down")])
def test_a_linear_unit_gains_epsilon_times_its_norm_and_the_image_moves_along_its_weights(ways: Any) -> None:
    w = _weights(1, 36)
    attacked = _up(linear(w), x := _grey(), ways=ways)
    gain = np.abs(attacked.responses[:, :, 0] - x.reshape(2, -1) @ w[0])
    np.testing.assert_allclose(gain, np.array([[0.1], [0.3]]) * np.linalg.norm(w) * [[1, 1]], rtol=1e-4)
    sign = 1 if ways[0] == "up" else -1  # a tie keeps the first direction
    delta = (attacked.images[1, 0] - torch.as_tensor(x[0])).flatten().numpy()
    np.testing.assert_allclose(delta, 0.3 * sign * w[0] / np.linalg.norm(w), atol=1e-4)


def test_a_linear_unit_in_the_box_reaches_its_optimum_where_clipping_after_projection_falls_short() -> None:
    w = _weights(1, 36)
    x, eps = _natural(), 1.5
    flat = x.reshape(len(x), -1).astype(float)
    best = []
    for image in flat:

        def reach(t: float, image: np.ndarray = image) -> np.ndarray:
            return np.clip(image + t * w[0], 0, 1) - image

        t = brentq(lambda t, reach=reach: np.linalg.norm(reach(t)) - eps, 0, 1e6)
        best.append(w[0] @ reach(t))
    gain = _gain(linear(w), x, epsilons=(0.2, eps))[1]
    assert (gain >= np.array(best) * (1 - 1e-4)).all()
    assert (gain <= np.array(best) * (1 + 1e-5)).all()


def test_a_linear_unit_under_linf_gains_its_weights_times_the_room_of_each_pixel() -> None:
    w = _weights(1, 36)
    x = _natural()
    flat = x.reshape(len(x), -1).astype(float)
    for eps, gain in zip((0.03, 0.4), _gain(linear(w), x, norm="linf", epsilons=(0.03, 0.4)), strict=True):
        room = np.minimum(np.where(w[0] > 0, 1 - flat, flat), eps)
        np.testing.assert_allclose(gain, room @ np.abs(w[0]), rtol=1e-4)
    one_step = _gain(linear(w), x, norm="linf", epsilons=(0.03, 0.4), pgd=PGD(steps=1))
    np.testing.assert_allclose(
        one_step[0], np.minimum(np.where(w[0] > 0, 1 - flat, flat), 0.03) @ np.abs(w[0]), rtol=1e-4
    )


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_level_is_reached_at_its_distance_and_not_before(norm: Any) -> None:
    w = _weights(1, 36)
    level = 0.7
    distance = level / (np.linalg.norm(w) if norm == "l2" else np.abs(w).sum())
    below, above = _gain(linear(w), _grey(1), norm=norm, epsilons=(distance * (1 - 1e-3), distance * (1 + 1e-3)))[:, 0]
    assert below < level < above


@pytest.mark.parametrize("schedule", ["best", "geometric", "cosine"])
def test_one_step_is_the_gradient_step_of_exactly_epsilon(schedule: Any) -> None:
    model, x = network(0), _grey()
    attacked = _up(model, x, pgd=PGD(steps=1, schedule=schedule))
    leaf = torch.as_tensor(x).requires_grad_()
    gradient = torch.autograd.grad(model.function(leaf)[:, 0].sum(), leaf)[0]
    direction = ascent_direction(gradient, "l2")[0]
    torch.testing.assert_close(attacked.images[0], torch.as_tensor(x) + 0.1 * direction, atol=1e-6, rtol=0)
    np.testing.assert_allclose(attacked.achieved, [[0.1, 0.1], [0.3, 0.3]], rtol=1e-6)


def test_a_bump_is_climbed_to_its_top_inside_the_ball_and_to_the_nearest_point_outside() -> None:
    x = _grey(1)
    top = torch.as_tensor(x + 0.05 * _weights(*x.shape), dtype=torch.float32)
    model = Layer(lambda y: -(y - top).square().flatten(1).sum(dim=1, keepdim=True) / 2, ("bump",))
    away = float(np.linalg.norm(top.numpy() - x))
    attacked = _up(model, x, epsilons=(away / 2, away * 2))
    assert attacked.responses[0, 0, 0] == pytest.approx(-(away**2) / 8, rel=1e-3)
    assert attacked.responses[1, 0, 0] > -1e-3 * away**2
    assert attacked.achieved[1, 0] == pytest.approx(away, rel=0.05)  # the best iterate, not one on the sphere
    down = _up(model, x, ways=("down",), epsilons=(away / 2, away * 2))
    assert down.responses[0, 0, 0] == pytest.approx(-((1.5 * away) ** 2) / 2, rel=1e-3)


def test_a_stationary_clean_image_is_left_by_a_random_start_and_reported() -> None:
    basis = np.linalg.qr(_weights(36, 36))[0]
    values = np.append(np.linspace(-1, 2, 35), 3.0)
    matrix = torch.as_tensor(basis * values @ basis.T, dtype=torch.float32)
    model = Layer(
        lambda y: ((y - 0.5).flatten(1) @ matrix * (y - 0.5).flatten(1)).sum(1, keepdim=True) / 2, ("saddle",)
    )
    x = np.full((3, 1, 6, 6), 0.5, dtype=np.float32)
    attacked = _up(model, x, pgd=PGD(steps=150))
    assert attacked.status.tolist() == ["zero-gradient"] * 3
    gain = attacked.responses[:, :, 0]
    assert (gain <= np.array([[0.01], [0.09]]) * 3 / 2 * (1 + 1e-5)).all()
    np.testing.assert_allclose(gain, np.array([[0.01], [0.09]]) * 3 / 2 * [[1, 1, 1]], rtol=0.02)


def test_a_complex_cell_is_driven_from_the_blank_to_its_energy() -> None:
    pair = np.linalg.qr(_weights(36, 2))[0].T * 2
    model = Layer(
        lambda y: ((y - 0.5).flatten(1) @ torch.as_tensor(pair.T, dtype=torch.float32)).square().sum(1, keepdim=True),
        ("energy",),
    )
    gain = _gain(model, np.full((2, 1, 6, 6), 0.5, dtype=np.float32))
    np.testing.assert_allclose(gain, np.array([[0.01], [0.09]]) * 4 * [[1, 1]], rtol=1e-3)


def test_a_dead_unit_is_left_and_flagged_and_a_threshold_within_reach_is_crossed() -> None:
    w = np.abs(_weights(1, 36))
    matrix = torch.as_tensor(w.T, dtype=torch.float32)
    x = _grey(1)
    drive, length = float(x.reshape(-1) @ w[0]), float(np.linalg.norm(w))

    def relu(distance: float) -> Layer:
        return Layer(lambda y: torch.relu(y.flatten(1) @ matrix - drive - distance * length), ("relu",))

    attacked = _up(relu(5.0), x)
    assert attacked.status.tolist() == ["dead"]
    assert (attacked.responses == 0).all()
    assert torch.isfinite(attacked.images).all()
    before = Layer(lambda y: y.flatten(1) @ matrix - drive - 0.2 * length, ("before",))
    smaller, larger = _up(before, x, epsilons=(0.2 * (1 - 1e-3), 0.2 * (1 + 1e-3))).responses[:, 0, 0]
    assert smaller < 0 < larger  # the pre-activation is exact about the threshold


def test_a_real_unit_within_one_linear_region_gains_its_local_gradient() -> None:
    model, x = network(4), _grey(3)
    leaf = torch.as_tensor(x).requires_grad_()
    gradient = torch.autograd.grad(model.function(leaf)[:, 1].sum(), leaf)[0].flatten(1)
    eps = 2e-3
    gain = _gain(model, x, unit=1, epsilons=(eps,))[0]
    np.testing.assert_allclose(gain, eps * torch.linalg.vector_norm(gradient, dim=1).numpy(), rtol=5e-3)


def test_a_linear_population_moves_by_its_largest_singular_value_and_bounds_its_units() -> None:
    w = _weights(5, 36)
    x = _grey()
    grid = make_grid(linear(w), x)
    attacked = attack_target(
        grid, PGD(steps=200, restarts=2), "pgd", Away(), "population", decision=False, unit=-1, target="population"
    )
    assert attacked.status.tolist() == ["converged"] * 2  # stationary is the objective, not the responses
    moved = np.linalg.norm(attacked.responses - grid.clean_responses, axis=-1)
    largest = np.linalg.svd(w)[1][0]
    assert (moved <= np.array([[0.1], [0.3]]) * largest * (1 + 1e-5)).all()
    np.testing.assert_allclose(moved, np.array([[0.1], [0.3]]) * largest * [[1, 1]], rtol=0.01)
    units = np.array([_gain(linear(w), x, unit=k) for k in range(5)])
    assert (units.max(axis=0) <= moved * 1.01).all()
    assert (moved <= np.sqrt((units**2).sum(axis=0)) * (1 + 1e-4)).all()


@pytest.mark.parametrize(
    ("kind", "unit_sensitivity", "readout_sensitivity"),
    [("not-necessary", 5.0990, 1.1180), ("not-sufficient", 0.05, 5.0)],
)
def test_the_known_answer_pair_fragile_units_in_a_robust_system_and_the_reverse(
    kind: str, unit_sensitivity: float, readout_sensitivity: float
) -> None:
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((121, 101)))[0].T
    if kind == "not-necessary":  # r_i = u.x + 5 v_i.x, read by the mean
        weights, reading = basis[0] + 5 * basis[1:], np.full(100, 1 / 100)
    else:  # r_i = +-0.05 u.x, read by the sum with matching signs
        reading = np.random.default_rng(3).choice([-1.0, 1.0], 100)
        weights = 0.05 * reading[:, None] * basis[:1]
    model = linear(weights)
    x = (0.5 + 0.05 * np.random.default_rng(4).standard_normal((2, 1, 11, 11))).astype(np.float32)
    readout = LinearReadout(
        classes=("yes", "no"),
        weights=np.stack([reading, 0 * reading])[None],
        intercepts=np.zeros((1, 2)),
        stimuli=("s0", "s1"),
        fold=np.zeros(2, dtype=np.intp),
    )
    eps = 0.1
    grid = make_grid(model, x, readout=readout, epsilons=(eps,))
    units = attack_target(grid, PGD(), "pgd", Drive(), "unit", decision=False, unit=7, target="u7")
    moved = np.abs(units.responses[0, :, 7] - grid.clean_responses[:, 7]) / eps
    np.testing.assert_allclose(moved, unit_sensitivity, rtol=1e-3)
    system = attack_target(grid, PGD(), "pgd", Margin(), "behavior", decision=True, unit=-1, target="behavior")
    change = readout.decision(system.responses, grid.stimulus_ids) - readout.decision(
        grid.clean_responses, grid.stimulus_ids
    )
    np.testing.assert_allclose(np.abs(change[0, :, 0]) / eps, readout_sensitivity, rtol=1e-3)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("gain", [1e-15, 1e-6, 1e15])
def test_the_scale_of_a_unit_does_not_change_the_image_found(gain: float, norm: Any) -> None:
    x = _grey()
    plain = network(1)
    scaled = Layer(lambda y: plain.function(y) * gain, plain.units)
    values = [
        plain.function(_up(model, x, norm=norm, epsilons=(0.02, 0.1)).images[1]).double()[:, 0]
        for model in (plain, scaled)
    ]
    torch.testing.assert_close(values[1], values[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_epsilon_zero_returns_the_clean_image_bit_for_bit(norm: Any) -> None:
    x = _natural()
    attacked = _up(network(0), x, norm=norm, epsilons=(0.0, 0.1))
    assert torch.equal(attacked.images[0], torch.as_tensor(x))
    assert (attacked.achieved[0] == 0).all()


def _value(model: Layer, x: np.ndarray, pgd: PGD, **more: Any) -> np.ndarray:
    return _gain(model, x, pgd=pgd, epsilons=(0.05, 0.1, 0.5, 0.55, 2.0, 2.1), **more)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_value_never_falls_with_epsilon_with_restarts_or_below_the_clean_one(norm: Any) -> None:
    # A rough unit: short runs end in different places, so that nothing but keeping the best makes the value monotone.
    w = torch.as_tensor(_weights(36, 30) * 4, dtype=torch.float32)
    model = Layer(lambda y: torch.sin(y.flatten(1) @ w).sum(dim=1, keepdim=True), ("rough",))
    x = _natural(8)
    few = _value(model, x, PGD(steps=3), norm=norm)
    more = _value(model, x, PGD(steps=3, restarts=4), norm=norm)
    assert (few >= -1e-5).all()
    assert (np.diff(few, axis=0) >= -1e-4).all()
    assert (more >= few - 1e-4).all()
    assert (more > few + 0.1).any()


def test_a_start_is_never_lost_where_steps_only_lead_down() -> None:
    # The gradient promises a rise that never comes.
    class Liar(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, y: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
            return -(y - 0.5).square().flatten(1).sum(dim=1, keepdim=True)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
            return torch.ones(len(grad), 1, 6, 6)

    model = Layer(lambda y: Liar.apply(y), ("liar",))  # type: ignore[no-untyped-call]
    x = np.full((1, 1, 6, 6), 0.5, dtype=np.float32)
    attacked = _up(model, x)
    assert torch.equal(attacked.images, torch.as_tensor(x).expand(2, -1, -1, -1, -1))


def test_a_flip_of_all_images_and_of_the_model_flips_the_result() -> None:
    plain, x = network(2), _natural()
    flipped = Layer(lambda y: plain.function(y.flip(-1)), plain.units)
    a = _up(plain, x).images
    b = _up(flipped, np.flip(x, -1).copy()).images.flip(-1)
    values = [plain.function(image.flatten(0, 1))[:, 0] for image in (a, b)]
    torch.testing.assert_close(values[1], values[0], rtol=1e-4, atol=1e-5)


def test_the_gain_lies_between_what_is_easily_found_and_what_is_possible() -> None:
    model, x, eps = network(5), _natural(), 0.8
    clean = torch.as_tensor(x)
    gain = _gain(model, x, epsilons=(eps,))[0]
    layers = list(model.function.children())  # type: ignore[attr-defined]
    pixels = torch.eye(36).reshape(36, 1, 6, 6)
    zero = torch.zeros(1, 1, 6, 6)
    first = (layers[0](pixels) - layers[0](zero)).flatten(1).T
    hidden = torch.zeros(1, *layers[0](zero).shape[1:])
    units = torch.eye(hidden.numel()).reshape(-1, *hidden.shape[1:])
    second = (layers[2](units) - layers[2](hidden)).flatten(1).T
    lipschitz = torch.linalg.matrix_norm(first, 2) * torch.linalg.matrix_norm(second, 2) * layers[5].weight[0].norm()
    assert (gain <= eps * float(lipschitz)).all()
    before = model.function(clean)[:, 0]
    noise = ItemNoise(0, [("random", k) for k in range(len(x))])
    for _ in range(16):
        direction = noise.normal(x.shape[1:], like=clean)
        reached = step_in_box(clean, direction, eps, "l2")
        assert (gain >= (model.function(reached)[:, 0] - before).numpy()).all()
    single = _gain(model, x, epsilons=(eps,), pgd=PGD(steps=1))[0]
    assert (gain >= single - 1e-6).all()


def test_silencing_a_unit_is_driving_its_negative() -> None:
    model, x = network(3), _natural()
    negative = Layer(lambda y: -model.function(y), model.units)
    down = _up(model, x, ways=("down",)).responses[:, :, 0]
    up = _up(negative, x, ways=("up",)).responses[:, :, 0]
    np.testing.assert_allclose(down, -up, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_norm_is_kept_in_float64_and_after_storing_as_float32(norm: Any) -> None:
    x = _natural()
    attacked = _up(network(0), x, norm=norm, epsilons=(1e-3, 0.5))
    stored = attacked.images.numpy().astype(np.float32).astype(np.float64)
    delta = torch.as_tensor((stored - x).reshape(-1, 36))
    assert (norm_of(delta, norm).reshape(2, -1) <= torch.tensor([[1e-3], [0.5]]) * (1 + 1e-6)).all()
    assert stored.min() >= 0
    assert stored.max() <= 1


@pytest.mark.parametrize("kind", ["channels-last", "strided", "2-D", "5-D", "float64"])
def test_any_layout_rank_and_dtype_gives_the_same_result(kind: str) -> None:
    w = _weights(1, 2 * 4 * 4)
    x = torch.as_tensor(np.random.default_rng(3).random((3, 2, 4, 4)), dtype=torch.float32)
    expected = _gain(linear(w), x.numpy())
    given, model = x, linear(w)
    if kind == "channels-last":
        given = x.to(memory_format=torch.channels_last)
    elif kind == "strided":
        given = torch.stack([x, x], dim=1)[:, 0]
    elif kind == "2-D":
        given = x.reshape(3, -1)
    elif kind == "5-D":
        given = x.reshape(3, 1, 2, 4, 4)
    else:
        given, model = x.double(), linear(w, torch.float64)
    attacked = _up(model, given)
    before = x.reshape(3, -1).double().numpy() @ w[0]
    np.testing.assert_allclose(attacked.responses[:, :, 0] - before, expected, rtol=1e-4, atol=1e-6)
    assert attacked.images.dtype == given.dtype


def test_a_run_spends_as_many_gradients_as_it_says() -> None:
    attacked = _up(network(0), _grey(3), pgd=PGD(steps=12, restarts=1), epsilons=(0.5,))
    # 3 items: one gradient at the clean image; two runs of 3 and 9 steps, which end in a value without a gradient.
    assert attacked.backward_rows == 3 + 3 * (2 + 8)
    assert attacked.forward_rows == attacked.backward_rows + 3 * 2 + 3


def test_what_neighbouring_epsilons_lend_costs_values_alone() -> None:
    attacked = _up(network(0), _grey(3), pgd=PGD(steps=12, restarts=1), epsilons=(0.25, 0.5))
    assert attacked.backward_rows == 3 + 6 * (2 + 8)
    lent = attacked.forward_rows - (attacked.backward_rows + 6 * 2 + 6)
    assert 0 <= lent <= 2 * 6  # after 3 and 6 of 9 steps, the rows of an epsilon that lags behind the other


def test_projection_of_the_intersection_is_what_makes_the_difference() -> None:
    """The control of the test in the box above: project, then clip, ends below the optimum on the same unit."""
    w = torch.as_tensor(_weights(36), dtype=torch.float64)
    x = torch.as_tensor(_natural(1)).double().reshape(1, -1)
    eps, exact, clipped = 1.5, x.clone(), x.clone()
    for _ in range(100):
        exact = project(exact + 0.3 * w / w.norm(), x, eps, "l2")
        delta = clipped + 0.3 * w / w.norm() - x
        clipped = (x + delta * min(1, eps / float(delta.norm()))).clamp(0, 1)
    assert float((exact - clipped) @ w) > 1e-3 * float((exact - x) @ w)
