"""Attacks with a goal of their own on codes whose optimum is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive, Layer, linear, make_grid, network
from numpy.typing import NDArray
from spikeproof.engine import AttackedTarget, Grid, Target, attack_target
from spikeproof.errors import BadParameter
from spikeproof.geometry import project
from spikeproof_attacks.eigen import Eigen, least_noticed, most_noticed
from spikeproof_attacks.latent import Latent
from spikeproof_attacks.metamer import Metamer
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.pursuits import Displaced, Matched
from spikeproof_attacks.toward import Toward
from spikeproof_attacks.universal import Universal

UNBOUND = (float("inf"),)


def _images(count: int = 4, low: float = 0.3, high: float = 0.7) -> NDArray[np.float32]:
    numbers = np.random.default_rng(2).random((count, 1, 6, 6))
    return (low + (high - low) * numbers).astype(np.float32)


def _weights(units: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((units, 36)).astype(np.float32)


def _attacked(grid: Grid, attack: Any, objective: Any = None, unit: int = -1, name: str = "attack") -> AttackedTarget:
    target = Target(unit=unit, name="target", keep_images=True)
    pursued = objective or attack.pursues()
    return attack_target(
        grid, attack, name, pursued, "aim", decision=False, unit=unit, target=target.name, keep_images=True
    )


def _moved(grid: Grid, found: AttackedTarget) -> NDArray[np.float64]:
    change = found.responses - grid.clean_responses
    return np.asarray(np.linalg.norm(change if grid.whitening is None else change @ grid.whitening, axis=-1))


def _shifts(grid: Grid, found: AttackedTarget) -> NDArray[np.float64]:
    assert found.images is not None
    return np.asarray((found.images - grid.clean).double().flatten(2).numpy())


# --- eigen -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 36), (36, 36), (60, 36)])
def test_singular_directions_are_those_of_a_full_decomposition(shape: tuple[int, int]) -> None:
    jacobian = np.random.default_rng(0).standard_normal(shape)
    values, right = np.linalg.svd(jacobian)[1:]
    top = most_noticed(torch.as_tensor(jacobian)).numpy()
    np.testing.assert_allclose(abs(top @ right[0]), 1, atol=1e-12)
    bottom = least_noticed(torch.as_tensor(jacobian), torch.ones(36, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(np.linalg.norm(bottom), 1, atol=1e-12)
    if shape[0] < 36:
        np.testing.assert_allclose(jacobian @ bottom, 0, atol=1e-12)
    else:
        np.testing.assert_allclose(abs(bottom @ right[-1]), 1, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(jacobian @ bottom), values[-1], rtol=1e-6)


def test_the_sign_of_a_singular_direction_is_settled_by_its_largest_entry() -> None:
    jacobian = torch.as_tensor(np.random.default_rng(0).standard_normal((4, 9)))
    one, other = most_noticed(jacobian), most_noticed(-jacobian)
    torch.testing.assert_close(one, other)
    assert float(one[one.abs().argmax()]) > 0


def test_what_goes_unnoticed_is_nearest_to_the_random_direction() -> None:
    jacobian = torch.as_tensor(np.random.default_rng(0).standard_normal((4, 9)))
    draw = torch.as_tensor(np.random.default_rng(1).standard_normal(9))
    null = np.linalg.svd(jacobian.numpy())[2][4:]
    wanted = null.T @ null @ draw.numpy()
    np.testing.assert_allclose(least_noticed(jacobian, draw).numpy(), wanted / np.linalg.norm(wanted), atol=1e-12)


@pytest.mark.parametrize("units", [4, 9, 12])
@pytest.mark.parametrize("direction", [most_noticed, lambda j: least_noticed(j, torch.ones(9))])
def test_a_population_that_notices_nothing_has_no_direction(direction: Any, units: int) -> None:
    assert torch.equal(direction(torch.zeros((units, 9))), torch.zeros(9))


def test_linear_dependence_of_units_leaves_directions_unnoticed() -> None:
    rng = np.random.default_rng(0)
    jacobian = torch.as_tensor(rng.standard_normal((12, 5)) @ rng.standard_normal((5, 9)))
    found = least_noticed(jacobian, torch.as_tensor(rng.standard_normal(9)))
    np.testing.assert_allclose((jacobian @ found).numpy(), 0, atol=1e-10)


def test_on_a_linear_code_it_moves_the_population_by_epsilon_times_the_singular_value() -> None:
    for units in (6, 36, 50):
        weights = _weights(units)
        grid = make_grid(linear(weights), _images(), epsilons=(0.1, 0.3))
        values = np.linalg.svd(weights, compute_uv=False)
        most = _moved(grid, _attacked(grid, Eigen()))
        np.testing.assert_allclose(most, np.broadcast_to([[0.1], [0.3]], (2, 4)) * values[0], rtol=1e-5)
        least = _moved(grid, _attacked(grid, Eigen(target="least")))
        smallest = values[-1] if units >= 36 else 0.0
        np.testing.assert_allclose(least, np.broadcast_to([[0.1], [0.3]], (2, 4)) * smallest, rtol=2e-3, atol=2e-5)


def test_the_distance_is_whitened() -> None:
    """Attacks.md, fact 16: eps * sqrt(lambda_max(W' S^-1 W))."""
    weights = _weights(5)
    noise = np.random.default_rng(3).standard_normal((9, 5))
    precision = np.linalg.inv(noise.T @ noise / 9)
    grid = make_grid(linear(weights), _images(), epsilons=(0.2,), whitening=np.linalg.cholesky(precision))
    best = 0.2 * np.sqrt(np.linalg.eigvalsh(weights.T @ precision @ weights)[-1])
    np.testing.assert_allclose(_moved(grid, _attacked(grid, Eigen())), best, rtol=1e-5)


def test_it_is_what_a_search_finds_on_a_linear_code_and_near_the_clean_image_of_a_network() -> None:
    grid = make_grid(linear(_weights(6)), _images(), epsilons=(0.3,))
    searched = _moved(grid, _attacked(grid, PGD(steps=100, restarts=4), Displaced()))
    np.testing.assert_allclose(_moved(grid, _attacked(grid, Eigen())), searched, rtol=1e-3)
    grid = make_grid(network(1, units=8), _images(), epsilons=(0.02,))
    searched = _moved(grid, _attacked(grid, PGD(steps=60, restarts=6), Displaced()))
    np.testing.assert_allclose(_moved(grid, _attacked(grid, Eigen())), searched, rtol=0.02)


def test_of_both_signs_the_more_or_less_noticeable_is_kept() -> None:
    """r = exp(<w, x - 0.5>): up moves it more than down."""
    w = torch.as_tensor(_weights(1)[0])
    model = Layer(lambda x: ((x - 0.5).flatten(1) @ w).exp()[:, None], ("u0",))
    image = np.full((1, 1, 6, 6), 0.5, dtype=np.float32)
    grid = make_grid(model, image, epsilons=(0.2,))
    rise = _attacked(grid, Eigen())
    assert rise.responses[0, 0, 0] == pytest.approx(np.exp(0.2 * float(w.norm())), rel=1e-4)
    across = 20 * (torch.eye(36) - torch.outer(w, w) / w.square().sum())  # all other directions are noticed more
    wide = Layer(
        lambda x: torch.cat([((x - 0.5).flatten(1) @ w).exp()[:, None], (x - 0.5).flatten(1) @ across], dim=1),
        tuple(map(str, range(37))),
    )
    fall = _attacked(make_grid(wide, image, epsilons=(0.2,)), Eigen(target="least"))
    assert fall.responses[0, 0, 0] == pytest.approx(np.exp(-0.2 * float(w.norm())), rel=1e-3)


def test_walls_bend_the_direction_but_not_its_length() -> None:
    weights = np.abs(_weights(1))
    images = np.full((1, 1, 6, 6), 0.5, dtype=np.float32)
    images.reshape(-1)[:18] = 0.95
    grid = make_grid(linear(weights), images, epsilons=(0.5,))
    found = _attacked(grid, Eigen())
    assert found.achieved[0, 0] == pytest.approx(0.5, rel=1e-6)
    assert found.images is not None
    assert float(found.images.max()) <= 1
    assert (_shifts(grid, found) < 0).all()  # downwards there is room, so that moves the unit more


def test_a_dead_population_stays_and_is_said_to_be_dead() -> None:
    model = Layer(lambda x: torch.relu(x.flatten(1) @ torch.as_tensor(_weights(3)).T.abs().neg()), ("a", "b", "c"))
    grid = make_grid(model, _images(), epsilons=(0.1,))
    for attack in (Eigen(), Eigen(target="least"), Toward(), Metamer()):
        found = _attacked(grid, attack)
        assert set(found.status) == {"dead"}
        assert found.images is not None
        assert torch.equal(found.images[0], grid.clean)


def test_only_most_and_least_are_directions() -> None:
    with pytest.raises(BadParameter, match=r"directions are 'most' and 'least' .* got 'first'"):
        Eigen(target="first")


# --- toward ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_an_invertible_code_is_led_to_the_partner_if_the_ball_holds_it(norm: Any) -> None:
    weights = np.linalg.qr(_weights(36))[0] * np.linspace(1, 3, 36)[:, None].astype(np.float32)
    images = _images()
    grid = make_grid(linear(weights), images, norm=norm, epsilons=(30.0,))
    found = _attacked(grid, Toward())
    assert found.images is not None
    np.testing.assert_allclose(found.images[0].numpy(), images[grid.partners], atol=1e-4)
    np.testing.assert_allclose(found.responses[0], grid.clean_responses[grid.partners], atol=1e-4)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_an_orthogonal_code_is_led_to_the_nearest_point_of_the_ball(norm: Any) -> None:
    """There the distance of populations is that of images, so the optimum is the projection of the partner's image."""
    weights = np.linalg.qr(_weights(36))[0]
    images = torch.as_tensor(_images())
    radius = {"l1": 2.0, "l2": 0.4, "linf": 0.07}[norm]
    grid = make_grid(linear(weights), images, norm=norm, epsilons=(radius,))
    found = _attacked(grid, Toward())
    assert found.images is not None
    wanted = project(images[grid.partners], images, radius, norm)
    torch.testing.assert_close(found.images[0], wanted, atol=5e-3, rtol=0)
    left = np.linalg.norm(found.responses[0] - grid.clean_responses[grid.partners], axis=1)
    least = (images[grid.partners] - wanted).flatten(1).double().norm(dim=1).numpy()
    np.testing.assert_allclose(left, least, rtol=1e-5)


def test_it_comes_nearer_than_pgd_of_as_many_steps() -> None:
    grid = make_grid(network(0, units=8), _images(), epsilons=(0.3, 5.0))
    goal = grid.clean_responses[grid.partners]
    ours, theirs = (
        np.linalg.norm(_attacked(grid, attack, Matched(to="partner")).responses - goal, axis=-1)
        for attack in (Toward(steps=160), PGD(steps=160))
    )
    assert (ours <= theirs * (1 + 1e-3)).all()
    assert ours[1].mean() < 0.05 * theirs[1].mean()


def test_it_never_ends_farther_than_it_began_nor_than_in_a_smaller_ball() -> None:
    grid = make_grid(network(4), _images(), epsilons=(0.0, 0.05, 0.2, 1.0))
    goal = grid.clean_responses[grid.partners]
    distance = np.linalg.norm(_attacked(grid, Toward(steps=20)).responses - goal, axis=-1)
    start = np.linalg.norm(grid.clean_responses - goal, axis=-1)
    np.testing.assert_allclose(distance[0], start)
    assert (np.diff(distance, axis=0) <= 1e-5).all()


# --- metamer ---------------------------------------------------------------------------------------------------------


def _free(model: Any, images: NDArray[np.float32], attack: Metamer, **changes: Any) -> tuple[Grid, AttackedTarget]:
    grid = make_grid(model, images, epsilons=UNBOUND, **changes)
    return grid, _attacked(grid, attack)


def test_on_a_linear_code_it_differs_from_its_start_by_nothing_but_what_the_population_sees() -> None:
    """From z the nearest image with the same vector is z - W+ W (z - x), if no pixel meets a wall."""
    weights = _weights(5)
    images = _images(low=0.45, high=0.55)
    grid, found = _free(linear(weights), images, Metamer(start="stimulus"))
    assert found.images is not None
    clean, start = grid.clean.flatten(1).double().numpy(), grid.clean[grid.partners].flatten(1).double().numpy()
    seen = np.linalg.pinv(weights) @ weights
    np.testing.assert_allclose(found.images[0].flatten(1).numpy(), start - (start - clean) @ seen.T, atol=1e-4)
    np.testing.assert_allclose(_moved(grid, found), 0, atol=1e-4)


def test_from_noise_it_is_another_image_with_the_same_vector() -> None:
    grid, found = _free(network(0, units=8), _images(), Metamer())
    between = np.linalg.norm(grid.clean_responses - grid.clean_responses[grid.partners], axis=-1).mean()
    assert (_moved(grid, found) < 1e-3 * between).all()
    assert (found.achieved > 0.5 * grid.between_stimuli).all()
    assert found.images is not None
    assert ((found.images >= 0) & (found.images <= 1)).all()
    assert set(found.status) == {"converged"}


def test_starts_are_keyed_by_stimulus_and_not_by_the_batch() -> None:
    images, model = _images(), network(0)
    _, whole = _free(model, images, Metamer(steps=20))
    _, small = _free(model, images, Metamer(steps=20), batch=1)
    torch.testing.assert_close(whole.images, small.images, atol=1e-3, rtol=0)
    alone = make_grid(model, images[2:3], epsilons=UNBOUND, stimulus_ids=("s2",))
    torch.testing.assert_close(_attacked(alone, Metamer(steps=20)).images[:, 0], whole.images[:, 2], atol=1e-3, rtol=0)  # type: ignore[index]


def test_a_metamer_of_too_few_steps_is_not_called_converged() -> None:
    _, found = _free(linear(_weights(36)), _images(), Metamer(steps=8))
    assert "unconverged" in found.status


def test_the_clean_image_is_no_metamer_even_where_the_search_finds_nothing() -> None:
    """Values that are not finite anywhere but at the stimulus leave the start, not the stimulus."""

    def respond(x: torch.Tensor) -> torch.Tensor:
        far = (x.flatten(1) - 0.5).abs().amax(1) > 0.45
        return torch.where(far[:, None], torch.nan, x.flatten(1)[:, :3])

    class Search:
        def __call__(self, images: torch.Tensor, items: Any = None) -> torch.Tensor:  # noqa: ARG002
            return torch.full((len(images),), -torch.inf)

        def value_and_gradient(self, images: torch.Tensor, items: Any = None) -> Any:
            return self(images, items), torch.zeros_like(images)

    from spikeproof.types import ItemNoise

    clean = torch.as_tensor(_images(1))
    noise = ItemNoise(0, [("a",)])
    found = Metamer(steps=3)(Search(), clean, torch.tensor(UNBOUND), "l2", noise)  # type: ignore[arg-type]
    assert (found[0] - clean).abs().max() > 0.1
    assert respond(clean).isfinite().all()


# --- latent ----------------------------------------------------------------------------------------------------------


class Stages(Layer):
    """r = upper (lower x), shifted between the two."""

    def __init__(self, lower: NDArray[np.float32], upper: NDArray[np.float32]) -> None:
        self.lower, self.upper = torch.as_tensor(lower), torch.as_tensor(upper)
        super().__init__(lambda x: self.upper_of(self.activation(x)), tuple(f"u{k}" for k in range(len(upper))))

    def hidden(self, layer: str) -> Any:  # noqa: ARG002
        stages = self

        class Shifted:
            activation = staticmethod(stages.activation)

            @staticmethod
            def responses(images: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
                return stages.upper_of(stages.activation(images) + shift)

        return Shifted()

    def activation(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.lower.T

    def upper_of(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden @ self.upper.T


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_below_an_orthogonal_layer_the_shift_leads_to_the_optimum_of_a_linear_unit(norm: Any) -> None:
    """The hidden layer is an isometry of the image, so reaching as near as possible is climbing as far as possible."""
    lower = np.linalg.qr(_weights(36))[0].astype(np.float32)
    upper = _weights(2, seed=3)
    radius = {"l1": 0.3, "l2": 0.3, "linf": 0.05}[norm]
    grid = make_grid(Stages(lower, upper), _images(), norm=norm, epsilons=(radius,))
    found = _attacked(grid, Latent(radius=1.0), Drive(ways=("up",)), unit=0)
    dual = {"l1": np.inf, "l2": 2, "linf": 1}[norm]
    best = radius * np.linalg.norm(lower.T @ upper[0], dual)
    np.testing.assert_allclose(found.responses[0, :, 0] - grid.clean_responses[:, 0], best, rtol=1e-2)


def test_one_round_goes_no_farther_than_the_bounded_shift() -> None:
    """An isometry of the image, a ball that is large: the image reaches the shift, and that is the radius long."""
    lower = np.linalg.qr(_weights(36))[0].astype(np.float32)
    upper = _weights(2, seed=3)
    images = _images(low=0.45, high=0.55)
    grid = make_grid(Stages(lower, upper), images, epsilons=(5.0,))
    found = _attacked(grid, Latent(radius=0.05, rounds=1, image_steps=50), Drive(ways=("up",)), unit=0)
    length = 0.05 * np.linalg.norm(images.reshape(4, -1), axis=1)
    gain = found.responses[0, :, 0] - grid.clean_responses[:, 0]
    np.testing.assert_allclose(gain, length * np.linalg.norm(upper[0]), rtol=1e-3)
    np.testing.assert_allclose(found.achieved[0], length, rtol=1e-2)
    twice = _attacked(grid, Latent(radius=0.05, rounds=2, image_steps=50), Drive(ways=("up",)), unit=0)
    np.testing.assert_allclose(twice.responses[0, :, 0] - grid.clean_responses[:, 0], 2 * gain, rtol=1e-2)


def test_a_shift_that_the_image_cannot_cause_is_approached_by_what_it_can() -> None:
    """A layer of rank 1 moves along one direction only, whatever the shift."""
    rng = np.random.default_rng(0)
    lower = np.outer(rng.standard_normal(4), _weights(1)[0]).astype(np.float32)
    upper = rng.standard_normal((1, 4)).astype(np.float32)
    grid = make_grid(Stages(lower, upper), _images(), epsilons=(0.2,))
    found = _attacked(grid, Latent(radius=1.0), Drive(ways=("up",)), unit=0)
    best = 0.2 * np.linalg.norm(upper @ lower)
    np.testing.assert_allclose(found.responses[0, :, 0] - grid.clean_responses[:, 0], best, rtol=1e-2)


def test_where_the_objective_is_flat_the_shift_starts_at_random() -> None:
    lower, upper = np.linalg.qr(_weights(36))[0].astype(np.float32), _weights(3, seed=3)
    grid = make_grid(Stages(lower, upper), _images(), epsilons=(0.3,))
    found = _moved(grid, _attacked(grid, Latent(radius=1.0, rounds=8), Displaced()))
    best = 0.3 * np.linalg.svd(upper, compute_uv=False)[0]
    assert (found > 0.8 * best).all()
    assert (found < best * (1 + 1e-4)).all()


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Universal(steps=0), "universal: steps must be at least 1, got 0"),
        (lambda: Universal(restarts=0), "universal: restarts must be at least 1, got 0"),
        (lambda: Toward(steps=1), "toward: steps must be at least 2, got 1"),
        (lambda: Toward(restarts=-1), "toward: restarts must be at least 1, got -1"),
        (lambda: Metamer(steps=0), "metamer: steps must be at least 1, got 0"),
        (lambda: Latent(rounds=0), "latent: rounds must be at least 1, got 0"),
        (lambda: Latent(radius=0), "latent: radius must be a finite share above 0, got 0"),
        (lambda: Latent(radius=float("nan")), "latent: radius must be a finite share above 0, got nan"),
        (lambda: Latent(radius=float("inf")), "latent: radius must be a finite share above 0, got inf"),
    ],
)
def test_wrong_parameters_are_refused(make: Any, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        make()


@pytest.mark.parametrize(
    "attack", [Eigen(), Eigen(target="least"), Toward(steps=8), Latent(radius=1.0, rounds=2)], ids=str
)
def test_epsilon_zero_returns_the_clean_image_bit_for_bit(attack: Any) -> None:
    stages = Stages(np.linalg.qr(_weights(36))[0].astype(np.float32), _weights(3, seed=3))
    grid = make_grid(stages, _images(low=0, high=1), epsilons=(0.0, 0.2))
    aimed = isinstance(attack, Latent)
    found = _attacked(grid, attack, Drive(ways=("up",)) if aimed else None, unit=0 if aimed else -1)
    assert found.images is not None
    assert torch.equal(found.images[0], grid.clean)
    assert (found.achieved[0] == 0).all()
    assert (found.achieved[1] > 0.19).all() or isinstance(attack, Toward)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_the_responses_makes_no_difference(scale: float) -> None:
    """In float64, since squares of 1e-12 leave the range of nothing but float32."""
    weights = _weights(6).astype(np.float64)
    images = _images().astype(np.float64)

    def shifts(factor: float, attack: Any, epsilons: tuple[float, ...]) -> NDArray[np.float64]:
        grid = make_grid(linear(weights * factor, torch.float64), images, epsilons=epsilons)
        return _shifts(grid, _attacked(grid, attack))

    for attack, epsilons in ((Eigen(), (0.2,)), (Toward(), (0.2,)), (Metamer(), UNBOUND)):
        np.testing.assert_allclose(shifts(scale, attack, epsilons), shifts(1.0, attack, epsilons), atol=1e-5)
