"""Decision values for attacks on a choice: the readout's own, differentiable in the images and in nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_doubles import Drive, Layer, Margin, make_grid
from spikeproof.engine import Grid
from spikeproof.engine.objective import BoundObjective
from spikeproof.errors import ModelError
from spikeproof.readout import LinearReadout
from torch import nn


def bound(grid: Grid, objective: object, *, decision: bool = True) -> BoundObjective:
    count = len(grid.stimulus_ids)
    return BoundObjective(
        grid,
        objective,  # type: ignore[arg-type]
        "behavior",
        decision=decision,
        stimuli=np.arange(count),
        units=np.full(count, -1),
        directions=np.zeros(count, dtype=int),
    )


def head() -> tuple[Layer, nn.Linear]:
    torch.manual_seed(0)
    net = nn.Linear(4, 3)  # its parameters require gradients, as a user's do
    flat = lambda x: x.flatten(1)  # noqa: E731
    return Layer(flat, ("a", "b", "c", "d"), head=lambda x: net(flat(x)), classes=("x", "y", "z")), net


def images(count: int = 5) -> torch.Tensor:
    return torch.rand((count, 1, 2, 2), generator=torch.Generator().manual_seed(1))


def open_grid(model: Layer, x: torch.Tensor, **changes: object) -> Grid:
    with torch.no_grad():
        return make_grid(model, x, **changes)


def test_they_are_the_heads_scores_and_the_clean_choices() -> None:
    model, net = head()
    x = images()
    decisions = bound(open_grid(model, x, use_head=True), Margin()).decisions
    assert decisions is not None
    scores = net(x.flatten(1)).detach()
    assert torch.equal(decisions(x), scores)
    assert decisions.choice.tolist() == scores.argmax(dim=1).tolist()
    assert decisions.partner_choice.tolist() == scores.argmax(dim=1).roll(-1).tolist()
    assert (decisions.directions, decisions.reader.tolist()) == (("away",) * 5, [0] * 5)


def test_backward_reaches_the_images_and_no_parameter() -> None:
    model, net = head()
    objective = bound(open_grid(model, images(), use_head=True), Margin())
    decisions = objective.decisions
    assert decisions is not None
    x = images().requires_grad_()
    scores = decisions(x)
    scores[:, 0].sum().backward(retain_graph=True)
    assert x.grad is not None
    assert torch.allclose(x.grad.flatten(1), net.weight[0].expand(5, -1))
    x.grad = None
    scores[:, 2].sum().backward()  # a second class through the same pass
    assert torch.allclose(x.grad.flatten(1), net.weight[2].expand(5, -1))
    assert [parameter.grad for parameter in net.parameters()] == [None, None]
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert (objective.forward_rows, objective.backward_rows) == (5, 10)


def test_no_graph_is_kept_where_nobody_asks_for_one() -> None:
    model, _ = head()
    decisions = bound(open_grid(model, images(), use_head=True), Margin()).decisions
    assert decisions is not None
    with torch.no_grad():
        assert not decisions(images().requires_grad_()).requires_grad
    assert not decisions(images()).requires_grad


def test_each_item_is_read_by_its_own_fold() -> None:
    rng = np.random.default_rng(0)
    x = images(4)
    names = tuple(f"s{k}" for k in range(4))
    readout = LinearReadout(
        classes=("p", "q"),
        weights=rng.normal(size=(2, 2, 4)),
        intercepts=rng.normal(size=(2, 2)),
        stimuli=names,
        fold=np.array([0, 1, 1, 0]),
    )
    flat = Layer(lambda x: x.flatten(1), ("a", "b", "c", "d"))
    decisions = bound(open_grid(flat, x, readout=readout), Margin()).decisions
    assert decisions is not None
    assert decisions.reader.tolist() == [0, 1, 1, 0]
    wanted = readout.decision(x.flatten(1).double().numpy(), list(names))
    assert decisions(x).numpy() == pytest.approx(wanted, rel=1e-5)
    swapped = decisions(x[[1, 2]], torch.tensor([2, 1]))  # one classifier: either may stand for the other
    assert swapped.numpy() == pytest.approx(wanted[[1, 2]], rel=1e-5)


def test_an_objective_on_responses_has_none() -> None:
    model, _ = head()
    assert bound(open_grid(model, images(), use_head=True), Drive(), decision=False).decisions is None


def test_a_gradient_that_is_not_finite_is_zero_and_flags_its_item() -> None:
    flat = lambda x: x.flatten(1)  # noqa: E731
    model = Layer(flat, ("a", "b", "c", "d"), head=lambda x: (flat(x) - 0.25).sqrt()[:, :2] * 0 + flat(x)[:, :2])
    x = images()
    x[1, 0, 0, 0], x[2:, :, :, :], x[0] = 0.25, 0.5, 0.5
    x[1, 0, 0, 1] = 0.5
    objective = bound(open_grid(model, x, use_head=True), Margin())
    assert objective.decisions is not None
    leaf = x.clone().requires_grad_()
    gradient = torch.autograd.grad(objective.decisions(leaf).sum(), leaf)[0]
    assert torch.isfinite(gradient).all()
    assert gradient[1].abs().sum() == 0
    assert objective.not_finite.tolist() == [False, True, False, False, False]


def test_scores_that_are_cut_off_are_refused() -> None:
    model = Layer(lambda x: x.flatten(1), ("a", "b", "c", "d"), head=lambda x: x.detach().flatten(1))
    decisions = bound(open_grid(model, images(), use_head=True), Margin()).decisions
    assert decisions is not None
    with pytest.raises(ModelError, match="the decision values are cut off from the image"):
        decisions(images().requires_grad_())
