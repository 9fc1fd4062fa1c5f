"""The L1 ball, boxes other than [0, 1], and where linear functions are largest; beside general solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from spikeproof.geometry import ascent_direction, norm_of, project, steepest_step, step_in_box

NORMS = ("l1", "l2", "linf")
few = settings(deadline=None, max_examples=25)


def _case(seed: int, *, items: int = 3, size: int = 12, dtype: torch.dtype = torch.float64) -> Any:
    """Images with many pixels at the walls of a box of their own, points around them, radii, and the box."""
    rng = np.random.default_rng(seed)
    low, high = -rng.random(size), 0.5 + rng.random(size)
    if seed % 2:
        low, high = np.zeros(size), np.ones(size)
    clean = low + (high - low) * rng.random((items, size))
    clean = np.where(rng.random(clean.shape) < 0.3, low, clean)
    clean = np.where(rng.random(clean.shape) < 0.2, high, clean)
    points = clean + rng.standard_normal(clean.shape) * 10 ** rng.uniform(-3, 1)
    radius = rng.uniform(0, 1.5, items)
    tensors = [torch.as_tensor(value, dtype=dtype) for value in (clean, points)]
    box = {"low": torch.as_tensor(low, dtype=dtype), "high": torch.as_tensor(high, dtype=dtype)}
    return *tensors, torch.as_tensor(radius), box


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_projection_is_inside_and_idempotent_in_any_box(norm: Any, dtype: Any, seed: int) -> None:
    clean, points, radius, box = _case(seed, dtype=dtype)
    inside = project(points, clean, radius, norm, **box)
    assert inside.dtype == dtype
    assert (norm_of(inside.double() - clean.double(), norm) <= radius * (1 + 1e-6)).all()
    assert (inside >= box["low"]).all()
    assert (inside <= box["high"]).all()
    assert torch.equal(project(inside, clean, radius, norm, **box), inside)


@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_projection_is_nearest_and_does_not_expand_in_any_box(norm: Any, seed: int) -> None:
    clean, points, radius, box = _case(seed)
    nearest = project(points, clean, radius, norm, **box)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        other = project(clean + torch.as_tensor(rng.standard_normal(clean.shape)), clean, radius, norm, **box)
        product = ((points - nearest) * (other - nearest)).sum(dim=1)
        assert (product <= 1e-6 * (1 + (points - nearest).abs().sum(dim=1))).all()
    shifted = points + torch.as_tensor(rng.standard_normal(points.shape))
    after = norm_of(nearest - project(shifted, clean, radius, norm, **box), "l2")
    assert (after <= norm_of(points - shifted, "l2") * (1 + 1e-6) + 1e-6).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_l1_projection_equals_a_general_solver(seed: int) -> None:
    clean, points, radius, box = _case(seed, items=1, size=6)
    x, y, limit = clean[0].numpy(), points[0].numpy(), float(radius[0])
    room = np.stack([box["high"].numpy() - x, x - box["low"].numpy()])  # up, down
    solve: Any = minimize
    found = solve(  # the perturbation is up - down, both of which are positive
        lambda v: ((x + v[:6] - v[6:] - y) ** 2).sum(),
        np.zeros(12),
        jac=lambda v: np.concatenate([2 * (x + v[:6] - v[6:] - y), -2 * (x + v[:6] - v[6:] - y)]),
        bounds=[(0, far) for far in room.ravel()],
        constraints={"type": "ineq", "fun": lambda v: limit - v.sum(), "jac": lambda v: -np.ones(len(v))},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    nearest = project(points, clean, radius, "l1", **box)[0].numpy()
    assert ((nearest - y) ** 2).sum() <= found.fun * (1 + 1e-6) + 1e-9
    np.testing.assert_allclose(nearest, x + found.x[:6] - found.x[6:], atol=1e-4)


@few
@given(seed=st.integers(0, 10**6))
def test_the_l1_projection_without_walls_is_the_soft_threshold_by_sorting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    delta, limit = rng.standard_normal((4, 30)), rng.uniform(0.01, 30, 4)
    found = project(torch.as_tensor(delta), torch.zeros(4, 30).double(), torch.as_tensor(limit), "l1", low=-99, high=99)
    for d, eps, z in zip(delta, limit, found.numpy(), strict=True):
        u = np.sort(np.abs(d))[::-1]
        rho = np.nonzero(u - (np.cumsum(u) - eps) / np.arange(1, 31) > 0)[0][-1]
        theta = max(0.0, (u[: rho + 1].sum() - eps) / (rho + 1))
        np.testing.assert_allclose(z, np.sign(d) * np.maximum(np.abs(d) - theta, 0), atol=1e-12)


@pytest.mark.parametrize("norm", ["l1", "linf"])
@few
@given(seed=st.integers(0, 10**6))
def test_the_steepest_step_equals_a_linear_programme(norm: Any, seed: int) -> None:
    clean, gradient, radius, box = _case(seed, size=7)
    reached = steepest_step(clean, gradient, radius, norm, **box)
    for x, g, limit, z in zip(clean.numpy(), gradient.numpy(), radius.numpy(), reached.numpy(), strict=True):
        up, down = box["high"].numpy() - x, x - box["low"].numpy()
        if norm == "linf":
            up, down = np.minimum(up, limit), np.minimum(down, limit)
        best: Any = linprog(
            np.concatenate([-g, g]),
            A_ub=np.ones((1, 14)) if norm == "l1" else None,
            b_ub=[limit] if norm == "l1" else None,
            bounds=[(0, max(far, 0)) for far in np.concatenate([up, down])],
        )
        assert g @ (z - x) == pytest.approx(-best.fun, rel=1e-6, abs=1e-9)


@few
@given(seed=st.integers(0, 10**6))
def test_the_steepest_l2_step_beats_every_other_point(seed: int) -> None:
    clean, gradient, radius, box = _case(seed)
    reached = steepest_step(clean, gradient, radius, "l2", **box)
    gain = (gradient * (reached - clean)).sum(dim=1)
    rng = np.random.default_rng(seed)
    for scale in (0.1, 1, 10):
        other = clean + scale * torch.as_tensor(rng.standard_normal(clean.shape)) + 10 * gradient * rng.random()
        other = project(other, clean, radius, "l2", **box)
        assert (gain >= (gradient * (other - clean)).sum(dim=1) - 1e-6 * gain.abs()).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@few
@given(exponent=st.integers(-15, 15), seed=st.integers(0, 1000))
def test_no_step_depends_on_the_scale_of_the_gradient(norm: Any, dtype: Any, exponent: int, seed: int) -> None:
    clean, gradient, radius, box = _case(seed, dtype=dtype)
    expected = steepest_step(clean, gradient, radius, norm, **box)
    scaled = steepest_step(clean, gradient * 10.0**exponent, radius, norm, **box)
    torch.testing.assert_close(scaled, expected, atol=2e-6, rtol=0)
    direction, flat = ascent_direction(gradient * 10.0**exponent, norm)
    torch.testing.assert_close(direction, ascent_direction(gradient, norm)[0], atol=1e-6, rtol=1e-6)
    assert not flat.any()
    unit = norm_of(direction, norm)
    torch.testing.assert_close(unit, torch.ones_like(unit))


@pytest.mark.parametrize("norm", NORMS)
def test_a_step_along_a_direction_has_its_norm_or_ends_in_the_corner(norm: Any) -> None:
    clean, direction, _, box = _case(4)
    radius = torch.tensor([0.2, 0.4, 99.0], dtype=torch.float64)
    step = step_in_box(clean, direction, radius, norm, **box)
    if norm != "linf":  # Linf may find no pixel with that much room
        torch.testing.assert_close(norm_of(step - clean, norm)[:2], radius[:2], atol=1e-9, rtol=1e-6)
    corner = torch.where(direction > 0, box["high"], box["low"])
    torch.testing.assert_close(step[2], corner[2])


@pytest.mark.parametrize("radius", [0.0, 1e-7, 1e-4, 8 / 255, 40.0])
@pytest.mark.parametrize("norm", NORMS)
def test_rounding_to_float32_never_leaves_the_ball_and_radius_zero_moves_nothing(norm: Any, radius: float) -> None:
    clean, points, _, box = _case(2, items=8, size=500, dtype=torch.float32)
    for inside in (
        project(points, clean, radius, norm, **box),
        step_in_box(clean, points - clean, radius, norm, **box),
        steepest_step(clean, points - clean, radius, norm, **box),
    ):
        assert (norm_of(inside.double() - clean.double(), norm) <= radius * (1 + 1e-6)).all()
        if radius == 0:
            assert torch.equal(inside, clean)


def test_ties_share_the_l1_direction_and_a_gradient_without_direction_gives_none() -> None:
    gradient = torch.tensor([[2.0, -2.0, 1.0], [0.0, 0.0, 0.0], [1.0, float("nan"), 3.0]])
    direction, flat = ascent_direction(gradient, "l1")
    assert direction.tolist() == [[0.5, -0.5, 0.0], [0, 0, 0], [0, 0, 0]]
    assert flat.tolist() == [False, True, True]
    clean = torch.full((3, 3), 0.5)
    for norm in NORMS:
        assert torch.equal(steepest_step(clean, gradient, 0.3, norm)[1:], clean[1:])  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", NORMS)
def test_items_ranks_and_memory_formats_make_no_difference_with_bounds_per_channel(norm: Any) -> None:
    rng = np.random.default_rng(5)
    low, high = torch.tensor([-2.0, -1.0, 0.0]).view(3, 1, 1), torch.tensor([2.0, 1.5, 1.0]).view(3, 1, 1)
    clean = low + (high - low) * torch.as_tensor(rng.random((4, 3, 2, 4)), dtype=torch.float32)
    points = clean + torch.as_tensor(rng.standard_normal(clean.shape), dtype=torch.float32)
    radius = torch.tensor([0.1, 0.0, 2.0, 0.4])
    functions: list[Any] = [project, lambda p, c, r, n, **b: steepest_step(c, p, r, n, **b)]
    for function in functions:
        together = function(points, clean, radius, norm, low=low, high=high)
        assert (together >= low).all()
        assert (together <= high).all()
        alone = [function(points[k : k + 1], clean[k : k + 1], radius[k], norm, low=low, high=high) for k in range(4)]
        assert torch.equal(together, torch.cat(alone))
        last = [value.to(memory_format=torch.channels_last) for value in (points, clean)]
        assert torch.equal(function(*last, radius, norm, low=low, high=high), together)
        film = [value[:, None] for value in (points, clean)]
        assert torch.equal(function(*film, radius, norm, low=low, high=high)[:, 0], together)
        flat = {"low": low.expand(3, 2, 4).reshape(-1), "high": high.expand(3, 2, 4).reshape(-1)}
        vectors = function(points.flatten(1), clean.flatten(1), radius, norm, **flat)
        assert torch.equal(vectors.reshape(together.shape), together)
