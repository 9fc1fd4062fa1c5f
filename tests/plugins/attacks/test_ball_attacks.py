"""Every attack in a ball on units whose optimum is known, and what must hold of it on any unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attack_doubles import Field, linear_field, search, values
from engine_doubles import network
from scipy.optimize import brentq, minimize_scalar
from spikeproof.errors import BadParameter
from spikeproof.geometry import norm_of, project, steepest_step
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.fgm import FGM
from spikeproof_attacks.guo import Guo
from spikeproof_attacks.mifgsm import MIFGSM
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.plugin import spikeproof_attacks
from spikeproof_attacks.square import Square

NORMS = {entry.name: entry.norms for entry in spikeproof_attacks() if not entry.control}
ATTACKS: dict[str, Any] = {
    "pgd": PGD(),
    "fgm": FGM(),
    "apgd": APGD(steps=40),
    "mi-fgsm": MIFGSM(),
    "guo": Guo(restarts=2),
    "square": Square(queries=150),
}
ALL = [(name, norm) for name in ATTACKS for norm in NORMS[name]]
EXACT = [pair for pair in ALL if pair[0] not in ("mi-fgsm", "square")]
"""Attacks that reach the optimum of a linear unit in the box."""
CLIMBING = [pair for pair in EXACT if pair[0] != "fgm"]
GRADIENT = [pair for pair in ALL if pair[0] != "square"]
RADII: dict[Any, tuple[float, ...]] = {"l1": (0.3, 6.0), "l2": (0.1, 1.5), "linf": (0.03, 0.4)}
each = pytest.mark.parametrize(("name", "norm"), ALL)


def _weights(items: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).standard_normal((items, 1, 6, 6)), dtype=torch.float32)


def _grey(items: int = 4) -> torch.Tensor:
    return torch.as_tensor(0.45 + 0.1 * np.random.default_rng(1).random((items, 1, 6, 6)), dtype=torch.float32)


def _natural(items: int = 4) -> torch.Tensor:
    x = np.random.default_rng(2).random((items, 1, 6, 6))
    x[x < 0.2] = 0
    x[x > 0.9] = 1
    return torch.as_tensor(x, dtype=torch.float32)


def _net(seed: int, gain: float = 1.0, dtype: torch.dtype = torch.float32) -> Field:
    """Unit 0 of a small network, for every item."""
    body = network(seed).function.to(dtype)  # type: ignore[attr-defined]
    return Field(lambda x, k: body(x)[:, 0] * gain)  # noqa: ARG005


def _optimum(w: np.ndarray, x: np.ndarray, eps: float, norm: str) -> float:
    """Largest gain of a linear unit in the ball and the box, by other means than spikeproof.geometry."""
    room = np.where(w > 0, 1 - x, x)
    if norm == "linf":
        return float(np.abs(w) @ np.minimum(room, eps))
    if norm == "l1":
        gain, left = 0.0, eps
        for k in np.argsort(-np.abs(w)):
            step = min(left, room[k])
            gain, left = gain + abs(w[k]) * step, left - step
        return gain

    def reach(t: float) -> np.ndarray:
        return np.asarray(np.minimum(t * np.abs(w), room))

    t = 1e9 if np.linalg.norm(room) <= eps else brentq(lambda t: np.linalg.norm(reach(t)) - eps, 0, 1e9, xtol=1e-14)
    return float(np.abs(w) @ reach(t))


def _gains(name: str, norm: Any, field: Field, clean: torch.Tensor, epsilons: Any, **more: Any) -> np.ndarray:
    found = search(ATTACKS[name], field, clean, epsilons, norm, **more)
    gain: np.ndarray = values(field, found) - values(field, clean[None])
    return gain


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("name", "norm"), GRADIENT)
def test_a_linear_unit_gains_epsilon_times_the_dual_norm_where_no_wall_is_near(name: str, norm: Any, sign: int) -> None:
    w = sign * _weights()
    eps = {"l1": 0.2, "l2": 0.3, "linf": 0.05}[norm]
    dual = {"l1": "linf", "l2": "l2", "linf": "l1"}[norm]
    gain = _gains(name, norm, linear_field(w), _grey(), (eps,))[0]
    np.testing.assert_allclose(gain, eps * norm_of(w, dual).numpy(), rtol=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "norm"), EXACT)
def test_a_linear_unit_in_the_box_reaches_its_optimum(name: str, norm: Any) -> None:
    w, x = _weights(), _natural()
    gain = _gains(name, norm, linear_field(w), x, RADII[norm])
    for row, eps in zip(gain, RADII[norm], strict=True):
        best = [_optimum(a, b, eps, norm) for a, b in zip(w.flatten(1).numpy(), x.flatten(1).numpy(), strict=True)]
        np.testing.assert_allclose(row, best, rtol=1e-4)


@pytest.mark.parametrize(("name", "norm"), [pair for pair in EXACT if pair[1] == "l2"])
def test_at_epsilon_20_where_peers_stop_two_percent_short_the_optimum_is_reached(name: str, norm: Any) -> None:
    rng = np.random.default_rng(0)
    w = torch.as_tensor(rng.standard_normal((2, 3, 32, 32)), dtype=torch.float32)
    x = torch.as_tensor(rng.random((2, 3, 32, 32)), dtype=torch.float32)
    gain = _gains(name, norm, linear_field(w), x, (20.0,))[0]
    best = [_optimum(a, b, 20, norm) for a, b in zip(w.flatten(1).numpy(), x.flatten(1).numpy(), strict=True)]
    np.testing.assert_allclose(gain, best, rtol=1e-4)


@pytest.mark.parametrize("offset", [-40.0, -80.0, -1000.0])
@pytest.mark.parametrize(("name", "norm"), GRADIENT)
def test_a_strongly_suppressed_unit_is_driven_like_any_other(name: str, norm: Any, offset: float) -> None:
    """A wrapper of two classes gives no gradient there: log(1 + exp(a)) is flat."""
    w = _weights()
    plain, low = (search(ATTACKS[name], linear_field(w, by), _grey(), RADII[norm], norm) for by in (0.0, offset))
    gain, suppressed = ((found - _grey()).mul(w).flatten(2).sum(dim=2) for found in (plain, low))
    torch.testing.assert_close(suppressed, gain, rtol=1e-3, atol=1e-4)


def test_one_step_of_pgd_is_the_fast_gradient_method() -> None:
    for norm in ("l1", "l2", "linf"):
        one, step = (search(attack, _net(0), _grey(), (RADII[norm][0],), norm) for attack in (PGD(steps=1), FGM()))
        torch.testing.assert_close(one, step, atol=1e-6, rtol=0)


def test_steps_of_momentum_add_up_to_epsilon() -> None:
    w, x = _weights(1), _grey(1)
    for norm, length in (("l2", float(w.norm())), ("linf", float(w.abs().sum()))):
        field = linear_field(w)
        eps = 0.3 if norm == "l2" else 0.05
        search(MIFGSM(steps=5), field, x, (eps,), norm)
        gain = [float(field(seen) - field(x)) for seen in field.seen[:6]]
        np.testing.assert_allclose(gain, np.arange(6) / 5 * eps * length, rtol=1e-4, atol=1e-5)


def test_momentum_is_the_decaying_sum_of_gradients_over_their_l1_norms() -> None:
    x, eps, steps = _natural(2), 0.1, 4
    found = search(MIFGSM(steps=steps, decay=0.7), field := _net(3), x, (eps,), "linf")
    points, total = x.clone(), torch.zeros_like(x)
    for _ in range(steps):
        gradient = field.value_and_gradient(points)[1]
        total = 0.7 * total + gradient / gradient.abs().sum(dim=(1, 2, 3), keepdim=True)
        points = (points + eps / steps * total.sign()).clamp(x - eps, x + eps).clamp(0, 1)
    np.testing.assert_allclose(values(field, found)[0], values(field, points[None])[0], rtol=1e-5)


@pytest.mark.parametrize(("name", "norm"), CLIMBING)
def test_a_bump_is_climbed_to_its_top_inside_the_ball_and_to_the_nearest_point_outside(name: str, norm: Any) -> None:
    x = _grey(1)
    top = x + 0.05 * _weights(1)
    away = float(norm_of(top - x, norm))
    field = Field(lambda y, k: -(y - top[k]).square().flatten(1).sum(dim=1) / 2)
    attack = Guo(restarts=3, steps=200) if name == "guo" else ATTACKS[name]
    start = values(field, x[None])[0, 0]
    if (name, norm) != ("apgd", "l1"):  # its steps are never shorter than a tenth of epsilon
        assert values(field, search(attack, field, x, (2 * away,), norm))[0, 0] > 1e-2 * start
    nearest = values(field, project(top, x, away / 2, norm)[None])[0, 0]
    assert values(field, search(attack, field, x, (away / 2,), norm))[0, 0] == pytest.approx(nearest, rel=1e-2)
    if norm == "l2":
        assert nearest == pytest.approx(start / 4, rel=1e-4)
        silenced = Field(lambda y, k: -field.function(y, k))
        far = values(silenced, search(attack, silenced, x, (away / 2,), norm))[0, 0]
        assert far == pytest.approx(-start * 2.25, rel=1e-3)


@each
def test_a_stationary_clean_image_is_no_trap(name: str, norm: Any) -> None:
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((36, 36)))[0]
    matrix = torch.as_tensor(basis * np.append(np.linspace(-1, 2, 35), 3.0) @ basis.T, dtype=torch.float32)
    field = Field(lambda y, k: ((y - 0.5).flatten(1) @ matrix * (y - 0.5).flatten(1)).sum(1) / 2)  # noqa: ARG005
    x = torch.full((3, 1, 6, 6), 0.5)
    eps = {"l1": 0.4, "l2": 0.3, "linf": 0.05}[norm]
    found = search(ATTACKS[name], field, x, (eps,), norm)
    gain = values(field, found)[0]
    assert np.isfinite(gain).all()
    assert torch.isfinite(found).all()
    if name == "fgm":
        assert torch.equal(found[0], x)  # there is no direction to take
    else:
        assert (gain > 0).all()
    if norm == "l2" and (name, norm) in CLIMBING:
        np.testing.assert_allclose(gain, eps**2 * 1.5 * np.ones(3), rtol=0.05)


@pytest.mark.parametrize(("name", "norm"), [pair for pair in CLIMBING if pair[1] == "l2"])
def test_a_complex_cell_is_driven_to_its_energy_and_a_normalised_one_to_the_best_angle(name: str, norm: Any) -> None:
    pair = torch.as_tensor(2 * np.linalg.qr(_weights(2).flatten(1).numpy().T)[0], dtype=torch.float32)
    energy = Field(lambda y, k: ((y - 0.5).flatten(1) @ pair).square().sum(1))  # noqa: ARG005
    gain = _gains(name, norm, energy, torch.full((2, 1, 6, 6), 0.5), (0.3,))[0]
    np.testing.assert_allclose(gain, [0.09 * 4] * 2, rtol=1e-3)
    w, x, eps = _weights(1), _grey(1), 0.3
    flat, drive = x.flatten().double().numpy(), w.flatten().double().numpy()
    divided = Field(lambda y, k: (y * w[k]).flatten(1).sum(1) / (1 + y.flatten(1).norm(dim=1)))
    plane = np.linalg.qr(np.stack([drive, flat], axis=1))[0]

    def at(angle: float) -> float:
        y = flat + eps * plane @ [np.cos(angle), np.sin(angle)]
        return float(-(drive @ y) / (1 + np.linalg.norm(y)))

    best = min(minimize_scalar(at, bounds=(low, low + 1.6), method="bounded").fun for low in np.arange(0, 6.3, 1.5))
    assert values(divided, search(ATTACKS[name], divided, x, (eps,), norm))[0, 0] == pytest.approx(-best, rel=1e-4)


@each
def test_a_dead_unit_leaves_a_finite_image_in_the_ball_and_an_alive_neighbour_alone(name: str, norm: Any) -> None:
    w, eps = _weights(2), RADII[norm][0]
    floor = torch.tensor([1e3, -1e3])
    field = Field(lambda y, k: torch.relu((y * w[k]).flatten(1).sum(1) - floor[k]))
    found = search(ATTACKS[name], field, _grey(2), (eps,), norm)
    assert torch.isfinite(found).all()
    assert (norm_of((found[0] - _grey(2)).double(), norm) <= eps * (1 + 1e-6)).all()
    assert values(field, found)[0, 0] == 0
    alone = search(ATTACKS[name], linear_field(w[1:]), _grey(2)[1:], (eps,), norm, names=[1])
    torch.testing.assert_close((found[0, 1] * w[1]).sum(), (alone[0, 0] * w[1]).sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "norm"), GRADIENT)
def test_a_network_within_one_linear_region_gains_its_local_gradient(name: str, norm: Any) -> None:
    field, x = _net(4), _grey(3)
    gradient = field.value_and_gradient(x)[1]
    eps = {"l1": 4e-3, "l2": 2e-3, "linf": 3e-4}[norm]
    dual = {"l1": "linf", "l2": "l2", "linf": "l1"}[norm]
    gain = _gains(name, norm, field, x, (eps,))[0]
    np.testing.assert_allclose(gain, eps * norm_of(gradient, dual).numpy(), rtol=6e-3)  # type: ignore[arg-type]


@pytest.mark.parametrize("gain", [1e-15, 1e15])
@each
def test_the_scale_of_the_objective_does_not_change_the_image(name: str, norm: Any, gain: float) -> None:
    x = _natural()
    plain, scaled = (search(ATTACKS[name], _net(1, by), x, RADII[norm], norm) for by in (1.0, gain))
    np.testing.assert_allclose(values(_net(1), scaled), values(_net(1), plain), rtol=2e-3, atol=1e-5)


@each
def test_an_offset_of_the_objective_does_not_change_the_image(name: str, norm: Any) -> None:
    x, plain = _natural().double(), _net(1, dtype=torch.float64)
    moved = Field(lambda y, k: plain.function(y, k) + 10.0)
    found = [values(plain, search(ATTACKS[name], field, x, RADII[norm], norm)) for field in (plain, moved)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


@each
def test_epsilon_zero_returns_the_clean_image_bit_for_bit(name: str, norm: Any) -> None:
    found = search(ATTACKS[name], _net(0), _natural(), (0.0, *RADII[norm]), norm)
    assert torch.equal(found[0], _natural())


def _rough() -> Field:
    """A unit on which short runs end in different places: nothing but keeping the best makes its value monotone."""
    w = torch.as_tensor(4 * np.random.default_rng(0).standard_normal((36, 30)), dtype=torch.float32)
    return Field(lambda y, k: torch.sin(y.flatten(1) @ w).sum(dim=1))  # noqa: ARG005


@each
def test_the_value_never_falls_with_epsilon_or_below_the_clean_one_and_the_norm_is_kept(name: str, norm: Any) -> None:
    x, field = _natural(8), _rough()
    largest = RADII[norm][1]
    radii = largest * torch.tensor([0.01, 0.1, 0.11, 0.5, 0.55, 1.0, 1.05])
    short: dict[str, Any] = {
        "guo": Guo(restarts=1, steps=6),
        "apgd": APGD(steps=8),
        "square": Square(queries=20),
        "pgd": PGD(steps=4),
    }
    attack = short.get(name, ATTACKS[name])
    found = search(attack, field, x, radii, norm)
    gain = values(field, found) - values(field, x[None])
    assert (gain >= 0).all()
    assert (np.diff(gain, axis=0) >= -1e-4).all()
    assert (gain[-1] > 1).any()
    stored = torch.as_tensor(found.numpy().astype(np.float32)).double()
    size = norm_of((stored - x.double()).flatten(0, 1), norm).reshape(len(radii), -1)
    assert (size <= radii[:, None].double() * (1 + 1e-6)).all()
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("attack", [PGD, APGD, Guo])
def test_restarts_only_add(attack: Any) -> None:
    x, field = _natural(8), _rough()
    few, more = (values(field, search(attack(steps=6, restarts=n), field, x, (1.5,), "l2")) for n in (1, 4))
    assert (more >= few).all()
    assert (more > few + 0.1).any()


@each
def test_an_item_is_the_same_alone_in_any_order_and_beside_any_other(name: str, norm: Any) -> None:
    x = _natural(4).double()
    w = _weights(4).double()
    bend = 3.0

    def of(names: list[int]) -> torch.Tensor:
        chosen = w[names]
        field = Field(lambda y, k: torch.sin(bend * (y * chosen[k]).flatten(1).sum(1)) + y.flatten(1).square().sum(1))
        found: torch.Tensor = search(ATTACKS[name], field, x[names], RADII[norm], norm, names=names)
        return found

    together, turned = of([0, 1, 2, 3]), of([3, 2, 1, 0])
    torch.testing.assert_close(turned.flip(1), together, atol=1e-6, rtol=0)
    torch.testing.assert_close(of([2])[:, 0], together[:, 2], atol=1e-6, rtol=0)


@each
def test_inputs_and_global_random_numbers_are_left_alone_after_an_error_too(name: str, norm: Any) -> None:
    x, field = _natural(), _net(0)
    state: Any = np.random.get_state()
    before = torch.random.get_rng_state(), state[1].copy(), x.clone()
    search(ATTACKS[name], field, x, RADII[norm], norm)

    def fail(y: torch.Tensor, k: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
        if not torch.equal(y, before[2]):
            raise RuntimeError("no")
        return y.flatten(1).sum(dim=1)

    with pytest.raises(RuntimeError, match="no"):
        search(ATTACKS[name], Field(fail), x, RADII[norm], norm)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    state = np.random.get_state()
    assert (state[1] == before[1]).all()
    assert torch.equal(x, before[2])
    assert not x.requires_grad


@pytest.mark.parametrize("kind", ["channels-last", "strided", "2-D", "3-D", "5-D", "float64"])
@each
def test_any_layout_rank_and_dtype_is_searched(name: str, norm: Any, kind: str) -> None:
    rng = np.random.default_rng(3)
    x = torch.as_tensor(rng.random((3, 2, 4, 4)), dtype=torch.float32)
    w = torch.as_tensor(rng.standard_normal((3, 2, 4, 4)), dtype=torch.float32)
    given, weights = x, w
    if kind == "channels-last":
        given = x.to(memory_format=torch.channels_last)
    elif kind == "strided":
        given = torch.stack([x, x], dim=1)[:, 0]
    elif kind == "float64":
        given, weights = x.double(), w.double()
    else:
        shape = {"2-D": (3, 32), "3-D": (3, 8, 4), "5-D": (3, 1, 2, 4, 4)}[kind]
        given, weights = x.reshape(shape), w.reshape(shape)
    found = search(ATTACKS[name], linear_field(weights), given, RADII[norm], norm)
    assert found.shape == (2, *given.shape)
    assert found.dtype == given.dtype
    gain = ((found - given) * weights).flatten(2).sum(dim=2).double().numpy()
    plain = search(ATTACKS[name], linear_field(w), x, RADII[norm], norm)
    expected = ((plain - x) * w).flatten(2).sum(dim=2).double().numpy()
    if name == "square" and kind in ("2-D", "3-D", "5-D"):  # other windows: it need not be the same search
        assert (gain > 0.2 * expected).all()
    else:
        np.testing.assert_allclose(gain, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "norm"), [pair for pair in GRADIENT if pair[0] != "guo"])
def test_turning_images_and_unit_upside_down_turns_the_result(name: str, norm: Any) -> None:
    plain, x = _net(2, dtype=torch.float64), _natural().double()
    turned = Field(lambda y, k: plain.function(y.flip(-2), k))
    a = search(ATTACKS[name], plain, x, RADII[norm], norm)
    b = search(ATTACKS[name], turned, x.flip(-2), RADII[norm], norm)
    np.testing.assert_allclose(values(turned, b), values(plain, a), rtol=1e-5)


@each
def test_the_gain_lies_between_what_is_easily_found_and_what_is_possible(name: str, norm: Any) -> None:
    field, x = _net(5), _natural()
    eps = RADII[norm][1]
    gain = _gains(name, norm, field, x, (eps,))[0]
    if norm == "l2":
        layers = list(network(5).function.children())  # type: ignore[attr-defined]
        length = 1.0
        for layer, shape in ((layers[0], (1, 6, 6)), (layers[2], (6, 6, 6))):
            unit = torch.eye(int(np.prod(shape))).reshape(-1, *shape)
            length *= float(torch.linalg.matrix_norm((layer(unit) - layer(0 * unit)).flatten(1), 2))
        assert (gain <= eps * length * float(layers[5].weight[0].norm())).all()
    before = values(field, x[None])
    if name != "square":
        single = steepest_step(x, field.value_and_gradient(x)[1], eps, norm)
        assert (gain >= (values(field, single[None]) - before)[0] - (0.1 if name in ("mi-fgsm", "guo") else 1e-5)).all()
    rng = np.random.default_rng(9)
    for _ in range(16):
        direction = torch.as_tensor(rng.standard_normal(x.shape), dtype=torch.float32)
        reached = steepest_step(x, direction, eps, norm)
        assert (gain >= (values(field, reached[None]) - before)[0] - 1e-6).all() or name == "fgm"


@pytest.mark.parametrize(("name", "norm"), ALL)
def test_silencing_a_unit_is_driving_its_negative(name: str, norm: Any) -> None:
    field, x = _net(3), _natural()
    negative = Field(lambda y, k: -field.function(y, k))
    down = values(field, search(ATTACKS[name], negative, x, RADII[norm], norm))
    assert (down <= values(field, x[None])).all()
    again = Field(lambda y, k: field.function(y, k) * -1.0)
    np.testing.assert_allclose(values(field, search(ATTACKS[name], again, x, RADII[norm], norm)), down, rtol=1e-4)


def test_square_asks_for_no_gradient_and_as_often_as_it_says() -> None:
    class Blind(Field):
        def value_and_gradient(self, images: Any, items: Any = None) -> Any:  # noqa: ARG002
            raise AssertionError("it asked for a gradient")

    norms: list[Any] = ["l2", "linf"]
    for norm in norms:
        field = Blind(lambda y, k: (y.round() * _weights()[k]).flatten(1).sum(1))  # gradients are zero everywhere
        gain = values(field, search(Square(queries=150), field, _natural(), (2.0,), norm))
        assert len(field.seen) == 1 + 150 + 1
        assert (gain > values(field, _natural()[None])).all()


@pytest.mark.parametrize(
    ("attack", "parameters", "message"),
    [
        (APGD, {"steps": 0}, "apgd: steps must be at least 1, got 0"),
        (APGD, {"restarts": 0}, "apgd: restarts must be at least 1, got 0"),
        (MIFGSM, {"steps": 0}, "mi-fgsm: steps must be at least 1, got 0"),
        (MIFGSM, {"decay": -1.0}, "mi-fgsm: decay must be 0 or more and finite, got -1.0"),
        (Guo, {"restarts": 0}, "guo: restarts must be at least 1, got 0"),
        (Guo, {"steps": 1}, "guo: steps must be at least 2, got 1"),
        (Square, {"queries": 0}, "square: queries must be at least 1, got 0"),
        (Square, {"share": 1.5}, r"square: share must be in \(0, 1\], got 1.5"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(attack: Any, parameters: Any, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        attack(**parameters)


def _many_classes(level: torch.Tensor | None) -> tuple[Field, torch.Tensor]:
    """Items of which some pass their level soon, some late and one never."""
    body = network(4).function
    return Field(lambda x, k: body(x)[:, 0] * (k + 1), level), _natural(5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_square_leaves_an_image_alone_once_its_choice_has_changed(norm: Any) -> None:
    far, x = _many_classes(None)
    clean = torch.as_tensor(values(far, x[None])[0], dtype=torch.float32)
    end = values(far, search(Square(queries=60), far, x, RADII[norm], norm))
    every = 5 + 2 * 60 * 5  # the clean images, then each epsilon
    level = clean + torch.as_tensor([0.0, 0.2, 0.5, 0.9, 9.0]) * torch.as_tensor(end[-1] - clean.double().numpy())
    stopped, _ = _many_classes(level.float())
    images = search(Square(queries=60), stopped, x, RADII[norm], norm)
    assert sum(map(len, stopped.seen)) < 0.8 * every
    found = values(stopped, images)
    reached = found >= level.numpy()
    assert reached[-1, :4].all()
    assert not reached[:, 4].any()
    assert (reached[1:] >= reached[:-1]).all()  # a smaller ball's success is a larger one's
    np.testing.assert_array_equal(reached, end >= level.numpy())  # nothing is lost by stopping
    np.testing.assert_array_equal(found[:, 4], end[:, 4])  # nor changed for those that go on
    assert (found[:, 1:4] <= end[:, 1:4]).all()
    again, _ = _many_classes(level.float())
    search(Square(queries=60, until="end"), again, x, RADII[norm], norm)
    assert sum(map(len, again.seen)) == every


def test_square_asks_nothing_more_of_an_image_whose_choice_is_as_wanted_already() -> None:
    field, x = _many_classes(torch.full((5,), -1e6))
    found = search(Square(queries=60), field, x, (0.3,), "l2")
    assert torch.equal(found[0], x)
    assert len(field.seen) == 1


def test_square_alone_and_in_company_is_the_same_search_when_it_stops() -> None:
    far, x = _many_classes(None)
    level = torch.as_tensor(values(far, x[None])[0] + 0.3, dtype=torch.float32)
    field, _ = _many_classes(level)
    together = search(Square(queries=80), field, x, (0.5, 1.5), "l2")
    alone = Field(lambda y, k: field.function(y, k + 2), level[2:3])
    one = search(Square(queries=80), alone, x[2:3], (0.5, 1.5), "l2", names=[2])
    torch.testing.assert_close(one[:, 0], together[:, 2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_more_steps_of_one_schedule_never_find_less(norm: Any) -> None:
    x, field = _natural(8), _rough()
    found = [
        values(field, search(PGD(steps=n, schedule="geometric"), field, x, RADII[norm], norm)) for n in range(1, 9)
    ]
    assert (np.diff(np.stack(found), axis=0) >= -1e-4).all()
    assert (found[-1] > found[0] + 0.1).any()


@each
def test_a_ball_is_kept_by_images_that_are_stored_as_eight_bits(name: str, norm: Any) -> None:
    x = (torch.as_tensor(np.random.default_rng(6).integers(0, 256, (4, 1, 6, 6))) / 255).float()
    eps = {"l1": 2.0, "l2": 0.5, "linf": 8 / 255}[norm]
    found = search(ATTACKS[name], _net(2), x, (eps,), norm)[0]
    stored = (found * 255).round().to(torch.uint8)
    shift = stored.double() - (x * 255).round().double()
    size = norm_of(shift / 255, norm)
    rounding = {"l1": 36 * 0.5 / 255, "l2": 6 * 0.5 / 255, "linf": 0.0}[norm]  # half a level in every pixel
    assert (size <= (eps + rounding) * (1 + 1e-6)).all()
    assert bool((shift != 0).any())
