"""A user's network is after an attack, and after one that fails, what it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from spikeproof.engine import Grid, attack_target
from spikeproof.errors import AttackError
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.square import Square
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.population import Population
from spikeproof_objectives.unit import Unit
from spikeproof_torch.model import TorchNetwork
from spikeproof_torch.spatial import Spatial
from torch import nn

SHAPE = (3, 8, 8)


def _users() -> tuple[nn.Sequential, list[int]]:
    """A network as a user may hold it: hooked, half frozen, with gradients of an earlier step, on its own flags."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5)
        ).eval()
        for number, parameter in enumerate(net.parameters()):
            parameter.requires_grad_(number % 2 == 0)
            if parameter.requires_grad:
                parameter.grad = torch.randn_like(parameter)
    calls: list[int] = []
    net[2].register_forward_hook(lambda *_: calls.append(1))
    return net, calls


def _state(net: nn.Module) -> dict[str, Any]:
    return {
        "values": {name: value.clone() for name, value in net.state_dict().items()},
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()},
        "requires": {name: p.requires_grad for name, p in net.named_parameters()},
        "same objects": {name: id(p) for name, p in net.named_parameters()},
        "training": {name: part.training for name, part in net.named_modules()},
        "hooks": {
            name: [list(getattr(part, kind)) for kind in vars(part) if kind.endswith("_hooks") and getattr(part, kind)]
            for name, part in net.named_modules()
        },
        "own attributes": {name: sorted(vars(part)) for name, part in net.named_modules()},
        "layout": {name: p.stride() for name, p in net.named_parameters()},
        "random": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
    }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    return bool(one == other)


def _failing(objective: Any, clean: torch.Tensor, *_: Any) -> torch.Tensor:
    objective.value_and_gradient(clean + 0.01)
    raise RuntimeError("no more")


def _attack(net: nn.Module, attack: Callable[..., Any], objective: Any, **engine: Any) -> Any:
    network = TorchNetwork(module=net, name="net", identity={}, device=torch.device("cpu"), spatial=Spatial("mean"))
    model = network.read("2", image_shape=SHAPE)
    x = np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)
    with torch.no_grad():
        responses, scores = model.both(torch.as_tensor(x))
    grid = Grid(
        model=model,
        images=x,
        stimulus_ids=("a", "b", "c"),
        clean_responses=responses.double().numpy(),
        clean_logits=scores.double().numpy(),
        use_head=True,
        epsilons=(0.2, 0.5),
        norm="l2",
        seed=0,
        **engine,
    )
    aimed = isinstance(objective, Unit)
    return attack_target(
        grid,
        attack,
        "attack",
        objective,
        "objective",
        decision=isinstance(objective, Behavior),
        unit=1 if aimed else -1,
        target="1",
        gradients=not isinstance(attack, Square),
        local=aimed,
    )


@pytest.mark.parametrize("engine", [{}, {"accelerate": False}, {"precision": "bf16-polish"}], ids=str)
@pytest.mark.parametrize("objective", [Unit(), Population(), Behavior()], ids=["unit", "population", "behavior"])
@pytest.mark.parametrize("attack", [PGD(steps=3), APGD(steps=4), Square(queries=4)], ids=["pgd", "apgd", "square"])
def test_the_network_and_the_random_state_are_as_found_after_an_attack(
    attack: Any, objective: Any, engine: dict[str, Any]
) -> None:
    net, _ = _users()
    before = _state(net)
    found = _attack(net, attack, objective, **engine)
    assert np.isfinite(found.responses).all()
    after = _state(net)
    assert [name for name in before if not _same(before[name], after[name])] == []


@pytest.mark.parametrize("engine", [{}, {"accelerate": False}], ids=str)
def test_they_are_as_found_after_an_attack_that_fails(engine: dict[str, Any]) -> None:
    net, _ = _users()
    before = _state(net)
    with pytest.raises(AttackError, match="failed: RuntimeError: no more"):
        _attack(net, _failing, Unit(), **engine)
    after = _state(net)
    assert [name for name in before if not _same(before[name], after[name])] == []


def test_a_change_of_any_of_it_would_be_seen() -> None:
    def mutate(change: Callable[[nn.Sequential], object]) -> list[str]:
        net, _ = _users()
        before = _state(net)
        change(net)
        after = _state(net)
        return [name for name in before if not _same(before[name], after[name])]

    assert mutate(lambda net: net[1].train()) == ["training"]
    assert mutate(lambda net: net[4].weight.requires_grad_(False)) == ["requires"]
    assert mutate(lambda net: net.zero_grad()) == ["gradients"]
    assert mutate(lambda net: net[1].running_mean.add_(1)) == ["values"]
    assert mutate(lambda net: net[0].register_forward_hook(lambda *_: None)) == ["hooks"]
    assert mutate(lambda net: torch.rand(1)) == ["random"]  # noqa: ARG005
