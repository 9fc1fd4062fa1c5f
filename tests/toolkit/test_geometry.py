from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from spikeproof.geometry import ascent_direction, norm_of, project, step_in_box

NORMS = ("l2", "linf")
few = settings(deadline=None, max_examples=25)


def _case(
    seed: int, *, items: int = 3, size: int = 12, dtype: torch.dtype = torch.float64, saturated: bool = True
) -> Any:
    """Clean images with many pixels at the walls, points around them, and a radius for each."""
    rng = np.random.default_rng(seed)
    clean = rng.random((items, size))
    if saturated:
        clean[rng.random(clean.shape) < 0.3] = 0
        clean[rng.random(clean.shape) < 0.2] = 1
    points = clean + rng.standard_normal(clean.shape) * 10 ** rng.uniform(-3, 1)
    radius = rng.uniform(0, 1.5, items)
    return [torch.as_tensor(value, dtype=dtype) for value in (clean, points)] + [torch.as_tensor(radius)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_projection_is_inside_idempotent_and_leaves_inner_points_alone(norm: Any, dtype: Any, seed: int) -> None:
    clean, points, radius = _case(seed, dtype=dtype)
    inside = project(points, clean, radius, norm)
    assert inside.dtype == dtype
    assert (norm_of(inside.double() - clean.double(), norm) <= radius * (1 + 1e-6)).all()
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert torch.equal(project(inside, clean, radius, norm), inside)


@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_projection_is_the_nearest_point_by_the_variational_inequality(norm: Any, seed: int) -> None:
    clean, points, radius = _case(seed)
    nearest = project(points, clean, radius, norm)
    rng = np.random.default_rng(seed)
    for _ in range(5):  # any other point of the set lies behind the plane through the nearest one
        other = clean + torch.as_tensor(rng.standard_normal(clean.shape))
        other = project(other, clean, radius * rng.random(), norm)
        product = ((points - nearest) * (other - nearest)).sum(dim=1)
        assert (product <= 1e-6 * (1 + (points - nearest).abs().sum(dim=1))).all()


@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_a_projection_does_not_expand_distances(norm: Any, seed: int) -> None:
    clean, points, radius = _case(seed)
    others = points + torch.as_tensor(np.random.default_rng(seed).standard_normal(points.shape))
    before = norm_of(points - others, "l2")
    after = norm_of(project(points, clean, radius, norm) - project(others, clean, radius, norm), "l2")
    assert (after <= before * (1 + 1e-6) + 1e-6).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_l2_projection_equals_a_general_solver(seed: int) -> None:
    clean, points, radius = _case(seed, items=1, size=6)
    x, y, limit = clean[0].numpy(), points[0].numpy(), float(radius[0])
    found = minimize(
        lambda z: ((z - y) ** 2).sum(),
        np.clip(x, 0, 1),
        jac=lambda z: 2 * (z - y),
        bounds=[(0, 1)] * 6,
        constraints={"type": "ineq", "fun": lambda z: limit**2 - ((z - x) ** 2).sum(), "jac": lambda z: -2 * (z - x)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    nearest = project(points, clean, radius, "l2")[0].numpy()
    assert ((nearest - y) ** 2).sum() <= found.fun * (1 + 1e-6) + 1e-9
    np.testing.assert_allclose(nearest, found.x, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@few
@given(seed=st.integers(0, 10**6))
def test_a_step_in_the_box_equals_bisection(dtype: Any, seed: int) -> None:
    clean, direction, size = _case(seed, dtype=dtype)
    reached = step_in_box(clean, direction, size, "l2").double()
    for x, d, s, z in zip(clean.double(), direction.double(), size, reached, strict=True):

        def excess(t: float, x: torch.Tensor = x, d: torch.Tensor = d, s: torch.Tensor = s) -> float:
            return float(torch.linalg.vector_norm((x + t * d).clamp(0, 1) - x) - s)

        far = 1e8
        expected = (x + (far if excess(far) <= 0 else brentq(excess, 0, far, xtol=1e-14, rtol=1e-14)) * d).clamp(0, 1)
        torch.testing.assert_close(z, expected, atol=2e-6, rtol=0)


def test_a_linf_step_reaches_its_size_in_one_pixel_that_has_room() -> None:
    clean = torch.tensor([[0.5, 0.95, 0.2]], dtype=torch.float64)
    direction = torch.tensor([[1.0, 4.0, -2.0]], dtype=torch.float64)
    # The third pixel is the fastest of those with room for 0.2: t = 0.1; the second meets its wall on the way.
    torch.testing.assert_close(
        step_in_box(clean, direction, 0.2, "linf"), torch.tensor([[0.6, 1.0, 0.0]], dtype=torch.float64)
    )


@pytest.mark.parametrize("norm", NORMS)
def test_an_unreachable_size_ends_in_the_corner_that_the_direction_points_at(norm: Any) -> None:
    clean = torch.tensor([[0.5, 0.9, 0.3]])
    step = step_in_box(clean, torch.tensor([[1.0, -1e-6, 0.0]]), 5.0, norm)
    assert torch.equal(step, torch.tensor([[1.0, 0.0, 0.3]]))


@pytest.mark.parametrize("norm", NORMS)
def test_radius_zero_returns_the_clean_image_bit_for_bit(norm: Any) -> None:
    clean, points, _ = _case(1, dtype=torch.float32)
    assert torch.equal(project(points, clean, 0.0, norm), clean)
    assert torch.equal(step_in_box(clean, points, 0.0, norm), clean)
    assert torch.equal(step_in_box(clean, torch.zeros_like(clean), 1.0, norm), clean)


@pytest.mark.parametrize("radius", [1e-7, 1e-4, 8 / 255])
@pytest.mark.parametrize("norm", NORMS)
def test_rounding_to_float32_never_leaves_the_ball(norm: Any, radius: float) -> None:
    clean, points, _ = _case(2, items=8, size=500, dtype=torch.float32)
    for inside in (project(points, clean, radius, norm), step_in_box(clean, points - clean, radius, norm)):
        assert (norm_of(inside.double() - clean.double(), norm) <= radius * (1 + 1e-6)).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@few
@given(exponent=st.integers(-30, 30), seed=st.integers(0, 1000))
def test_the_ascent_direction_does_not_depend_on_the_scale_of_the_gradient(
    norm: Any, dtype: Any, exponent: int, seed: int
) -> None:
    gradient = torch.as_tensor(np.random.default_rng(seed).standard_normal((2, 3, 4)), dtype=dtype)
    expected, flat = ascent_direction(gradient, norm)
    exponent *= 8 if dtype == torch.float64 else 1  # squares would leave the range of the dtype
    scaled, still_flat = ascent_direction(gradient * 10.0**exponent, norm)
    torch.testing.assert_close(scaled, expected, atol=1e-6, rtol=1e-6)
    assert not flat.any()
    assert not still_flat.any()
    unit = norm_of(expected.flatten(1), norm)
    torch.testing.assert_close(unit, torch.ones_like(unit))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_gradient_without_direction_is_flagged_and_gives_no_step(norm: Any, bad: float) -> None:
    gradient = torch.tensor([[1.0, -2.0], [0.0, bad]])
    direction, flat = ascent_direction(gradient, norm)
    assert flat.tolist() == [False, True]
    assert direction[1].tolist() == [0, 0]
    assert torch.equal(direction[:1], ascent_direction(gradient[:1], norm)[0])


@pytest.mark.parametrize("norm", NORMS)
def test_items_are_treated_each_on_its_own_whatever_the_rank_and_memory_format(norm: Any) -> None:
    clean, points, _ = _case(5, items=4, size=2 * 3 * 4, dtype=torch.float32)
    radius = torch.tensor([0.1, 0.0, 2.0, 0.4])
    together = project(points, clean, radius, norm)
    alone = torch.cat([project(points[k : k + 1], clean[k : k + 1], radius[k], norm) for k in range(4)])
    assert torch.equal(together, alone)
    images = [value.reshape(4, 2, 3, 4).to(memory_format=torch.channels_last) for value in (points, clean)]
    assert torch.equal(project(*images, radius, norm).reshape(4, -1), together)
    film = [value.reshape(4, 1, 2, 3, 4) for value in (points, clean)]
    assert torch.equal(project(*film, radius, norm).reshape(4, -1), together)


def test_norms_of_tiny_and_huge_perturbations_do_not_underflow() -> None:
    delta = torch.tensor([[3e-200, 4e-200], [3e200, 4e200], [0.0, 0.0]], dtype=torch.float64)
    np.testing.assert_allclose(norm_of(delta, "l2").numpy(), [5e-200, 5e200, 0])
