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
FEW = 0.99, 0.93
"""All items but two of 32 reach this part of a peer's gain, and these two the other: a run that starts at random has
luck with an image now and then, and two runs of the peer miss each other on 2 to 8 of 32. The farthest below (.938) is
one item of the robust network under Linf, beside the ten runs of auto-attack's algorithm."""


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
def test_from_one_start_the_mean_is_above_that_of_the_reference_apgd_and_from_eight_nearly_every_item_reaches_it(
    shared: Path, network: str, norm: Any, eps: float
) -> None:
    net, x, choice = _case(shared, network)
    clean = _margins(net, choice, x)

    def entropy(scores: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(scores, choice, reduction="none")

    peers = [_margins(net, choice, _driven(entropy, net, x, norm, eps, seed)) - clean for seed in (0, 1)]
    peers.append(_margins(net, choice, _auto_attack(net, x, choice, norm, eps)) - clean)
    for once in (PGD(), APGD()):
        ours = _margins(net, choice, _ours(once, net, x, norm, eps)) - clean
        assert all(ours.mean() >= peer.mean() for peer in peers[:2])
    for often in (PGD(steps=100, restarts=8), APGD(restarts=8)):
        ours = _margins(net, choice, _ours(often, net, x, norm, eps)) - clean
        for peer in peers:
            share = np.sort(ours / peer)
            assert ours.mean() >= peer.mean()
            assert share[2] >= FEW[0]
            assert share[0] >= FEW[1]
