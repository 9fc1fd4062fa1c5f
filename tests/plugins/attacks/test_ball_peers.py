"""APGD and PGD on trained networks and photographs, beside the same objective's value at what peers find."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_doubles import Field, values
from engine_doubles import Layer, make_grid
from reference_apgd import reference_apgd
from spikeproof.engine import attack_target
from spikeproof.types import ItemNoise
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.rows import random_direction
from spikeproof_objectives.behavior import Behavior

COUNT = 32
CASES: list[tuple[str, Any, float]] = [
    (network, norm, eps)
    for network in ("cnn_a_standard", "cnn_a_robust")
    for norm, eps in (("l2", 1.0), ("linf", 8 / 255))
]
cases = pytest.mark.parametrize(("network", "norm", "eps"), CASES)
NEAR = 0.99
"""Part of a peer's gain that every item reaches."""


def _case(shared: Path, network: str) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """A trained network, photographs, and its own choices."""
    spec = spec_from_file_location("zoo", shared / "data/models/zoo.py")
    assert spec is not None
    assert spec.loader is not None
    zoo = module_from_spec(spec)
    spec.loader.exec_module(zoo)
    net = getattr(zoo, network)()
    with np.load(shared / "data/images/cifar10_test_lossless_300.npz") as data:
        x = torch.as_tensor(data["x"][:COUNT].transpose(0, 3, 1, 2).astype(np.float32) / 255)
    with torch.no_grad():
        return net, x, net(x).argmax(dim=1)


def _margins(net: Any, choice: torch.Tensor, images: torch.Tensor) -> np.ndarray:
    def margin(y: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        scores, own = net(y), choice[k][:, None]
        return scores.scatter(1, own, -torch.inf).amax(dim=1) - scores.gather(1, own)[:, 0]

    return values(Field(margin), images[None])[0]


def _ours(attack: Any, net: Any, x: torch.Tensor, norm: Any, eps: float) -> torch.Tensor:
    names = tuple(str(k) for k in range(10))
    found = attack_target(
        make_grid(Layer(net, names, head=net, classes=names), x, use_head=True, epsilons=(eps,), norm=norm),
        attack,
        "attack",
        Behavior(),
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        keep_images=True,
    ).images
    assert found is not None
    return found[0]


def _start(x: torch.Tensor, norm: Any, eps: float, seed: int) -> torch.Tensor:
    """A random point of the sphere, clipped to the box, as the peer begins."""
    noise = ItemNoise(seed, [("peer", k) for k in range(len(x))])
    way = random_direction(noise, x, "l2") if norm == "l2" else 2 * noise.uniform(x.shape[1:], like=x) - 1
    length = way.flatten(1).norm(dim=1) if norm == "l2" else way.flatten(1).abs().amax(dim=1)
    return (x + eps * way / length.view(-1, 1, 1, 1)).clamp(0, 1)


def _driven(
    loss: Callable[[torch.Tensor], torch.Tensor], net: Any, x: torch.Tensor, norm: Any, eps: float, seed: int
) -> torch.Tensor:
    """100 steps of the authors' APGD on a loss of the class scores."""
    field = Field(lambda y, k: loss(net(y)))  # noqa: ARG005 - row k is item k
    return reference_apgd(field.value_and_gradient, x, _start(x, norm, eps, seed), eps, norm, 100)[0]


def _foolbox(net: Any, x: torch.Tensor, choice: torch.Tensor, norm: Any, eps: float) -> torch.Tensor:
    foolbox: Any = pytest.importorskip("foolbox")
    attack = foolbox.attacks.L2PGD if norm == "l2" else foolbox.attacks.LinfPGD
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    found: torch.Tensor = attack(steps=40)(model, x, choice, epsilons=[eps])[0][0].detach()
    return found


def _auto_attack(net: Any, x: torch.Tensor, choice: torch.Tensor, norm: Any, eps: float) -> torch.Tensor:
    """The better of what its gradient attacks find: APGD on the cross-entropy, and on the difference of logits ratio
    toward each of the nine other classes."""
    with torch.no_grad():
        order = net(x).scatter(1, choice[:, None], -torch.inf).argsort(dim=1, descending=True)

    def entropy(scores: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(scores, choice, reduction="none")

    def ratio(aimed: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        def loss(scores: torch.Tensor) -> torch.Tensor:
            ranked = scores.sort(dim=1).values
            lead = scores.gather(1, aimed[:, None])[:, 0] - scores.gather(1, choice[:, None])[:, 0]
            return lead / (ranked[:, -1] - (ranked[:, -3] + ranked[:, -4]) / 2 + 1e-12)

        return loss

    found = [_driven(entropy, net, x, norm, eps, 0)]
    found += [_driven(ratio(order[:, k]), net, x, norm, eps, 1 + k) for k in range(9)]
    best = np.stack([_margins(net, choice, one) for one in found]).argmax(axis=0)
    return torch.stack([found[one][k] for k, one in enumerate(best)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # foolbox 3.3.4 imports scipy's old names
@pytest.mark.parametrize("attack", [PGD(), APGD()], ids=["pgd", "apgd"])
@cases
def test_every_item_is_driven_further_than_by_foolbox(
    shared: Path, network: str, norm: Any, eps: float, attack: Any
) -> None:
    net, x, choice = _case(shared, network)
    clean = _margins(net, choice, x)
    theirs = _margins(net, choice, _foolbox(net, x, choice, norm, eps)) - clean
    ours = _margins(net, choice, _ours(attack, net, x, norm, eps)) - clean
    assert ours.mean() >= 1.2 * theirs.mean()
    assert (ours >= theirs).all()
    assert theirs.mean() > 0.5  # the peer was set up rightly


@pytest.mark.slow
@cases
def test_every_item_is_driven_as_far_as_by_ten_runs_of_auto_attack_in_a_third_of_the_gradients(
    shared: Path, network: str, norm: Any, eps: float
) -> None:
    net, x, choice = _case(shared, network)
    clean = _margins(net, choice, x)

    def entropy(scores: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(scores, choice, reduction="none")

    peers = [_margins(net, choice, _driven(entropy, net, x, norm, eps, seed)) - clean for seed in (0, 1)]
    peers.append(_margins(net, choice, _auto_attack(net, x, choice, norm, eps)) - clean)
    for attack in (PGD(), APGD()):
        asked = _Counted(attack)
        ours = _margins(net, choice, _ours(asked, net, x, norm, eps)) - clean
        assert asked.gradients <= 360 * COUNT  # the ten runs take 1010 each
        for peer in peers:
            assert ours.mean() >= peer.mean()
            assert (ours / peer).min() >= NEAR


@pytest.mark.slow
def test_without_the_wider_balls_single_items_stay_below(shared: Path) -> None:
    network, norm, eps = CASES[0]
    net, x, _ = _case(shared, network)
    choice = net(x).argmax(dim=1)
    clean = _margins(net, choice, x)
    with_, without = (
        _margins(net, choice, _ours(attack, net, x, norm, eps)) - clean for attack in (PGD(), PGD(wide=0, steps=291))
    )
    assert with_.mean() > without.mean()
    assert (without / with_).min() < 0.95


class _Counted:
    """An attack that remembers how many gradients it asked for."""

    def __init__(self, attack: Any) -> None:
        self._attack, self.gradients = attack, 0

    def __call__(self, objective: Any, *more: Any) -> torch.Tensor:
        found: torch.Tensor = self._attack(objective, *more)
        self.gradients = objective.backward_rows
        return found
