"""The objective ``population``: the closed forms of the linear population."""

from __future__ import annotations

import torch
from spikeproof_objectives.population import Population

from .objective_cases import linear_readings, readings


def ascend(whitening: torch.Tensor | None, epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Best value found on the sphere by power iteration on the objective's own gradient, and the weights."""
    delta = epsilon * torch.nn.functional.normalize(torch.arange(1.0, 7.0, dtype=torch.float64)[None])
    for _ in range(300):
        delta.requires_grad_()
        given, weights = linear_readings(delta, whitening)
        (slope,) = torch.autograd.grad(Population().value(given).sum(), delta)
        delta = epsilon * slope / slope.norm()
    given, weights = linear_readings(delta, whitening)
    return Population().value(given)[0], weights


def test_farthest_of_a_linear_population_is_epsilon_times_the_largest_singular_value() -> None:
    found, weights = ascend(None, 0.7)
    torch.testing.assert_close(found.sqrt(), 0.7 * torch.linalg.matrix_norm(weights, 2))


def test_farthest_under_a_noise_covariance_is_the_mahalanobis_optimum() -> None:
    root = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0], [-0.3, 0.2, 0.5]], dtype=torch.float64)
    covariance = root @ root.T
    found, weights = ascend(torch.linalg.cholesky(torch.linalg.inv(covariance)), 0.7)
    largest = torch.linalg.eigvalsh(weights.T @ torch.linalg.inv(covariance) @ weights)[-1]
    torch.testing.assert_close(found.sqrt(), 0.7 * largest.sqrt())


def test_gradient_at_the_clean_image_is_exactly_zero_and_finite() -> None:
    delta = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(Population().value(linear_readings(delta)[0]).sum(), delta)
    assert torch.equal(slope, torch.zeros_like(slope))


def test_toward_is_zero_at_the_clean_vector_and_largest_at_the_partners() -> None:
    given = readings()
    start = readings(responses=given.clean_responses)
    there = readings(responses=given.partner_responses)
    toward = Population(goal="toward")
    torch.testing.assert_close(toward.value(start), torch.zeros(5, dtype=torch.float64))
    expected = ((given.clean_responses - given.partner_responses) @ given.whitening).norm(dim=1) ** 2
    torch.testing.assert_close(toward.value(there), expected)
    assert (toward.value(given) < expected).all()


def test_toward_a_far_partner_gains_epsilon_times_the_norm_of_the_pulled_back_direction() -> None:
    target = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64)  # u, far away along it: the slope becomes 2 far W'u
    far = 1e6
    delta = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    given, weights = linear_readings(delta)
    fields = {name: getattr(given, name) for name in given.__dataclass_fields__}
    given = type(given)(**(fields | {"partner_responses": given.clean_responses + far * target}))
    (slope,) = torch.autograd.grad(Population(goal="toward").value(given).sum(), delta)
    torch.testing.assert_close(slope / (2 * far), target @ weights)
    step = 0.7 * slope / slope.norm()
    torch.testing.assert_close((step @ weights.T @ target.T).squeeze(), 0.7 * (target @ weights).norm())


def test_whitening_of_another_type_takes_that_of_the_responses() -> None:
    given = readings(whitening=torch.eye(4, dtype=torch.float32))
    assert Population().value(given).dtype == torch.float64
