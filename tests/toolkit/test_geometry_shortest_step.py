"""The nearest point at which a linear function has risen by so much, in the box: beside general solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from spikeproof.geometry import norm_of, shortest_step, steepest_step

NORMS = ("l1", "l2", "linf")
few = settings(deadline=None, max_examples=25)


def _case(seed: int, *, size: int = 10) -> Any:
    """An image with pixels at walls, a gradient with zeros, and a gain that the box allows."""
    rng = np.random.default_rng(seed)
    clean = rng.random(size)
    clean[rng.random(size) < 0.3] = 0.0
    clean[rng.random(size) < 0.2] = 1.0
    slope = rng.standard_normal(size) * (rng.random(size) < 0.9)
    room = np.where(slope > 0, 1 - clean, clean)
    most = float(np.abs(slope) @ room)
    return clean, slope, most * rng.random(), most


def _step(clean: Any, slope: Any, gain: float, norm: Any, dtype: Any = torch.float64) -> Any:
    start, gradient = torch.as_tensor(clean, dtype=dtype)[None], torch.as_tensor(slope, dtype=dtype)[None]
    return shortest_step(start, gradient, gain, norm)[0].double().numpy()


@pytest.mark.parametrize("norm", ["l1", "linf"])
@few
@given(seed=st.integers(0, 10**6))
def test_it_equals_a_linear_programme(norm: Any, seed: int) -> None:
    clean, slope, gain, _ = _case(seed)
    size = len(clean)
    moved = _step(clean, slope, gain, norm) - clean
    assert slope @ moved == pytest.approx(gain, rel=1e-9, abs=1e-12)
    # Variables: the perturbation, and bounds on its absolute values (one for each pixel, or one for all).
    bounds = size if norm == "l1" else 1
    wide = np.eye(size) if norm == "l1" else np.ones((size, 1))
    inside = np.block([[np.eye(size), -wide], [-np.eye(size), -wide]])
    solved = linprog(
        np.r_[np.zeros(size), np.ones(bounds)],
        A_ub=np.vstack([inside, np.r_[-slope, np.zeros(bounds)]]),
        b_ub=np.r_[np.zeros(2 * size), -gain],
        bounds=[*zip(-clean, 1 - clean, strict=True), *[(0, None)] * bounds],
    )
    found = np.abs(moved).sum() if norm == "l1" else np.abs(moved).max()
    assert found == pytest.approx(solved.fun, rel=1e-7, abs=1e-9)


@few
@given(seed=st.integers(0, 10**6))
def test_for_l2_it_equals_a_general_solver(seed: int) -> None:
    clean, slope, gain, most = _case(seed)
    moved = _step(clean, slope, gain, "l2") - clean
    assert slope @ moved == pytest.approx(gain, rel=1e-9, abs=1e-12)
    level: Any = {"type": "eq", "fun": lambda d: slope @ d - gain, "jac": lambda _: slope}
    solved = minimize(
        lambda d: d @ d,
        (np.where(slope > 0, 1 - clean, -clean) * (slope != 0)) * gain / most,
        jac=lambda d: 2 * d,
        bounds=list(zip(-clean, 1 - clean, strict=True)),
        constraints=level,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert moved @ moved <= solved.fun * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
@few
@given(seed=st.integers(0, 10**6))
def test_it_is_the_inverse_of_the_steepest_step(norm: Any, dtype: Any, seed: int) -> None:
    clean, slope, gain, _ = _case(seed)
    moved = _step(clean, slope, gain, norm, dtype) - clean
    size = norm_of(torch.as_tensor(moved)[None], norm)
    back = steepest_step(torch.as_tensor(clean)[None], torch.as_tensor(slope)[None], size, norm)[0].numpy()
    assert slope @ (back - clean) == pytest.approx(gain, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("exponent", [-40, -15, 15, 30])
def test_the_scale_of_the_function_drops_out(norm: Any, exponent: int) -> None:
    clean, slope, gain, _ = _case(3)
    scale = 10.0**exponent
    start = torch.as_tensor(clean)[None]
    once = shortest_step(start, torch.as_tensor(slope)[None], gain, norm)
    scaled = shortest_step(start, torch.as_tensor(slope * scale)[None], gain * scale, norm)
    assert torch.allclose(once, scaled, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("gain", [1e3, 1e300, float("inf")])
def test_a_gain_that_the_box_does_not_allow_ends_in_its_corner(norm: Any, gain: float) -> None:
    clean, slope, _, _ = _case(5)
    corner = np.where(slope > 0, 1.0, np.where(slope < 0, 0.0, clean))
    assert np.array_equal(_step(clean, slope, gain, norm), corner)


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_to_gain_and_no_gradient_move_nothing(norm: Any) -> None:
    clean = torch.rand(4, 1, 2, 3)
    slope = torch.ones_like(clean)
    slope[2], slope[3] = 0.0, torch.nan
    found = shortest_step(clean, slope, torch.tensor([0.0, -1.0, 1.0, 1.0]), norm)
    assert torch.equal(found, clean)


@pytest.mark.parametrize("norm", NORMS)
def test_no_items_are_no_mistake(norm: Any) -> None:
    none = torch.zeros(0, 1, 2, 3)
    assert norm_of(none, norm).shape == (0,)
    assert shortest_step(none, none, 1.0, norm).shape == none.shape
